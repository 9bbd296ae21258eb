"""Activities of a comparison, ``[condition, time, neuron]``, as samples, and their leading principal components."""

from dataclasses import dataclass

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite
from biocredit.analysis.metrics.representation import principal_components
from jaxtyping import Float

__all__ = ["Projection", "Truncation", "as_activities", "average_over_conditions", "samples"]


def as_activities(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Check two activities ``[condition, time, neuron]`` of the same conditions and times.

    Raises
    ------
    ValueError
        If an entry is not finite, an axis is missing, or the conditions or times differ in number.

    Examples
    --------
    >>> [part.shape for part in as_activities(np.zeros((2, 3, 4)), np.zeros((2, 3, 5)))]
    [(2, 3, 4), (2, 3, 5)]
    """
    x, y = (as_finite(name, value, ndim=3) for name, value in (("x", x), ("y", y)))
    if x.shape[:2] != y.shape[:2]:
        raise ValueError(f"y: wanted {x.shape[0]} conditions x {x.shape[1]} times as in x, got {y.shape[:2]}")
    if 0 in (*x.shape, *y.shape):
        raise ValueError(f"x, y: wanted [condition, time, neuron] without empty axes, got {x.shape} and {y.shape}")
    return x, y


def samples(activity: ArrayLike) -> Float[np.ndarray, "samples neurons"]:
    """Return conditions and times as the rows of one matrix.

    Examples
    --------
    >>> samples(np.zeros((2, 3, 4))).shape
    (6, 4)
    """
    activity = np.asarray(activity, np.float64)
    return activity.reshape(-1, activity.shape[-1])


def average_over_conditions(activity: Float[np.ndarray, "c t n"]) -> Float[np.ndarray, "c t n"]:
    """Replace every condition by the mean over conditions: a model that only has the common time course.

    Examples
    --------
    >>> average_over_conditions(np.array([[[1.0]], [[3.0]]])).ravel()
    array([2., 2.])
    """
    return np.broadcast_to(activity.mean(axis=0), activity.shape)


@dataclass(frozen=True)
class Projection:
    """Principal axes of some samples, and the mean that belongs to them.

    Parameters
    ----------
    mean
        Mean of the samples that the axes were fitted to.
    axes
        Unit vectors as rows.
    """

    mean: Float[np.ndarray, " neurons"]
    axes: Float[np.ndarray, "components neurons"]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Project rows, which may be other ones than those of the fit."""
        return (rows - self.mean) @ self.axes.T


@dataclass(frozen=True)
class Truncation:
    """How many principal components of an activity enter a comparison: all of its neurons, k, or a share v.

    Parameters
    ----------
    components
        Number k of components.
    variance
        Or the smallest number whose cumulative share of the variance is at least this; 1 keeps all that there are.

    Raises
    ------
    ValueError
        If both are given, or one is out of range.
    """

    components: int | None = None
    variance: float | None = None

    def __post_init__(self):
        if self.components is not None and self.variance is not None:
            raise ValueError("components, variance: only one of them can be given")
        if self.components is not None and (self.components < 1 or self.components != int(self.components)):
            raise ValueError(f"components: wanted a whole number from 1 on, got {self.components}")
        if self.variance is not None and not 0 < self.variance <= 1:
            raise ValueError(f"variance: wanted above 0 and at most 1, got {self.variance}")

    def fit(self, rows: Float[np.ndarray, "samples neurons"]) -> Projection | None:
        """Fit to training samples; ``None`` where nothing is to be cut.

        Examples
        --------
        >>> rows = np.array([[0.0, 0.0], [3.0, 0.1], [6.0, 0.0]])
        >>> Truncation(variance=0.9).fit(rows).axes.shape
        (1, 2)
        """
        if self.components is None and self.variance is None:
            return None
        most = min(rows.shape)
        if self.components is not None and self.components > most:
            raise ValueError(f"components: wanted at most {most} (neurons or samples), got {self.components}")
        fit = principal_components(rows, components=most)
        count = self.components or most
        if self.variance is not None and self.variance < 1:
            count = int(np.searchsorted(np.cumsum(fit.explained_variance_ratio), self.variance)) + 1
        return Projection(rows.mean(axis=0), fit.components[: min(count, most)])
