"""Figures over several runs: a score against a setting, one line for each value of a second one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from biocredit.analysis.metrics.exponents import region_exponents
from biocredit.analysis.plots.style import PALETTE, QUIET, axes_for, canvas, colours, styled
from biocredit.analysis.reports.comparison import (
    headline,
    label_of,
    opened,
    settings_of,
    value,
    varying,
    words,
)
from biocredit.analysis.trace.reader import Trace
from matplotlib.figure import Figure


@styled
def sweep(
    *traces: Trace, over: str | None = None, at: str = "last", exponents: str | None = None, ax: Any = None
) -> Figure | Any:
    """Draw the score of every run against the setting in which the runs differ.

    Parameters
    ----------
    *traces
        Traces of one experiment.
    over
        Dotted name of the setting on the x axis; by default a number in which they differ.
    at
        ``"last"``, an epoch, or ``"best"`` (on the test trials: no result to report).
    exponents
        Region whose Lyapunov exponents are drawn below (see
        :func:`biocredit.analysis.metrics.exponents.region_exponents`).
    ax
        Axes to draw the score into, which are then returned; a figure of its own by default.
    """
    found = [opened(trace) for trace in traces]
    over = over or numeric(found)
    if over is None or ax is not None:
        shown, ax = axes_for(ax, size=(5.2, 0.9 + 0.32 * len(found)))
        draw_bars(ax, found, at) if over is None else draw_sweep(ax, found, over, at)
        return shown
    panels = 1 + (exponents is not None)
    figure, axes = canvas(panels, 1, (5.0, 3.0), sharex=True, squeeze=False)
    draw_sweep(axes[0, 0], found, over, at)
    if exponents:
        axes[0, 0].set_xlabel("")
        draw_exponents(axes[1, 0], found, over, exponents)
    return figure


def numeric(traces: Sequence[Trace]) -> str | None:
    """Name the number that was varied: all that differs, or what has most values, three at least; else None."""
    columns = varying(traces)
    fewest = 2 if len(columns) == 1 else 3
    counts = {name: len(set(column)) for name, column in columns.items() if all(map(_is_number, column))}
    counts = {name: count for name, count in counts.items() if count >= fewest}
    return max(counts, key=counts.__getitem__, default=None)


def _is_number(one: Any) -> bool:
    return isinstance(one, int | float) and not isinstance(one, bool)


def draw_sweep(ax: Any, traces: Sequence[Trace], over: str, at: str) -> None:
    """Draw the lines of :func:`sweep` into axes."""
    groups = grouped(traces, over)
    for (label, members), colour in zip(groups.items(), colours(len(groups), len(groups) > 5), strict=False):
        for series in headline(members[0]):
            _line(ax, members, over, series, at, colour, f"{label} {words(series)}".strip() if label else words(series))
    percent = all("accuracy" in series for trace in traces for series in headline(trace))
    ax.set(xlabel=words_of_setting(over), ylabel=f"{at} score (%)" if percent else f"{at} score", title="Score")
    if _spans_decades([settings_of(trace)[over] for trace in traces]):
        ax.set_xscale("log")
    ax.legend(fontsize=7)


def _line(ax: Any, traces: Sequence[Trace], over: str, series: str, at: str, colour: Any, label: str) -> None:
    scale = 100 if "accuracy" in series else 1
    order = sorted(traces, key=lambda trace: settings_of(trace)[over])
    runs = [scale * value(trace, series, at) for trace in order]
    kept = [(settings_of(trace)[over], run) for trace, run in zip(order, runs, strict=True) if run.size]
    x = [place for place, _ in kept]
    mean = np.array([run.mean() for _, run in kept])
    spread = np.array([[run.mean() - run.min(), run.max() - run.mean()] for _, run in kept]).reshape(-1, 2).T
    ax.errorbar(x, mean, spread, color=colour, marker="o", ms=4, capsize=2, elinewidth=1, label=label)


def grouped(traces: Sequence[Trace], over: str) -> dict[str, list[Trace]]:
    """Gather runs that differ in one setting only, by the values of the others in which they differ."""
    columns = {name: column for name, column in varying(traces).items() if name != over}
    groups: dict[str, list[Trace]] = {}
    for number, trace in enumerate(traces):
        label = ", ".join(f"{words_of_setting(name)} {_short(column[number])}" for name, column in columns.items())
        groups.setdefault(label, []).append(trace)
    return groups


def draw_exponents(ax: Any, traces: Sequence[Trace], over: str, region: str) -> None:
    """Draw maximal and finite-time Lyapunov exponents against a setting into axes."""
    order = sorted(traces, key=lambda trace: settings_of(trace)[over])
    found = [region_exponents(trace, region) for trace in order]
    x = [settings_of(trace)[over] for trace in order]
    ax.axhline(0, color=QUIET, lw=0.8)
    ax.plot(x, [one.maximal.mean() for one in found], "o-", ms=4, color=PALETTE[1], label="maximal")
    ax.plot(
        x, [one.finite_time.mean() for one in found], "s--", ms=4, color=PALETTE[2], label="finite time, 8 iterations"
    )
    ax.set(xlabel=words_of_setting(over), ylabel="exponent (1 / iteration)", title=f"Lyapunov exponents of {region}")
    ax.legend()


def draw_bars(ax: Any, traces: Sequence[Trace], at: str) -> None:
    """Draw one bar for each run into axes, with the single seeds as dots."""
    for number, trace in enumerate(traces):
        for series in headline(trace)[:1]:
            runs = (100 if "accuracy" in series else 1) * value(trace, series, at)
            ax.barh(number, runs.mean(), color=PALETTE[5], height=0.62)
            ax.plot(runs, np.full(len(runs), number), "o", color=PALETTE[0], ms=3)
            ax.set_xlabel(f"{at} {words(series)}" + (" (%)" if "accuracy" in series else ""))
    ax.set_yticks(range(len(traces)), [label_of(trace) for trace in traces])
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)


def words_of_setting(name: str) -> str:
    """Write the name of a setting in words: its last part.

    Examples
    --------
    >>> words_of_setting("circuit.spectral_radius")
    'spectral radius'
    """
    return name.rpartition(".")[2].replace("_", " ")


def _short(one: Any) -> str:
    return "-".join(map(str, one)) if isinstance(one, list) else str(one).replace("_", " ")


def _spans_decades(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= 30
