"""Dimensions that activity, or a weight matrix, uses, and its picture in a few of them.

The similarity of two representations (CKA) lives in `biocredit.analysis.metrics.similarity`.
"""

from typing import NamedTuple

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite, layerwise, undefined
from jaxtyping import Float
from scipy.linalg import svdvals
from scipy.stats import entropy

__all__ = [
    "PrincipalComponents",
    "covariance_eigenvalues",
    "effective_rank",
    "effective_rank_of_gram",
    "joint_embedding",
    "numerical_rank",
    "participation_ratio",
    "principal_components",
    "singular_values",
    "stable_rank",
]


@layerwise
def singular_values(matrix: ArrayLike) -> Float[np.ndarray, " values"]:
    """Singular values in descending order.

    A convolution kernel [out, in, kh, kw] is taken as the matrix [out, in * kh * kw].

    Examples
    --------
    >>> singular_values([[3.0, 0.0], [0.0, 4.0]])
    array([4., 3.])
    """
    matrix = as_finite("matrix", matrix)
    if matrix.ndim < 2 or matrix.size == 0:
        raise ValueError(f"matrix: wanted [out, in] or [out, in, *kernel], got shape {matrix.shape}")
    return svdvals(matrix.reshape(len(matrix), -1))


@layerwise
def effective_rank(matrix: ArrayLike) -> float:
    """Exponential of the entropy of the normalised singular values (Roy and Vetterli, EUSIPCO 2007).

    Between 1 and the rank; natural logarithm; NaN for a zero matrix.

    Examples
    --------
    >>> round(effective_rank(np.eye(4)), 12)
    4.0
    """
    return _effective_rank(singular_values(matrix))


@layerwise
def effective_rank_of_gram(matrix: ArrayLike) -> float:
    """Effective rank of ``M M^T``, whose singular values are the squares: at most `effective_rank` of M.

    Examples
    --------
    >>> round(effective_rank_of_gram(np.eye(4)), 12)
    4.0
    """
    return _effective_rank(singular_values(matrix) ** 2)


@layerwise
def stable_rank(matrix: ArrayLike) -> float:
    """``|M|_F^2 / |M|_2^2``, at most the rank; NaN for a zero matrix.

    Examples
    --------
    >>> stable_rank(np.diag([2.0, 2.0, 0.0]))
    2.0
    """
    values = singular_values(matrix)
    if values[0] == 0:
        return undefined("stable rank of a zero matrix")
    return float(np.sum((values / values[0]) ** 2))


@layerwise
def numerical_rank(matrix: ArrayLike) -> int:
    """Number of singular values above NumPy's default tolerance.

    Examples
    --------
    >>> numerical_rank([[1.0, 2.0], [2.0, 4.0]])
    1
    """
    values = singular_values(matrix)
    shape = np.shape(matrix)
    tolerance = values[0] * max(shape[0], int(np.prod(shape[1:]))) * np.finfo(np.float64).eps
    return int(np.sum(values > tolerance))


@layerwise
def covariance_eigenvalues(trajectory: ArrayLike) -> Float[np.ndarray, " neurons"]:
    """Eigenvalues of the covariance of neurons (divisor rows - 1), descending.

    Parameters
    ----------
    trajectory : array_like [time, neurons]
        Times or samples as rows, at least two.

    Examples
    --------
    >>> covariance_eigenvalues([[1.0, 0.0], [-1.0, 0.0]])
    array([2., 0.])
    """
    states = _states("trajectory", trajectory)
    values = svdvals(states - states.mean(axis=0)) ** 2 / (len(states) - 1)
    return np.pad(values, (0, states.shape[1] - values.size))


@layerwise
def participation_ratio(trajectory: ArrayLike) -> float:
    """``(sum lambda)^2 / sum lambda^2`` of the covariance eigenvalues: 1 to the number of neurons.

    NaN if nothing varies.

    Examples
    --------
    >>> participation_ratio([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    2.0
    """
    values = covariance_eigenvalues(trajectory)
    if values[0] == 0:
        return undefined("participation ratio of constant activity")
    share = values / values[0]
    return float(share.sum() ** 2 / np.sum(share**2))


class PrincipalComponents(NamedTuple):
    """What `principal_components` returns."""

    components: Float[np.ndarray, "components neurons"]
    """Unit vectors; the entry of largest magnitude of each is positive."""
    scores: tuple[Float[np.ndarray, "_ components"], ...]
    """Projections, one array [time, components] for every trajectory that was passed."""
    explained_variance: Float[np.ndarray, " components"]
    """Variance along each component, divisor rows - 1."""
    explained_variance_ratio: Float[np.ndarray, " components"]
    """Share of the total variance; NaN if nothing varies."""


def principal_components(*trajectories: ArrayLike, components: int = 3) -> PrincipalComponents:
    """Principal components of one trajectory, or of several fitted together.

    Two phases that are to be compared in one plot are passed together: the fit is on the stacked states.

    Parameters
    ----------
    *trajectories : array_like [time, neurons]
        Same neurons, any number of rows.
    components : int
        At most the number of neurons and of stacked rows.

    Examples
    --------
    >>> fit = principal_components([[0.0, 0.0], [2.0, 0.0]], [[4.0, 0.0]], components=1)
    >>> fit.scores[0].ravel(), fit.scores[1].ravel()
    (array([-2.,  0.]), array([2.]))
    """
    from sklearn.decomposition import PCA

    if not trajectories:
        raise ValueError("trajectories: wanted at least one array [time, neurons], got none")
    parts = [as_finite("trajectories", part, ndim=2) for part in trajectories]
    if len({part.shape[1] for part in parts}) > 1:
        raise ValueError(f"trajectories: wanted the same neurons, got shapes {[part.shape for part in parts]}")
    stacked = _states("trajectories", np.concatenate(parts))
    if not 1 <= components <= min(stacked.shape):
        raise ValueError(f"components: wanted 1 to {min(stacked.shape)}, got {components}")
    with np.errstate(invalid="ignore"):
        model = PCA(n_components=components, svd_solver="full").fit(stacked)
    if not model.explained_variance_.any():
        undefined("share of variance of constant activity")
    largest = np.abs(model.components_).argmax(axis=1)
    axes = model.components_ * np.sign(model.components_[np.arange(components), largest])[:, None]
    scores = tuple((part - stacked.mean(axis=0)) @ axes.T for part in parts)
    return PrincipalComponents(axes, scores, model.explained_variance_, model.explained_variance_ratio_)


def joint_embedding(
    first: ArrayLike, second: ArrayLike, perplexity: float = 30.0, seed: int = 0
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "m 2"]]:
    """t-SNE of two sets of activities embedded together (van der Maaten and Hinton, JMLR 9 (2008) 2579).

    Parameters
    ----------
    first, second : array_like [samples, units]
        For example ascending and descending activity of one level: same units, any numbers of samples.
    perplexity : float
        Below the total number of samples.
    seed : int

    Examples
    --------
    >>> points = np.random.default_rng(0).standard_normal((8, 3))
    >>> [part.shape for part in joint_embedding(points[:6], points[6:], perplexity=2.0)]
    [(6, 2), (2, 2)]
    """
    from sklearn.manifold import TSNE

    first, second = as_finite("first", first, ndim=2), as_finite("second", second, ndim=2)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"second: wanted the {first.shape[1]} units of first, got {second.shape[1]}")
    stacked = np.concatenate([first, second])
    if not 0 < perplexity < len(stacked):
        raise ValueError(f"perplexity: wanted above 0 and below {len(stacked)} samples, got {perplexity}")
    embedded = TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(stacked)
    return embedded[: len(first)], embedded[len(first) :]


def _effective_rank(values: np.ndarray) -> float:
    if not values.any():
        return undefined("effective rank of a zero matrix")
    return float(np.exp(entropy(values)))


def _states(name: str, trajectory: ArrayLike) -> np.ndarray:
    states = as_finite(name, trajectory, ndim=2)
    if len(states) < 2 or states.shape[1] == 0:
        raise ValueError(f"{name}: wanted [time, neurons] with at least two rows, got shape {states.shape}")
    return states
