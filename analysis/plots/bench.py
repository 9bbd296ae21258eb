"""Figures of a bench; each takes its results (or the name of the folder) and a task."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.metrics.intervals import mean_interval
from biocredit.analysis.plots.style import PALETTE, QUIET, canvas, styled
from biocredit.analysis.reports.bench.measures import measured
from biocredit.analysis.reports.bench.plausibility import plausibility
from biocredit.analysis.reports.bench.results import Results
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

Source = Results | str | Path


def opened(source: Source) -> Results:
    """Return results that may be given by their folder."""
    return source if isinstance(source, Results) else Results(source)


@styled
def scores(source: Source) -> Figure:
    """Draw the table of rules and tasks: mean score and half of its 95 per cent interval; shades from worst to best."""
    results = opened(source)
    rows = {(row["rule"], row["task"]): row for row in measured(results) if row["measure"] == "score"}
    values = np.full((len(results.labels), len(results.tasks)), np.nan)
    texts = np.full(values.shape, "", object)
    for i, rule in enumerate(results.labels):
        for j, task in enumerate(results.tasks):
            row = rows.get((rule, task))
            if row and np.isfinite(row["mean"]):
                values[i, j] = row["mean"]
                half = (row["high"] - row["low"]) / 2
                texts[i, j] = score_text(row["mean"], half, percent(results, task))
            elif results.find(rule, task):
                texts[i, j] = "failed"
    shades = [_ranked(values[:, j], _higher(results, task)) for j, task in enumerate(results.tasks)]
    return _matrix(
        np.array(shades).T, texts, results.labels, results.tasks, "Score on test trials, mean ± 95 % interval", 1.9
    )


def score_text(mean: float, half: float, as_percent: bool) -> str:
    """Write a score and half of its interval.

    Examples
    --------
    >>> score_text(0.9712, 0.0031, True)
    '97.1 ± 0.3 %'
    """
    scale, digits = (100, 1) if as_percent else (1, 3)
    spread = f" ± {scale * half:.{digits}f}" if np.isfinite(half) else ""
    return f"{scale * mean:.{digits}f}{spread}" + " %" * as_percent


def percent(results: Results, task: str) -> bool:
    """Whether the scores of a task are fractions."""
    return "accuracy" in next(row["score"] for row in results.runs if row["task"] == task)


def _higher(results: Results, task: str) -> bool:
    return next(row["higher"] for row in results.runs if row["task"] == task) == "1"


def _ranked(column: np.ndarray, higher: bool) -> np.ndarray:
    """Scale a column from 0, the worst, to 1."""
    if not np.isfinite(column).any():
        return column
    low, high = np.nanmin(column), np.nanmax(column)
    scaled = (column - low) / (high - low if high > low else 1)
    return scaled if higher else 1 - scaled


@styled
def learning_curves(source: Source, task: str, by: str = "updates") -> Figure:
    """Draw the test score of every rule against the updates, or the operations, done; the reference behind each.

    Parameters
    ----------
    source, task
        A bench and one of its tasks.
    by
        ``"updates"`` or ``"operations"`` (those of the matrix products of all updates of one network).
    """
    results = opened(source)
    scale = 100 if percent(results, task) else 1

    def course(rule: str) -> tuple[np.ndarray, np.ndarray] | None:
        row = results.find(rule, task)
        curve = results.curve(row)
        if curve is None:
            return None
        each = results.updates(row) * (1 if by == "updates" else results.cost(row, "operations"))
        return curve.coords["epoch"] * each, scale * curve.values

    courses = {rule: found for rule in results.labels if (found := course(rule))}
    words = {"updates": "updates", "operations": "operations of all updates"}[by]
    beside = courses.get(results.reference)

    def draw(ax: Any, rule: str) -> None:
        if beside is not None and rule != results.reference:
            ax.plot(beside[0], beside[1].mean(0), color=QUIET, lw=1.0, ls="--")
        x, runs = courses[rule]
        if np.isfinite(x).all():
            ax.plot(x, runs.T, color=PALETTE[0], lw=0.6, alpha=0.5)
            ax.plot(x, runs.mean(0), color=PALETTE[0])
        else:
            ax.text(0.5, 0.5, "operations\nnot countable", ha="center", va="center", transform=ax.transAxes)
        if by == "operations":
            ax.set_xscale("log")

    title = f"{task}: test score by {by} (dashed: {results.reference})"
    label = "accuracy (%)" if scale == 100 else results.find(results.reference, task)["score"].replace("_", " ")
    figure = _small_multiples(list(courses), draw, title, words, label, share_x=by == "operations")
    return figure


@styled
def angles(source: Source, task: str) -> Figure:
    """Draw the angle between what every rule changes and the gradient, through learning, layer by layer."""
    results = opened(source)
    found = {rule: results.angles(results.find(rule, task)) for rule in results.labels}
    found = {rule: layers for rule, layers in found.items() if layers}

    def draw(ax: Any, rule: str) -> None:
        ax.axhline(90, color=QUIET, lw=0.8, ls=":")
        for (name, angle), colour in zip(found[rule].items(), PALETTE, strict=False):
            axis = next(dim for dim in angle.dims if dim.startswith("every"))
            ax.plot(angle.coords[axis], np.nanmean(angle.values, 0), color=colour, label=_short(name))
        ax.set_ylim(0, 165)
        ax.set_yticks([0, 45, 90])
        ax.legend(fontsize=5.5, loc="upper right", handlelength=1, borderpad=0, labelspacing=0.2, ncols=2)

    title = f"{task}: angle to the gradient (dotted: 90 degrees)"
    return _small_multiples(list(found), draw, title, "epoch", "angle (degree)")


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"


@styled
def costs(source: Source, task: str) -> Figure:
    """Draw operations, memory and time of an update of every rule, over those of the reference."""
    results = opened(source)
    kinds = {"operations": "operations", "bytes": "memory", "seconds": "processor time"}
    reference = results.find(results.reference, task)
    figure, axes = canvas(1, 3, (2.6, 0.9 + 0.2 * len(results.labels)), sharey=True)
    for ax, (name, words), colour in zip(axes, kinds.items(), PALETTE, strict=False):
        base = results.cost(reference, name)
        ratios = [results.cost(results.find(rule, task), name) / base for rule in results.labels]
        ax.axvline(1, color=QUIET, lw=0.8)
        ax.plot(ratios, range(len(ratios)), "o", color=colour, ms=4)
        ax.set(xscale="log", xlabel=f"over {results.reference}", title=words)
        low, high = np.nanmin([*ratios, 1.0]), np.nanmax([*ratios, 1.0])
        ax.set_xlim(min(low / 1.5, 0.5), max(high * 1.5, 2.0))
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 30 else (1.0,)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter("")
    axes[0].set_yticks(range(len(results.labels)), results.labels)
    axes[0].invert_yaxis()
    return figure


@styled
def tradeoff(source: Source, task: str) -> Figure:
    """Draw the score of every rule against the number of constraints of biology that it respects."""
    results = opened(source)
    table = plausibility(results)
    scale = 100 if percent(results, task) else 1
    points: dict[int, list[tuple[float, str]]] = {}
    for rule in results.labels:
        score = results.score(results.find(rule, task))
        score = score[np.isfinite(score)]
        if rule in table.counts and len(score):
            points.setdefault(table.counts[rule], []).append((scale * float(score.mean()), rule))
    width = max(len(points), 2)
    figure, ax = canvas(size=(1.6 + 1.5 * width, 4.2))
    everything = [score for group in points.values() for score, _ in group]
    gap = 0.035 * ((max(everything) - min(everything)) if everything else 1) or 0.01
    for count, group in points.items():
        for (score, rule), height in zip(sorted(group), _apart([s for s, _ in sorted(group)], gap), strict=True):
            ax.plot(count, score, "o", color=PALETTE[0], ms=4)
            ax.annotate(
                rule,
                (count, score),
                (count + 0.12, height),
                fontsize=6.5,
                va="center",
                arrowprops={"arrowstyle": "-", "color": QUIET, "lw": 0.4},
            )
    ax.set(
        xlabel=f"constraints respected, of {len(table.criteria)} ({table.source})",
        title=f"{task}: score and plausibility",
    )
    ax.set_ylabel("accuracy (%)" if scale == 100 else "score")
    ax.set_xlim(min(points, default=0) - 0.3, max(points, default=1) + 0.95)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Move sorted heights so far apart that labels do not touch, around where they are."""
    placed = np.asarray(heights, float).copy()
    for _ in range(200):
        close = np.diff(placed) < gap
        if not close.any():
            break
        for i in np.flatnonzero(close):
            push = (gap - (placed[i + 1] - placed[i])) / 2
            placed[i] -= push
            placed[i + 1] += push
    return placed.tolist()


@styled
def withstood(source: Source, task: str) -> Figure:
    """Draw what is left of the score of every rule after lesions, noise, and changes of feedback, task or data."""
    results = opened(source)
    columns, cells = disturbances(results, task)
    scale = 100 if percent(results, task) else 1
    rows = [
        [_mean(results, rule, task), *(cells.get((rule, name), np.nan) for name in columns)] for rule in results.labels
    ]
    whole = np.array(rows, float) * scale
    digits = 1 if scale == 100 else 3
    texts = np.array([["" if np.isnan(one) else f"{one:.{digits}f}" for one in row] for row in whole], object)
    shades = _ranked(whole.ravel(), _higher(results, task)).reshape(whole.shape)
    title = f"{task}: what is left of the score" + (" (%)" if scale == 100 else "")
    return _matrix(shades, texts, results.labels, ["intact", *columns], title, 0.75)


def _mean(results: Results, rule: str, task: str) -> float:
    return mean_interval(results.score(results.find(rule, task))).mean


def disturbances(results: Results, task: str) -> tuple[list[str], Mapping[tuple[str, str], float]]:
    """Return the columns of :func:`withstood`, and the mean score by rule and column."""
    wanted = {"silenced": "{} of cells silent", "noisy weights": "noise {} sd"}
    columns: dict[str, None] = {}
    cells = {}
    for row in measured(results):
        if row["task"] != task:
            continue
        name = row["measure"]
        column = wanted[name].format(row["at"]) if name in wanted else name if name in results.variants() else ""
        if column:
            columns[column] = None
            cells[row["rule"], column] = row["mean"]
    return list(columns), cells


def _matrix(
    shades: np.ndarray, texts: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str, width: float
) -> Figure:
    heads = [textwrap.fill(column, max(11, int(12 * width))) for column in columns]
    lines = max(head.count("\n") for head in heads) + 1
    figure, ax = canvas(size=(1.5 + max(width * len(columns), 3.6), 0.7 + 0.15 * lines + 0.24 * len(rows)))
    ax.imshow(shades, cmap="GnBu", aspect="auto", vmin=-0.15, vmax=1.9)
    for (i, j), text in np.ndenumerate(texts):
        ax.text(j, i, text, ha="center", va="center", fontsize=7)
    ax.set_xticks(range(len(columns)), heads, fontsize=7)
    ax.set_yticks(range(len(rows)), rows, fontsize=8)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    figure.suptitle(title, fontsize=10, fontweight="bold", x=0.01, ha="left")
    return figure


def _small_multiples(
    names: Sequence[str],
    draw: Callable[[Any, str], None],
    title: str,
    x_label: str,
    y_label: str,
    share_x: bool = False,
) -> Figure:
    across = min(6, max(len(names), 1))
    down = -(-max(len(names), 1) // across)
    figure, axes = canvas(down, across, (1.6, 1.35), sharey=True, sharex=share_x, squeeze=False)
    for ax, name in zip(axes.ravel(), names, strict=False):
        draw(ax, name)
        ax.set_title(name, fontsize=7.5)
        ax.tick_params(labelsize=6)
    for ax in axes.ravel()[len(names) :]:
        ax.set_visible(False)
    figure.suptitle(title, fontsize=10, fontweight="bold", x=0.01, ha="left")
    figure.supxlabel(x_label, fontsize=8)
    figure.supylabel(y_label, fontsize=8)
    return figure
