"""The wiring diagram of a circuit, from the tables that a trace holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from biocredit.analysis.plots.stream_layout import passed_on, stream_places
from biocredit.analysis.plots.style import PALETTE, QUIET, axes_for, styled
from biocredit.analysis.reports.comparison import opened
from biocredit.analysis.trace.reader import Trace, TraceError
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

WIDTH, HEIGHT, GAP_X, GAP_Y, GAP_STREAM, MARGIN = 3.0, 0.62, 2.2, 1.15, 0.5, 1.7
INCH = 0.62  # inches in a unit of the drawing
BLOCKS = {"RI": PALETTE[5], "SI": PALETTE[0], "RE": PALETTE[4], "SE": PALETTE[1]}
KINDS = {
    "inference": PALETTE[0],
    "feedback": PALETTE[1],
    "recurrent": PALETTE[2],
    "descending to ascending": PALETTE[3],
    "ascending to descending": PALETTE[5],
}


@dataclass(frozen=True)
class Box:
    """Where a population is drawn: lower left corner, its blocks with their sizes, whether its name stands inside."""

    x: float
    y: float
    size: int
    blocks: Mapping[str, int]
    inside: bool = False

    def block(self, name: str) -> tuple[float, float]:
        """Return the left and right edges of a block (of the whole box where it has none of that name)."""
        total, left = sum(self.blocks.values()) or 1, 0
        for other, size in self.blocks.items():
            if other == name:
                return self.x + WIDTH * left / total, self.x + WIDTH * (left + size) / total
            left += size
        return self.x, self.x + WIDTH


@styled
def wiring(trace: Trace, *, ax: Any = None) -> Figure | Any:
    """Draw the circuit of a trace: populations with their blocks, and projections.

    Solid arrows are plastic, dashed ones fixed; blue carries inference upwards, red carries error; the green mark is
    recurrent connections. Two streams stand side by side, with grey lines where activity passes without synapses.

    Parameters
    ----------
    trace
        A trace or its file name.
    ax
        Axes to draw into, which are then returned; a figure of its own by default.

    Raises
    ------
    TraceError
        If the trace holds no table of populations.
    """
    trace = opened(trace)
    if "populations/name" not in trace.circuit:
        raise TraceError("the trace holds no populations")
    width, height = extent(layout(*_tables(trace)))
    shown, ax = axes_for(ax, size=(INCH * width, INCH * height))
    draw_wiring(ax, trace)
    return shown


def draw_wiring(ax: Any, trace: Trace) -> None:
    """Draw :func:`wiring` into axes."""
    populations, projections = _tables(trace)
    boxes = layout(populations, projections)
    for name, box in boxes.items():
        _draw_box(ax, name, box)
    if any(box.inside for box in boxes.values()):
        for pre, post in passed_on(list(boxes), projections):
            _draw_arrow(ax, boxes[pre], boxes[post], (pre, post), 0, color=QUIET, lw=1.0, linestyle="-")
    for number, row in enumerate(row for row in projections if row["kind"] in KINDS):
        _draw_projection(ax, boxes, row, number)
    width, height = extent(boxes)
    ax.set(xlim=(-MARGIN, width - MARGIN), ylim=(-1.3, height - 1.3))
    ax.set_aspect("equal")
    ax.axis("off")
    for kind, colour in KINDS.items():
        if any(row["kind"] == kind for row in projections):
            ax.plot([], [], color=colour, label=kind)
    ax.plot([], [], color=QUIET, linestyle="--", label="fixed")
    ax.legend(loc="lower center", ncols=2, fontsize=8)


def extent(boxes: Mapping[str, Box]) -> tuple[float, float]:
    """Return width and height of the drawing with its margins."""
    right, top = max(box.x for box in boxes.values()), max(box.y for box in boxes.values())
    return right + WIDTH + MARGIN + 0.8, top + HEIGHT + 1.3 + 0.3


def layout(populations: Sequence[Mapping[str, Any]], projections: Sequence[Mapping[str, Any]]) -> dict[str, Box]:
    """Place populations one level above the highest one that sends inference to them, and near those that do.

    Examples
    --------
    >>> rows = [{"name": "eye", "size": 4, "blocks": "{}"}, {"name": "V1", "size": 9, "blocks": "{}"}]
    >>> boxes = layout(rows, [{"pre": "eye", "post": "V1", "kind": "inference"}])
    >>> boxes["V1"].y > boxes["eye"].y
    True
    """
    if streams := stream_places([row["name"] for row in populations]):
        return {
            row["name"]: Box(column * (WIDTH + GAP_X), level * (HEIGHT + GAP_STREAM), row["size"], {}, inside=True)
            for row in populations
            for column, level in [streams[row["name"]]]
        }
    below: dict[str, set[str]] = {row["name"]: set() for row in populations}
    for row in projections:
        pre, post = owner(row["pre"], below), owner(row["post"], below)
        if row["kind"] == "inference" and pre in below and post in below and pre != post:
            below[post].add(pre)
    levels = _levels(below)
    places: dict[str, tuple[int, int]] = {}
    for name in sorted(below, key=levels.__getitem__):
        near = [places[one][0] for one in below[name] if one in places]
        wanted = sum(near) / len(near) if near else 0
        taken = {column for column, level in places.values() if level == levels[name]}
        free = [column for column in range(len(below)) if column not in taken]
        places[name] = min(free, key=lambda column: abs(column - wanted)), levels[name]
    return {row["name"]: _box(row, *places[row["name"]]) for row in populations}


def _block_sizes(text: str) -> dict[str, int]:
    """Neurons of each block, which a trace may list or count."""
    blocks = json.loads(text) if text else {}
    return {name: len(one) if isinstance(one, list) else int(one) for name, one in blocks.items()}


def _box(row: Mapping[str, Any], column: int, level: int) -> Box:
    sizes = _block_sizes(row["blocks"])
    return Box(column * (WIDTH + GAP_X), level * (HEIGHT + GAP_Y), row["size"], sizes)


def _levels(below: Mapping[str, set[str]]) -> dict[str, int]:
    try:
        order = list(TopologicalSorter(below).static_order())
    except CycleError:
        return {name: number for number, name in enumerate(below)}
    levels: dict[str, int] = {}
    for name in order:
        levels[name] = max((levels[one] + 1 for one in below[name]), default=0)
    return levels


def owner(end: str, populations: Mapping[str, Any]) -> str:
    """Return the population that an end belongs to (``"V1.SI"``: ``"V1"``)."""
    return end if end in populations else end.rpartition(".")[0]


def _tables(trace: Trace) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    def rows(kind: str) -> list[dict[str, Any]]:
        columns = {
            name.partition("/")[2]: trace.circuit[name].values.tolist() for name in trace.circuit if kind in name
        }
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    return rows("populations"), rows("projections")


def _draw_box(ax: Any, name: str, box: Box) -> None:
    frame = {"boxstyle": "round,pad=0.06", "fc": "#F5F5F5", "ec": "#444444", "lw": 1}
    ax.add_patch(FancyBboxPatch((box.x, box.y), WIDTH, HEIGHT, **frame))
    x, align = (box.x + WIDTH / 2, "center") if box.inside else (box.x - 0.15, "right")
    ax.text(x, box.y + 0.62 * HEIGHT, name, ha=align, va="center", fontweight="bold", fontsize=9 - 2 * box.inside)
    ax.text(x, box.y + 0.12 * HEIGHT, f"{box.size}", ha=align, va="center", color=QUIET, fontsize=8 - box.inside)
    for number, block in enumerate(box.blocks):
        left, right = box.block(block)
        colour = BLOCKS.get(block, PALETTE[number % 6])
        ax.add_patch(Rectangle((left, box.y), right - left, HEIGHT, fc=colour, alpha=0.30, ec="white"))
        ax.text((left + right) / 2, box.y + HEIGHT / 2, block, ha="center", va="center", fontsize=8)


def _draw_projection(ax: Any, boxes: Mapping[str, Box], row: Mapping[str, Any], number: int) -> None:
    pre, post = owner(row["pre"], boxes), owner(row["post"], boxes)
    if pre not in boxes or post not in boxes:
        return
    colour, style = KINDS[row["kind"]], "-" if row["plastic"] else (0, (4, 2))
    if pre == post:
        _draw_loop(ax, boxes[pre], colour, style)
        return
    ends = row["pre"], row["post"]
    _draw_arrow(ax, boxes[pre], boxes[post], ends, number, color=colour, linestyle=style, lw=1.5, alpha=0.9)


def _draw_arrow(ax: Any, pre: Box, post: Box, ends: tuple[str, str], number: int, **look: Any) -> None:
    """Draw an arrow between middles of blocks; in streams between facing sides, and around what stands in between."""
    if pre.inside and pre.x == post.x and abs(pre.y - post.y) > 1.5 * (HEIGHT + GAP_STREAM):
        start, end = ((box.x + WIDTH + 0.06, box.y + HEIGHT / 2) for box in (pre, post))
        distance = abs(pre.y - post.y)
        bend = -2 * min(0.25 + 0.1 * distance, 0.7) / distance  # bulges by 0.7 at most: the margin is 0.8
    elif pre.inside and pre.y == post.y:
        right = post.x > pre.x
        start = (pre.x + (WIDTH + 0.06 if right else -0.06), pre.y + (0.7 if right else 0.3) * HEIGHT)
        end, bend = (post.x + (-0.06 if right else WIDTH + 0.06), start[1]), 0.0
    else:
        up = post.y >= pre.y
        start = (_middle(pre, ends[0]), pre.y + (HEIGHT + 0.06 if up else -0.06))
        end = (_middle(post, ends[1]), post.y + (-0.06 if up else HEIGHT + 0.06))
        bend = -0.35 if pre.y == post.y else 0.04 + 0.03 * (number % 3)
    arrow = {"arrowstyle": "-|>", "mutation_scale": 11, "connectionstyle": f"arc3,rad={bend}"}
    ax.add_patch(FancyArrowPatch(start, end, shrinkA=0, shrinkB=0, **arrow, **look))


def _middle(box: Box, end: str) -> float:
    return sum(box.block(end.rpartition(".")[2])) / 2


def _draw_loop(ax: Any, box: Box, colour: str, style: Any) -> None:
    """Mark recurrent connections at the right end of a box."""
    right, y = box.x + WIDTH + 0.06, box.y
    look = {"arrowstyle": "-|>", "mutation_scale": 9, "lw": 1.3, "color": colour, "linestyle": style}
    arc = "arc3,rad=1.2"
    ax.add_patch(FancyArrowPatch((right, y + 0.06), (right, y + HEIGHT - 0.06), connectionstyle=arc, **look))
