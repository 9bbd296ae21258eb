"""Figures of learning: curves over epochs, amplitudes of errors."""

from typing import Any

import numpy as np
from biocredit.analysis.plots.style import QUIET, axes_for, band, colours, styled
from biocredit.analysis.reports.comparison import headline, label_of, opened, words
from biocredit.analysis.trace.reader import Trace, TraceError
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

PREFIX = "amplitude."


@styled
def learning_curve(*traces: Trace, series: str | None = None, ax: Any = None) -> Figure | Any:
    """Draw learning curves: mean over seeds, and the range from the smallest to the largest.

    One trace shows training and test; several show the test score of each. Open circles are the numbers that a trace
    carries for comparison.

    Parameters
    ----------
    *traces
        Traces or their file names.
    series
        Name under ``/learning``; the test accuracy (or what there is) by default.
    ax
        Axes to draw into, which are then returned; a figure of its own by default.
    """
    shown, ax = axes_for(ax)
    draw_learning_curve(ax, *map(opened, traces), series=series)
    return shown


def draw_learning_curve(ax: Any, *traces: Trace, series: str | None = None) -> None:
    """Draw :func:`learning_curve` into axes."""
    lines = _lines(traces, series)
    if not lines:
        raise TraceError("nothing to draw: the trace holds no learning curve")
    scale = 100 if all("accuracy" in name for _, name, _ in lines) else 1
    for (trace, name, label), colour in zip(lines, colours(len(lines), len(lines) > 5), strict=False):
        curve = trace.learning[name]
        band(ax, curve.coords["epoch"], scale * curve.values, color=colour, label=label)
        mark_references(ax, trace, name, colour, scale)
    kind = words(lines[0][1]).replace("test ", "")
    ax.set(xlabel="epoch", ylabel=f"{kind} (%)" if scale == 100 else kind, title="Learning")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if any(line.get_label() == "_published" for line in ax.lines):
        ax.plot([], [], "o", mfc="white", mec=QUIET, ms=5, label="published or stored")
    if len(lines) > 4:
        ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    elif len(ax.get_legend_handles_labels()[0]) > 1:
        ax.legend()


def _lines(traces: tuple[Trace, ...], series: str | None) -> list[tuple[Trace, str, str]]:
    """List what is drawn: trace, series and label."""
    if series:
        return [(trace, series, label_of(trace)) for trace in traces]
    if len(traces) > 1:
        names = [(trace, name) for trace in traces for name in headline(trace)]
        several = len(names) > len(traces)
        return [(t, name, f"{label_of(t)} {words(name)}" if several else label_of(t)) for t, name in names]
    (trace,) = traces
    test = headline(trace)
    train = [name.removeprefix("test_") for name in test]
    both = [name for name in dict.fromkeys((*test, *train)) if name in trace.learning]
    tagged = {name: words(name) if len(both) > 2 else ("test" if name in test else "training") for name in both}
    return [(trace, name, tagged[name]) for name in both]


def mark_references(ax: Any, trace: Trace, series: str, colour: Any, scale: float = 1) -> None:
    """Mark the numbers that a trace carries for comparison, at epochs that the run has reached."""
    curve = trace.learning[series]
    last = curve.coords[curve.dims[1]].max(initial=0)
    known = [one for one in trace.configuration.get("reference", []) if one["series"] == series]
    numbered = [one for one in known if not isinstance(one["at"], str)]
    points = [(one["at"], scale * one["value"]) for one in numbered if one["at"] <= last]
    if points:
        ax.plot(*zip(*points, strict=True), "o", mfc="white", mec=colour, ms=5, label="_published")


@styled
def error_amplitude(trace: Trace, *, ax: Any = None) -> Figure | Any:
    """Draw the mean absolute local error of every population over epochs (recorded by ``amplitude``).

    Parameters
    ----------
    trace
        A trace or its file name.
    ax
        Axes to draw into, which are then returned; a figure of its own by default.
    """
    shown, ax = axes_for(ax)
    draw_error_amplitude(ax, opened(trace))
    return shown


def draw_error_amplitude(ax: Any, trace: Trace) -> None:
    """Draw :func:`error_amplitude` into axes."""
    names = [name for name in trace.learning if name.startswith(PREFIX)]
    if not names:
        raise TraceError("no amplitude was recorded: add protocols.amplitude('V1.error') to the records")
    for name, colour in zip(names, colours(len(names), len(names) > 4), strict=False):
        curve = trace.learning[name]
        where = name.removeprefix(PREFIX).removesuffix(".error")
        band(ax, curve.coords["epoch"], curve.values, color=colour, label=where)
    ax.set(xlabel="epoch", ylabel="mean |local error|", title="Local error", yscale="log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(ncols=1 + (len(names) > 5))


@styled
def amplitude_by_region(*traces: Trace, at: int = -1, ax: Any = None) -> Figure | Any:
    """Draw the amplitude of the local error against the place of the region in the chain, one line a trace.

    Parameters
    ----------
    at
        Position along the epochs: -1 the last one.
    ax
        Axes to draw into, which are then returned; a figure of its own by default.
    """
    shown, ax = axes_for(ax, size=(5.0, 3.2))
    for trace, colour in zip(map(opened, traces), colours(len(traces), len(traces) > 4), strict=False):
        names = [name for name in trace.learning if name.startswith(PREFIX)]
        if not names:
            raise TraceError(f"no amplitude was recorded in {trace.path.name}: add amplitude('V1.error')")
        runs = np.stack([trace.learning[name].values[:, at] for name in names], axis=1)
        band(ax, np.arange(1, len(names) + 1), runs, color=colour, marker="o", ms=3, label=label_of(trace))
    ax.set(xlabel="region, counted from the input", ylabel="mean |local error|", title="Local error by region")
    ax.set(yscale="log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(ncols=1 + (len(traces) > 5), fontsize=7)
    return shown
