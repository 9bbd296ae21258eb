"""Angles, cosines and norm ratios between weights, updates and activities.

Every function takes arrays, or dictionaries of layers (layer name -> array), and returns a number, or a dictionary
of numbers. Angles are in degrees. A zero vector has no direction: its angle is NaN.
"""

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite, as_pair, layerwise, undefined
from biocredit.analysis.metrics.layouts import backward_path, forward_layout
from jaxtyping import Float

__all__ = [
    "angle",
    "angle_to_either_sign",
    "cosine",
    "mean_row_angle",
    "norm_ratio",
    "path_alignment",
    "path_norm_ratio",
    "relative_distance",
    "row_angles",
    "sign_concordance",
    "weight_alignment",
    "weight_cosine",
    "weight_distance",
    "weight_norm_ratio",
]


@layerwise
def cosine(a: ArrayLike, b: ArrayLike) -> float:
    """Cosine between two arrays of one shape, flattened: ``<a, b> / (|a| |b|)``.

    Raises
    ------
    ValueError
        If the shapes differ or an entry is not finite.

    Examples
    --------
    >>> cosine([1.0, 0.0], [1.0, 1.0])
    0.7071067811865475
    """
    a, b = as_pair(("a", "b"), a, b)
    u, v = _direction(a), _direction(b)
    if u is None or v is None:
        return undefined("cosine with a zero vector")
    return float(np.clip(np.vdot(u, v), -1.0, 1.0))


@layerwise
def angle(a: ArrayLike, b: ArrayLike) -> float:
    """Signed alignment angle between two arrays of one shape, in degrees from 0 to 180.

    Computed as ``2 atan2(|u - v|, |u + v|)`` of the unit vectors, which keeps all digits near 0 and 180 where the
    arc cosine loses half of them. Compare like with like: a gradient with an update gives 180 minus the angle.

    Raises
    ------
    ValueError
        If the shapes differ or an entry is not finite.

    Examples
    --------
    >>> angle([1.0, 0.0], [0.0, 2.0]), angle([1.0, 0.0], [-3.0, 0.0])
    (90.0, 180.0)
    """
    a, b = as_pair(("a", "b"), a, b)
    u, v = _direction(a), _direction(b)
    if u is None or v is None:
        return undefined("angle with a zero vector")
    return float(np.degrees(2.0 * np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v))))


@layerwise
def angle_to_either_sign(a: ArrayLike, b: ArrayLike) -> float:
    """Angle between two lines, ``arccos(|<a, b>| / (|a| |b|))``: never above 90 degrees.

    This is the formula as printed in the ModProp article (arXiv 2206.01338). Because it cannot exceed 90 degrees, a
    value below 90 is no evidence of alignment; use `angle` for that.

    Examples
    --------
    >>> angle_to_either_sign([1.0, 0.0], [-3.0, 0.0])
    0.0
    """
    signed = angle(a, b)
    return min(signed, 180.0 - signed) if signed == signed else signed


@layerwise
def row_angles(a: ArrayLike, b: ArrayLike) -> Float[np.ndarray, " rows"]:
    """Angle of every row of two matrices, in degrees.

    Rows are post-synaptic units of [out, in] weights, or samples of [samples, units] activities.

    Examples
    --------
    >>> row_angles([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]])
    array([ 0., 90.])
    """
    a, b = as_pair(("a", "b"), as_finite("a", a, ndim=2), as_finite("b", b, ndim=2))
    return np.array([angle(row_a, row_b) for row_a, row_b in zip(a, b, strict=True)])


@layerwise
def mean_row_angle(a: ArrayLike, b: ArrayLike) -> float:
    """Mean over rows of `row_angles`, in degrees: per post-synaptic unit or per sample.

    Examples
    --------
    >>> mean_row_angle([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]])
    45.0
    """
    angles = row_angles(a, b)
    return float(angles.mean()) if angles.size else undefined("mean angle of no rows")


@layerwise
def weight_alignment(forward: ArrayLike, backward: ArrayLike, flip: bool = False) -> float:
    """Angle between vec(W^T) and vec(B) in degrees.

    Parameters
    ----------
    forward : array_like [out, in, *kernel]
        Forward weight W.
    backward : array_like [in, out, *kernel]
        Backward weight B. A square matrix in the wrong layout cannot be noticed: it gives about 90 degrees.
    flip : bool
        See `forward_layout`.

    Examples
    --------
    >>> weight_alignment([[1.0, 2.0]], [[1.0], [2.0]])
    0.0
    """
    forward, backward = as_pair(("forward", "backward"), forward, forward_layout(backward, flip))
    return angle(forward, backward)


@layerwise
def weight_cosine(forward: ArrayLike, backward: ArrayLike, flip: bool = False) -> float:
    """Cosine between vec(W^T) and vec(B); arguments as in `weight_alignment`.

    Examples
    --------
    >>> weight_cosine([[1.0, 0.0]], [[0.0], [2.0]])
    0.0
    """
    forward, backward = as_pair(("forward", "backward"), forward, forward_layout(backward, flip))
    return cosine(forward, backward)


@layerwise
def path_alignment(forward: ArrayLike, second: ArrayLike, first: ArrayLike) -> float:
    """Angle in degrees between W^T and the backward path R B; shapes as in `backward_path`.

    Examples
    --------
    >>> path_alignment([[11.0]], [[1.0, 2.0]], [[3.0], [4.0]])
    0.0
    """
    return weight_alignment(forward, backward_path(second, first))


@layerwise
def norm_ratio(numerator: ArrayLike, denominator: ArrayLike, norm: str = "frobenius") -> float:
    """Ratio of two norms, ``|numerator| / |denominator|``.

    Parameters
    ----------
    numerator, denominator : array_like
        Any shapes for the Frobenius norm, matrices for the spectral norm (largest singular value).
    norm : {"frobenius", "spectral"}

    Examples
    --------
    >>> norm_ratio([[3.0, 4.0]], [[1.0, 0.0]])
    5.0
    """
    top, bottom = (_norm(name, a, norm) for name, a in (("numerator", numerator), ("denominator", denominator)))
    return top / bottom if bottom > 0 else undefined("norm ratio to a zero matrix")


@layerwise
def weight_norm_ratio(forward: ArrayLike, backward: ArrayLike, norm: str = "frobenius") -> float:
    """``|B| / |W|`` of a backward and a forward weight (arguments as in `weight_alignment`).

    Examples
    --------
    >>> weight_norm_ratio([[1.0, 0.0]], [[0.0], [2.0]])
    2.0
    """
    forward, backward = as_pair(("forward", "backward"), forward, forward_layout(backward))
    return norm_ratio(backward, forward, norm)


@layerwise
def path_norm_ratio(forward: ArrayLike, second: ArrayLike, first: ArrayLike, norm: str = "frobenius") -> float:
    """``|R B| / |W|`` of a backward path and a forward weight (arguments as in `path_alignment`).

    Examples
    --------
    >>> path_norm_ratio([[1.0]], [[1.0, 2.0]], [[3.0], [4.0]])
    11.0
    """
    return norm_ratio(backward_path(second, first), forward, norm)


@layerwise
def weight_distance(forward: ArrayLike, backward: ArrayLike) -> float:
    """``|W - B^T|`` in the Frobenius norm (arguments as in `weight_alignment`).

    Examples
    --------
    >>> weight_distance([[1.0, 2.0]], [[1.0], [5.0]])
    3.0
    """
    forward, backward = as_pair(("forward", "backward"), forward, forward_layout(backward))
    return float(np.linalg.norm(forward - backward))


@layerwise
def relative_distance(forward: ArrayLike, backward: ArrayLike) -> float:
    """``|W - B^T| / |W|`` in the Frobenius norm (arguments as in `weight_alignment`).

    Examples
    --------
    >>> relative_distance([[1.0, 2.0]], [[1.0], [2.0]])
    0.0
    """
    distance, size = weight_distance(forward, backward), _norm("forward", forward, "frobenius")
    return distance / size if size > 0 else undefined("distance relative to a zero matrix")


@layerwise
def sign_concordance(forward: ArrayLike, backward: ArrayLike) -> float:
    """Fraction of entries where W^T and B have one sign; a zero agrees with a zero only.

    Examples
    --------
    >>> sign_concordance([[1.0, -2.0]], [[3.0], [4.0]])
    0.5
    """
    forward, backward = as_pair(("forward", "backward"), forward, forward_layout(backward))
    if not forward.size:
        return undefined("sign concordance of an empty matrix")
    return float(np.mean(np.sign(forward) == np.sign(backward)))


def _direction(a: np.ndarray) -> np.ndarray | None:
    largest = np.abs(a).max(initial=0.0)
    if largest == 0.0:
        return None
    scaled = a.ravel() / largest  # norms of very small or very large entries neither under- nor overflow
    return scaled / np.linalg.norm(scaled)


def _norm(name: str, value: ArrayLike, norm: str) -> float:
    if norm == "frobenius":
        return float(np.linalg.norm(as_finite(name, value)))
    if norm == "spectral":
        return float(np.linalg.norm(as_finite(name, value, ndim=2), ord=2))
    raise ValueError(f"norm: wanted 'frobenius' or 'spectral', got {norm!r}")
