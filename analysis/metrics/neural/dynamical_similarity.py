"""Dynamical similarity analysis: linear operators of delay-embedded activity, and the distance between two of them.

Ostrow, Eisen, Kozachkov and Fiete 2023, "Beyond geometry", arXiv 2306.10168. The distance is that of two operators
after the best orthogonal change of basis, min |A - C B C^T|, for which there is no closed form; it is searched from
several starting points (:mod:`biocredit.analysis.metrics.neural.operator_alignment`).
"""

from dataclasses import dataclass

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite
from jaxtyping import Complex, Float
from scipy.optimize import linear_sum_assignment

__all__ = ["DelayEmbedding", "delay_embedding", "eigenvalue_distance"]


def delay_embedding(
    activity: ArrayLike, delays: int = 1, interval: int = 1
) -> Float[np.ndarray, "trials rows coordinates"]:
    """Put each state beside earlier ones, newest first: ``[x_{j+(d-1)l}, ..., x_j]``.

    Parameters
    ----------
    activity
        ``[trial, time, neuron]``.
    delays, interval
        Number d of states in a row, and steps l between them.

    Raises
    ------
    ValueError
        If a trial is too short for one row.

    Examples
    --------
    >>> delay_embedding(np.arange(4.0).reshape(1, 4, 1), delays=2)[0]
    array([[1., 0.],
           [2., 1.],
           [3., 2.]])
    """
    activity = as_finite("activity", activity, ndim=3)
    span, steps = (delays - 1) * interval, activity.shape[1]
    if delays < 1 or interval < 1 or span >= steps:
        raise ValueError(f"delays, interval: wanted from 1 on and within {steps} steps, got {delays} x {interval}")
    starts = [slice(back, steps - span + back) for back in range(span, -1, -interval)]
    return np.concatenate([activity[:, part] for part in starts], axis=2)


@dataclass(frozen=True)
class DelayEmbedding:
    """Delay-embedded activity in its singular coordinates, from which linear operators are fitted.

    Parameters
    ----------
    singular_values
        Of the matrix of all rows, descending.
    coordinates
        ``[trial, row, coordinate]``: orthonormal over all rows, not multiplied by the singular values.
    """

    singular_values: Float[np.ndarray, " coordinates"]
    coordinates: Float[np.ndarray, "trials rows coordinates"]

    @classmethod
    def of(cls, activity: ArrayLike, delays: int = 1, interval: int = 1) -> "DelayEmbedding":
        """Embed an activity ``[trial, time, neuron]``.

        Raises
        ------
        ValueError
            If there are fewer rows than coordinates: take fewer delays.
        """
        embedded = delay_embedding(activity, delays, interval)
        trials, rows, width = embedded.shape
        if trials * rows < width:
            raise ValueError(f"delays: wanted at least {width} rows for {width} coordinates, got {trials * rows}")
        rotated, values, axes = np.linalg.svd(embedded.reshape(-1, width), full_matrices=False)
        largest = np.abs(axes).argmax(axis=1)
        rotated = rotated * np.where(axes[np.arange(width), largest] < 0, -1.0, 1.0)
        return cls(values, rotated.reshape(trials, rows, width))

    def rank(self, rank: int | None = None, variance: float | None = None, threshold: float | None = None) -> int:
        """Number of coordinates: given, by share of the variance, by size of the singular values, or all."""
        values = self.singular_values
        if sum(value is not None for value in (rank, variance, threshold)) > 1:
            raise ValueError("rank, variance, threshold: only one of them can be given")
        if variance is not None:
            rank = min(int(np.searchsorted(np.cumsum(values**2) / np.sum(values**2), variance)) + 1, len(values))
        if threshold is not None:
            rank = int(np.sum(values > threshold))
        rank = len(values) if rank is None else rank
        if not 1 <= rank <= len(values):
            raise ValueError(f"rank: wanted 1 to {len(values)}, got {rank}")
        return rank

    def operator(self, rank: int | None = None, ridge: float = 1e-8, steps_ahead: int = 1) -> Float[np.ndarray, "r r"]:
        """Fit b = a A^T by ridge regression on the first ``rank`` coordinates; no pair crosses the end of a trial."""
        before, after = self._pairs(self.rank(rank), steps_ahead)
        return _ridge(before, after, ridge).T

    def reduced_rank_operator(
        self, rank: int, ridge: float = 1e-8, steps_ahead: int = 1
    ) -> Float[np.ndarray, "coordinates coordinates"]:
        """Fit b = a B E E^T on all coordinates, E the leading eigenvectors of b^T a B."""
        before, after = self._pairs(len(self.singular_values), steps_ahead)
        full = _ridge(before, after, ridge)
        explained = after.T @ before @ full
        leading = np.linalg.eigh((explained + explained.T) / 2)[1][:, ::-1][:, : self.rank(rank)]
        return full @ leading @ leading.T

    def _pairs(self, rank: int, steps_ahead: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.coordinates.shape[1]
        if not 1 <= steps_ahead < rows:
            raise ValueError(f"steps_ahead: wanted 1 to {rows - 1}, got {steps_ahead}")
        kept = self.coordinates[..., :rank]
        return kept[:, :-steps_ahead].reshape(-1, rank), kept[:, steps_ahead:].reshape(-1, rank)


def eigenvalue_distance(
    first: Complex[np.ndarray, " r"] | Float[np.ndarray, " r"],
    second: Complex[np.ndarray, " s"] | Float[np.ndarray, " s"],
) -> float:
    """Mean squared distance of the eigenvalues of two operators, matched one to one; zeros fill the shorter list.

    Cheap and exact, and blind to what is not normal in an operator.

    Examples
    --------
    >>> eigenvalue_distance(np.array([1.0, 2.0]), np.array([2.0, 1.5]))
    0.125
    """
    size = max(len(first), len(second))
    first, second = (np.pad(np.asarray(values), (0, size - len(values))) for values in (first, second))
    cost = np.abs(first[:, None] - second[None, :]) ** 2
    return float(cost[linear_sum_assignment(cost)].mean())


def _ridge(before: np.ndarray, after: np.ndarray, ridge: float) -> np.ndarray:
    return np.linalg.solve(before.T @ before + ridge * np.eye(before.shape[1]), before.T @ after)
