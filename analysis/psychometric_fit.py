"""Maximum-likelihood fit of a psychometric curve to counts of choices."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.stats import chi2

from analysis.arguments import as_finite, as_pair
from analysis.psychometrics import Curve, family_named, psychometric_curve, slope_at_threshold, stimulus_at

__all__ = ["Lapses", "PsychometricFit", "fit_psychometric", "log_likelihood"]

Lapses = Literal["none", "shared", "free"]
CLIP = 1e-12
"""Probabilities are kept this far from 0 and 1 in the likelihood."""
HIGHEST_LAPSE = 0.5 - 1e-9
STARTS = 6
"""Most promising points of the grid from which the likelihood is climbed."""
NO_LOSS = 1e-6
"""Difference of log likelihoods that counts as none."""
EXPANSIONS: dict[str, np.ndarray] = {
    "none": np.zeros((0, 2)),
    "shared": np.ones((1, 2)),
    "free": np.eye(2),
}
"""From the free lapse parameters of a mode to (guess, lapse)."""


@dataclass(frozen=True)
class PsychometricFit:
    """Parameters of `psychometric_curve` at the largest likelihood, and what follows from them."""

    kind: Curve
    lapses: Lapses
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

    def __call__(self, stimulus: float | ArrayLike) -> Float[np.ndarray, "..."]:
        """Fitted probability to choose "right"."""
        return psychometric_curve(stimulus, self.mu, self.sigma, self.guess, self.lapse, self.kind)


def fit_psychometric(
    stimulus: ArrayLike, trials: ArrayLike, choices: ArrayLike, kind: Curve = "gauss", lapses: Lapses = "free"
) -> PsychometricFit:
    """Fit by maximum binomial likelihood, from a grid of starts over the stimulus range.

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
    problem = _Problem((stimulus - centre) / scale, trials, choices, kind, EXPANSIONS[lapses])
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


def log_likelihood(probability: ArrayLike, trials: ArrayLike, choices: ArrayLike) -> float:
    """Binomial log likelihood without the coefficients, ``sum k ln P + (n - k) ln(1 - P)``.

    Examples
    --------
    >>> round(log_likelihood([0.5], [2], [1]), 6)
    -1.386294
    """
    p = np.clip(as_finite("probability", probability), CLIP, 1 - CLIP)
    trials, choices = as_finite("trials", trials), as_finite("choices", choices)
    return float(np.sum(choices * np.log(p) + (trials - choices) * np.log1p(-p)))


@dataclass(frozen=True)
class _Problem:
    """Mean negative log likelihood with gradient; parameters (mu, ln sigma, free lapse rates), stimulus in -1 to 1."""

    x: np.ndarray
    trials: np.ndarray
    choices: np.ndarray
    kind: str
    expansion: np.ndarray

    def unpack(self, parameters: np.ndarray) -> tuple[float, float, float, float]:
        guess, lapse = parameters[2:] @ self.expansion
        return parameters[0], np.exp(parameters[1]), guess, lapse

    def cost(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        mu, sigma, guess, lapse = self.unpack(parameters)
        family = family_named(self.kind)
        z = (self.x - mu) / sigma
        rise = family.value(z)
        p = guess + (1 - guess - lapse) * rise
        total = self.trials.sum()
        inside = np.clip(p, CLIP, 1 - CLIP)
        pull = np.where(p == inside, self.choices / inside - (self.trials - self.choices) / (1 - inside), 0.0)
        climb = (1 - guess - lapse) * family.density(z) * pull
        rates = self.expansion @ [np.sum(pull * (1 - rise)), -np.sum(pull * rise)]
        gradient = np.concatenate([[-np.sum(climb) / sigma, -np.sum(climb * z)], rates])
        return -log_likelihood(p, self.trials, self.choices) / total, -gradient / total

    def solve(self, lowest_sigma: float) -> np.ndarray:
        rates = len(self.expansion)
        bounds = [(-10.0, 10.0), (np.log(lowest_sigma), np.log(1e3))] + [(0.0, HIGHEST_LAPSE)] * rates
        widths = np.geomspace(max(2 * lowest_sigma, 0.02), 2.0, 4)
        grid = product(np.linspace(-1.0, 1.0, 5), np.log(widths), (0.02, 0.2) if rates else (0.0,))
        starts = [np.array([mu, width, *[rate] * rates]) for mu, width, rate in grid]
        promising = sorted(starts, key=lambda start: self.cost(start)[0])[:STARTS]
        return min((self._descend(start, bounds) for start in promising), key=lambda fit: fit.fun).x

    def _descend(self, start: np.ndarray, bounds: list[tuple[float, float]]):
        options = {"ftol": 1e-15, "gtol": 1e-11, "maxiter": 1000, "maxls": 50}
        return minimize(self.cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)


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
