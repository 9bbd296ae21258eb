"""Distances on conditions that were not fitted, and between samples of neurons: what a distance can be at best.

Leave-one-condition-out and the normalised distance follow the program released with Liu, Yang and Cueva 2025, arXiv
2506.06904.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike
from biocredit.analysis.metrics.neural.activity import as_activities, average_over_conditions
from biocredit.analysis.metrics.neural.measures import Measure, measure_named
from jaxtyping import Float, Int

__all__ = ["Ceiling", "Draws", "Held", "draw_neurons", "leave_one_condition_out", "noise_ceiling"]


class Held(NamedTuple):
    """Distances with each condition held out in turn."""

    train: Float[np.ndarray, " conditions"]
    """On the conditions of the fit."""
    test: Float[np.ndarray, " conditions"]
    """On the condition that was held out: larger."""


def leave_one_condition_out(x: ArrayLike, y: ArrayLike, measure: str | Measure = "procrustes", **settings: Any) -> Held:
    """Fit components, means and alignment without one condition, score with and on it.

    Raises
    ------
    ValueError
        For fewer than two conditions, and as the measure does.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((3, 5, 2))
    >>> leave_one_condition_out(x, x).test.max() < 1e-12
    True
    """
    x, y = as_activities(x, y)
    if len(x) < 2:
        raise ValueError("x, y: one condition cannot be held out of one; wanted at least two")
    measure = measure_named(measure, **settings)
    train, test = [], []
    for held in range(len(x)):
        rest = np.arange(len(x)) != held
        score = measure.fit(x[rest], y[rest])
        train.append(score(x[rest], y[rest]))
        test.append(score(x[[held]], y[[held]]))
    return Held(np.array(train), np.array(test))


@dataclass(frozen=True)
class Draws:
    """Repeated samples of neurons: two disjoint ones of the recording, one of the model, each ``[draw, neuron]``."""

    first: Int[np.ndarray, "draws n"]
    second: Int[np.ndarray, "draws n"]
    units: Int[np.ndarray, "draws n"]


def draw_neurons(neurons: int, units: int, draws: int = 100, size: int | None = None, seed: int = 0) -> Draws:
    """Draw samples of neurons without replacement, in the released program's order.

    Parameters
    ----------
    neurons, units
        Neurons of the recording, units of the model.
    draws
        Number of repetitions.
    size
        Neurons in a sample, by default half of the recording's.
    seed
        Of ``numpy.random.default_rng``.

    Raises
    ------
    ValueError
        If a sample is larger than half of the recording or than the model.

    Examples
    --------
    >>> draw_neurons(10, 7, draws=3).units.shape
    (3, 5)
    """
    size = neurons // 2 if size is None else size
    if not 1 <= size <= neurons // 2:
        raise ValueError(f"size: wanted 1 to {neurons // 2}, half of {neurons} recorded neurons, got {size}")
    if size > units:
        raise ValueError(f"size: wanted at most the {units} units of the model, got {size}")
    if draws < 1:
        raise ValueError(f"draws: wanted at least 1, got {draws}")
    rng, samples = np.random.default_rng(seed), []
    for _ in range(draws):
        first = rng.permutation(neurons)[:size]
        rest = np.setdiff1d(np.arange(neurons), first)
        samples.append((first, rest[rng.permutation(len(rest))[:size]], rng.permutation(units)[:size]))
    return Draws(*(np.array(part) for part in zip(*samples, strict=True)))


class Ceiling(NamedTuple):
    """Distances to one sample of neurons of the recording, one entry for each draw."""

    data: Float[np.ndarray, " draws"]
    """From another, disjoint sample of its neurons: the best that one can hope for."""
    model: Float[np.ndarray, " draws"]
    """From as many units of the model."""
    average: Float[np.ndarray, " draws"]
    """From the average over conditions of the other sample."""

    @property
    def normalised(self) -> Float[np.ndarray, " draws"]:
        """0: as near as other neurons are; 1: at a right angle; negative: nearer than other neurons are."""
        return (self.model - self.data) / (1 - self.data)

    @property
    def normalised_average(self) -> Float[np.ndarray, " draws"]:
        """The same for the average over conditions."""
        return (self.average - self.data) / (1 - self.data)


def noise_ceiling(
    model: ArrayLike,
    data: ArrayLike,
    draws: Draws | None = None,
    measure: str | Measure = "procrustes",
    **settings: Any,
) -> Ceiling:
    """Compare equal numbers of neurons: recording with recording, with the model, with its own average.

    Parameters
    ----------
    model, data
        Activities ``[condition, time, neuron]``.
    draws
        Which neurons; by default 100 draws of half of the recording.
    measure, settings
        The normalised values have a meaning for distances whose largest value is 1.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((2, 5, 4))
    >>> noise_ceiling(x, x, draw_neurons(4, 4, draws=2)).data.shape
    (2,)
    """
    model, data = as_activities(model, data)
    draws = draw_neurons(data.shape[2], model.shape[2]) if draws is None else draws
    measure, average, found = measure_named(measure, **settings), average_over_conditions(data), []
    for first, second, units in zip(draws.first, draws.second, draws.units, strict=True):
        sample = data[..., first]
        others = data[..., second], model[..., units], average[..., second]
        found.append([measure.distance(sample, other) for other in others])
    return Ceiling(*np.array(found).T)
