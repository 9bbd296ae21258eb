"""Figure of behaviour in temporal tasks: how often a network is right, and when it decides, by condition."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from biocredit.analysis.metrics.behaviour import Behaviour, behaviour_in, interval
from biocredit.analysis.plots.style import QUIET, canvas, colours, styled
from biocredit.analysis.reports.comparison import label_of, opened
from biocredit.analysis.trace.reader import Trace
from matplotlib.figure import Figure


@styled
def behaviour(*traces: Trace, against: str | None = None, snapshot: int = -1) -> Figure:
    """Draw answers (psychometric), decision times (chronometric), and being right as the trial goes on.

    Parameters
    ----------
    *traces
        Traces with the readout of a temporal task, see `biocredit.analysis.metrics.behaviour.behaviour_in`.
    against
        Condition of the trial table on the abscissa; by default the one with most levels, or all combinations where
        every condition has two.
    snapshot
        Position along the snapshots.

    Raises
    ------
    TraceError
        If a trace holds no choices.
    """
    figure, (answers, times, course) = canvas(1, 3, (3.6, 3.0))
    found = [opened(trace) for trace in traces]
    for number, (trace, colour) in enumerate(zip(found, colours(len(found)), strict=True)):
        seen = behaviour_in(trace, snapshot)
        graded, label = against or seen.graded(), label_of(trace)
        names = [graded] if graded else list(seen.conditions)
        groups = seen.groups(*names)
        look = {"fmt": "o-" if graded else "o", "color": colour, "label": label, "ms": 4, "lw": 1.2, "capsize": 2}
        for ax, draw in ((answers, draw_answers), (times, draw_times)):
            x = places(ax, groups, 0.0 if graded else 0.1 * number)
            draw(ax, seen, x, list(groups.values()), **look)
        course.plot(seen.time, 100 * seen.right.mean((0, 1)), color=colour, label=label)
    for ax in (answers, times):
        ax.set_xlabel(", ".join(name if seen.units[name] == "1" else f"{name} ({seen.units[name]})" for name in names))
    for ax in (answers, course):
        ax.axhline(100 * seen.chance, color=QUIET, lw=0.7, ls=":")
        ax.set_ylim(0, 103)
    answers.set(ylabel="right answers (%)", title="Psychometric")
    times.set(ylabel=f"decision time ({seen.units['time']})", title="Chronometric")
    course.set(xlabel=f"time ({seen.units['time']})", ylabel="right at this moment (%)", title="Course of the trial")
    if len(found) > 1:
        course.legend(fontsize=7, loc="best")
    return figure


def places(ax: Any, groups: Mapping[tuple, np.ndarray], shift: float) -> np.ndarray:
    """Put conditions along the abscissa: a single one at its values, combinations side by side and a little shifted."""
    if all(len(levels) == 1 for levels in groups):
        return np.array([float(levels[0]) for levels in groups])
    ax.set_xticks(range(len(groups)), [", ".join(f"{level:g}" for level in levels) for levels in groups])
    return np.arange(len(groups)) + shift


def draw_answers(ax: Any, seen: Behaviour, x: np.ndarray, groups: Sequence[np.ndarray], **look: Any) -> None:
    """Draw the fraction of right answers of all networks, with its 95 % interval over trials."""
    counts = [(int(seen.correct[:, hit].sum()), seen.correct[:, hit].size) for hit in groups]
    middle = np.array([100 * right / trials for right, trials in counts])
    low, high = (100 * np.array(bound) for bound in zip(*(interval(*count) for count in counts), strict=True))
    ax.errorbar(x, middle, np.clip([middle - low, high - middle], 0, None), **look)


def draw_times(ax: Any, seen: Behaviour, x: np.ndarray, groups: Sequence[np.ndarray], **look: Any) -> None:
    """Draw the median decision time in trials that were answered right, with the quartiles."""
    kept = [seen.decided[:, hit][seen.correct[:, hit]] for hit in groups]
    low, middle, high = np.array([np.percentile(one, (25, 50, 75)) if one.size else (np.nan,) * 3 for one in kept]).T
    ax.errorbar(x, middle, [middle - low, high - middle], **look)
