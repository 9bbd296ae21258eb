"""Networks beside recordings: distance against error, and condition averages over time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from biocredit.analysis.interchange.similarity import Curve, Interval
from biocredit.analysis.metrics.neural.activity import samples
from biocredit.analysis.metrics.representation import principal_components
from biocredit.analysis.plots.style import QUIET, canvas, colours, styled
from matplotlib.figure import Figure

__all__ = ["conditions", "distance_against_error"]


DISTANCE = "distance from the recording (right angles)"


@styled
def distance_against_error(
    curves: Mapping[str, Curve],
    *,
    stored: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    levels: Mapping[str, float] | None = None,
    at: Sequence[float] = (),
    quantity: str = DISTANCE,
) -> Figure:
    """Draw how near networks come to a recording as their error falls: one line a seed, learning goes to the right.

    Parameters
    ----------
    curves
        By rule, see :func:`biocredit.analysis.interchange.similarity.curve`.
    stored
        Error and distance of other networks by name, drawn grey.
    levels
        Distances to compare with, by name: the average over conditions, other neurons.
    at
        Errors at which a second panel shows the mean over seeds with its bootstrap interval.
    quantity
        What the vertical axis shows.
    """
    figure, axes = canvas(1, 1 + bool(at), size=(5.0, 3.8), squeeze=False, sharey=True)
    shades = dict(zip(curves, colours(len(curves)), strict=True))
    _draw_courses(axes[0, 0], curves, shades, stored or {})
    for ax in axes[0]:
        for label, value in (levels or {}).items():
            ax.axhline(value, color="#000000", linewidth=0.8, linestyle=(0, (4, 3)))
            ax.annotate(label, (0.01, value), xycoords=("axes fraction", "data"), va="bottom", fontsize=8)
    if at:
        _draw_levels(axes[0, 1], curves, shades, stored or {}, sorted(at, reverse=True))
    axes[0, 0].set_ylabel(quantity)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    axes[0, -1].legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _draw_courses(ax: Any, curves: Mapping[str, Curve], shades: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    for dashes, (label, (error, distance)) in zip(("s-", "D--", "^:", "v-."), stored.items(), strict=False):
        look = {"markevery": [-1], "mfc": "white", "markersize": 5, "linewidth": 1.6, "zorder": 3}
        ax.plot(1 - np.asarray(error), distance, dashes, color=QUIET, label=label, **look)
    few = len(curves) <= 3
    for label, one in curves.items():
        for k, (error, distance) in enumerate(zip(one.error, one.distance, strict=True)):
            style = {"marker": "o", "markersize": 2.5} if few else {"linewidth": 0.7, "alpha": 0.8}
            ax.plot(1 - error, distance, color=shades[label], label=label if k == 0 else None, **style)
    worst = min([0.0, *(float(1 - one.error.max()) for one in curves.values())])
    ax.set_xlim(max(worst, -0.5) - 0.05, 1.05)
    ax.set(xlabel="1 - normalised error (0: as good as a constant)")


def _draw_levels(
    ax: Any, curves: Mapping[str, Curve], shades: Mapping[str, Any], stored: Mapping[str, Any], at: Sequence[float]
) -> None:
    for sign, (error, distance) in zip("sD^v", stored.values(), strict=False):
        one = Curve(np.arange(len(error)), np.asarray(error)[None], np.asarray(distance)[None])
        ax.plot([float(one.at_error(level)[0]) for level in at], sign, mfc="white", mec=QUIET, markersize=5)
    for number, (label, one) in enumerate(curves.items()):
        aside = 0.6 * ((number + 0.5) / len(curves) - 0.5)
        for place, level in enumerate(at):
            found = one.at_error(level)
            found = found[~np.isnan(found)]
            if found.size:
                interval = Interval.bootstrap(found)
                ax.plot([place + aside] * 2, [interval.low, interval.high], color=shades[label], linewidth=1.4)
                ax.plot(place + aside, interval.mean, "o", color=shades[label], markersize=3.5)
    ax.set_xticks(range(len(at)), [f"{level:g}" for level in at])
    ax.set(xlabel="normalised error (mean over seeds, 95 % bootstrap)")


@styled
def conditions(
    activities: Mapping[str, tuple[np.ndarray, np.ndarray]], labels: Sequence, neurons: Sequence[int] = (0, 1)
) -> Figure:
    """Draw condition averages of a few neurons, and the trajectory of all of them in two principal components.

    Parameters
    ----------
    activities
        By name: times in ms, and activity ``[condition, time, neuron]``. One row of panels each.
    labels
        Labels of the conditions.
    neurons
        Which neurons are drawn.
    """
    figure, axes = canvas(len(activities), len(neurons) + 1, size=(3.0, 2.5), squeeze=False)
    shades = colours(len(labels), ordered=True)
    for row, (name, (time, activity)) in zip(axes, activities.items(), strict=True):
        fit = principal_components(samples(activity), components=2)
        scores = fit.scores[0].reshape(*activity.shape[:2], 2)
        for shade, label, course, path in zip(shades, labels, activity, scores, strict=True):
            for ax, neuron in zip(row, neurons, strict=False):
                ax.plot(time, course[:, neuron], color=shade, linewidth=1.1)
            row[-1].plot(path[:, 0], path[:, 1], color=shade, linewidth=1.1, label=str(label))
            row[-1].plot(*path[-1], "o", color=shade, markersize=3)
        for ax, neuron in zip(row, neurons, strict=False):
            ax.set(title=f"{name}, neuron {neuron}", xlabel="time (ms)", ylabel="rate")
        share = 100 * fit.explained_variance_ratio.sum()
        row[-1].set(title=f"{name}, all neurons", xlabel=f"PC 1 (both: {share:.0f} % of variance)", ylabel="PC 2")
    axes[0, -1].legend(title="condition", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure
