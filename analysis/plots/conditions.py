"""Figures of temporal tasks by condition: signed psychometric curves, and trajectories of the network's state."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from biocredit.analysis.metrics.behaviour import LABEL, READOUT, behaviour_in, interval
from biocredit.analysis.metrics.psychometric_fit import fit_psychometric
from biocredit.analysis.metrics.representation import principal_components
from biocredit.analysis.metrics.spikes import recorded_spikes, spikes_in
from biocredit.analysis.plots.style import QUIET, canvas, colours, styled
from biocredit.analysis.reports.comparison import label_of, opened
from biocredit.analysis.trace.reader import Trace, TraceError
from biocredit.analysis.trace.schema import nearest
from matplotlib.figure import Figure

#: What is taken for the state of a population, the first one that was recorded.
STATES = ("rate", "filtered_spikes", "state", "voltage", READOUT)
#: Width of the bins of spikes where nothing else was recorded, ms.
BIN = 50.0
#: At most so many conditions are told apart by colour.
MOST = 8


@styled
def choices(*traces: Trace, against: str | None = None, snapshot: int = -1) -> Figure:
    """Draw how often the second of two answers is chosen against the strength of the evidence, with a fit.

    Parameters
    ----------
    *traces
        Traces with the readout of a temporal task in which one of two answers is right.
    against
        Condition of the trial table; by default the one with most levels. Where both answers are right at some of its
        levels, it is the strength of the evidence, and counts as negative where the first answer is right.
    snapshot
        Position along the snapshots.

    Raises
    ------
    TraceError
        If a trace holds no choices, or other than two answers are right in it.
    """
    figure, ax = canvas(size=(4.6, 3.2))
    found = [opened(trace) for trace in traces]
    name, unit = "", "1"
    for trace, colour in zip(found, colours(len(found)), strict=True):
        seen = behaviour_in(trace, snapshot)
        name = against or seen.graded() or next(iter(seen.conditions))
        if name not in seen.conditions:
            raise TraceError(f"no condition {name!r} differs between trials{nearest(name, seen.conditions)}")
        label = trace[f"activity/{READOUT}/{LABEL}"].values
        answers = np.unique(label)
        if len(answers) != 2:
            raise TraceError(f"{len(answers)} different answers are right, wanted two: figures.behaviour shows more")
        second, unit, x = label == answers[1], seen.units[name], seen.conditions[name]
        signed = set(x[second]) & set(x[~second]) - {0}
        x = np.where(second, 1, -1) * x if signed else x
        draw_choices(ax, x, np.where(seen.correct, second, ~second), colour, label_of(trace))
    ax.axhline(0.5, color=QUIET, lw=0.7, ls=":")
    ax.axvline(0, color=QUIET, lw=0.7, ls=":")
    ax.set(xlabel=name + (f" ({unit})" if unit != "1" else ""), ylabel="second answer chosen")
    ax.set(ylim=(-0.03, 1.03), title="Psychometric curve")
    ax.legend(fontsize=7, loc="upper left")
    return figure


def draw_choices(ax: Any, x: np.ndarray, chosen: np.ndarray, colour: Any, label: str) -> None:
    """Draw the fraction of second answers ``[seed, trial]`` with its 95 % interval, and the fitted curve."""
    levels = np.unique(x)
    right = np.array([int(chosen[:, x == level].sum()) for level in levels])
    total = np.array([chosen[:, x == level].size for level in levels])
    low, high = zip(*(interval(*counts) for counts in zip(right, total, strict=True)), strict=True)
    middle = right / total
    error = np.clip([middle - low, np.array(high) - middle], 0, None)
    ax.errorbar(levels, middle, error, fmt="o", color=colour, ms=4, lw=1.0, capsize=2, label=label)
    if len(levels) >= 4:
        fit, fine = fit_psychometric(levels, total, right), np.linspace(levels[0], levels[-1], 200)
        if not fit.flags:
            ax.plot(fine, fit(fine), color=colour, lw=1.2)


@styled
def trajectories(
    trace: Trace,
    population: str = "cells",
    *,
    by: str | None = None,
    seed: int = 0,
    snapshot: int = -1,
) -> Figure:
    """Draw the mean course of a population in each condition, in its principal components and over time.

    Parameters
    ----------
    trace
        A trace with the rate of the population, its filtered spikes, or its spikes: ``Record("cells.rate")``.
    population
        Name of the population, or of the record.
    by
        Condition of the trial table; by default the right answer.
    seed, snapshot
        Positions along these axes.

    Raises
    ------
    TraceError
        If the population was not recorded, or nothing of that name differs between trials.
    """
    trace = opened(trace)
    what, time, course = state_course(trace, population, seed, snapshot)
    name, values, unit = condition_of(trace, population, by)
    groups = split(values)
    means = {level: course[hit].mean(0) for level, hit in groups.items()}
    fit = principal_components(*means.values(), components=2)
    figure, (plane, *lines) = canvas(1, 3, (3.5, 3.0))
    for (level, score), colour in zip(
        zip(means, fit.scores, strict=True), colours(len(means), ordered=len(means) > 2), strict=True
    ):
        plane.plot(*score.T, color=colour, lw=1.3, label=level)
        plane.plot(*score[:1].T, "o", color=colour, ms=4, mfc="white")
        plane.plot(*score[-1:].T, "*", color=colour, ms=9, mec="white", mew=0.4)
        for number, ax in enumerate(lines):
            ax.plot(time, score[:, number], color=colour, lw=1.3)
    shares = 100 * fit.explained_variance_ratio
    plane.set(xlabel=f"PC 1 ({shares[0]:.0f} %)", ylabel=f"PC 2 ({shares[1]:.0f} %)", title=f"{population}: {what}")
    plane.legend(fontsize=7, title=name + (f" ({unit})" if unit != "1" else ""), title_fontsize=7)
    start = trace.activity.get(f"{population}/decision_start")
    for number, ax in enumerate(lines):
        ax.set(xlabel="time (ms)", title=f"PC {number + 1}")
        if start is not None and len(np.unique(start.values)) == 1:
            ax.axvline(start.values[0], color=QUIET, lw=0.8, ls="--")
    return figure


def state_course(trace: Trace, population: str, seed: int, snapshot: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Return what was recorded of the state of a population, its times, and the course ``[trial, time, neuron]``."""
    recorded = [name.rpartition("/") for name in trace.activity]
    mine = [variable for group, _, variable in recorded if group == population]
    for variable in STATES:
        if variable in mine:
            course = trace.read(f"activity/{population}/{variable}", seed=seed, snapshot=snapshot)
            return variable.replace("_", " "), course.coords["time"], course.values
    if population not in recorded_spikes(trace):
        groups = dict.fromkeys(group for group, *_ in recorded)
        raise TraceError(
            f"the state of {population!r} was not recorded{nearest(population, groups)}: Record('cells.rate')"
        )
    spikes = spikes_in(trace, population)
    look = spikes.only(update=int(spikes.updates[snapshot]), seed=int(spikes.seeds[seed]))
    bins = max(int(look.duration / BIN), 1)
    edges = look.steps[0] + look.duration * np.arange(bins + 1) / bins
    counts = np.zeros((len(look.trials), bins, len(look.neurons)))
    place = np.clip(np.searchsorted(edges, look.time, side="right") - 1, 0, bins - 1)
    np.add.at(counts, (look.places("trial"), place, look.places("neuron")), 1)
    return f"spikes in {edges[1] - edges[0]:.0f} ms", (edges[:-1] + edges[1:]) / 2, counts


def condition_of(trace: Trace, population: str, by: str | None) -> tuple[str, np.ndarray, str]:
    """Return name, values ``[trial]`` and unit of the condition that trials are sorted by."""
    group = trace[f"activity/{population}"].arrays()
    table = {name: array for name, array in group.items() if array.dims == ("trial",) and "/" not in name}
    name = by or LABEL
    if name not in table or len(np.unique(table[name].values)) < 2:
        varied = [one for one, array in table.items() if len(np.unique(array.values)) > 1]
        raise TraceError(f"no condition {name!r} differs between trials{nearest(name, varied)}; there are {varied}")
    return name, table[name].values, table[name].units


def split(values: np.ndarray) -> Mapping[str, np.ndarray]:
    """Sort trials by level, or, where there are too many, by quantile: name of each group, and its trials."""
    levels = np.unique(values)
    if len(levels) <= MOST:
        return {f"{level:g}": values == level for level in levels}
    edges = np.quantile(values, np.linspace(0, 1, MOST // 2 + 1))
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, MOST // 2 - 1)
    return {f"{edges[k]:.3g} to {edges[k + 1]:.3g}": place == k for k in np.unique(place)}
