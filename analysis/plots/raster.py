"""Figure of spikes: raster, population rate, firing rates and regularity."""

from typing import Any

import numpy as np
from biocredit.analysis.metrics.spikes import Spikes, cv_of_intervals, spikes_in
from biocredit.analysis.plots.style import QUIET, canvas, colours, styled
from biocredit.analysis.reports.comparison import label_of, opened
from biocredit.analysis.trace.reader import Trace
from matplotlib.figure import Figure


@styled
def raster(
    trace: Trace, population: str = "cells", *, trial: int = 0, seed: int = 0, snapshot: int = -1, bin_ms: float = 10.0
) -> Figure:
    """Draw the spikes of a trial, the rate of the population, and how fast and how regularly its cells fire.

    Parameters
    ----------
    trace
        A trace with spikes: ``Record("cells.spike")``.
    population
        Name of the population.
    trial, seed, snapshot
        Positions along these axes; rates and regularity are those of all trials.
    bin_ms
        Width of the bins of the population rate in ms.

    Raises
    ------
    TraceError
        If no spikes of the population were recorded.
    """
    trace = opened(trace)
    spikes = spikes_in(trace, population)
    look = spikes.only(update=int(spikes.updates[snapshot]), seed=int(spikes.seeds[seed]))
    figure, axes = canvas(
        2, 2, (3.9, 2.1), width_ratios=(2.2, 1), height_ratios=(2.4, 1), sharex="col", gridspec_kw={"hspace": 0.05}
    )
    (dots, cells), (course, regular) = axes
    one = look.only(trial=int(spikes.trials[trial]))
    draw_raster(dots, one)
    dots.set(title=f"{label_of(trace)}, trial {trial + 1}, after {look.updates[0]} updates", ylabel="cell")
    middles, rates = one.population_rate(bin_ms)
    course.fill_between(middles, rates, step="mid", color=QUIET, alpha=0.6, lw=0)
    course.set(xlabel="time (ms)", ylabel="rate (Hz)", xlim=(one.steps[0], one.steps[0] + one.duration), ylim=(0, None))
    draw_rates(cells, regular, look)
    return figure


def draw_raster(ax: Any, spikes: Spikes) -> None:
    """Draw a dot for each spike, cells of a type in one colour."""
    for kind, colour in zip(kinds_of(spikes), colours(len(kinds_of(spikes))), strict=True):
        mine = spikes.neurons[kind_of_neuron(spikes) == kind]
        hit = np.isin(spikes.neuron, mine)
        size = np.clip(900 / len(spikes.neurons), 2, 14)
        ax.scatter(spikes.time[hit], spikes.neuron[hit], s=size, marker="|", lw=0.9, color=colour)
        if kind:
            label = {"color": colour, "va": "center", "fontsize": 8, "fontweight": "bold"}
            ax.text(1.005, mine.mean(), kind, transform=ax.get_yaxis_transform(), **label)
    ax.set_ylim(spikes.neurons.min() - 0.7, spikes.neurons.max() + 0.7)
    ax.grid(visible=False)


def draw_rates(cells: Any, regular: Any, spikes: Spikes) -> None:
    """Draw the rate of each cell beside the raster, and its coefficient of variation against its rate."""
    rates, variation = spikes.rates(), cv_of_intervals(spikes)
    for kind, colour in zip(kinds_of(spikes), colours(len(kinds_of(spikes))), strict=True):
        mine = kind_of_neuron(spikes) == kind
        cells.barh(spikes.neurons[mine], rates[mine], height=1.0, color=colour, alpha=0.8)
        regular.plot(rates[mine], variation[mine], "o", ms=2.5, color=colour)
    silent = f", {np.mean(rates == 0):.0%} silent" if (rates == 0).any() else ""
    cells.set(title=f"{rates.mean():.1f} Hz{silent}", ylim=(spikes.neurons.min() - 0.7, spikes.neurons.max() + 0.7))
    regular.axhline(1, color=QUIET, lw=0.7, ls=":")
    regular.set(xlabel="rate (Hz)", ylabel="CV of intervals", ylim=(0, None), xlim=(0, None))


def kind_of_neuron(spikes: Spikes) -> np.ndarray:
    """Return the type of each neuron, empty where none is known."""
    return np.full(len(spikes.neurons), "") if spikes.blocks is None else spikes.blocks


def kinds_of(spikes: Spikes) -> list[str]:
    """List the types in the order of the neurons."""
    return list(dict.fromkeys(kind_of_neuron(spikes).tolist()))
