"""Psychometric curves: choices against stimulus strength, and their maximum-likelihood fit.

    P(right | x) = guess + (1 - guess - lapse) F((x - mu) / sigma)

with F the standard normal ("gauss") or the logistic distribution function ("logistic"). Wichmann and Hill, Perception
and Psychophysics 63 (2001) 1293. Fits need counts of choices; the mean output of a linear read-out is not bounded to
0 to 1 and is only plotted (`mean_output`).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, Values, as_finite, as_pair
from jaxtyping import Float, Int
from scipy.special import expit, logit, ndtr, ndtri

__all__ = ["choice_counts", "mean_output", "psychometric_curve", "slope_at_threshold", "stimulus_at"]


class Family(NamedTuple):
    """A distribution function with its inverse and density."""

    value: Callable[[np.ndarray], np.ndarray]
    inverse: Callable[[float], float]
    density: Callable[[np.ndarray], np.ndarray]


FAMILIES: dict[str, Family] = {
    "gauss": Family(ndtr, ndtri, lambda z: np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)),
    "logistic": Family(expit, logit, lambda z: expit(z) * expit(-z)),
}


def family_named(kind: str) -> Family:
    """Look a curve up by name, or raise a `ValueError`.

    Examples
    --------
    >>> family_named("logistic").value(0.0)
    np.float64(0.5)
    """
    if kind not in FAMILIES:
        raise ValueError(f"kind: wanted one of {sorted(FAMILIES)}, got {kind!r}")
    return FAMILIES[kind]


def psychometric_curve(
    stimulus: ArrayLike, mu: float, sigma: float, guess: float = 0.0, lapse: float = 0.0, kind: str = "gauss"
) -> Values:
    """Probability to choose "right".

    Parameters
    ----------
    stimulus : array_like
        Strength, for example an orientation in degrees.
    mu, sigma : float
        Threshold and width, in units of the stimulus; sigma above 0.
    guess, lapse : float
        Distance of the curve from 0 far left and from 1 far right, 0 or more and below 0.5.
    kind : {"gauss", "logistic"}

    Examples
    --------
    >>> psychometric_curve([1.0, 90.0], mu=1.0, sigma=2.0, lapse=0.1)
    array([0.45, 0.9 ])
    """
    family = _checked(sigma, guess, lapse, kind)
    return guess + (1 - guess - lapse) * family.value((as_finite("stimulus", stimulus) - mu) / sigma)


def slope_at_threshold(sigma: float, guess: float = 0.0, lapse: float = 0.0, kind: str = "gauss") -> float:
    """Slope of `psychometric_curve` at ``x = mu``, per unit of the stimulus.

    Examples
    --------
    >>> slope_at_threshold(0.25, kind="logistic")
    1.0
    """
    family = _checked(sigma, guess, lapse, kind)
    return float((1 - guess - lapse) * family.density(np.float64(0.0)) / sigma)


def stimulus_at(
    probability: float, mu: float, sigma: float, guess: float = 0.0, lapse: float = 0.0, kind: str = "gauss"
) -> float:
    """Stimulus at which `psychometric_curve` takes a given value, between guess and 1 - lapse.

    Examples
    --------
    >>> stimulus_at(0.5, mu=3.0, sigma=2.0, guess=0.1, lapse=0.1)
    3.0
    """
    family = _checked(sigma, guess, lapse, kind)
    if not guess < probability < 1 - lapse:
        raise ValueError(f"probability: wanted between {guess} and {1 - lapse}, got {probability}")
    return float(mu + sigma * family.inverse((probability - guess) / (1 - guess - lapse)))


def choice_counts(
    stimulus: ArrayLike, chose_right: ArrayLike
) -> tuple[Float[np.ndarray, " levels"], Int[np.ndarray, " levels"], Int[np.ndarray, " levels"]]:
    """Gather single trials by stimulus level.

    Parameters
    ----------
    stimulus : array_like [trials]
    chose_right : array_like [trials] of bool

    Returns
    -------
    levels, trials, choices : arrays [levels]
        Sorted stimulus levels, number of trials, and number of "right" choices of each.

    Examples
    --------
    >>> choice_counts([1.0, -1.0, 1.0], [True, False, False])
    (array([-1.,  1.]), array([1, 2]), array([0, 1]))
    """
    stimulus, chose_right = as_pair(("stimulus", "chose_right"), as_finite("stimulus", stimulus, 1), chose_right)
    if not np.isin(chose_right, (0, 1)).all():
        raise ValueError("chose_right: wanted true or false (1 or 0) for every trial")
    levels, index, trials = np.unique(stimulus, return_inverse=True, return_counts=True)
    return levels, trials, np.bincount(index, weights=chose_right, minlength=len(levels)).astype(int)


def mean_output(
    stimulus: ArrayLike, output: ArrayLike
) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
    """Mean output of the "right" unit at each stimulus level, as the Adjoint Propagation program plots it.

    Parameters
    ----------
    stimulus, output : array_like [trials]

    Examples
    --------
    >>> mean_output([1.0, -1.0, 1.0], [0.5, 0.0, 1.5])
    (array([-1.,  1.]), array([0., 1.]))
    """
    stimulus, output = as_pair(("stimulus", "output"), as_finite("stimulus", stimulus, 1), output)
    levels, index, trials = np.unique(stimulus, return_inverse=True, return_counts=True)
    return levels, np.bincount(index, weights=output, minlength=len(levels)) / trials


def _checked(sigma: float, guess: float, lapse: float, kind: str) -> Family:
    if not sigma > 0:
        raise ValueError(f"sigma: wanted above 0, got {sigma}")
    for name, rate in (("guess", guess), ("lapse", lapse)):
        if not 0 <= rate < 0.5:
            raise ValueError(f"{name}: wanted 0 or more and below 0.5, got {rate}")
    return family_named(kind)
