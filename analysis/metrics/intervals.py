"""Means over few independent networks, and differences of paired ones, with 95 per cent intervals."""

from typing import NamedTuple

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike
from scipy import stats

__all__ = ["Interval", "mean_interval", "paired_interval"]

RESAMPLES = 10_000


class Interval(NamedTuple):
    """A mean and the ends of its 95 per cent interval; NaN ends with fewer than two values."""

    mean: float
    low: float
    high: float
    count: int

    @property
    def crosses_zero(self) -> bool:
        """Whether zero lies inside, or nothing is known of the ends."""
        return not (self.low > 0 or self.high < 0)


def mean_interval(values: ArrayLike) -> Interval:
    """Mean of independent values with Student's interval; values that are not finite are left out.

    Examples
    --------
    >>> [round(x, 3) for x in mean_interval([1.0, 2.0, 3.0])]
    [2.0, -0.484, 4.484, 3]
    """
    known = np.asarray(values, np.float64).ravel()
    known = known[np.isfinite(known)]
    if len(known) < 2:
        return Interval(float(known.mean()) if len(known) else float("nan"), float("nan"), float("nan"), len(known))
    half = stats.t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known))
    return Interval(float(known.mean()), float(known.mean() - half), float(known.mean() + half), len(known))


def paired_interval(ours: ArrayLike, theirs: ArrayLike, seed: int = 0) -> Interval:
    """Mean of paired differences, ours minus theirs, with a bootstrap interval over pairs.

    With a handful of pairs the percentiles of a bootstrap are too close together, so that the interval is widened to
    Student's where that is wider.

    Parameters
    ----------
    ours, theirs
        Values of the same networks in the same order; pairs with one that is not finite are left out.
    seed
        Of the resampling.

    Examples
    --------
    >>> paired_interval([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    Interval(mean=0.0, low=0.0, high=0.0, count=3)
    """
    difference = np.asarray(ours, np.float64).ravel() - np.asarray(theirs, np.float64).ravel()
    student = mean_interval(difference)
    if student.count < 2:
        return student
    known = difference[np.isfinite(difference)]
    drawn = np.random.default_rng(seed).integers(0, len(known), (RESAMPLES, len(known)))
    low, high = np.percentile(known[drawn].mean(1), (2.5, 97.5))
    return Interval(student.mean, min(student.low, float(low)), max(student.high, float(high)), student.count)
