"""Distance from a recording at equal error: whose networks are nearest when they do equally well.

Traces hold the error in the compared trials and distances by measure (``"reach_error"``, ``"distance.procrustes"``),
measured while networks learned (arXiv 2506.06904).
"""

from collections.abc import Sequence

import numpy as np
from biocredit.analysis.interchange.similarity import Curve, Interval
from biocredit.analysis.plots.similarity import distance_against_error
from biocredit.analysis.reports.comparison import label_of
from biocredit.analysis.trace.reader import Trace
from matplotlib.figure import Figure

__all__ = ["LEVELS", "answer", "curve_of", "equal_error_figures", "equal_error_tables", "measures_of"]

ERROR, DISTANCE, AVERAGE = "reach_error", "distance.", "average."
#: Run with which others are compared.
EXACT = "BPTT"
#: Normalised errors at which distances are compared.
LEVELS = (0.6, 0.4, 0.2, 0.1, 0.05)


def measures_of(traces: Sequence[Trace]) -> list[str]:
    """List the measures that all traces hold beside the error; those without either hold none."""
    kept = [trace for trace in traces if ERROR in trace.learning]
    names = [name.removeprefix(DISTANCE) for name in kept[0].learning if name.startswith(DISTANCE)] if kept else []
    found = [name for name in names if all(f"{DISTANCE}{name}" in trace.learning for trace in kept)]
    return sorted(found, key=lambda name: (name != "procrustes", name))


def curve_of(trace: Trace, measure: str = "procrustes") -> Curve:
    """Read error and distance while networks learned."""
    error, distance = (trace.learning[name] for name in (ERROR, f"{DISTANCE}{measure}"))
    return Curve(np.asarray(error.coords[error.dims[1]]), error.values, distance.values)


def released(traces: Sequence[Trace], measure: str) -> dict[str, Curve]:
    """Return the curves of others that traces carry, by name."""
    carried = {name: one for trace in traces for name, one in trace.configuration.get("curves", {}).items()}
    series = {name: [np.asarray(one[key]) for key in ("update", ERROR, f"{DISTANCE}{measure}")]
              for name, one in carried.items() if f"{DISTANCE}{measure}" in one}  # fmt: skip
    return {name: Curve(update, error[None], distance[None]) for name, (update, error, distance) in series.items()}


def equal_error_table(traces: Sequence[Trace], measure: str = "procrustes") -> list[list[str]]:
    """Return a row for each run: distance where the error first falls to a level, with its bootstrap interval.

    Intervals are those of the mean over seeds; in brackets how many of them reached the level. The last rows are the
    difference from the run of the exact gradient (or the first one) at the same seeds.
    """
    curves = _ours(traces, measure)
    table = [["run", "networks", "updates", *(f"at error {level:g}" for level in LEVELS)]]
    table += [
        [name, *_size(curve), *(_cell(curve.at_error(level)) for level in LEVELS)] for name, curve in curves.items()
    ]
    others = released(traces, measure)
    table += [
        [name, *_size(curve), *(_cell(curve.at_error(level)) for level in LEVELS)] for name, curve in others.items()
    ]
    first = _first(curves)
    for name in (name for name in curves if name != first):
        cells = [_cell(_difference(curves, first, name, level), signed=True) for level in LEVELS]
        table.append([f"{name} minus {first}", *_size(curves[name]), *cells])
    return table


def equal_error_tables(traces: Sequence[Trace]) -> dict[str, list[list[str]]]:
    """Return the table of every measure by title; none where nothing was compared with a recording."""
    return {f"At equal error: {name}": equal_error_table(traces, name) for name in measures_of(traces)}


def equal_error_figures(traces: Sequence[Trace]) -> dict[str, Figure]:
    """Return the figure of every measure by title."""
    return {f"Distance against error: {name}": equal_error_figure(traces, name) for name in measures_of(traces)}


def answer(traces: Sequence[Trace]) -> list[str]:
    """Say whose networks are nearest at each level that two runs reach, and who differs from the exact gradient.

    By the first measure; the order depends on it, and the tables have all.
    """
    measure = next(iter(measures_of(traces)), "")
    curves, said = _ours(traces, measure) if measure else {}, []
    first = _first(curves)
    for level in LEVELS:
        found = {name: Interval.bootstrap(at) for name, curve in curves.items() if (at := _there(curve, level)).size}
        if len(found) < 2:
            continue
        ranked = sorted(found, key=lambda name: found[name].mean)
        gaps = {name: _difference(curves, first, name, level) for name in found if name != first}
        apart = [name for name, gap in gaps.items() if _apart(gap[~np.isnan(gap)])]
        differ = f"; differ from {first}: {', '.join(apart) or 'none'}" if first in found else ""
        ends = " to ".join(f"{found[name]} ({name})" for name in (ranked[0], ranked[-1]))
        said.append(f"{measure} distance at error {level:g}, {len(found)} of {len(curves)} runs: {ends}{differ}.")
    return said


def equal_error_figure(traces: Sequence[Trace], measure: str = "procrustes") -> Figure:
    """Draw distance against error, beside networks of others and the average over conditions."""
    others = {name: (one.error[0], one.distance[0]) for name, one in released(traces, measure).items()}
    name = f"{AVERAGE}{measure}"
    flat = [trace.learning[name].values[0, 0] for trace in traces if name in trace.learning]
    levels = {"average over conditions": float(flat[0])} if flat else {}
    curves, quantity = _ours(traces, measure), f"distance from the recording ({measure})"
    return distance_against_error(curves, stored=others, levels=levels, at=LEVELS, quantity=quantity)


def _ours(traces: Sequence[Trace], measure: str) -> dict[str, Curve]:
    return {label_of(trace): curve_of(trace, measure) for trace in traces if ERROR in trace.learning}


def _first(curves: dict[str, Curve]) -> str:
    """Name the run with which others are compared: that of the exact gradient where it is there."""
    return EXACT if EXACT in curves else next(iter(curves), "")


def _size(curve: Curve) -> list[str]:
    return [str(len(curve.error)), f"{curve.update[-1]:g}"]


def _there(curve: Curve, level: float) -> np.ndarray:
    at = curve.at_error(level)
    return at[~np.isnan(at)]


def _difference(curves: dict[str, Curve], first: str, name: str, level: float) -> np.ndarray:
    """Difference at a level, seed by seed; runs of fewer seeds have the first ones."""
    pair = curves[name].at_error(level), curves[first].at_error(level)
    count = min(map(len, pair))
    return pair[0][:count] - pair[1][:count]


def _apart(gap: np.ndarray) -> bool:
    found = Interval.bootstrap(gap) if len(gap) > 1 else None
    return found is not None and (found.low > 0 or found.high < 0)


def _cell(at: np.ndarray, signed: bool = False) -> str:
    there = at[~np.isnan(at)]
    if not there.size:
        return "not reached"
    found, form = Interval.bootstrap(there), "+.3f" if signed else ".3f"
    around = "" if np.isnan(found.low) else f" [{found.low:{form}}, {found.high:{form}}]"
    return f"{found.mean:{form}}{around}" + (f" ({len(there)} of {len(at)})" if len(there) < len(at) else "")
