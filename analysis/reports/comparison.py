"""Ours beside the paper's: what a trace says about itself, and the numbers that it carries for comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.trace.reader import Trace, open_trace
from jaxtyping import Float

#: Series that stand for a run, the first one there is.
HEADLINES = ("test_accuracy", "test_loss", "loss")


#: Who a number of others is from, by words in its source; the paper where none is in it.
SOURCES = {
    "this program": ("this program",),
    "authors' program": ("authors' program", "authors' layers"),
    "independent implementation": ("independent", "BioTorch"),
}


def kind_of(source: str) -> str:
    """Say who a number is from: the paper, the authors' program, an independent implementation, this program.

    Examples
    --------
    >>> kind_of("authors' program run again, one run")
    "authors' program"
    """
    return next((kind for kind, some in SOURCES.items() if any(one in source for one in some)), "paper")


@dataclass(frozen=True)
class Row:
    """One number of a paper and ours.

    Attributes
    ----------
    quantity
        Series and place in words.
    ours
        One value for each seed; empty where the run has not come that far.
    paper, paper_sd
        The number to compare with, and its spread.
    source
        Where it comes from.
    percent
        Whether all are fractions to be shown as percentages.
    """

    quantity: str
    ours: Float[np.ndarray, " seeds"]
    paper: float
    paper_sd: float | None
    source: str
    percent: bool

    @property
    def deviation(self) -> float | None:
        """Mean of ours minus the paper's."""
        return float(self.ours.mean() - self.paper) if self.ours.size else None


def opened(thing: Trace | str | Path) -> Trace:
    """Return a trace that may be given by its file name."""
    return thing if isinstance(thing, Trace) else open_trace(thing)


def label_of(trace: Trace) -> str:
    """Name a run for a legend: as told apart from others, its condition, circuit, rule and task, or its experiment."""
    named = trace.shown_as or trace.configuration.get("condition") or trace.attributes.get("label")
    return named or trace.experiment


def task_of(trace: Trace) -> str:
    """Name the task of a run; empty where the trace does not say."""
    label = str(trace.attributes.get("label", ""))
    settings = settings_of(trace)
    return str(settings.get("task.name") or label.rpartition("/")[2] or settings.get("task.part") or "")


def distinguish(traces: Sequence[Trace]) -> None:
    """Give runs of several experiments, or of equal names, labels that tell them apart.

    Runs of one experiment are called by their conditions. Others are called circuit/rule/task; where that is the same,
    the settings in which they differ follow.
    """
    names = [trace.configuration.get("condition") or trace.experiment for trace in traces]
    if len({trace.experiment for trace in traces}) > 1:
        names = [str(trace.attributes.get("label") or name) for trace, name in zip(traces, names, strict=True)]
    columns = varying(traces) if len(traces) > 1 else {}
    for number, (trace, name) in enumerate(zip(traces, names, strict=True)):
        same = [k for k, other in enumerate(names) if other == name]
        apart = [key for key, column in columns.items() if any(column[k] != column[number] for k in same)]
        told = ", ".join(f"{key.rpartition('.')[2].replace('_', ' ')} {columns[key][number]}" for key in apart[:3])
        trace.shown_as = f"{name}, {told}" if told else name if len(same) == 1 else f"{name} ({trace.path.stem})"


def headline(trace: Trace) -> list[str]:
    """List the series that stand for the run (several where there are several readouts)."""
    names = list(trace.learning)
    for word in HEADLINES:
        found = [name for name in names if name == word or name.startswith(f"{word}.")]
        if found:
            return found
    return []


def value(trace: Trace, series: str, at: str | float) -> Float[np.ndarray, " seeds"]:
    """Read one number for each seed.

    Parameters
    ----------
    trace
        A trace.
    series
        Name under ``/learning``, with axes (seed, other).
    at
        ``"best"`` (largest accuracy, smallest anything else), ``"last"``, or a coordinate of the other axis.

    Returns
    -------
    array [seeds]
        Empty where the series or the place does not exist.
    """
    if series not in trace.learning:
        return np.empty(0)
    found = trace.learning[series]
    curve = found.values
    if at == "best":
        return curve.max(1) if "accuracy" in series else curve.min(1)
    if at == "last":
        return curve[:, -1]
    places = np.flatnonzero(np.isclose(found.coords[found.dims[1]], float(at)))
    return curve[:, places[0]] if places.size else np.empty(0)


def compare(trace: Trace) -> list[Row]:
    """Put the numbers that a trace carries for comparison beside its own."""
    rows = []
    for one in trace.configuration.get("reference", []):
        series, at = one["series"], one["at"]
        place = at if isinstance(at, str) else f"{_axis(trace, series)} {at:g}"
        ours = value(trace, series, at)
        percent = "accuracy" in series
        rows.append(Row(f"{words(series)}, {place}", ours, one["value"], one["sd"], one["source"], percent))
    return rows


def _axis(trace: Trace, series: str) -> str:
    axis = trace.learning[series].dims[1] if series in trace.learning else "epoch"
    return "epoch" if "epoch" in axis else axis


def words(series: str) -> str:
    """Write the name of a series in words.

    Examples
    --------
    >>> words("test_accuracy.choice_mnist")
    'test accuracy (choice mnist)'
    """
    name, _, part = series.partition(".")
    return name.replace("_", " ") + (f" ({part.replace('_', ' ')})" if part else "")


def number_text(mean: float, sd: float | None, percent: bool = False) -> str:
    """Write a number to the digits that its spread allows: two of the standard deviation, four without one.

    Examples
    --------
    >>> number_text(0.97468, 0.00213, percent=True)
    '97.47 ± 0.21 %'
    >>> number_text(2391040.0, 31000.0)
    '(2.391 ± 0.031)e6'
    >>> number_text(2391040.0, None)
    '2.391e+06'
    """
    scale, unit = (100, " %") if percent else (1, "")
    mean, sd = scale * mean, scale * (sd or 0.0)
    if not (sd and isfinite(sd) and isfinite(mean)):
        return f"{mean:.4g}{unit}"
    size = floor(log10(max(abs(mean), sd)))
    exponent = size if size > 4 or size < -3 else 0
    mean, sd = mean / 10.0**exponent, sd / 10.0**exponent
    digits = max(0, 1 - floor(log10(sd)))
    text = f"{mean:.{digits}f} ± {sd:.{digits}f}"
    return (f"({text})e{exponent}" if exponent else text) + unit


def settings_of(trace: Trace) -> dict[str, Any]:
    """Return the settings of a run by dotted name; empty where it was not started from an experiment."""
    return flattened(trace.configuration.get("settings", {}))


def flattened(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Turn nested settings into dotted names.

    Examples
    --------
    >>> flattened({"run": {"epochs": 3}, "activity": "ongoing"})
    {'run.epochs': 3, 'activity': 'ongoing'}
    """
    found: dict[str, Any] = {}
    for name, inner in settings.items():
        if isinstance(inner, Mapping):
            found |= {f"{name}.{word}": one for word, one in flattened(inner).items()}
        else:
            found[name] = inner
    return found


def varying(traces: Sequence[Trace]) -> dict[str, list[Any]]:
    """Return the settings that all runs have and in which they differ: for each its value in every run."""
    tables = [settings_of(trace) for trace in traces]
    names = [name for name in tables[0] if all(name in table for table in tables)]
    columns = {name: [table[name] for table in tables] for name in names}
    return {name: column for name, column in columns.items() if any(one != column[0] for one in column)}
