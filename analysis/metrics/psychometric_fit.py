"""Maximum-likelihood fit of a psychometric curve to counts of choices."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, Values, as_finite, as_pair
from biocredit.analysis.metrics.psychometric_likelihood import EXPANSIONS, Likelihood, log_likelihood
from biocredit.analysis.metrics.psychometrics import psychometric_curve, slope_at_threshold, stimulus_at
from scipy.stats import chi2

__all__ = ["PsychometricFit", "fit_psychometric"]

NO_LOSS = 1e-6
"""Difference of log likelihoods that counts as none."""


@dataclass(frozen=True)
class PsychometricFit:
    """Parameters of `psychometric_curve` at the largest likelihood, and what follows from them."""

    kind: str
    lapses: str
    mu: float
    sigma: float
    guess: float
    lapse: float
    log_likelihood: float
    """Without the binomial coefficients."""
    flags: tuple[str, ...]
    """Any of "step-like" (sigma at its lower bound), "flat" (slope not identifiable: no better than a constant at the
    5 percent level of the likelihood ratio), "threshold outside the stimulus range"."""

    @property
    def slope(self) -> float:
        """Slope at the threshold, per unit of the stimulus."""
        return slope_at_threshold(self.sigma, self.guess, self.lapse, self.kind)

    @property
    def x_at_half(self) -> float:
        """Stimulus at which both choices are equally likely."""
        return stimulus_at(0.5, self.mu, self.sigma, self.guess, self.lapse, self.kind)

    def __call__(self, stimulus: ArrayLike) -> Values:
        """Fitted probability to choose "right"."""
        return psychometric_curve(stimulus, self.mu, self.sigma, self.guess, self.lapse, self.kind)


def fit_psychometric(
    stimulus: ArrayLike, trials: ArrayLike, choices: ArrayLike, kind: str = "gauss", lapses: str = "free"
) -> PsychometricFit:
    """Fit by maximum binomial likelihood, climbed from every promising point of a grid of thresholds and widths.

    Parameters
    ----------
    stimulus : array_like [levels]
        At least two different values.
    trials, choices : array_like [levels]
        Number of trials and of "right" choices at each level.
    kind : {"gauss", "logistic"}
    lapses : {"none", "shared", "free"}
        No guesses and lapses, one common rate, or two rates.

    Returns
    -------
    PsychometricFit
        sigma is at least a thousandth of the smallest distance of two levels.

    Examples
    --------
    >>> fit = fit_psychometric([1.0, 2.0, 3.0], [100, 100, 100], [16, 50, 84], lapses="none")
    >>> round(fit.mu, 6), round(fit.sigma, 2)
    (2.0, 1.01)
    """
    stimulus, trials, choices = _checked_counts(stimulus, trials, choices)
    if lapses not in EXPANSIONS:
        raise ValueError(f"lapses: wanted one of {sorted(EXPANSIONS)}, got {lapses!r}")
    levels = np.unique(stimulus)
    centre, scale, lowest = levels.mean(), np.ptp(levels) / 2, 1e-3 * np.diff(levels).min()
    problem = Likelihood((stimulus - centre) / scale, trials, choices, kind, EXPANSIONS[lapses])
    mu, sigma, guess, lapse = problem.unpack(problem.solve(lowest / scale))

    def likelihood(mu: float, sigma: float) -> float:
        return log_likelihood(psychometric_curve(stimulus, mu, sigma, guess, lapse, kind), trials, choices)

    mu, sigma = _sharpest(likelihood, levels, lowest, centre + scale * mu, max(scale * sigma, lowest))
    found = likelihood(mu, sigma)
    constant = log_likelihood(np.full(stimulus.shape, choices.sum() / trials.sum()), trials, choices)
    checks = {
        "flat": 2 * (found - constant) < chi2.ppf(0.95, df=1),
        "step-like": sigma == lowest,
        "threshold outside the stimulus range": not levels[0] <= mu <= levels[-1],
    }
    flags = tuple(flag for flag, raised in checks.items() if raised)
    return PsychometricFit(kind, lapses, float(mu), float(sigma), float(guess), float(lapse), found, flags)


def _sharpest(
    likelihood: Callable[[float, float], float], levels: np.ndarray, lowest: float, mu: float, sigma: float
) -> tuple[float, float]:
    """Threshold and width, at the lower bound of the width if that costs no likelihood (step-like data).

    A step between two levels is put in the middle; one that goes through a level stays there.
    """
    upper = int(np.searchsorted(levels, mu))
    middle = [levels[upper - 1 : upper + 1].mean()] if 0 < upper < levels.size else []
    for step in (*middle, mu):
        if likelihood(step, lowest) >= likelihood(mu, sigma) - NO_LOSS:
            return step, lowest
    return mu, sigma


def _checked_counts(*counts: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    stimulus, trials, choices = counts
    stimulus, trials = as_pair(("stimulus", "trials"), as_finite("stimulus", stimulus, ndim=1), trials)
    _, choices = as_pair(("stimulus", "choices"), stimulus, choices)
    if np.unique(stimulus).size < 2:
        raise ValueError(f"stimulus: wanted at least two different levels, got {stimulus}")
    if (trials < 0).any() or not trials.any():
        raise ValueError(f"trials: wanted counts that are not all zero, got {trials}")
    if (choices < 0).any() or (choices > trials).any():
        raise ValueError(f"choices: wanted 0 to the number of trials at every level, got {choices} of {trials}")
    return stimulus, trials, choices
