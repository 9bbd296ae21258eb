"""Kinds of panels for which numbers suffice: curves, bars, lines over a setting, grids, regions side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import numpy as np
from biocredit.analysis.plots.panel_data import Condition, Look, integers, mark, number_of
from biocredit.analysis.plots.style import colours
from biocredit.analysis.plots.sweeps import words_of_setting
from biocredit.analysis.reports.comparison import words

#: Bars up to which they stand in a panel of ordinary height.
BARS = 7
#: Losses and errors above this exploded: they are marked at the upper edge of a logarithmic axis.
EXPLODED = 100.0

Panel = Mapping[str, Any]
Drawn = Sequence[Condition]


@dataclass(frozen=True)
class Kind:
    """How a kind of panel is drawn, when there is something to draw, and how tall and in which projection it is."""

    draw: Callable[[Any, Panel, Drawn, Look], None]
    holds: Callable[[Panel, Drawn], bool]
    height: Callable[[int], float] = lambda count: 3.0
    projection: str | None = None


def _matching(panel: Panel, one: Condition) -> list[str]:
    """Series of a condition that a panel names, ours or those of others."""
    names = dict.fromkeys((*one.series, *(known["series"] for known in one.known)))
    return [name for name in names if fnmatch(name, panel["y"])]


def has_course(panel: Panel, drawn: Drawn) -> bool:
    """Whether there is a series with at least two places, ours or of others."""
    return any(
        (name in one.series and one.series[name].at.size > 1) or len(one.theirs(name)) > 1
        for one in drawn
        for name in _matching(panel, one)
    )


def _has_value(panel: Panel, drawn: Drawn) -> bool:
    return any(
        one.value(name) is not None or one.theirs(name, last=True) for one in drawn for name in _matching(panel, one)
    )


def _finish(ax: Any, panel: Panel, points: Sequence[tuple[float, float, Any]] = ()) -> None:
    """Set logarithmic axes, and the label of the abscissa; mark what exploded at the upper edge."""
    log = panel.get("log") or ""
    if panel.get("axis"):
        ax.set_xlabel(panel["axis"])
    if "x" in log:
        ax.set_xscale("log")
    if "y" not in log:
        return
    ax.set_yscale("log")
    kept = [y for _, y, _ in points if 0 < y <= EXPLODED]
    beyond = [(x, colour) for x, y, colour in points if y > EXPLODED]
    if kept and beyond:
        ax.set_ylim(min(kept) / 3, 3 * max(kept))
        for x, colour in beyond:
            ax.plot(x, 3 * max(kept), "^", color=colour, ms=7, clip_on=False, zorder=6)
        ax.plot([], [], "^", color="#555555", ms=6, label="exploded")


def bars_of(values: np.ndarray, spread: np.ndarray, panel: Panel) -> np.ndarray:
    """Lengths of error bars below and above; on a logarithmic axis they end above zero."""
    spread = np.nan_to_num(spread)
    below = np.minimum(spread, 0.9 * np.abs(values)) if "y" in (panel.get("log") or "") else spread
    return np.array([below, spread])


def legend(ax: Any, count: int) -> None:
    """Name so many lines, beside the panel where they are many."""
    if not ax.get_legend_handles_labels()[0]:
        return
    if 1 < count <= 5:
        ax.legend(fontsize=7)
    elif count > 5:
        ax.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1, 1))


def draw_curve(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    """Draw series along their own axis (epochs, layers), one line a condition or a series."""
    lines = [(one, name) for one in drawn for name in _matching(panel, one)]
    alone = len(drawn) == 1
    shades, points, axis = colours(len(lines)), [], "epoch"
    for number, (one, name) in enumerate(lines):
        colour, scale = shades[number] if alone else look.colour[one.label], look.scale(name)
        label = name.rpartition(".")[2].replace("_", " ") if alone else one.label
        if name in one.series:
            curve = one.series[name]
            axis, mean = curve.axis, scale * curve.mean
            below, above = bars_of(mean, scale * curve.sd, panel)
            points += [(x, y, colour) for x, y in zip(curve.at, mean, strict=True)]
            ax.plot(curve.at, mean, "-o" if len(mean) < 12 else "-", ms=3, color=colour, label=label)
            ax.fill_between(curve.at, mean - below, mean + above, color=colour, alpha=0.18, linewidth=0)
        else:
            ax.plot([], [], color=colour, label=label)
        for at, other in one.theirs(name):
            mark(ax, at, scale, other, colour)
    name = lines[0][1]
    ax.set(
        xlabel="epoch" if "epoch" in axis else axis.replace("_", " "),
        ylabel=look.label(name if not alone or len(lines) == 1 else panel["y"].rstrip(".*")),
    )
    integers(ax, axis)
    _finish(ax, panel, points)
    legend(ax, len(lines))


def draw_bars(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    """Draw one bar a condition (and series), its standard deviation, and the numbers of others."""
    rows = [(one, name) for one in drawn for name in _matching(panel, one)]
    several, scale = len({name for _, name in rows}) > 1, look.scale(panel["y"])
    for number, (one, name) in enumerate(rows):
        if (ours := one.value(name)) is not None:
            part = {"alpha": 0.35, "hatch": "///"} if one.unfinished(name) else {"alpha": 0.75}
            ax.barh(number, scale * ours[0], color=look.colour[one.label], height=0.62, **part)
            ax.errorbar(scale * ours[0], number, xerr=scale * np.nan_to_num(ours[1]), color="#333333", capsize=2, lw=1)
        for _, other in one.theirs(name, last=True):
            mark(ax, number, scale, other, "#222222", sideways=True)
    names = [f"{one.label}, {words(name)}" if several else one.label for one, name in rows]
    ax.set_yticks(range(len(rows)), names, fontsize=8 if len(rows) <= BARS else 6)
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlabel=look.label(panel["y"].rstrip(".*")))
    if any(one.unfinished(name) for one, name in rows):
        ax.set_xlabel(f"{ax.get_xlabel()}; hatched: a shorter run")
    ax.grid(axis="y", visible=False)
    if "y" in (panel.get("log") or ""):
        ax.set_xscale("log")
    elif scale == 100:
        _zoom(ax, [ours[0] * scale for one, name in rows if (ours := one.value(name)) is not None], rows, scale)


def _zoom(ax: Any, ours: list[float], rows: Sequence[tuple[Condition, str]], scale: float) -> None:
    """Begin an axis of percentages below the smallest, where all are high."""
    values = ours + [scale * other["value"] for one, name in rows for _, other in one.theirs(name, last=True)]
    if values and min(values) > 40:
        low, high = min(values), max(values)
        ax.set_xlim(max(0, low - 0.5 * (high - low) - 2), min(100.5, high + 0.1 * (high - low) + 0.5))


def draw_line(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    """Draw the last value against a setting, one line for each value of another one."""
    groups: dict[str, list[Condition]] = {}
    for one in drawn:
        groups.setdefault(_group(panel, one), []).append(one)
    names, points = _matching(panel, drawn[0]) or [panel["y"]], []
    several = len(names) > 1
    shades = iter(colours(len(groups) * len(names)))
    for label, members in groups.items():
        for name in names:
            colour, scale = next(shades), look.scale(name)
            told = f"{label} {words(name)}".strip() if several or not label else label
            order = sorted(members, key=lambda one: number_of(one.settings[panel["x"]]))
            places = [(number_of(one.settings[panel["x"]]), one.value(name)) for one in order]
            x, mean, sd = (
                np.array([(at, scale * v[0], scale * v[1]) for at, v in places if v is not None]).reshape(-1, 3).T
            )
            points += [(at, y, colour) for at, y in zip(x, mean, strict=True)]
            ax.errorbar(
                x, mean, bars_of(mean, sd, panel), color=colour, marker="o", ms=4, capsize=2, elinewidth=1, label=told
            )
            for one in order:
                for _, other in one.theirs(name, last=True):
                    mark(ax, number_of(one.settings[panel["x"]]), scale, other, colour)
    ax.set(xlabel=words_of_setting(panel["x"]), ylabel=look.label(names[0] if not several else panel["y"].rstrip(".*")))
    _finish(ax, panel, points)
    legend(ax, len(groups) * len(names) + (len(groups) * len(names) == 1 and several))


def _group(panel: Panel, one: Condition) -> str:
    return ", ".join(
        f"{words_of_setting(name)} {one.settings[name]}"
        if isinstance(one.settings[name], int | float)
        else str(one.settings[name]).replace("_", " ")
        for name in filter(None, (panel.get("by") or "").split(","))
        if name in one.settings
    )


def _has_setting(panel: Panel, drawn: Drawn) -> bool:
    wanted = [panel["x"]] + ([panel["by"]] if panel["kind"] == "heat" else [])
    return _has_value(panel, drawn) and all(
        number_of(one.settings.get(name)) is not None for one in drawn for name in wanted
    )


def draw_heat(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    """Draw the last value over a grid of two settings: ours as colour and above, the number of others below."""
    x = sorted({number_of(one.settings[panel["x"]]) for one in drawn})
    y = sorted({number_of(one.settings[panel["by"]]) for one in drawn})
    grid, scale = np.full((len(y), len(x)), np.nan), look.scale(panel["y"])
    for one in drawn:
        row, column = y.index(number_of(one.settings[panel["by"]])), x.index(number_of(one.settings[panel["x"]]))
        ours, theirs = one.value(panel["y"]), one.theirs(panel["y"], last=True)
        grid[row, column] = np.nan if ours is None else scale * ours[0]
        lines = [
            "" if ours is None else f"{scale * ours[0]:.3g}",
            *(f"({scale * o['value']:.3g})" for _, o in theirs[:1]),
        ]
        box = {"facecolor": "white", "alpha": 0.6, "edgecolor": "none", "pad": 0.8}
        ax.text(column, row, "\n".join(filter(None, lines)), ha="center", va="center", fontsize=6, bbox=box)
    image = ax.imshow(grid, origin="lower", aspect="auto", cmap="viridis")
    ax.set_xticks(range(len(x)), [f"{one:g}" for one in x])
    ax.set_yticks(range(len(y)), [f"{one:g}" for one in y])
    ax.set(xlabel=words_of_setting(panel["x"]), ylabel=words_of_setting(panel["by"]))
    ax.grid(visible=False)
    if np.isfinite(grid).any():
        ax.figure.colorbar(image, ax=ax, label=look.label(panel["y"]))


def draw_across(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    """Draw the last value of several series (regions, layers) against their number, one line a condition."""
    names = list(dict.fromkeys(name for one in drawn for name in _matching(panel, one)))
    for one in drawn:
        points = [(n, one.value(name)) for n, name in enumerate(names, 1) if one.value(name) is not None]
        if points:
            x, mean, sd = np.array([(n, *v) for n, v in points]).T
            ax.errorbar(
                x, mean, bars_of(mean, sd, panel), color=look.colour[one.label], marker="o", ms=4, label=one.label
            )
        for number, name in enumerate(names, 1):
            for _, other in one.theirs(name, last=True):
                mark(ax, number, 1.0, other, look.colour[one.label])
    parts = [name.split(".") for name in names]
    told = [next((word for word in part if any(map(str.isdigit, word))), part[-1]) for part in parts]
    ax.set_xticks(range(1, len(names) + 1), told)
    ax.set_ylabel(look.label(panel["y"].partition("*")[0].rstrip(".")))
    _finish(ax, panel)
    legend(ax, len(drawn))


def _tall(count: int) -> float:
    return 3.0 if count <= BARS else 0.6 + 0.26 * count


#: Kinds of panels by name.
KINDS = {
    "curve": Kind(draw_curve, has_course),
    "bars": Kind(draw_bars, _has_value, _tall),
    "line": Kind(draw_line, _has_setting),
    "heat": Kind(draw_heat, _has_setting),
    "across": Kind(draw_across, _has_value),
}
