"""How well was the task learned: errors, learning curves, and their spread over runs."""

from typing import NamedTuple

import numpy as np
from biocredit.analysis.metrics.arguments import (
    ArrayLike,
    Values,
    as_finite,
    as_pair,
    layerwise,
    undefined,
)
from jaxtyping import Float

__all__ = [
    "Spread",
    "accuracy",
    "area_under_curve",
    "nmse",
    "nmse_about_mean",
    "spread",
    "updates_to_criterion",
    "without_worst_run",
]


@layerwise
def nmse(target: ArrayLike, prediction: ArrayLike) -> float:
    """Normalised mean squared error ``sum (y* - y)^2 / sum y*^2`` over outputs and time together.

    As in ModProp (arXiv 2206.01338): 1 for the prediction 0. NaN for a zero target. The mean is not removed; see
    `nmse_about_mean`.

    Parameters
    ----------
    target, prediction : array_like of one shape

    Examples
    --------
    >>> nmse([1.0, -1.0], [0.0, 0.0])
    1.0
    """
    target, prediction = as_pair(("target", "prediction"), target, prediction)
    return _ratio(target - prediction, target)


@layerwise
def nmse_about_mean(target: ArrayLike, prediction: ArrayLike) -> float:
    """As `nmse`, with the sum of squares of the target around its overall mean in the denominator.

    Examples
    --------
    >>> nmse_about_mean([3.0, 1.0], [2.0, 2.0])
    1.0
    """
    target, prediction = as_pair(("target", "prediction"), target, prediction)
    return _ratio(target - prediction, target - target.mean() if target.size else target)


@layerwise
def accuracy(output: ArrayLike, labels: ArrayLike) -> float:
    """Fraction of samples whose largest output is the label.

    Parameters
    ----------
    output : array_like [samples, classes]
    labels : array_like [samples], integers

    Examples
    --------
    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    0.5
    """
    output, labels = as_finite("output", output, ndim=2), as_finite("labels", labels, ndim=1)
    if len(output) != len(labels):
        raise ValueError(f"labels: wanted one for each of {len(output)} samples, got {len(labels)}")
    return float(np.mean(output.argmax(axis=1) == labels)) if labels.size else undefined("accuracy of no samples")


def area_under_curve(curve: ArrayLike) -> Values:
    """Sum of a learning curve over its last axis, the evaluations.

    Examples
    --------
    >>> area_under_curve([[3.0, 2.0, 1.0], [3.0, 3.0, 3.0]])
    array([6., 9.])
    """
    return as_finite("curve", curve).sum(axis=-1)


def without_worst_run(loss: ArrayLike) -> Float[np.ndarray, "runs evaluations"]:
    """Leave out the run with the largest area under its loss curve, as the ModProp article does.

    Parameters
    ----------
    loss : array_like [runs, evaluations]
        At least two runs.

    Examples
    --------
    >>> without_worst_run([[3.0, 2.0], [3.0, 3.0]])
    array([[3., 2.]])
    """
    loss = as_finite("loss", loss, ndim=2)
    if len(loss) < 2:
        raise ValueError(f"loss: wanted at least two runs, got {len(loss)}")
    return np.delete(loss, area_under_curve(loss).argmax(), axis=0)


def updates_to_criterion(curve: ArrayLike, updates: ArrayLike, criterion: float = 0.95, window: int = 5) -> float:
    """First update that ends `window` successive evaluations whose mean reaches a criterion; NaN if none does.

    Parameters
    ----------
    curve : array_like [evaluations]
        For example accuracy.
    updates : array_like [evaluations]
        Number of updates made at each evaluation.

    Examples
    --------
    >>> updates_to_criterion([0.0, 1.0, 1.0], [0, 50, 100], window=2)
    100.0
    """
    curve, updates = as_pair(("curve", "updates"), as_finite("curve", curve, ndim=1), updates)
    if not 1 <= window <= curve.size:
        raise ValueError(f"window: wanted 1 to {curve.size} evaluations, got {window}")
    means = np.lib.stride_tricks.sliding_window_view(curve, window).mean(axis=-1)
    reached = np.flatnonzero(means >= criterion)
    return float(updates[reached[0] + window - 1]) if reached.size else undefined("criterion never reached")


class Spread(NamedTuple):
    """A quantity over runs; every field but `runs` has the shape of one run."""

    mean: Values
    median: Values
    sd: Values
    """Standard deviation, divisor runs - 1; NaN for one run."""
    sem: Values
    """Standard error of the mean."""
    runs: int


def spread(values: ArrayLike) -> Spread:
    """Mean, median, standard deviation and standard error over the leading axis, the runs.

    Examples
    --------
    >>> spread([1.0, 3.0]).mean, spread([1.0, 3.0]).sem
    (np.float64(2.0), np.float64(1.0))
    """
    values = as_finite("values", values)
    if values.ndim < 1 or len(values) == 0:
        raise ValueError(f"values: wanted [runs, ...] with at least one run, got shape {values.shape}")
    runs = len(values)
    if runs > 1:
        sd = values.std(axis=0, ddof=1)
    else:
        sd = np.full(values.shape[1:], undefined("standard deviation of one run"))
    return Spread(values.mean(axis=0), np.median(values, axis=0), sd, sd / np.sqrt(runs), runs)


def _ratio(error: np.ndarray, reference: np.ndarray) -> float:
    power = np.sum(reference**2)
    return float(np.sum(error**2) / power) if power > 0 else undefined("error relative to a target without power")


def masked_normalised_error(target: ArrayLike, output: ArrayLike, mask: ArrayLike) -> float:
    """Squared error over squared deviation from the mean, where the mask is not 0; mean over outputs.

    1 is as good as the best constant. Of a target that does not vary at all the squared error alone counts (arXiv
    2506.06904, released program).

    Parameters
    ----------
    target, output, mask : array_like [trial, time, output]

    Examples
    --------
    >>> masked_normalised_error([[[0.0], [2.0], [9.0]]], [[[1.0], [1.0], [0.0]]], [[[1.0], [1.0], [0.0]]])
    1.0
    """
    target, output = as_pair(("target", "output"), target, output)
    counts = as_pair(("target", "mask"), target, mask)[1] != 0
    errors = []
    for k in range(target.shape[-1]):
        wanted, given = (values[..., k][counts[..., k]] for values in (target, output))
        if not wanted.size:
            return undefined(f"normalised error of output {k}, which never counts")
        spread = np.sum((wanted - wanted.mean()) ** 2)
        errors.append(np.sum((given - wanted) ** 2) / (spread if spread > 0 else 1.0))
    return float(np.mean(errors))
