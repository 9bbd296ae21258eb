"""Networks beside recordings: distance against error, and condition averages over time."""

from collections.abc import Mapping, Sequence

import numpy as np
from biocredit.analysis.interchange.similarity import Curve
from biocredit.analysis.metrics.neural.activity import samples
from biocredit.analysis.metrics.representation import principal_components
from biocredit.analysis.plots.style import PALETTE, QUIET, canvas, colours, styled
from matplotlib.figure import Figure

__all__ = ["conditions", "distance_against_error"]


@styled
def distance_against_error(
    curves: Mapping[str, Curve],
    *,
    stored: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
    levels: Mapping[str, float] | None = None,
    quantity: str = "distance from the recording (right angles)",
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
    quantity
        What the vertical axis shows.
    """
    figure, ax = canvas(size=(5.6, 3.8))
    for dashes, (label, (error, distance)) in zip(("-", "--", ":", "-."), (stored or {}).items(), strict=False):
        ax.plot(1 - np.asarray(error), distance, dashes, color=QUIET, linewidth=1.2, label=label)
    for colour, (label, one) in zip(PALETTE * 4, curves.items(), strict=False):
        for k, (error, distance) in enumerate(zip(one.error, one.distance, strict=True)):
            ax.plot(1 - error, distance, "o-", color=colour, markersize=2.5, label=label if k == 0 else None)
    for label, value in (levels or {}).items():
        ax.axhline(value, color="#000000", linewidth=0.8, linestyle=(0, (4, 3)))
        ax.annotate(label, (0.01, value), xycoords=("axes fraction", "data"), va="bottom", fontsize=8)
    worst = min([0.0, *(float(1 - one.error.max()) for one in curves.values())])
    ax.set_xlim(max(worst, -1.0) - 0.05, 1.05)
    ax.set(xlabel="1 - normalised error (0: as good as a constant)", ylabel=quantity)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


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
