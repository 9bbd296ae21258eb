"""How similar are the two synapses between a pair of neurons? Correlation and angle of reciprocal weights.

Closed form for a population in which a fraction of the connected pairs is bidirectional: Li Ji-An and Benna, "Deep
learning without weight symmetry", arXiv 2405.20594, appendix B.
"""

import numpy as np
from biocredit.analysis.metrics.arguments import (
    ArrayLike,
    Values,
    as_finite,
    as_pair,
    layerwise,
    undefined,
)
from biocredit.analysis.metrics.layouts import forward_layout
from jaxtyping import Float

__all__ = ["overall_angle", "overall_correlation", "reciprocal_correlation", "simulate_pairs"]


def overall_correlation(fraction_bidirectional: ArrayLike, within_pair_correlation: ArrayLike) -> Values:
    """Correlation over all connected pairs, ``rho sqrt(p)``.

    A fraction p of the pairs has both weights, with correlation rho and equal variances; in the others the second
    weight is 0.

    Parameters
    ----------
    fraction_bidirectional : array_like
        p, from 0 to 1.
    within_pair_correlation : array_like
        rho, from -1 to 1; broadcast against p.

    Examples
    --------
    >>> round(float(overall_correlation(0.31, 0.36)), 5)
    0.20044
    """
    p = as_finite("fraction_bidirectional", fraction_bidirectional)
    rho = as_finite("within_pair_correlation", within_pair_correlation)
    if ((p < 0) | (p > 1)).any():
        raise ValueError(f"fraction_bidirectional: wanted 0 to 1, got {p}")
    if (np.abs(rho) > 1).any():
        raise ValueError(f"within_pair_correlation: wanted -1 to 1, got {rho}")
    return rho * np.sqrt(p)


def overall_angle(fraction_bidirectional: ArrayLike, within_pair_correlation: ArrayLike) -> Values:
    """Angle that belongs to `overall_correlation`, in degrees.

    Examples
    --------
    >>> round(float(overall_angle(0.31, 0.36)), 3)
    78.437
    """
    return np.degrees(np.arccos(overall_correlation(fraction_bidirectional, within_pair_correlation)))


@layerwise
def reciprocal_correlation(forward: ArrayLike, backward: ArrayLike) -> float:
    """Pearson correlation between the weights of the two synapses of every connected pair.

    Pairs where both weights are 0 are not connected and left out.

    Parameters
    ----------
    forward : array_like [out, in]
    backward : array_like [in, out]

    Examples
    --------
    >>> round(reciprocal_correlation([[1.0, 2.0, 3.0]], [[2.0], [4.0], [6.0]]), 12)
    1.0
    """
    forward, backward = as_pair(("forward", "backward"), forward, forward_layout(backward))
    connected = (forward != 0) | (backward != 0)
    w, b = forward[connected], backward[connected]
    if w.size < 2 or np.ptp(w) == 0 or np.ptp(b) == 0:
        return undefined("correlation of weights without variance")
    return float(np.corrcoef(w, b)[0, 1])


def simulate_pairs(
    fraction_bidirectional: float, within_pair_correlation: float, pairs: int, seed: int
) -> tuple[Float[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]:
    """Draw Gaussian weight pairs as assumed by `overall_correlation`.

    Returns
    -------
    first, second : arrays [pairs]
        Unit variance; the second weight is 0 in unidirectional pairs.

    Examples
    --------
    >>> [weights.shape for weights in simulate_pairs(0.31, 0.36, pairs=5, seed=0)]
    [(5,), (5,)]
    """
    overall_correlation(fraction_bidirectional, within_pair_correlation)
    generator = np.random.default_rng(seed)
    first, noise = generator.standard_normal((2, pairs))
    rho = within_pair_correlation
    partner = rho * first + np.sqrt(1 - rho**2) * noise
    return first, np.where(generator.random(pairs) < fraction_bidirectional, partner, 0.0)
