"""Local losses that compare the two streams at one level, with the teaching signals that follow from them.

Each is written as an explicit rule, without automatic differentiation: a loss, and its derivatives with respect to
the activity of the ascending stream (``up``) and of the descending stream (``down``) at that level. No derivative
leaves the level. Kao and Hariharan 2024, arXiv 2409.19841; "released" is their program.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.errors import choose, require
from biocredit.circuits.dual_stream.pathways.pathway import Goal
from jaxtyping import Array, Float

#: Added to lengths before division, in the released program.
TINY = 1e-8

Rows = Float[Array, "row unit"]


class Compared(NamedTuple):
    """A comparison of the two streams at one level.

    Attributes
    ----------
    loss
        The local loss.
    up, down
        Its derivatives with respect to the activities of the ascending and of the descending stream.
    """

    loss: jax.Array
    up: jax.Array
    down: jax.Array


def mean_square(mismatch: Float[Array, "i j"]) -> tuple[jax.Array, jax.Array]:
    """Mean squared entry and its derivative."""
    return (mismatch**2).mean(), 2 * mismatch / mismatch.size


def norm(mismatch: Float[Array, "i j"]) -> tuple[jax.Array, jax.Array]:
    """Frobenius norm and its derivative (zero where there is no mismatch)."""
    length = jnp.sqrt((mismatch**2).sum())
    return length, mismatch / jnp.where(length > 0, length, 1)


def raw(rows: Rows) -> tuple[Rows, Callable[[Rows], Rows]]:
    """Rows as they are."""
    return rows, lambda gradient: gradient


def unit_length(rows: Rows) -> tuple[Rows, Callable[[Rows], Rows]]:
    """Rows divided by their length (a silent row stays silent), and the way back for a gradient."""
    length = jnp.sqrt((rows**2).sum(1, keepdims=True))
    unit = rows / (length + TINY)
    direction = rows / jnp.where(length > 0, length, 1)

    def back(gradient: Rows) -> Rows:
        along = (gradient * unit).sum(1, keepdims=True)
        return (gradient - along * direction) / (length + TINY)

    return unit, back


MEASURES = {"mean_square": mean_square, "norm": norm}
SCALINGS = {"raw": raw, "unit_length": unit_length}


def similarity(
    a: Rows,
    b: Float[Array, "pattern unit"],
    match: Float[Array, "row pattern"],
    *,
    scaling: str = "raw",
    measure: str = "mean_square",
    between: float = 1.0,
    within: float = 0.0,
) -> Compared:
    """Ask matching rows of two streams to be similar and others to be dissimilar, ``<a_i, b_c>`` close to ``match``.

    Parameters
    ----------
    a, b
        Activities of the ascending and of the descending stream at one level.
    match
        1 where a row of ``a`` belongs to a row of ``b``.
    scaling
        ``"raw"`` inner products, or cosines with ``"unit_length"``.
    measure
        ``"mean_square"`` of the mismatches, or their Frobenius ``"norm"``.
    between, within
        Weights of the comparison between the streams, and of the one of each stream's rows with one another, which
        keeps a stream from collapsing onto one pattern.

    Returns
    -------
    Loss (specification of the mean square: ``between mean(E^2) + within (mean(D^2) + mean(Q^2))``) and derivatives.

    Examples
    --------
    >>> one = jnp.eye(2)
    >>> float(similarity(one, one, one).loss)
    0.0
    """
    measured = MEASURES[measure]
    (a, up), (b, down) = SCALINGS[scaling](a), SCALINGS[scaling](b)
    loss, slope = measured(a @ b.T - match)
    loss, for_a, for_b = between * loss, between * (slope @ b), between * (slope.T @ a)
    if within:
        apart_a, slope_a = measured(a @ a.T - jnp.eye(len(a), dtype=a.dtype))
        apart_b, slope_b = measured(b @ b.T - jnp.eye(len(b), dtype=b.dtype))
        loss = loss + within * (apart_a + apart_b)
        for_a, for_b = for_a + 2 * within * (slope_a @ a), for_b + 2 * within * (slope_b @ b)
    return Compared(loss, up(for_a), down(for_b))


def map_shapes(maps: Float[Array, "trial y x c"]) -> tuple[jax.Array, Callable[[jax.Array], jax.Array]]:
    """Every map minus its mean over positions, divided by its length; and the way back for a gradient."""
    positions = (1, 2)
    centred = maps - maps.mean(positions, keepdims=True)
    length = jnp.sqrt((centred**2).sum(positions, keepdims=True))
    direction = centred / jnp.where(length > 0, length, 1)
    shape = centred / (length + TINY)

    def back(gradient: jax.Array) -> jax.Array:
        along = (gradient * shape).sum(positions, keepdims=True)
        across = (gradient - along * direction) / (length + TINY)
        return across - across.mean(positions, keepdims=True)

    return shape, back


def matched_maps(
    a: Float[Array, "trial y x c"], b: Float[Array, "trial y x c"], *, values: float = 1.0, shapes: float = 0.0
) -> Compared:
    """Ask the two streams' feature maps to be equal, and equal in shape.

    Parameters
    ----------
    a, b
        Activities of the ascending and of the descending stream at one level.
    values, shapes
        Weights of the mean squared difference of the maps, and of the same for maps without mean and of unit length;
        both are multiplied by the number of rows of a map.
    """
    rows = a.shape[1]
    loss, slope = mean_square(a - b)
    loss, for_a, for_b = values * rows * loss, values * rows * slope, -values * rows * slope
    if shapes:
        (a, up), (b, down) = map_shapes(a), map_shapes(b)
        unlike, slope = mean_square(a - b)
        loss = loss + shapes * rows * unlike
        for_a, for_b = for_a + up(shapes * rows * slope), for_b + down(-shapes * rows * slope)
    return Compared(loss, for_a, for_b)


FLOODING = 0.1
"""Threshold of :func:`unsettled` in the released program."""


def unsettled(
    output: Float[Array, "trial class"], target: Float[Array, "trial class"], threshold: float
) -> Float[Array, " trial"]:
    """Return 0 for trials whose right class has a probability within ``threshold`` of 1, and 1 for others.

    Parameters
    ----------
    output
        Output before the softmax.
    target
        One-hot rows.
    threshold
        0.1 in the released program, 0.2 in the paper (arXiv 2409.19841); 0 keeps every trial.

    Examples
    --------
    >>> unsettled(jnp.array([[9.0, 0.0], [0.0, 0.0]]), jnp.array([[1.0, 0.0], [1.0, 0.0]]), 0.1)
    Array([0., 1.], dtype=float32)
    """
    right = (jax.nn.softmax(output) * target).sum(-1)
    return (jnp.abs(right - 1) >= threshold).astype(output.dtype)


class Comparison(ABC):
    """What is compared at the input, in between, and at the output; instances are frozen dataclasses of settings."""

    @abstractmethod
    def inside(self, a: jax.Array, b: jax.Array, match: jax.Array) -> Compared:
        """Compare at a level in between."""

    def bottom(self, a: jax.Array, b: jax.Array, match: jax.Array) -> Compared:
        """Compare at the input (as inside, unless a comparison says otherwise)."""
        return self.inside(a, b, match)

    def top(self, a: jax.Array, b: jax.Array, goal: Goal) -> Compared:
        """Compare at the output: the circuit's own loss, which trains the uppermost stage alone."""
        return Compared(goal.loss, goal.error, jnp.zeros_like(b))


@dataclass(frozen=True)
class Similarity(Comparison):
    """Similarity of patterns, see :func:`similarity`.

    Parameters
    ----------
    scaling, measure, between, within
        As there.
    reference_units
        Number of units for which ``between`` is meant: it is inversely proportional to the size of a level. It is the
        same for all levels by default.
    """

    scaling: str = "raw"
    measure: str = "mean_square"
    between: float = 0.5
    within: float = 0.0
    reference_units: int | None = None

    def __post_init__(self):
        choose(self.scaling, SCALINGS, "scaling")
        choose(self.measure, MEASURES, "measure")
        require(min(self.between, self.within) >= 0, f"weights of a loss cannot be negative, got {self}")

    def inside(self, a: jax.Array, b: jax.Array, match: jax.Array) -> Compared:
        """Compare flattened rows."""
        flat_a, flat_b = a.reshape(len(a), -1), b.reshape(len(b), -1)
        share = 1.0 if self.reference_units is None else self.reference_units / flat_a.shape[1]
        weights = {"between": share * self.between, "within": self.within}
        found = similarity(flat_a, flat_b, match, scaling=self.scaling, measure=self.measure, **weights)
        return Compared(found.loss, found.up.reshape(a.shape), found.down.reshape(b.shape))


@dataclass(frozen=True)
class MatchedMaps(Comparison):
    """Equality of feature maps, see :func:`matched_maps`; at both ends only of their values."""

    values: float = 1.0
    shapes: float = 1.0

    def __post_init__(self):
        require(min(self.values, self.shapes) >= 0, f"weights of a loss cannot be negative, got {self}")

    def inside(self, a: jax.Array, b: jax.Array, match: jax.Array) -> Compared:
        """Compare values and shapes."""
        return matched_maps(a, b, values=self.values, shapes=self.shapes)

    def bottom(self, a: jax.Array, b: jax.Array, match: jax.Array) -> Compared:
        """Compare values: the input with the descending stream's reconstruction."""
        return matched_maps(a, b, values=self.values)

    def top(self, a: jax.Array, b: jax.Array, goal: Goal) -> Compared:
        """Compare values: the output with the target."""
        return matched_maps(a, b, values=self.values)


RELEASED_DENSE = Similarity(reference_units=256)
"""The released program's loss for dense networks: raw inner products."""

RELEASED_CONVOLUTIONAL = Similarity("unit_length", between=1.0, within=0.5)
"""The released program's loss for convolutional networks: cosines, and rows of one stream kept apart."""

RELEASED_AUTOENCODER = MatchedMaps()
"""The released program's loss for the autoencoder."""

PRINTED = Similarity("unit_length", "norm", between=1.0)
"""The loss as the paper prints it."""
