"""Figures of activity in a trial: trajectories in principal components, and how a region settles."""

from typing import Any

import numpy as np
from biocredit.analysis.metrics.representation import principal_components
from biocredit.analysis.plots.style import PALETTE, QUIET, axes_for, canvas, colours, styled
from biocredit.analysis.reports.comparison import label_of, opened
from biocredit.analysis.trace.reader import Trace, TraceError
from biocredit.analysis.trace.schema import nearest
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

LOOKS = ({"color": PALETTE[0], "marker": "o"}, {"color": PALETTE[1], "marker": "D", "linestyle": "--"})
Course = Float[np.ndarray, "time neuron"]


@styled
def trajectory(
    trace: Trace, region: str = "V1", *, trial: int = 0, seed: int = 0, snapshot: int = -1, ax: Any = None
) -> Figure | Any:
    """Draw how a region moves in its first three principal components, without and with the output error.

    The components are fitted to both phases together (eLife 2026, 15:e108237, figure 3b).

    Parameters
    ----------
    trace
        A trace with the rate of the region: ``Record(of="V1.rate")``.
    region
        Name of the population.
    trial, seed, snapshot
        Positions along these axes.
    ax
        Three-dimensional axes to draw into, which are then returned; a figure of its own by default.
    """
    shown, ax = axes_for(ax, size=(4.8, 4.2), subplot_kw={"projection": "3d"})
    draw_trajectory(ax, opened(trace), region, trial=trial, seed=seed, snapshot=snapshot)
    return shown


def draw_trajectory(
    ax: Any, trace: Trace, region: str = "V1", *, trial: int = 0, seed: int = 0, snapshot: int = -1
) -> None:
    """Draw :func:`trajectory` into three-dimensional axes."""
    courses = phase_courses(trace, region, seed=seed, snapshot=snapshot)
    parts = paths(courses["inference"][trial], courses["learning"][trial])
    fit = principal_components(*parts, components=3)
    for score, look, label in zip(fit.scores, LOOKS, ("without output error", "with output error"), strict=True):
        ax.plot(*score.T, lw=1.6, ms=4, label=label, **look)
        ax.plot(*score[-1:].T, marker="*", ms=11, color=look["color"], mec="white", mew=0.5)
    ax.plot(*fit.scores[0][:1].T, "s", color=QUIET, ms=5, label="rest")
    updates = trace[f"activity/{region}/rate"].coords["update"][snapshot]
    ax.set_title(f"{region}, trial {trial + 1}, after {updates} updates")
    for axis, number in ((ax.xaxis, 0), (ax.yaxis, 1), (ax.zaxis, 2)):
        share = 100 * fit.explained_variance_ratio[number]
        axis.set_label_text(f"PC {number + 1} ({share:.2g} %)", fontsize=8)
        axis.set_tick_params(labelsize=6, pad=-2)
        axis.set_major_locator(MaxNLocator(4))
        axis.set_pane_color((1, 1, 1, 0))
    ax.view_init(elev=22, azim=-60)
    ax.set_box_aspect((1, 1, 0.8), zoom=0.9)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.12, 1.02), fontsize=7)


def phase_courses(
    trace: Trace, region: str, *, seed: int = 0, snapshot: int = -1
) -> dict[str, Float[np.ndarray, "trial time neuron"]]:
    """Read the rates of a region during its own stretch of each phase, by phase.

    Raises
    ------
    TraceError
        If the rate of the region was not recorded.
    """
    recorded = recorded_rates(trace)
    if region not in recorded:
        raise TraceError(
            f"the rate of {region!r} was not recorded{nearest(region, recorded)}: Record(of='{region}.rate')"
        )
    rate = trace.read(f"activity/{region}/rate", seed=seed, snapshot=snapshot).values
    when = trace[f"activity/{region}/phase"].values.astype(str)
    return {phase: rate[:, when == phase] for phase in ("inference", "learning")}


def recorded_rates(trace: Trace) -> list[str]:
    """List the populations whose rate was recorded in both phases."""
    recorded = list(trace.activity)
    names = [name.removesuffix("/rate") for name in recorded if name.endswith("/rate")]
    names = [name for name in names if f"{name}/phase" in recorded]
    phases = {name: set(trace[f"activity/{name}/phase"].values.tolist()) for name in names}
    return [name for name in names if {"inference", "learning"} <= phases[name]]


def paths(inference: Course, learning: Course) -> tuple[Course, Course]:
    """Complete the two trajectories of one trial with the states that they start from.

    Inference starts from rest. Learning starts from rest (short trajectory) or from the settled state (end point);
    most neurons receive no error, and these repeat their first state of inference or stay where they are.
    """
    rest = np.zeros_like(inference[:1])
    from_rest = np.median(np.abs(learning[0] - inference[0])) <= np.median(np.abs(learning[0] - inference[-1]))
    start = rest if from_rest else inference[-1:]
    return np.concatenate([rest, inference]), np.concatenate([start, learning])


@styled
def settling(*traces: Trace, region: str = "V1", seed: int = 0, trial: int = 0) -> Figure:
    """Draw states of some neurons and the one-step differences ``h(k) - h(k-1)`` while a region settles.

    Parameters
    ----------
    *traces
        Traces with the rate of the region, one a spectral radius (eLife 2026, 15:e108237, figure 2d).
    """
    figure, (states, steps) = canvas(1, 2, (4.2, 3.1))
    found = [opened(trace) for trace in traces]
    for number, (trace, colour) in enumerate(zip(found, colours(len(found), True), strict=False)):
        course = draw_steps(steps, trace, region, colour, seed=seed, trial=trial)
        if number in (0, len(found) - 1):
            busiest = np.argsort(course.std(0))[-4:]
            states.plot(course[:, busiest], color=colour, lw=1, label=[label_of(trace), *["_"] * 3])
    states.set(xlabel="iteration k", ylabel="rate", title=f"States of neurons of {region}")
    states.legend(fontsize=7, loc="lower left", bbox_to_anchor=(0, -0.01), ncols=2, frameon=True)
    steps.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def draw_steps(ax: Any, trace: Trace, region: str, colour: Any, *, seed: int = 0, trial: int = 0) -> Course:
    """Draw the one-step differences of a settling region into axes; return its course from rest."""
    course = phase_courses(trace, region, seed=seed)["inference"][trial]
    course = np.concatenate([np.zeros_like(course[:1]), course])
    differences = np.linalg.norm(np.diff(course, axis=0), axis=1) / np.sqrt(course.shape[1])
    ax.plot(np.arange(1, len(course)), differences, color=colour, label=label_of(trace))
    ax.set(xlabel="iteration k", ylabel="RMS of h(k) - h(k-1)", title="One-step difference", yscale="log")
    return course
