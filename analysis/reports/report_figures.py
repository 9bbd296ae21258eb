"""Which figures a report of some runs shows: all for which the traces hold what they need."""

from collections.abc import Sequence

from biocredit.analysis.metrics.behaviour import recorded_choices
from biocredit.analysis.metrics.spikes import recorded_spikes
from biocredit.analysis.plots import figures
from biocredit.analysis.plots.curves import PREFIX
from biocredit.analysis.plots.measured import families
from biocredit.analysis.plots.psychometric import SERIES
from biocredit.analysis.plots.trajectories import recorded_rates
from biocredit.analysis.reports.comparison import headline, label_of
from biocredit.analysis.trace.reader import Trace
from matplotlib.figure import Figure

#: At most so many runs get a figure of their own, at most so many curves share one.
SINGLES, TOGETHER = 3, 12


def figures_of(traces: Sequence[Trace]) -> dict[str, Figure]:
    """Make the figures by title.

    Parameters
    ----------
    traces
        Runs.
    """
    found = _together(traces) if len(traces) > 1 else {}
    learned = [trace for trace in traces if headline(trace)]
    for trace in learned[:SINGLES]:
        found[f"Overview: {label_of(trace)}"] = figures.overview(trace)
        if families(trace):
            found[f"Measured: {label_of(trace)}"] = figures.measured(trace)
        for population in recorded_spikes(trace):
            found[f"Spikes of {population}: {label_of(trace)}"] = figures.raster(trace, population)
    if "populations/name" in traces[0].circuit:
        found["Circuit"] = figures.wiring(traces[0])
    measured = [trace for trace in traces if SERIES in trace.learning]
    if measured:
        found["Psychometric curves"] = figures.psychometric(*measured)
    behaved = [trace for trace in traces if recorded_choices(trace)]
    if behaved:
        found["Behaviour"] = figures.behaviour(*behaved[:TOGETHER])
    return found


def _together(traces: Sequence[Trace]) -> dict[str, Figure]:
    """Make the figures that compare several runs."""
    found = {}
    learned = [trace for trace in traces if headline(trace)]
    if learned:
        found["Scores"] = figures.sweep(*learned, exponents=_region_with_exponents(learned))
    if 1 < len(learned) <= TOGETHER:
        found["Learning curves"] = figures.learning_curve(*learned)
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
