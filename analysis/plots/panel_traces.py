"""Kinds of panels that are drawn from traces: trajectories, exponents, embeddings, histograms, weights."""

from typing import Any

import numpy as np
from biocredit.analysis.plots.panel_data import Look
from biocredit.analysis.plots.panel_kinds import Drawn, Kind, Panel, legend
from biocredit.analysis.plots.psychometric import SERIES, draw_choices
from biocredit.analysis.plots.style import QUIET, colours
from biocredit.analysis.plots.sweeps import draw_exponents
from biocredit.analysis.plots.trajectories import draw_steps, draw_trajectory, recorded_rates
from biocredit.analysis.reports.comparison import words
from biocredit.analysis.trace.reader import Trace


def _traces(drawn: Drawn) -> list[Trace]:
    return [one.trace for one in drawn if one.trace is not None]


def _draw_trajectory(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    trace = _traces(drawn)[0]
    region = recorded_rates(trace)[-1]
    draw_trajectory(ax, trace, region, snapshot=min(1, trace[f"activity/{region}/rate"].shape[0] - 1))


def _draw_settling(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    some = _traces(drawn)
    for one, colour in zip(some, colours(len(some), True), strict=True):
        draw_steps(ax, one, recorded_rates(one)[0], colour)
    ax.legend(fontsize=7)


def _draw_exponents(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    draw_exponents(ax, _traces(drawn), panel["x"], panel["y"])


def _draw_choices(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    for one in drawn:
        if one.trace is not None and SERIES in one.trace.learning:
            draw_choices(ax, one.trace, look.colour[one.label])
    ax.set(xlabel="orientation (degrees)", ylabel='fraction "clockwise"')
    ax.legend(fontsize=7, loc="upper left")


def _draw_pairs(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    found = drawn[0].trace.learning[panel["y"]]
    last = found.values[(slice(None), *([-1] * (found.values.ndim - 3)))].mean(0)
    image = ax.imshow(last, cmap="viridis", origin="upper")
    (rows, columns), dims = last.shape, found.dims[-2:]
    ax.set_xticks(range(columns), [str(one) for one in found.coords[dims[1]]])
    ax.set_yticks(range(rows), [str(one) for one in found.coords[dims[0]]])
    ax.set(xlabel=dims[1].replace("_", " "), ylabel=dims[0].replace("_", " "), title=drawn[0].label)
    ax.grid(visible=False)
    ax.figure.colorbar(image, ax=ax, label=words(panel["y"]))


def _draw_embedding(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    points = drawn[0].trace.learning[panel["y"]].values[0]
    x, y, classes, descending = (points[-1] if points.ndim == 3 else points).T
    below = descending > 0
    kinds = np.unique(classes)
    for kind, colour in zip(kinds, colours(len(kinds)), strict=True):
        ax.plot(x[(classes == kind) & ~below], y[(classes == kind) & ~below], ".", ms=3, color=colour, alpha=0.6)
        ax.plot(
            x[(classes == kind) & below], y[(classes == kind) & below], "*", ms=10, color=colour, mec="black", mew=0.6
        )
    ax.plot([], [], ".", color=QUIET, label="ascending: one trial")
    ax.plot([], [], "*", color=QUIET, mec="black", ms=9, label="descending: one class")
    ax.set(xlabel="t-SNE 1", ylabel="t-SNE 2", title=words(panel["y"]))
    ax.legend(fontsize=7)


def _draw_histogram(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    for one in drawn:
        values = one.trace.learning[panel["y"]].values
        values = (values[:, -1] if values.ndim == 3 else values).ravel()
        ax.hist(values, bins=30, density=True, histtype="step", lw=1.4, color=look.colour[one.label], label=one.label)
    ax.set(xlabel=words(panel["y"]), ylabel="density")
    legend(ax, len(drawn))


def _draw_products(ax: Any, panel: Panel, drawn: Drawn, look: Look) -> None:
    weights = drawn[0].trace.weights[panel["y"]].values[:, 0]
    product = weights[panel.get("snapshot", -1)].T @ weights[panel.get("snapshot", -1)]
    size = float(np.abs(product).max()) or 1.0
    image = ax.imshow(product, cmap="RdBu_r", vmin=-size, vmax=size)
    ax.set(xlabel="cell", ylabel="cell")
    ax.grid(visible=False)
    ax.figure.colorbar(image, ax=ax, label=f"{panel['y']}: product with its transpose")


def _in_learning(panel: Panel, drawn: Drawn) -> bool:
    return all(one.trace is not None and panel["y"] in one.trace.learning for one in drawn)


def _in_weights(panel: Panel, drawn: Drawn) -> bool:
    return all(one.trace is not None and panel["y"] in one.trace.weights for one in drawn)


def _moved(panel: Panel, drawn: Drawn) -> bool:
    return bool(_traces(drawn)) and all(recorded_rates(one) for one in _traces(drawn))


def _with_exponents(panel: Panel, drawn: Drawn) -> bool:
    needed = ("activity", f"{panel['y']}/clamp"), ("weights", f"{panel['y']}.W_rec")
    return len(_traces(drawn)) > 1 and all(
        name in getattr(one, room) for one in _traces(drawn) for room, name in needed
    )


def _chose(panel: Panel, drawn: Drawn) -> bool:
    return any(SERIES in one.learning for one in _traces(drawn))


#: Kinds of panels by name.
KINDS = {
    "trajectory": Kind(_draw_trajectory, _moved, projection="3d"),
    "settling": Kind(_draw_settling, _moved),
    "exponents": Kind(_draw_exponents, _with_exponents),
    "choices": Kind(_draw_choices, _chose),
    "pairs": Kind(_draw_pairs, _in_learning),
    "embedding": Kind(_draw_embedding, _in_learning),
    "histogram": Kind(_draw_histogram, _in_learning),
    "products": Kind(_draw_products, _in_weights),
}
