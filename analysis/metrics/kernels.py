"""Fine detail in convolution kernels: power spectra of zero-padded kernels.

The counter-current learning article (arXiv 2409.19841, figure 4) shows kernels only as pictures; these measures of
"more low-frequency" are ours. Frequencies are radial, in cycles per pixel. Kernels are [..., kh, kw], normally
[out, in, kh, kw]. A zero kernel has no spectrum: NaN, and it is left out of means.
"""

from typing import NamedTuple

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, Values, as_finite, layerwise, undefined
from jaxtyping import Float
from scipy.stats import mannwhitneyu

__all__ = [
    "KernelComparison",
    "compare_kernels",
    "high_frequency_fraction",
    "mean_high_frequency_fraction",
    "radial_bin_edges",
    "radial_power",
    "spectral_centroid",
]


@layerwise
def high_frequency_fraction(kernels: ArrayLike, threshold: float = 0.25, fft_size: int = 32) -> Values:
    """Share of power at radial frequencies above a threshold, for every kernel.

    Parameters
    ----------
    kernels : array_like [..., kh, kw]
    threshold : float
        Cycles per pixel.
    fft_size : int
        Kernels are zero-padded to this size in both directions.

    Returns
    -------
    array [...]
        The zero frequency is included in the total. White noise gives 0.81 on average at size 32.

    Examples
    --------
    >>> float(high_frequency_fraction([[1.0]])) == np.mean(np.hypot(*np.meshgrid(*[np.fft.fftfreq(32)] * 2)) > 0.25)
    np.True_
    """
    power, frequency = _power(kernels, fft_size)
    return _share(np.sum(power * (frequency > threshold), axis=(-2, -1)), power)


@layerwise
def mean_high_frequency_fraction(kernels: ArrayLike, threshold: float = 0.25, fft_size: int = 32) -> float:
    """Mean of `high_frequency_fraction` over the kernels that are not zero.

    Examples
    --------
    >>> mean_high_frequency_fraction([[[1.0]]]) == high_frequency_fraction([[1.0]])
    np.True_
    """
    fractions = _defined(high_frequency_fraction(kernels, threshold, fft_size))
    return float(fractions.mean()) if fractions.size else undefined("mean over no kernels")


@layerwise
def spectral_centroid(kernels: ArrayLike, fft_size: int = 32) -> Values:
    """Power-weighted mean radial frequency of every kernel, cycles per pixel.

    Examples
    --------
    >>> bool(spectral_centroid(np.ones((5, 5))) < spectral_centroid([[1.0, -1.0]]))
    True
    """
    power, frequency = _power(kernels, fft_size)
    return _share(np.sum(power * frequency, axis=(-2, -1)), power)


def radial_bin_edges(bins: int = 8) -> Float[np.ndarray, " edges"]:
    """Edges of equal bins from 0 to just above the largest radial frequency, sqrt(0.5) cycles per pixel.

    The hair above (1e-12) puts the largest frequency into the last bin, and frequencies that fall on an inner edge
    (the diagonals of the grid do) into the bin below it whatever the rounding.

    Examples
    --------
    >>> radial_bin_edges(2).round(4)
    array([0.    , 0.3536, 0.7071])
    """
    if bins < 1:
        raise ValueError(f"bins: wanted 1 or more, got {bins}")
    return np.linspace(0.0, np.sqrt(0.5) + 1e-12, bins + 1)


@layerwise
def radial_power(kernels: ArrayLike, edges: ArrayLike | None = None, fft_size: int = 32) -> Float[np.ndarray, " bins"]:
    """Mean power over all kernels and all frequencies in each bin ``[e_i, e_(i+1))``.

    Parameters
    ----------
    kernels : array_like [..., kh, kw]
    edges : array_like [bins + 1], optional
        Ascending, cycles per pixel; `radial_bin_edges` if left out.
    fft_size : int
        As in `high_frequency_fraction`.

    Returns
    -------
    array [bins]
        NaN for a bin without a frequency of the grid.

    Examples
    --------
    >>> radial_power([[1.0]], radial_bin_edges(2))
    array([1., 1.])
    """
    power, frequency = _power(kernels, fft_size)
    edges = radial_bin_edges() if edges is None else as_finite("edges", edges, ndim=1)
    if edges.size < 2 or (np.diff(edges) <= 0).any():
        raise ValueError(f"edges: wanted at least two ascending numbers, got {edges}")
    spectrum = power.reshape(-1, *frequency.shape).mean(axis=0)
    count = np.histogram(frequency, _half_open(edges))[0]
    if not count.all():
        undefined(f"radial power in bins without a frequency of the {fft_size} x {fft_size} grid")
    total = np.histogram(frequency, _half_open(edges), weights=spectrum)[0]
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


class KernelComparison(NamedTuple):
    """Two sets of kernels by their high-frequency fractions."""

    first_quartiles: Float[np.ndarray, "3"]
    """Lower quartile, median and upper quartile of the first set."""
    second_quartiles: Float[np.ndarray, "3"]
    """The same of the second set."""
    statistic: float
    """Mann-Whitney U of the first set."""
    p_value: float
    """Two-sided."""


def compare_kernels(
    first: ArrayLike, second: ArrayLike, threshold: float = 0.25, fft_size: int = 32
) -> KernelComparison:
    """Compare the distribution of `high_frequency_fraction` over two sets of kernels (Mann-Whitney test).

    Examples
    --------
    >>> rough = np.random.default_rng(0).standard_normal((20, 1, 3, 3))
    >>> smooth = np.ones((20, 1, 3, 3)) + 0.1 * rough
    >>> compare_kernels(rough, smooth).p_value < 1e-6
    True
    """
    groups = [_defined(high_frequency_fraction(kernels, threshold, fft_size)) for kernels in (first, second)]
    if not all(group.size for group in groups):
        raise ValueError("kernels: wanted at least one kernel that is not zero in both sets")
    test = mannwhitneyu(*groups)
    quartiles = [np.quantile(group, [0.25, 0.5, 0.75]) for group in groups]
    return KernelComparison(*quartiles, float(test.statistic), float(test.pvalue))


def _power(kernels: ArrayLike, fft_size: int) -> tuple[np.ndarray, np.ndarray]:
    kernels = as_finite("kernels", kernels)
    if kernels.ndim < 2 or kernels.size == 0:
        raise ValueError(f"kernels: wanted [..., kh, kw], got shape {kernels.shape}")
    if fft_size < max(kernels.shape[-2:]):
        raise ValueError(f"fft_size: wanted at least the kernel size {kernels.shape[-2:]}, got {fft_size}")
    axis = np.fft.fftfreq(fft_size)
    power = np.abs(np.fft.fft2(kernels, s=(fft_size, fft_size))) ** 2
    return power, np.hypot(axis[:, None], axis[None, :])


def _half_open(edges: np.ndarray) -> np.ndarray:
    """Edges for `numpy.histogram`, which closes the last bin; here it is open like the others."""
    return np.append(edges[:-1], np.nextafter(edges[-1], -np.inf))


def _share(part: Values, power: np.ndarray) -> Values:
    total = power.sum(axis=(-2, -1))
    if not total.all():
        undefined("spectrum of a zero kernel")
    return np.divide(part, total, out=np.full(total.shape, np.nan), where=total > 0)


def _defined(values: np.ndarray) -> np.ndarray:
    return values[np.isfinite(values)]
