"""The figure of a paper, drawn from declared panels: our numbers with their spread, the published ones beside them.

A panel says which kind it is (:data:`KINDS`) and what its axes are; a condition brings its settings and its numbers,
from a trace or from the table of our numbers.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

import numpy as np
from biocredit.analysis.plots import panel_kinds, panel_traces
from biocredit.analysis.plots.panel_data import MARKS, Condition, Look, condition_of
from biocredit.analysis.plots.style import canvas_of, colours, lettered, styled
from biocredit.analysis.reports.comparison import kind_of, opened
from biocredit.analysis.trace.reader import Trace, TraceError
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

#: Every kind of panel.
KINDS = panel_kinds.KINDS | panel_traces.KINDS
#: Panels side by side.
COLUMNS = 3


@styled
def panels(*traces: Trace, panels: Sequence[Mapping[str, Any]] | None = None) -> Figure:
    """Draw the figure of the paper: the panels that the experiment declares, numbers of others as open marks.

    Parameters
    ----------
    *traces
        Traces of one experiment, one a condition.
    panels
        Panels to draw instead of those that the traces name, see ``protocols.experiments.panel.Panel``.

    Raises
    ------
    TraceError
        If no panel can be drawn from what the traces hold.
    """
    found = [opened(trace) for trace in traces]
    wanted = panels if panels is not None else found[0].configuration.get("panels", ())
    return draw_panels([condition_of(trace) for trace in found], wanted)


@styled
def draw_panels(conditions: Sequence[Condition], wanted: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw panels from conditions; one without numbers is left out, curves of one place become bars."""
    for one in wanted:
        if one["kind"] not in KINDS:
            raise TraceError(f"unknown kind of panel {one['kind']!r}: wanted one of {', '.join(KINDS)}")
    parts = [(one, some) for one in wanted if (some := chosen(conditions, one)) and KINDS[one["kind"]].holds(one, some)]
    shown = {one["y"] for one, _ in parts}
    instead = [{**one, "kind": "bars"} for one in wanted if one["kind"] == "curve" and one["y"] not in shown]
    parts += [(one, some) for one in instead if (some := chosen(conditions, one)) and KINDS["bars"].holds(one, some)]
    if not parts:
        raise TraceError("nothing to draw: no panel of this experiment finds its numbers")
    look = Look(dict(zip(labels := [one.label for one in conditions], colours(len(labels)), strict=True)))
    kinds = [KINDS[one["kind"]] for one, _ in parts]
    heights = [kind.height(len(some)) for kind, (_, some) in zip(kinds, parts, strict=True)]
    figure, axes = canvas_of([kind.projection for kind in kinds], heights, min(COLUMNS, len(parts)))
    for ax, kind, (one, some) in zip(axes, kinds, parts, strict=True):
        kind.draw(ax, one, some, look)
        if title := one.get("title") or ax.get_title("left") or look.title(one["y"]):
            ax.set_title(title)
    lettered(axes)
    _legend_of_marks(figure, [other for _, some in parts for one in some for other in one.known])
    return figure


def chosen(conditions: Sequence[Condition], panel: Mapping[str, Any]) -> list[Condition]:
    """Return the conditions of a panel; with ``best`` the best one for each value of that setting."""
    some = [one for one in conditions if fnmatch(one.name or one.label, panel.get("only") or "*")]
    if not (setting := panel.get("best")):
        return some
    groups: dict[Any, list[Condition]] = {}
    for one in some:
        if (value := one.value(panel["y"])) is not None and np.isfinite(value[0]):
            groups.setdefault(one.settings.get(setting), []).append(one)
    sign = -1 if "accuracy" in panel["y"] else 1
    return [min(members, key=lambda one: sign * one.value(panel["y"])[0]) for members in groups.values()]


def _legend_of_marks(figure: Figure, known: Sequence[Mapping[str, Any]]) -> None:
    there = {kind_of(one["source"]) for one in known}
    look = {"mfc": "white", "mec": "#444444", "ms": 5, "ls": ""}
    marks = [Line2D([], [], marker=sign, label=kind, **look) for kind, sign in MARKS.items() if kind in there]
    if marks:
        figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), fontsize=8)
