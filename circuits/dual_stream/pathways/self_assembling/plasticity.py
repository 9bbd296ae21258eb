"""Heterosynaptic plasticity: a synapse changes with its own input and what another pathway delivers to its cell."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from biocredit.circuits.core.errors import require
from jaxtyping import Array, Float, Int

Weight = Float[Array, "post pre"]
Regulariser = Callable[[jax.Array], jax.Array]
"""What decays: ``R(X)`` in the step ``eta (drive - gamma R(X))``, shaped like the weight ``X``."""


def heterosynaptic(
    delivered: Float[Array, "trial post"], presynaptic: Float[Array, "trial pre"]
) -> Float[Array, "post pre"]:
    """Mean over trials of the current that another pathway delivers, times presynaptic activity.

    Examples
    --------
    >>> heterosynaptic(jnp.array([[2.0]]), jnp.array([[1.0, -1.0]]))
    Array([[ 2., -2.]], dtype=float32)
    """
    return delivered.T @ presynaptic / len(presynaptic)


def local_loss(drive: Weight, weight: Weight, decay: float) -> Float[Array, ""]:
    """Quadratic loss ``|drive - gamma X|^2 / (2 gamma)`` of one weight array, with the drive held constant.

    Minus its gradient in ``X`` is ``drive - gamma X``: the rule, for every kind but ``W``, whose drive depends on
    itself through the error.

    Raises
    ------
    CircuitError
        Without decay: the loss has no minimum.
    """
    require(decay > 0, f"a local loss needs a positive decay, got {decay}")
    return ((drive - decay * weight) ** 2).sum() / (2 * decay)


# -- regularisers ----------------------------------------------------------------------------------------------


def plain(weight: jax.Array) -> jax.Array:
    """Every weight decays in proportion to itself."""
    return weight


@dataclass(frozen=True)
class WinnerTakeAll:
    """Decay with competition: ``R(X) = X + strength * (gradient of the competition energy)``.

    Projection onto a cell, and synapses from a cell, suppress one another. The paper suggests such a competition, which
    leads to connections one to one; the formula is ours.

    Parameters
    ----------
    strength
        Weight of the competition.
    """

    strength: float = 1.0

    def __post_init__(self):
        require(self.strength >= 0, f"the strength of a competition cannot be negative, got {self.strength}")

    def __call__(self, weight: Weight) -> Weight:
        """Evaluate ``R``."""
        return weight + self.strength * competition(weight)


def competition(weight: Weight) -> Weight:
    """Gradient of :func:`competition_energy`: a weight times the squares of the others of its row and column."""
    squares = weight**2
    others = squares.sum(1, keepdims=True) + squares.sum(0, keepdims=True) - 2 * squares
    return weight * others


def competition_energy(weight: Weight) -> Float[Array, ""]:
    """Sum over pairs of synapses that share a cell of the product of their squares, halved.

    It vanishes exactly where no two synapses share a cell.

    Examples
    --------
    >>> float(competition_energy(jnp.eye(3)))
    0.0
    """
    squares = weight**2
    return sum(((squares.sum(axis) ** 2).sum() - (squares**2).sum()) / 4 for axis in (0, 1))


def compete(weight: Weight, *, rate: float, growth: float, strength: float, steps: int) -> Weight:
    """Let a matrix compete in isolation: ``X <- X + rate (growth X - X^3 - strength * competition(X))``.

    Ends with at most one synapse in each row and column.
    """

    def step(_: int, x: jax.Array) -> jax.Array:
        return x + rate * (growth * x - x**3 - strength * competition(x))

    return jax.lax.fori_loop(0, steps, step, weight)


def winners(weight: Weight, threshold: float = 0.5) -> tuple[Int[Array, " post"], Int[Array, " pre"]]:
    """Count the synapses that are stronger than a threshold in each row and each column.

    Examples
    --------
    >>> [counts.tolist() for counts in winners(jnp.array([[1.0, 0.0], [-1.0, 0.1]]))]
    [[1, 1], [2, 0]]
    """
    strong = jnp.abs(weight) > threshold
    return strong.sum(1), strong.sum(0)
