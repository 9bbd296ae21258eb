"""From spike times to firing rates of conditions: alignment to an event, 1-ms bins, Gaussian smoothing, averages.

The scheme of the recordings in Liu, Yang and Cueva 2025 (arXiv 2506.06904): counts in bins of 1 ms around the event of
a trial, smoothed by a Gaussian, averaged in windows around the wanted times, averaged over the trials of a condition.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite
from jaxtyping import Float, Int
from scipy.ndimage import gaussian_filter1d

__all__ = ["Window", "average_of_conditions", "trial_rates"]

TRUNCATE = 4.0
"""The Gaussian is cut at so many standard deviations, and normalised."""


@dataclass(frozen=True)
class Window:
    """Times around an event at which rates are wanted, and how smooth they are to be; all in ms.

    Parameters
    ----------
    start, stop, step
        First and last time relative to the event, and the steps between them; an even number of ms.
    sd
        Standard deviation of the Gaussian: a whole number of quarter ms.

    Raises
    ------
    ValueError
        If the times are no whole steps, or bins of 1 ms do not fit.
    """

    start: float = -800.0
    stop: float = 400.0
    step: float = 10.0
    sd: float = 25.0

    def __post_init__(self):
        if not (self.step >= 2 and self.step % 2 == 0):
            raise ValueError(f"step: wanted an even number of ms, got {self.step}")
        if self.stop <= self.start or (self.stop - self.start) % self.step:
            raise ValueError(f"start, stop: wanted whole steps of {self.step} ms, got {self.start} to {self.stop}")
        if self.sd < 0 or (TRUNCATE * self.sd) % 1:
            raise ValueError(f"sd: wanted 0 or more, 4 sd a whole number of ms, got {self.sd}")

    @property
    def time_ms(self) -> Float[np.ndarray, " time"]:
        """The wanted times."""
        return np.arange(self.start, self.stop + self.step / 2, self.step)

    @property
    def margin(self) -> float:
        """What lies outside the window and still enters through the smoothing, in ms."""
        return TRUNCATE * self.sd + self.step / 2

    def edges(self) -> Float[np.ndarray, " edges"]:
        """Edges of the bins of 1 ms, the margins included."""
        bins = round(self.stop - self.start + 2 * self.margin)
        return self.start - self.margin + np.arange(bins + 1)

    def smoothed(self, counts: Float[np.ndarray, "*lead bins"]) -> Float[np.ndarray, "*lead time"]:
        """Rates in Hz at the wanted times from counts in the bins of 1 ms."""
        rate = 1000.0 * np.asarray(counts, np.float64)
        if self.sd:
            rate = gaussian_filter1d(rate, self.sd, axis=-1, truncate=TRUNCATE, mode="constant")
        first, step = round(TRUNCATE * self.sd), round(self.step)
        kept = rate[..., first : first + step * len(self.time_ms)]
        return kept.reshape(*kept.shape[:-1], -1, step).mean(axis=-1)


def trial_rates(
    spike_times_s: Sequence[ArrayLike], events_s: Float[np.ndarray, " trial"], window: Window
) -> Float[np.ndarray, "trial time unit"]:
    """Rates of each unit in each trial, in Hz.

    Parameters
    ----------
    spike_times_s
        Spike times of each unit, in seconds.
    events_s
        Time of the event in each trial, in seconds.
    window
        Which times around it.

    Examples
    --------
    >>> trial_rates([[1.0, 1.1]], np.array([1.05]), Window(-100, 100, 10, 0)).mean().round(6)
    9.52381
    """
    edges, events_s = window.edges() / 1000.0, as_finite("events_s", events_s, ndim=1)
    counts = np.empty((len(events_s), len(spike_times_s), len(edges) - 1))
    for unit, times in enumerate(spike_times_s):
        times = np.sort(as_finite("spike_times_s", times, ndim=1))
        for trial, event in enumerate(events_s):
            counts[trial, unit] = np.histogram(times, event + edges)[0]
    return window.smoothed(counts).swapaxes(1, 2)


def average_of_conditions(
    trials: Float[np.ndarray, "trial time unit"], labels: ArrayLike
) -> tuple[np.ndarray, Float[np.ndarray, "condition time unit"], Int[np.ndarray, " condition"]]:
    """Average the trials of each condition; return sorted labels, averages, numbers of trials.

    Examples
    --------
    >>> labels, rates, counts = average_of_conditions(np.array([[[1.0]], [[3.0]], [[9.0]]]), [45, 45, 0])
    >>> labels, rates.ravel(), counts
    (array([ 0, 45]), array([9., 2.]), array([1, 2]))
    """
    trials, labels = np.asarray(trials), np.asarray(labels)
    if labels.shape != trials.shape[:1]:
        raise ValueError(f"labels: wanted one for each of {len(trials)} trials, got shape {labels.shape}")
    conditions, of_trial, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return conditions, np.stack([trials[of_trial == k].mean(axis=0) for k in range(len(conditions))]), counts
