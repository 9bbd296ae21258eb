"""Linear CKA: similarity of two layers' representations of the same inputs.

Kornblith et al., arXiv 1905.00414 (CKA); Song et al., JMLR 13 (2012) 1393 (unbiased HSIC); Nguyen et al., arXiv
2010.15327 (mini-batches). Invariant to orthogonal maps, isotropic scaling and shifts of either argument, not to
general invertible maps. The biased value rises with the number of features over samples: report the unbiased one
when samples are few.

Activities are [samples, units]; convolutional maps [samples, channels, height, width] are flattened.
"""

from collections.abc import Callable, Mapping

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite, layerwise, undefined
from jaxtyping import Float

__all__ = [
    "cka",
    "cka_angle",
    "cka_matrix",
    "cka_minibatch",
    "cka_unbiased",
    "hsic_biased",
    "hsic_unbiased",
    "minibatches",
]

ROUNDING = 1e-14
"""Self-terms below this share of the squared scale of the raw activity are rounding noise of constant activity."""


@layerwise
def hsic_biased(x: ArrayLike, y: ArrayLike) -> float:
    """Biased HSIC with linear kernels, ``tr(K H L H) / (n - 1)^2``.

    Parameters
    ----------
    x, y : array_like [samples, ...]
        Activities for the same samples in the same order; at least two samples.

    Examples
    --------
    >>> hsic_biased([[0.0], [2.0]], [[0.0], [1.0]])
    1.0
    """
    x, y = _same_samples(x, y, at_least=2)
    return _product_of_grams(x, y) / (len(x) - 1) ** 2


@layerwise
def hsic_unbiased(x: ArrayLike, y: ArrayLike) -> float:
    """Unbiased HSIC with linear kernels (Song et al. 2012, equation 5); at least four samples.

    Examples
    --------
    >>> round(hsic_unbiased([[1.0], [0.0], [0.0], [-1.0]], [[1.0], [0.0], [0.0], [-1.0]]), 6)
    0.166667
    """
    x, y = _same_samples(x, y, at_least=4)
    n = len(x)
    k, m = (_hollow(a @ a.T) for a in (x, y))
    trace = np.vdot(k, m) + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2.0 / (n - 2) * (k.sum(0) @ m.sum(1))
    return float(trace / (n * (n - 3)))


@layerwise
def cka(x: ArrayLike, y: ArrayLike) -> float:
    """Linear CKA, biased estimator, between 0 and 1; NaN for constant activity.

    Parameters
    ----------
    x, y : array_like [samples, ...]
        Activities for the same samples in the same order; at least two samples.

    Examples
    --------
    >>> cka([[0.0], [1.0], [2.0]], [[5.0], [7.0], [9.0]])
    1.0
    """
    return _normalised(hsic_biased, *_same_samples(x, y, at_least=2))


@layerwise
def cka_angle(x: ArrayLike, y: ArrayLike) -> float:
    """Arc cosine of linear CKA in radians, a metric (Williams et al. 2021, arXiv 2110.14739); 0 to pi/2.

    Examples
    --------
    >>> cka_angle([[0.0], [1.0], [2.0]], [[5.0], [7.0], [9.0]])
    0.0
    """
    return float(np.arccos(np.clip(cka(x, y), -1.0, 1.0)))


@layerwise
def cka_unbiased(x: ArrayLike, y: ArrayLike) -> float:
    """Linear CKA from `hsic_unbiased`; may be slightly negative; NaN if a self-term is not positive.

    Examples
    --------
    >>> x = [[1.0], [0.0], [0.0], [-1.0]]
    >>> round(cka_unbiased(x, x), 12)
    1.0
    """
    return _normalised(hsic_unbiased, *_same_samples(x, y, at_least=4))


@layerwise
def cka_minibatch(x: ArrayLike, y: ArrayLike, batch_size: int) -> float:
    """Linear CKA from unbiased HSIC terms averaged over mini-batches before the ratio is formed.

    Parameters
    ----------
    x, y : array_like [samples, ...]
    batch_size : int
        At least 4. Consecutive samples form a batch; an incomplete last batch is dropped.

    Examples
    --------
    >>> x = [[1.0], [0.0], [0.0], [-1.0], [2.0]]
    >>> round(cka_minibatch(x, x, batch_size=4), 12)
    1.0
    """
    x, y = _same_samples(x, y, at_least=4)
    batches = minibatches(len(x), batch_size)

    def mean_hsic(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([hsic_unbiased(a[batch], b[batch]) for batch in batches]))

    return _normalised(mean_hsic, x, y)


def minibatches(samples: int, batch_size: int) -> list[slice]:
    """Complete consecutive batches of `samples` rows, as slices.

    Examples
    --------
    >>> minibatches(9, 4)
    [slice(0, 4, None), slice(4, 8, None)]
    """
    if not 4 <= batch_size <= samples:
        raise ValueError(f"batch_size: wanted 4 to {samples} (the number of samples), got {batch_size}")
    return [slice(end - batch_size, end) for end in range(batch_size, samples + 1, batch_size)]


def cka_matrix(
    rows: Mapping[str, ArrayLike],
    columns: Mapping[str, ArrayLike],
    estimator: Callable[[ArrayLike, ArrayLike], float] = cka,
) -> Float[np.ndarray, "rows columns"]:
    """CKA between every layer of one stream and every layer of another.

    Parameters
    ----------
    rows, columns : mapping from layer name to activity [samples, ...]
        For a stream that is driven by labels, one row per sample: the activity of that sample's label.
    estimator : callable
        `cka`, `cka_unbiased`, or any function of two activities.

    Examples
    --------
    >>> cka_matrix({"b": [[0.0], [1.0], [3.0]]}, {"a1": [[0.0], [2.0], [6.0]], "a2": [[1.0], [2.0], [4.0]]})
    array([[1., 1.]])
    """
    return np.array([[estimator(x, y) for y in columns.values()] for x in rows.values()])


def _same_samples(x: ArrayLike, y: ArrayLike, at_least: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = _centred("x", x), _centred("y", y)
    if len(x) != len(y):
        raise ValueError(f"y: wanted the {len(x)} samples of x, got {len(y)}")
    if len(x) < at_least:
        raise ValueError(f"x: wanted at least {at_least} samples, got {len(x)}")
    return x, y


def _centred(name: str, activity: ArrayLike) -> np.ndarray:
    """Remove the mean over samples: no HSIC here depends on it, and rounding does."""
    activity = as_finite(name, activity)
    if activity.ndim < 1 or activity.size == 0:
        raise ValueError(f"{name}: wanted [samples, units], got shape {activity.shape}")
    flat = activity.reshape(len(activity), -1)
    centred = flat - flat.mean(axis=0)
    return np.where(np.abs(centred).max() <= ROUNDING * np.abs(flat).max(), 0.0, centred)


def _product_of_grams(x: np.ndarray, y: np.ndarray) -> float:
    """``tr(X X^T Y Y^T)`` by whichever of the sample and the feature form is smaller."""
    if max(x.shape[1], y.shape[1]) > len(x):
        return float(np.vdot(x @ x.T, y @ y.T))
    return float(np.sum((x.T @ y) ** 2))


def _hollow(gram: np.ndarray) -> np.ndarray:
    np.fill_diagonal(gram, 0.0)
    return gram


def _normalised(hsic: Callable[[np.ndarray, np.ndarray], float], x: np.ndarray, y: np.ndarray) -> float:
    xx, yy = hsic(x, x), hsic(y, y)
    if xx <= 0 or yy <= 0:
        return undefined("CKA of activity whose self-similarity is not positive")
    return float(hsic(x, y) / np.sqrt(xx) / np.sqrt(yy))
