"""Figures of temporal tasks by condition: what they draw is what the trace holds."""

import numpy as np
import pytest
from biocredit.analysis import open_trace
from biocredit.analysis.plots import figures
from biocredit.analysis.plots.conditions import split
from biocredit.analysis.trace.reader import TraceError

from tests.unit.experiment_case import write_trace

COHERENCE = np.tile([0.0, 10.0, 20.0, 40.0], 16)
LABEL = np.repeat([1, 2], 32)
TIME = np.arange(0, 100, 10.0)


def made(path, labels=LABEL):
    """Write a trace of 64 trials: right from a coherence of 20 on, a guess below; cells turn to the side of the label.

    The first two principal components are the two directions in which the cells move.
    """
    random = np.random.default_rng(0)
    answer = np.where(COHERENCE >= 20, labels, np.where(random.random(64) < 0.5, 1, 2))
    output = np.eye(4)[answer][None, None, :, None].repeat(10, axis=3).repeat(2, axis=1)
    ramp = (TIME[None] * np.where(labels == 2, 1, -1)[:, None])[..., None]
    rate = (ramp * np.array([3.0, 0, 0]) + TIME[None, :, None] * np.array([0, 1.0, 0]))[None, None].repeat(2, axis=1)
    scale = {"time": (TIME, "ms", "time in the trial")}
    axes = ("snapshot", "seed", "trial", "time", "neuron")
    table = {"label": labels, "coherence": COHERENCE, "decision_start": np.full(64, 60.0)}
    table |= {"decision_stop": np.full(64, 100.0)}
    both = {
        f"activity/{group}/{name}": (column, ("trial",))
        for group in ("output", "cells")
        for name, column in table.items()
    }
    courses = {"activity/output/output": (output, axes, scale), "activity/cells/rate": (rate, axes, scale)}
    return write_trace(path, **courses, **both)


def test_choices_are_drawn_against_the_signed_strength(tmp_path):
    figure = figures.choices(open_trace(made(tmp_path / "c.h5")))
    drawn = figure.axes[0].containers[0][0]
    levels = dict(zip(*drawn.get_data(), strict=True))
    assert sorted(levels) == [-40, -20, -10, 0, 10, 20, 40]
    assert [levels[one] for one in (-40, -20, 20, 40)] == [0, 0, 1, 1]
    assert figure.axes[0].get_xlabel() == "coherence"


def test_a_session_that_begins_to_show_figures_goes_on():
    import matplotlib
    from biocredit.analysis.plots.style import styled

    before = matplotlib.is_interactive()
    try:
        styled(lambda: matplotlib.interactive(True))()  # as the backend of a notebook does at the first figure
        assert matplotlib.is_interactive()
    finally:
        matplotlib.interactive(before)


def test_trajectories_part_by_condition(tmp_path):
    figure = figures.trajectories(open_trace(made(tmp_path / "t.h5")))
    plane, first, second = figure.axes
    one, other = (line.get_ydata() for line in first.lines[:2])
    np.testing.assert_allclose(np.abs(one - other), 6 * TIME, atol=1e-6)
    np.testing.assert_allclose(*(line.get_ydata() for line in second.lines[:2]), atol=1e-6)
    assert [text.get_text() for text in plane.get_legend().get_texts()] == ["1", "2"]
    assert first.lines[2].get_xdata()[0] == 60


def test_many_levels_become_quantiles():
    groups = split(np.arange(100.0))
    assert len(groups) == 4
    assert sum(hit.sum() for hit in groups.values()) == 100
    assert list(split(np.array([2.0, 1.0, 2.0]))) == ["1", "2"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda t: figures.choices(t, against="coherenc"), r"no condition 'coherenc' differs .*nearest: 'coherence'"),
        (lambda t: figures.trajectories(t, by="lable"), r"no condition 'lable' differs .*nearest: 'label'"),
        (lambda t: figures.trajectories(t, "cels"), r"the state of 'cels' was not recorded \(nearest: 'cells'\)"),
    ],
)
def test_what_is_not_there_gets_one_line(tmp_path, draw, message):
    with open_trace(made(tmp_path / "x.h5")) as trace, pytest.raises(TraceError, match=message) as refused:
        draw(trace)
    assert "\n" not in str(refused.value)


def test_a_task_with_many_answers_has_no_curve_of_two(tmp_path):
    path = made(tmp_path / "m.h5", labels=1 + np.arange(64) % 3)
    with pytest.raises(TraceError, match="3 different answers are right, wanted two"):
        figures.choices(open_trace(path))
