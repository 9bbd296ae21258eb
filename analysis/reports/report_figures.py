"""Which figures a report of some runs shows: all for which the traces hold what they need."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from biocredit.analysis.metrics.behaviour import recorded_choices
from biocredit.analysis.metrics.spikes import recorded_spikes
from biocredit.analysis.plots import figures
from biocredit.analysis.plots.curves import PREFIX
from biocredit.analysis.plots.measured import families
from biocredit.analysis.plots.psychometric import SERIES
from biocredit.analysis.plots.trajectories import recorded_rates
from biocredit.analysis.reports.comparison import headline, label_of, task_of
from biocredit.analysis.trace.reader import Trace, TraceError
from matplotlib.figure import Figure

#: At most so many runs get a figure of their own, at most so many curves share one.
SINGLES, TOGETHER = 3, 12


def figures_of(traces: Sequence[Trace]) -> dict[str, Figure]:
    """Make the figures by title: those of the papers first; runs of one task share axes, runs of several do not.

    Parameters
    ----------
    traces
        Runs.
    """
    found = {}
    for experiment, some in _grouped(traces, lambda trace: trace.experiment).items():
        about = some[0].configuration
        if about.get("panels"):
            with suppress(TraceError):  # nothing that the paper shows was recorded
                found[f"{experiment}: {about.get('figure', '')}".strip(": ")] = figures.panels(*some)
    tasks = _grouped(traces, task_of)
    for task, some in tasks.items():
        of = f" ({task})" if len(tasks) > 1 else ""
        together = _together(some) if len(some) > 1 else {}
        found |= {f"{name}{of}": figure for name, figure in together.items()}
    return found | _single(traces)


def _grouped(traces: Sequence[Trace], key: Callable[[Trace], str]) -> dict[str, list[Trace]]:
    groups: dict[str, list[Trace]] = {}
    for trace in traces:
        groups.setdefault(key(trace), []).append(trace)
    return groups


def _single(traces: Sequence[Trace]) -> dict[str, Figure]:
    """Make the figures of single runs."""
    found = {}
    learned = [trace for trace in traces if headline(trace)]
    for trace in learned[:SINGLES]:
        found[f"Overview: {label_of(trace)}"] = figures.overview(trace)
        if families(trace):
            found[f"Measured: {label_of(trace)}"] = figures.measured(trace)
        for population in recorded_spikes(trace):
            found[f"Spikes of {population}: {label_of(trace)}"] = figures.raster(trace, population)
    for trace in {_wiring_of(trace): trace for trace in traces if "populations/name" in trace.circuit}.values():
        found[f"Circuit: {label_of(trace)}"] = figures.wiring(trace)
    measured = [trace for trace in traces if SERIES in trace.learning]
    if measured:
        found["Psychometric curves"] = figures.psychometric(*measured)
    behaved = [trace for trace in traces if recorded_choices(trace)]
    if behaved:
        found["Behaviour"] = figures.behaviour(*behaved[:TOGETHER])
    return found


def _wiring_of(trace: Trace) -> tuple:
    """What a diagram shows besides sizes: circuits that look alike are drawn once."""
    names = ("populations/name", "projections/name", "projections/plastic")
    return tuple(tuple(trace.circuit[name].values.tolist()) for name in names if name in trace.circuit)


def _together(traces: Sequence[Trace]) -> dict[str, Figure]:
    """Make the figures that compare several runs."""
    found = {}
    learned = [trace for trace in traces if headline(trace)]
    if learned:
        found["Scores"] = figures.sweep(*learned, exponents=_region_with_exponents(learned))
    followed = [trace for trace in learned if trace.learning[headline(trace)[0]].shape[1] > 1]
    if 1 < len(followed) <= TOGETHER:
        found["Learning curves"] = figures.learning_curve(*followed)
    amplitudes = [trace for trace in learned if sum(name.startswith(PREFIX) for name in trace.learning) > 2]
    if amplitudes:
        found["Local error by region"] = figures.amplitude_by_region(*amplitudes[:TOGETHER])
    observed = [trace for trace in learned if families(trace)]
    if 1 < len(observed) <= TOGETHER:
        found["Measured"] = figures.measured(*observed)
    settled = [trace for trace in traces if not headline(trace) and recorded_rates(trace)]
    if settled:
        found["Settling"] = figures.settling(*settled, region=recorded_rates(settled[0])[0])
    return found


def _region_with_exponents(traces: Sequence[Trace]) -> str | None:
    """Name a region whose weights and current were recorded in all runs."""
    names = [name.removesuffix("/clamp") for name in traces[0].activity if name.endswith("/clamp")]
    kept = [name for name in names if all(f"{name}.W_rec" in trace.weights for trace in traces)]
    return kept[0] if kept else None
