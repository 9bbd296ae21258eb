"""How near the networks of a trace are to a recording, between what is trivial and what is possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from biocredit.analysis.interchange.recording import Recording, RecordingError
from biocredit.analysis.metrics.neural.activity import average_over_conditions
from biocredit.analysis.metrics.neural.cross_validation import (
    Ceiling,
    draw_neurons,
    leave_one_condition_out,
    noise_ceiling,
)
from biocredit.analysis.metrics.neural.firing_rates import average_of_conditions
from biocredit.analysis.metrics.neural.measures import Measure, measure_named
from biocredit.analysis.metrics.performance import masked_normalised_error
from biocredit.analysis.trace.labelled import LabelledArray
from biocredit.analysis.trace.reader import Trace
from biocredit.analysis.trace.schema import nearest
from jaxtyping import Float, Int
from scipy import stats

__all__ = ["Curve", "Interval", "Similarity", "curve", "model_activity", "similarity"]


class Interval(NamedTuple):
    """Mean over seeds with its confidence interval; one seed has none."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Float[np.ndarray, " seed"], level: float = 0.95) -> Interval:
        """Interval of independent values by Student's t.

        Examples
        --------
        >>> Interval.of(np.array([1.0, 3.0])).mean
        2.0
        """
        values = np.asarray(values, float)
        mean, count = float(values.mean()), len(values)
        if count < 2:
            return cls(mean, np.nan, np.nan)
        half = stats.t.ppf(0.5 + level / 2, count - 1) * values.std(ddof=1) / np.sqrt(count)
        return cls(mean, mean - float(half), mean + float(half))

    @classmethod
    def bootstrap(cls, values: Float[np.ndarray, " seed"], level: float = 0.95, draws: int = 10_000) -> Interval:
        """Interval between quantiles of the means of resampled values; it assumes no distribution.

        Examples
        --------
        >>> Interval.bootstrap(np.array([1.0, 3.0]))
        Interval(mean=2.0, low=1.0, high=3.0)
        """
        values = np.asarray(values, float)
        if len(values) < 2:
            return cls(float(values.mean()), np.nan, np.nan)
        means = np.random.default_rng(0).choice(values, (draws, len(values))).mean(axis=1)
        low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
        return cls(float(values.mean()), float(low), float(high))

    def __str__(self) -> str:
        return f"{self.mean:.3f}" if np.isnan(self.low) else f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Similarity:
    """Distances of networks from a recording; the leading axis is the seed.

    Parameters
    ----------
    measure, zero_ms, update
        The measure with its settings, the time of the model that is the recording's 0, the updates before the snapshot.
    distance
        Of all neurons on all conditions.
    train, test
        With each condition held out in turn, ``[seed, condition]``.
    untrained
        Distance of the first snapshot (NaN where there is one only).
    average, average_test
        Of the recording's average over conditions from the recording itself, and held out.
    ceiling
        Distances between equal numbers of neurons, one for each seed; empty where it was not asked for.
    """

    measure: Measure
    zero_ms: float
    update: int
    distance: Float[np.ndarray, " seed"]
    train: Float[np.ndarray, "seed condition"]
    test: Float[np.ndarray, "seed condition"]
    untrained: Float[np.ndarray, " seed"]
    average: float
    average_test: Float[np.ndarray, " condition"]
    ceiling: tuple[Ceiling, ...]

    def __str__(self) -> str:
        lines = [
            f"{self.measure} ({self.measure.units}), model time {self.zero_ms:g} ms is 0, update {self.update}",
            f"  distance              {Interval.of(self.distance)}",
            f"  held-out conditions   {Interval.of(self.test.mean(axis=1))}",
            f"  untrained             {Interval.of(self.untrained)}",
            f"  average of conditions {self.average:.3f}, held out {self.average_test.mean():.3f}",
        ]
        if self.ceiling:
            data, model, average = (np.mean([part[k] for part in self.ceiling]) for k in range(3))
            lines.append(f"  half the neurons      data {data:.3f}, model {model:.3f}, average {average:.3f}")
        return "\n".join(lines)


def similarity(
    trace: Trace,
    recording: Recording,
    measure: str | Measure = "procrustes",
    *,
    of: str = "cells/rate",
    condition: str = "condition",
    zero_ms: float = 0.0,
    snapshot: int = -1,
    draws: int = 100,
    **settings: Any,
) -> Similarity:
    """Compare the networks of a trace with a recording.

    Parameters
    ----------
    trace
        A trace with activity of a population, at the recording's time steps.
    recording
        See :func:`~biocredit.analysis.interchange.recording.open_recording`.
    measure, settings
        Name and settings of a measure: ``"procrustes"``, ``alpha=0.5``, see
        :data:`~biocredit.analysis.metrics.neural.measures.MEASURES`.
    of
        Which activity, ``"population/variable"``.
    condition
        Column of the trial table that tells the conditions apart; sorted, they are the recording's in its order.
    zero_ms
        Time in the model's trial that corresponds to the recording's 0. Much hangs on it: report it.
    snapshot
        Number of the snapshot; the first one counts as untrained.
    draws
        Samples of half of the neurons for the noise ceiling; 0 leaves it out.

    Raises
    ------
    RecordingError
        If times, conditions or neurons of the trace do not fit the recording.
    """
    measure = measure_named(measure, **settings)
    course = _course(trace, of, snapshot)
    models = model_activity(course, _labels(trace, of, condition), recording, zero_ms)
    first = _course(trace, of, 0)
    untrained = model_activity(first, _labels(trace, of, condition), recording, zero_ms)
    trained = int(course.coords["update"]) != int(first.coords["update"])
    data, average = recording.rate, average_over_conditions(recording.rate)
    held = [leave_one_condition_out(model, data, measure) for model in models]
    return Similarity(
        measure,
        zero_ms,
        int(course.coords["update"]),
        distance=np.array([measure.distance(model, data) for model in models]),
        train=np.array([one.train for one in held]),
        test=np.array([one.test for one in held]),
        untrained=np.array([measure.distance(model, data) if trained else np.nan for model in untrained]),
        average=measure.distance(average, data),
        average_test=leave_one_condition_out(average, data, measure).test,
        ceiling=tuple(_ceiling(model, data, draws, measure) for model in models) if draws else (),
    )


class Curve(NamedTuple):
    """How near networks are to a recording while they learn."""

    update: Int[np.ndarray, " snapshot"]
    error: Float[np.ndarray, "seed snapshot"]
    """Normalised error of the readout."""
    distance: Float[np.ndarray, "seed snapshot"]

    def at_error(self, level: float) -> Float[np.ndarray, " seed"]:
        """Distance where the error first falls to a level, between two snapshots; NaN where it never does."""
        return np.array([_crossing(*one, level) for one in zip(self.error, self.distance, strict=True)])


def curve(
    trace: Trace,
    recording: Recording,
    target: Float[np.ndarray, "trial time output"],
    mask: Float[np.ndarray, "trial time output"],
    measure: str | Measure = "procrustes",
    *,
    of: str = "cells/rate",
    output: str = "output/output",
    condition: str = "condition",
    zero_ms: float = 0.0,
    **settings: Any,
) -> Curve:
    """Measure distance and normalised error of every snapshot of a trace, in the same trials.

    Parameters
    ----------
    trace, recording, measure, of, condition, zero_ms, settings
        See :func:`similarity`.
    target, mask
        What the readout should have been in the recorded trials, and where it counts.
    output
        Activity that holds the readout.
    """
    measure, labels = measure_named(measure, **settings), _labels(trace, of, condition)
    updates = trace.read(f"activity/{of}", neuron=0, time=0).coords["update"]
    errors, distances = [], []
    for snapshot in range(len(updates)):
        models = model_activity(_course(trace, of, snapshot), labels, recording, zero_ms)
        distances.append([measure.distance(model, recording.rate) for model in models])
        outputs = trace.read(f"activity/{output}", snapshot=snapshot).values
        errors.append([masked_normalised_error(target, values, mask) for values in outputs])
    return Curve(np.asarray(updates), np.array(errors).T, np.array(distances).T)


def _crossing(error: np.ndarray, distance: np.ndarray, level: float) -> float:
    below = np.flatnonzero(error <= level)
    if not below.size or below[0] == 0:
        return float(distance[0]) if below.size else np.nan
    after = below[0]
    return float(np.interp(level, error[[after, after - 1]], distance[[after, after - 1]]))


def model_activity(
    course: LabelledArray, labels: np.ndarray, recording: Recording, zero_ms: float = 0.0
) -> Float[np.ndarray, "seed condition time neuron"]:
    """Cut the recording's times out of a model's trials, and average the trials of each condition.

    Parameters
    ----------
    course
        ``(seed, trial, time, neuron)``.
    labels
        Condition of each trial.
    recording, zero_ms
        See :func:`similarity`.

    Raises
    ------
    RecordingError
        If the model was not recorded at the wanted times, or has other conditions.
    """
    wanted, there = recording.time_ms + zero_ms, course.coords["time"]
    at = np.clip(np.searchsorted(there, wanted - 1e-6), 0, len(there) - 1)
    if not np.allclose(there[at], wanted, rtol=0, atol=1e-3):
        have = f"{there[0]:g} to {there[-1]:g} ms in steps of {np.diff(there[:2]).sum():g}"
        want = f"{wanted[0]:g} to {wanted[-1]:g} ms in steps of {recording.step_ms:g}"
        raise RecordingError(f"{course.name}: wanted the times {want} (zero_ms={zero_ms:g}), got {have}")
    if (count := len(np.unique(labels))) != len(recording.labels):
        raise RecordingError(f"the trials have {count} conditions, the recording {len(recording.labels)}")
    return np.array([average_of_conditions(values, labels)[1] for values in course.values[:, :, at]])


def _course(trace: Trace, of: str, snapshot: int) -> LabelledArray:
    return trace.read(f"activity/{of}", snapshot=snapshot)


def _labels(trace: Trace, of: str, condition: str) -> np.ndarray:
    group = trace.activity[of.rpartition("/")[0]]
    columns = [name for name, array in group.items() if array.dims == ("trial",)]
    if condition not in columns:
        there = ", ".join(columns) or "none"
        raise RecordingError(f"no trial column {condition!r}{nearest(condition, columns)}; there are: {there}")
    return group[condition].values


def _ceiling(model: np.ndarray, data: np.ndarray, draws: int, measure: Measure) -> Ceiling:
    size = min(data.shape[2] // 2, model.shape[2])
    return noise_ceiling(model, data, draw_neurons(data.shape[2], model.shape[2], draws, size), measure)
