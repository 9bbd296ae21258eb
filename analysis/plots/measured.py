"""Figures of what was measured while a circuit learned: alignment, norm ratios, local losses, ranks."""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any

from biocredit.analysis.plots.curves import PREFIX, mark_references
from biocredit.analysis.plots.style import band, canvas, colours, styled
from biocredit.analysis.reports.comparison import label_of, opened, words
from biocredit.analysis.trace.reader import Trace, TraceError
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

#: What is measured in degrees.
ANGLES = ("angle", "angle_to_gradient", "limit.angle")
#: Families that have figures of their own.
ELSEWHERE = (PREFIX, "psychometric.", "accuracy.", "loss.", "test_", "normalised_error.", "average.")
COLUMNS = 4


def families(trace: Trace) -> dict[str, list[str]]:
    """Return measured series that belong together, ``"angle"`` for ``"angle.layer1"`` and so on.

    Only series over seeds and one more axis with at least two places count.
    """
    found: dict[str, list[str]] = {}
    for name in trace.learning:
        family, dot, _ = name.rpartition(".")
        if not dot or name.startswith(ELSEWHERE):
            continue
        shape = trace.learning[name].shape
        if len(shape) == 2 and shape[1] > 1:
            found.setdefault(family, []).append(name)
    return found


@styled
def measured(*traces: Trace) -> Figure:
    """Draw everything that was measured while circuits learned: mean over seeds, and range.

    One trace has a panel for each family of series (angles of all layers); several have a panel for each series, with
    a line for each trace. Open circles are the numbers that a trace carries for comparison.

    Parameters
    ----------
    *traces
        Traces or their file names.

    Raises
    ------
    TraceError
        If nothing was measured.
    """
    panels = _panels([opened(trace) for trace in traces])
    if not panels:
        raise TraceError(
            "nothing was measured: give the protocol measures, such as "
            "biocredit.protocols.recording.measures.alignment.alignment()"
        )
    columns = min(COLUMNS, len(panels))
    figure, axes = canvas(ceil(len(panels) / columns), columns, size=(3.6, 2.8), squeeze=False)
    together = len(traces) > 1
    shared = _coloured(line for lines in panels.values() for line in lines) if together else None
    for ax, (title, lines) in zip(axes.flat, panels.items(), strict=False):
        _draw(ax, title, lines, shared or _coloured(lines))
    for ax in axes.flat[len(panels) :]:
        ax.remove()
    return figure


Line = tuple[str, Trace, str]
"""Label, trace, name of the series."""


def _panels(traces: Sequence[Trace]) -> dict[str, list[Line]]:
    if len(traces) == 1:
        (trace,) = traces
        return {
            family: [(name.removeprefix(f"{family}.").replace("_", " "), trace, name) for name in names]
            for family, names in families(trace).items()
        }
    panels: dict[str, list[Line]] = {}
    for trace in traces:
        for names in families(trace).values():
            for name in names:
                panels.setdefault(name, []).append((label_of(trace), trace, name))
    return {name: panels[name] for name in sorted(panels)}


def _coloured(lines: Iterable[Line]) -> dict[str, Any]:
    """One colour for each label."""
    labels = dict.fromkeys(label for label, _, _ in lines)
    return dict(zip(labels, colours(len(labels)), strict=True))


def _draw(ax: Any, title: str, lines: list[Line], colour: dict[str, Any]) -> None:
    for label, trace, name in lines:
        series = trace.learning[name]
        axis = series.dims[1]
        band(ax, series.coords[axis], series.values, color=colour[label], label=label)
        mark_references(ax, trace, name, colour[label])
    if "loss" in title:
        ax.set_yscale("log")
    degrees = title.startswith(ANGLES)
    ax.set(xlabel="epoch" if "epoch" in axis else axis, ylabel="degrees" if degrees else "", title=words(title))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(fontsize=7, ncols=1 + (len(lines) > 5))
