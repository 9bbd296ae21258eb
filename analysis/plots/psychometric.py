"""Figure of psychometric curves with their fits."""

from typing import Any

import numpy as np
from biocredit.analysis.metrics.psychometric_fit import fit_psychometric
from biocredit.analysis.plots.style import QUIET, canvas, colours, styled
from biocredit.analysis.reports.comparison import label_of, opened
from biocredit.analysis.trace.reader import Trace, TraceError
from matplotlib.figure import Figure

SERIES = "psychometric.mean_output"


@styled
def psychometric(*traces: Trace) -> Figure:
    """Draw psychometric curves: mean output (as the paper plots it) and choices with a maximum-likelihood fit.

    Parameters
    ----------
    *traces
        Traces with a measured psychometric curve, one a noise level.

    Raises
    ------
    TraceError
        If none was measured.
    """
    figure, (outputs, choices) = canvas(1, 2, (4.2, 3.2), sharex=True, sharey=True)
    found = [opened(trace) for trace in traces]
    for trace, colour in zip(found, colours(len(found), True), strict=False):
        draw_outputs(outputs, trace, colour)
        draw_choices(choices, trace, colour)
    outputs.set(ylabel='"clockwise"', title="Mean output")
    choices.set(title="Choices and fit")
    for ax in (outputs, choices):
        ax.axhline(0.5, color=QUIET, lw=0.7)
        ax.axvline(0, color=QUIET, lw=0.7)
        ax.set_xlabel("orientation (degrees)")
        ax.legend(fontsize=7, loc="upper left")
    return figure


def draw_outputs(ax: Any, trace: Trace, colour: Any) -> None:
    """Draw the mean output against orientation, with the range over seeds, and the paper's values as open circles."""
    if SERIES not in trace.learning:
        raise TraceError("no psychometric curve was measured in this run")
    curve = trace.learning[SERIES]
    x = curve.coords["orientation"]
    ax.plot(x, curve.values.mean(0), color=colour, label=label_of(trace))
    ax.fill_between(x, curve.values.min(0), curve.values.max(0), color=colour, alpha=0.15, linewidth=0)
    known = [one for one in trace.configuration.get("reference", []) if one["series"] == SERIES]
    ax.plot([one["at"] for one in known], [one["value"] for one in known], "o", mfc="white", mec=colour, ms=4)


def draw_choices(ax: Any, trace: Trace, colour: Any) -> None:
    """Draw the fraction of "clockwise" choices of all seeds together, and the fit: threshold and its width."""
    clockwise, trials = (trace.learning[f"psychometric.{name}"] for name in ("clockwise", "trials"))
    x = clockwise.coords["orientation"]
    right, total = clockwise.values.sum(0), trials.values.sum(0)
    fit = fit_psychometric(x, total, right)
    fine = np.linspace(x[0], x[-1], 200)
    ax.plot(x, right / total, "o", color=colour, ms=3)
    found = fit.flags[0] if fit.flags else f"{fit.mu:.1f}° ± {fit.sigma:.2g}°"
    ax.plot(fine, fit(fine), color=colour, lw=1.2, label=f"{label_of(trace)}: {found}")
