"""Behaviour in temporal tasks: answers and decision times by condition, from a trace."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.analysis import open_trace
from biocredit.analysis.metrics.behaviour import answers, behaviour_in, interval
from biocredit.analysis.plots import figures
from biocredit.analysis.reports.report_figures import figures_of
from biocredit.analysis.trace.reader import TraceError
from biocredit.circuits import RateRNN
from biocredit.protocols import Online, Record, tasks

from tests.unit.experiment_case import write_trace

DELAYS = np.repeat([20.0, 40.0, 80.0], 8)


def made(path):
    """Write a trace of 24 trials in two networks: wrong in one trial of eight per 20 ms, decided at the delay."""
    time, label = np.arange(0, 100, 10.0), np.tile([0, 1], 12)
    wrong = np.tile(np.arange(8), 3) < DELAYS / 20
    answer = np.where(wrong, 1 - label, label)
    choice = np.where(time[None] >= DELAYS[:, None], answer[:, None], 1 - answer[:, None])
    output = np.eye(2)[choice][None, None].repeat(2, axis=1)
    scale = {"time": (time, "ms", "time in the trial")}
    axes = ("snapshot", "seed", "trial", "time", "neuron")
    return write_trace(
        path,
        **{
            "activity/output/output": (output, axes, scale),
            "activity/output/label": (label, ("trial",)),
            "activity/output/delay": (DELAYS, ("trial",)),
        },
    )


def test_answers_and_decisions_are_read_from_the_readout(tmp_path):
    seen = behaviour_in(open_trace(made(tmp_path / "b.h5")))
    assert (seen.graded(), seen.chance, seen.units["time"]) == ("delay", 0.5, "ms")
    np.testing.assert_array_equal(seen.decided, np.stack([DELAYS, DELAYS]))
    rates = [seen.correct[:, hit].mean() for hit in seen.groups("delay").values()]
    assert rates == [7 / 8, 6 / 8, 4 / 8]


def test_decisions_of_cognitive_tasks_are_read_in_their_period(tmp_path):
    """Three choices, 0 is to fixate: always largest before the decision (from 40 or 60 ms on), then a little below."""
    time, label, start = np.arange(0, 100, 10.0), np.tile([1, 2], 12), np.repeat([40.0, 60.0], 12)
    deciding = (time >= start[:, None]) & (time < start[:, None] + 30)
    output = np.zeros((1, 2, 24, 10, 3))
    output[..., 0] = 1
    said = np.where(np.arange(24) < 3, 3 - label, label)
    late = deciding & (time >= start[:, None] + 10)
    output[0] += 1.5 * np.eye(3)[said][:, None] * late[..., None]
    axes = ("snapshot", "seed", "trial", "time", "neuron")
    table = {"label": label, "decision_start": start, "decision_stop": start + 30, "side": label - 1}
    path = write_trace(
        tmp_path / "c.h5",
        **{"activity/output/output": (output, axes, {"time": (time, "ms", "time in the trial")})},
        **{f"activity/output/{name}": (values, ("trial",)) for name, values in table.items()},
    )
    seen = behaviour_in(open_trace(path))
    np.testing.assert_array_equal(seen.correct, [np.arange(24) >= 3] * 2)
    np.testing.assert_array_equal(seen.decided, 10)
    assert (seen.chance, list(seen.conditions)) == (0.5, ["side"])
    still = output.copy()
    still[..., 0] = 9
    np.testing.assert_array_equal(answers(still[0], time, start, start + 30, np.full(24, False))[0], said)
    assert not answers(still[0], time, start, start + 30, np.full(24, True)).any()


def test_the_figure_shows_answers_and_times_against_the_delay(tmp_path):
    trace = open_trace(made(tmp_path / "b.h5"))
    answers, times, course = figures.behaviour(trace).axes
    np.testing.assert_allclose(answers.lines[0].get_xydata(), [[20, 87.5], [40, 75], [80, 50]])
    np.testing.assert_allclose(times.lines[0].get_xydata(), [[20, 20], [40, 40], [80, 80]])
    assert course.lines[0].get_ydata()[-1] == pytest.approx(100 * 17 / 24)
    assert "Behaviour" in figures_of([trace])


def test_an_interval_of_no_and_of_all_successes_ends_at_the_fraction():
    """At the bounds Wilson's interval is known in closed form: z^2 / (n + z^2)."""
    z2 = 1.959963984540054**2
    assert interval(0, 10) == pytest.approx((0, z2 / (10 + z2)))
    assert interval(10, 10) == pytest.approx((10 / (10 + z2), 1))


def test_a_trace_without_choices_says_so(tmp_path):
    with pytest.raises(TraceError, match=r"Record\(of='output'\)"):
        figures.behaviour(write_trace(tmp_path / "bare.h5"))


def test_cues_of_a_variable_delay_lie_so_far_apart():
    task = tasks.variable_delay(cue=10, delays=(5, 15, 30), bump_sd=2.0, noise=0.0, dt=2.0)
    batch = task.draw({}, jnp.arange(400), jax.random.key(0))
    x, table = batch.inputs["cues"], batch.trials
    peaks = np.argmax(x, axis=1)
    both = np.asarray((table["cue_1"] == 1) & (table["cue_2"] == 1))
    np.testing.assert_array_equal(2.0 * (np.diff(peaks, axis=1)[both, 0] - 10), table["delay"][both])
    np.testing.assert_array_equal(batch.targets["choice"], table["cue_1"] == table["cue_2"])
    counts = np.unique(table["delay"], return_counts=True)
    assert counts[0].tolist() == [10, 30, 60]
    assert counts[1].min() > 100


def test_a_run_of_a_temporal_task_can_be_reported(tmp_path):
    task = tasks.variable_delay(cue=4, delays=(2, 4, 6), bump_sd=1.0, n_train=10, n_test=40)
    net = RateRNN.for_task(task, 12, tau=5.0)
    run = Online(net, task, batch_size=10, records=[Record(of="output")], probe_trials=40, seeds=2)
    run.train(1, tmp_path / "run.h5", progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        seen = behaviour_in(trace)
        assert set(seen.conditions) == {"cue_1", "cue_2", "delay"}
        assert seen.units == {"cue_1": "1", "cue_2": "1", "delay": "ms", "time": "ms"}
        batch = task.draw({}, jnp.arange(40), jax.random.key(0), test=True)
        score = net.metrics(net.respond(net.read(), batch.inputs), batch.targets)["accuracy"]
        assert seen.correct[0].mean() == pytest.approx(float(score))
        other = {name: value[1] for name, value in run.tree.items()}
        score = net.metrics(net.respond(other, batch.inputs), batch.targets)["accuracy"]
        assert seen.correct[1].mean() == pytest.approx(float(score))  # the trial table is that of every network
        assert figures.behaviour(trace).axes[0].get_xlabel() == "delay (ms)"
