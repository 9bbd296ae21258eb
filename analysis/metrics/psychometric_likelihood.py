"""Binomial likelihood of a psychometric curve, and the search for its largest value.

For a given threshold and width the curve is a mixture of guesses, lapses and perceived stimuli, and its likelihood is
concave in the two rates. So the rates are found on a whole grid of thresholds and widths by expectation maximisation,
and the likelihood is climbed from the best points of that grid: it has local optima, above all steps between levels.
"""

from dataclasses import dataclass

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite
from biocredit.analysis.metrics.psychometrics import family_named
from scipy.ndimage import minimum_filter
from scipy.optimize import OptimizeResult, minimize

__all__ = ["EXPANSIONS", "Likelihood", "log_likelihood"]

CLIP = 1e-12
"""Probabilities are kept this far from 0 and 1."""
HIGHEST_RATE = 0.5 - 1e-9
WIDTHS, MOST_THRESHOLDS, MIXTURE_STEPS = 12, 101, 30
"""Size of the grid, and steps of expectation maximisation on it."""
CLIMBS = 6
"""Local optima of the grid from which the likelihood is climbed."""
EXPANSIONS: dict[str, np.ndarray] = {
    "none": np.zeros((0, 2)),
    "shared": np.ones((1, 2)),
    "free": np.eye(2),
}
"""From the free rates of a mode to (guess, lapse)."""


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
class Likelihood:
    """Counts of choices and the curve to fit; parameters are (mu, ln sigma, free rates).

    Parameters
    ----------
    x, trials, choices : array [levels]
        Stimulus, scaled to the range -1 to 1, with counts of trials and of "right" choices.
    kind : {"gauss", "logistic"}
    expansion : array [rates, 2]
        One of `EXPANSIONS`.
    """

    x: np.ndarray
    trials: np.ndarray
    choices: np.ndarray
    kind: str
    expansion: np.ndarray

    def unpack(self, parameters: np.ndarray) -> tuple[float, float, float, float]:
        """Split parameters into mu, sigma, guess and lapse."""
        guess, lapse = parameters[2:] @ self.expansion
        return parameters[0], np.exp(parameters[1]), guess, lapse

    def cost(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean negative log likelihood of a trial, with its gradient."""
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
        """Parameters at the largest likelihood, with sigma at least `lowest_sigma`."""
        rates = len(self.expansion)
        bounds = [(-10.0, 10.0), (np.log(lowest_sigma), np.log(1e3))] + [(0.0, HIGHEST_RATE)] * rates
        return min((self._climb(start, bounds) for start in self._starts(lowest_sigma)), key=lambda end: end.fun).x

    def _starts(self, lowest_sigma: float) -> list[np.ndarray]:
        levels = np.unique(self.x)
        between = np.union1d(levels, (levels[1:] + levels[:-1]) / 2)
        share = np.linspace(0.0, 1.0, min(between.size, MOST_THRESHOLDS))
        mu = np.quantile(between, share, method="nearest")[:, None, None]
        sigma = np.geomspace(max(lowest_sigma, 0.1 * np.diff(levels).min()), 2.0, WIDTHS)[:, None]
        cost, guess, lapse = self._mixtures(family_named(self.kind).value((self.x - mu) / sigma))
        lowest_nearby = np.argwhere(cost == minimum_filter(cost, size=3, mode="nearest"))
        best = sorted(map(tuple, lowest_nearby), key=lambda index: cost[index])[:CLIMBS]
        rates = np.stack([guess, lapse], axis=-1)[..., : len(self.expansion)]
        return [np.array([mu[i, 0, 0], np.log(sigma[j, 0]), *rates[i, j]]) for i, j in best]

    def _mixtures(self, rise: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cost and best guess and lapse rates for perceived probabilities [thresholds, widths, levels]."""
        total, missed = self.trials.sum(), self.trials - self.choices
        share = self.expansion.T @ np.linalg.pinv(self.expansion.T)  # averages the two rates if they are shared
        rates = np.full((*rise.shape[:2], 2), 0.05) @ share
        for _ in range(MIXTURE_STEPS):
            p = self._probability(rise, rates)
            parts = [np.sum(self.choices / p, axis=-1), np.sum(missed / (1 - p), axis=-1)]
            rates = np.minimum(rates * np.stack(parts, axis=-1) / total @ share, HIGHEST_RATE)
        p = self._probability(rise, rates)
        cost = -np.sum(self.choices * np.log(p) + missed * np.log1p(-p), axis=-1) / total
        return cost, rates[..., 0], rates[..., 1]

    def _probability(self, rise: np.ndarray, rates: np.ndarray) -> np.ndarray:
        guess, lapse = rates[..., :1], rates[..., 1:]
        return np.clip(guess + (1 - guess - lapse) * rise, CLIP, 1 - CLIP)

    def _climb(self, start: np.ndarray, bounds: list[tuple[float, float]]) -> OptimizeResult:
        options = {"ftol": 1e-15, "gtol": 1e-11, "maxiter": 1000, "maxls": 50}
        return minimize(self.cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
