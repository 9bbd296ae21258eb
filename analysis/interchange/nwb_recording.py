"""Recordings from NWB files: units or rates, trials, alignment, bins, smoothing, averages over conditions.

pynwb is an extra (``pip install biocredit[nwb]``) and imported when it is used. Times in NWB are seconds, here ms.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.interchange.recording import Recording, RecordingError
from biocredit.analysis.metrics.neural.firing_rates import Window, average_of_conditions, trial_rates
from biocredit.analysis.trace.schema import nearest

__all__ = ["recording_from_nwb"]


def recording_from_nwb(
    path: str | Path,
    event: str,
    condition: str,
    window: Window | None = None,
    *,
    rates: str | None = None,
    where: tuple[str, str] | None = None,
) -> Recording:
    """Average rates over the trials of each condition, aligned to an event.

    Parameters
    ----------
    path
        The NWB file.
    event, condition
        Columns of the trials table: when the event was (seconds; trials without one are left out), and the condition.
    window
        Times around the event, and smoothing.
    rates
        Name of a time series ``[time, unit]`` that holds rates already; by default spikes of the units are counted.
    where
        Column of the units table and the value that it must have, such as ``("quality", "good")``.

    Raises
    ------
    RecordingError
        In one line: no units, no trials, unknown column, events outside the recording, unequal sampling, NaN, one
        condition.
    """
    window = Window() if window is None else window
    pynwb = _pynwb()
    if not Path(path).is_file():
        raise RecordingError(f"no such file: {path}")
    try:
        with pynwb.NWBHDF5IO(str(path), "r") as file:
            return _recording(Path(path), file.read(), event, condition, window, rates, where)
    except RecordingError:
        raise
    except Exception as error:  # foreign parsers fail in many ways
        raise RecordingError(f"{path}: cannot be read as NWB ({' '.join(str(error).split())})") from None


def _pynwb() -> Any:
    try:
        import pynwb
    except ImportError:
        raise RecordingError("NWB files need pynwb: pip install 'biocredit[nwb]'") from None
    return pynwb


def _recording(
    path: Path, nwb: Any, event: str, condition: str, window: Window, rates: str | None, where: tuple[str, str] | None
) -> Recording:
    if nwb.trials is None or not len(nwb.trials):
        raise RecordingError(f"{path.name} holds no trials: a table of trials says when the events were")
    events, labels = (np.asarray(_column(path, nwb.trials, name, "trials")[:]) for name in (event, condition))
    if events.dtype.kind not in "iuf":
        raise RecordingError(f"trials column {event!r}: wanted times in seconds, got {events.dtype}")
    valid = np.isfinite(events)
    if not valid.any():
        raise RecordingError(f"trials column {event!r} holds no time in any of {len(events)} trials")
    events, labels = events[valid], labels[valid]
    if rates is None:
        single = _from_spikes(path, nwb, events, window, where)
    else:
        single = _from_series(path, nwb, rates, events, window)
    conditions, average, counts = average_of_conditions(single, labels)
    return Recording(
        average,
        window.time_ms,
        conditions,
        condition,
        counts,
        title=nwb.session_description,
        source=f"{path.name}, {nwb.identifier}",
        citation=", ".join(nwb.related_publications or ()),
    )


def _column(path: Path, table: Any, name: str, what: str) -> Any:
    if name not in table.colnames:
        columns = ", ".join(table.colnames)
        raise RecordingError(
            f"{path.name}: {what} have no column {name!r}{nearest(name, table.colnames)}; columns: {columns}"
        )
    return table[name]


def _from_spikes(path: Path, nwb: Any, events: np.ndarray, window: Window, where: tuple[str, str] | None) -> np.ndarray:
    units = nwb.units
    if units is None or not len(units) or "spike_times" not in units.colnames:
        series = ", ".join(_series(nwb)) or "none"
        raise RecordingError(f"{path.name} holds no units with spike times; time series that may hold rates: {series}")
    chosen = np.arange(len(units))
    if where is not None:
        values = np.array([str(value) for value in _column(path, units, where[0], "units")[:]])
        chosen = np.flatnonzero(values == where[1])
        if not chosen.size:
            there = ", ".join(sorted(set(values.tolist())))
            raise RecordingError(
                f"no unit has {where[0]} = {where[1]!r}{nearest(where[1], values.tolist())}; there are: {there}"
            )
    times = [np.asarray(units["spike_times"][int(unit)]) for unit in chosen]
    every = np.concatenate(times)
    if not every.size:
        raise RecordingError(f"{path.name}: none of {len(chosen)} units has a spike")
    if not np.isfinite(every).all():
        raise RecordingError(f"{path.name}: spike times hold NaN or infinity")
    _inside(events, every.min(), every.max())
    return trial_rates(times, events, window)


def _inside(events: np.ndarray, first: float, last: float) -> None:
    """Refuse events that lie where nothing was recorded."""
    if outside := int(np.sum((events < first) | (events > last))):
        raise RecordingError(
            f"{outside} of {len(events)} events lie outside the recording, {first:g} to {last:g} s "
            f"(events from {events.min():g} to {events.max():g}): are they in seconds?"
        )


def _series(nwb: Any) -> dict[str, Any]:
    """Time series ``[time, unit]`` by name, of acquisition and of every processing module."""
    modules = [nwb.acquisition, *(module.data_interfaces for module in nwb.processing.values())]
    found: dict[str, Any] = {}
    for module in modules:
        for name, thing in module.items():
            inner = getattr(thing, "spatial_series", None) or getattr(thing, "time_series", None)
            found |= dict(inner) if inner else {name: thing}
    return {
        name: thing for name, thing in found.items() if len(getattr(getattr(thing, "data", None), "shape", ())) == 2
    }


def _from_series(path: Path, nwb: Any, name: str, events: np.ndarray, window: Window) -> np.ndarray:
    table = _series(nwb)
    if name not in table:
        raise RecordingError(
            f"{path.name} holds no series {name!r}{nearest(name, table)}; {', '.join(table) or 'none'}"
        )
    values = np.asarray(table[name].data[:], np.float64)
    if not np.isfinite(values).all():
        raise RecordingError(f"{name}: {int((~np.isfinite(values)).sum())} of {values.size} rates are NaN or infinite")
    first, step = _clock(name, table[name], len(values))
    last = first + step * (len(values) - 1)
    _inside(events + window.start / 1000, first, last)
    _inside(events + window.stop / 1000, first, last)
    return np.stack([_sampled(values, first, step, event, window) for event in events])


def _clock(name: str, series: Any, count: int) -> tuple[float, float]:
    """First time and step of a series, in seconds."""
    if series.timestamps is None:
        return float(series.starting_time), 1.0 / float(series.rate)
    times = np.asarray(series.timestamps[:])
    steps = np.diff(times)
    if count < 2 or not (steps.min() > 0 and np.allclose(steps, steps.mean(), rtol=1e-3, atol=0)):
        low, high = (1000 * f(steps) if steps.size else 0.0 for f in (np.min, np.max))
        raise RecordingError(f"{name}: wanted equal sampling, got steps from {low:g} to {high:g} ms: resample it")
    return float(times[0]), float(steps.mean())


def _sampled(values: np.ndarray, first: float, step: float, event: float, window: Window) -> np.ndarray:
    """Rates at the wanted times: means of the samples of each step, or between two samples of a slower clock."""
    wanted = event + window.time_ms / 1000
    times = first + step * np.arange(len(values))
    each = window.step / 1000 / step
    if round(each) > 1 and abs(each - round(each)) < 1e-6:
        starts = np.ceil((wanted - window.step / 2000 - first) / step - 1e-6).astype(int)
        rows = np.clip(starts[:, None] + np.arange(round(each)), 0, len(values) - 1)
        return values[rows].mean(axis=1)
    return np.stack([np.interp(wanted, times, column) for column in values.T], axis=1)
