"""Marchenko-Pastur law: eigenvalues of a random expansion, and the path angle that follows.

B [m, N] with independent zero-mean entries of variance 1/m and ``ratio = N/m <= 1``: the eigenvalues of ``B^T B`` have,
for large sizes, the density

    mu(v) = sqrt((v_max - v)(v - v_min)) / (2 pi ratio v),   v_min, v_max = (1 -+ sqrt(ratio))^2

with mean 1 and variance `ratio`. Marchenko and Pastur, Math. USSR Sb. 1 (1967) 457; used for product feedback in
arXiv 2405.20594, figure 3.
"""

import math

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, Values, as_finite, undefined
from jaxtyping import Float
from scipy.stats import kstest

__all__ = [
    "expanded_and_back",
    "gram_eigenvalues",
    "ks_distance",
    "mp_cdf",
    "mp_density",
    "mp_moment",
    "mp_support",
    "mp_variance",
    "predicted_path_angle",
    "unit_gram_gain",
]


def mp_support(ratio: float) -> tuple[float, float]:
    """Smallest and largest eigenvalue of the limit law.

    Parameters
    ----------
    ratio : float
        Columns over rows, N/m, above 0 and at most 1: the inverse of the expansion.

    Examples
    --------
    >>> mp_support(0.25)
    (0.25, 2.25)
    """
    ratio = _checked(ratio)
    return (1 - math.sqrt(ratio)) ** 2, (1 + math.sqrt(ratio)) ** 2


def mp_density(v: ArrayLike, ratio: float) -> Values:
    """Marchenko-Pastur density, 0 outside the support.

    Parameters
    ----------
    v : array_like
        Eigenvalues.
    ratio : float
        As in `mp_support`.

    Examples
    --------
    >>> mp_density([0.0, 1.0, 9.0], 0.25).round(4)
    array([0.    , 0.6164, 0.    ])
    """
    v = as_finite("v", v)
    low, high = mp_support(ratio)
    inside = (v > low) & (v < high)
    safe = np.where(inside, v, 1.0)
    return np.where(inside, np.sqrt(np.maximum((high - safe) * (safe - low), 0.0)) / (2 * np.pi * ratio * safe), 0.0)


def mp_cdf(v: ArrayLike, ratio: float) -> Values:
    """Marchenko-Pastur distribution function; parameters as in `mp_density`.

    With ``v = 1 + ratio - 2 sqrt(ratio) cos(angle)`` the density becomes ``(2 / pi) sin(angle)^2 / v``, which has an
    elementary integral.

    Examples
    --------
    >>> mp_cdf([0.0, 9.0], 0.25)
    array([0., 1.])
    """
    v = as_finite("v", v)
    r = math.sqrt(_checked(ratio))
    angle = np.arccos(np.clip((1 + ratio - v) / (2 * r), -1.0, 1.0))
    turn = np.arctan2((1 + r) * np.sin(angle / 2), (1 - r) * np.cos(angle / 2))
    integral = ((1 + ratio) * angle / 2 - (1 - ratio) * turn) / (2 * ratio) + np.sin(angle) / (2 * r)
    return np.clip(2 / np.pi * integral, 0.0, 1.0)


def mp_moment(order: int, ratio: float) -> float:
    """Mean of ``v^order`` under the limit law: a Narayana polynomial in the ratio.

    Examples
    --------
    >>> mp_moment(1, 0.25), mp_moment(2, 0.25)
    (1.0, 1.25)
    """
    ratio = _checked(ratio)
    if order < 1:
        raise ValueError(f"order: wanted 1 or more, got {order}")
    return sum(math.comb(order, i) * math.comb(order - 1, i) / (i + 1) * ratio**i for i in range(order))


def mp_variance(ratio: float) -> float:
    """Variance of the limit law; equals `ratio`.

    Examples
    --------
    >>> mp_variance(0.25)
    0.25
    """
    return mp_moment(2, ratio) - mp_moment(1, ratio) ** 2


def gram_eigenvalues(matrix: ArrayLike) -> Float[np.ndarray, " columns"]:
    """Eigenvalues of ``B^T B`` for B [m, N], ascending.

    Examples
    --------
    >>> gram_eigenvalues([[1.0, 0.0], [0.0, 2.0]])
    array([1., 4.])
    """
    matrix = as_finite("matrix", matrix, ndim=2)
    return np.linalg.eigvalsh(matrix.T @ matrix)


def ks_distance(eigenvalues: ArrayLike, ratio: float) -> float:
    """Kolmogorov-Smirnov distance between eigenvalues and the Marchenko-Pastur law.

    Examples
    --------
    >>> ks_distance([0.1, 0.2], 0.25)
    1.0
    """
    eigenvalues = as_finite("eigenvalues", eigenvalues, ndim=1)
    if not eigenvalues.size:
        return undefined("distance of an empty sample")
    return float(kstest(eigenvalues, lambda v: mp_cdf(v, ratio)).statistic)


def expanded_and_back(expansion: ArrayLike, weights: ArrayLike) -> Float[np.ndarray, "N columns"]:
    """``B^T B W``: what the backward path of product feedback converges to (transposed, up to a factor).

    Parameters
    ----------
    expansion : array_like [m, N]
        B.
    weights : array_like [N, columns]
        W. Its angle to the result is near `predicted_path_angle` if it is random relative to B.

    Examples
    --------
    >>> expanded_and_back([[2.0]], [[3.0]])
    array([[12.]])
    """
    expansion, weights = as_finite("expansion", expansion, ndim=2), as_finite("weights", weights, ndim=2)
    if expansion.shape[1] != len(weights):
        raise ValueError(f"weights: wanted {expansion.shape[1]} rows, got shape {weights.shape}")
    return expansion.T @ (expansion @ weights)


def predicted_path_angle(ratio: float) -> float:
    """Angle between W^T and ``W^T B^T B`` for large random W, ``arctan(sqrt(ratio))`` in degrees.

    0 for a semi-orthogonal B, which is ratio 0 here.

    Examples
    --------
    >>> round(predicted_path_angle(0.1), 4)
    17.5484
    """
    return float(np.degrees(np.arctan(np.sqrt(_checked(ratio) if ratio else 0.0))))


def unit_gram_gain(ratio: float) -> float:
    """Gain of a Glorot initialisation of B [m, N] for which ``B^T B`` has mean 1: ``sqrt((1 + ratio) / 2)``.

    Glorot's variance is ``gain^2 2 / (m + N)``; wanted is 1/m.

    Examples
    --------
    >>> unit_gram_gain(1.0)
    1.0
    """
    return float(np.sqrt((1 + _checked(ratio)) / 2))


def _checked(ratio: float) -> float:
    if not 0 < ratio <= 1:
        raise ValueError(f"ratio: wanted columns over rows above 0 and at most 1, got {ratio}")
    return float(ratio)
