"""Distance from recorded neurons, measured while networks learn, and compared at equal error."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.analysis import open_trace
from biocredit.analysis.interchange.recording import Recording
from biocredit.analysis.interchange.similarity import Interval, curve, similarity
from biocredit.analysis.reports.equal_error import (
    answer,
    curve_of,
    equal_error_figures,
    equal_error_tables,
    measures_of,
)
from biocredit.analysis.reports.report import write_report
from biocredit.analysis.trace.writer import TraceWriter
from biocredit.circuits import CTRNN, CircuitError, DualStream
from biocredit.protocols import Online, tasks
from biocredit.protocols.datasets.neural import recorded, recorded_movement
from biocredit.protocols.experiments import find
from biocredit.protocols.experiments.papers import curves
from biocredit.protocols.recording.measures.recorded_neurons import (
    distance_to_recording,
    halves_of_neurons,
    held_out_conditions,
)
from biocredit.protocols.recording.record import Record

ZERO_MS = 1860.0


def test_what_is_measured_is_what_the_trace_gives_afterwards(tmp_path: Path):
    task = tasks.begun(tasks.reach(n_train=8, steps=230), 100.0)
    net = CTRNN.for_task(task, 12, tau=100.0)
    measures = [
        distance_to_recording("made_up", ZERO_MS, ("procrustes", "cka"), every=1),
        held_out_conditions("made_up", ZERO_MS),
        halves_of_neurons("made_up", ZERO_MS, draws=3),
    ]
    records = [Record("cells.rate", every=1), Record("output", every=1)]
    run = Online(
        net,
        task,
        optimizer=optax.adam(1e-2),
        batch_size=8,
        seeds=2,
        records=records,
        measures=measures,
        probe_trials=8,
    )
    run.train(epochs=1, record=tmp_path / "run.h5", progress=False)
    arrays = recorded("made_up")
    recording = Recording(*(arrays[name] for name in ("firing_rate_hz", "time_ms", "direction_deg")))
    trials = task.draw(task.arrays, jnp.arange(8), jax.random.key(5), test=True)
    target, mask = (np.asarray(trials.targets[name], float) for name in ("arm", "when"))
    where = {"condition": "direction", "zero_ms": ZERO_MS}
    with open_trace(tmp_path / "run.h5") as trace:
        for measure in ("procrustes", "cka"):
            expected = curve(trace, recording, target, np.repeat(mask[..., None], 2, -1), measure, **where)
            found = curve_of(trace, measure)
            np.testing.assert_array_equal(found.update, expected.update)
            np.testing.assert_allclose(found.distance, expected.distance, rtol=1e-4)
            np.testing.assert_allclose(found.error, expected.error, rtol=1e-4)
        whole = similarity(trace, recording, draws=3, **where)
        assert trace.learning["average.procrustes"].values == pytest.approx(whole.average)
        np.testing.assert_allclose(trace.learning["held_out.network"].values, whole.test, rtol=1e-4)
        np.testing.assert_allclose(trace.learning["held_out.average"].values[0], whole.average_test)
        for name in ("data", "model", "average"):
            expected = [getattr(one, name) for one in whole.ceiling]
            np.testing.assert_allclose(trace.learning[f"half.{name}"].values, expected, rtol=1e-4)


def test_what_cannot_be_compared_is_refused():
    task = tasks.begun(tasks.reach(n_train=8), 100.0)
    late = [distance_to_recording("made_up", 2700.0)]
    with pytest.raises(CircuitError, match="wanted network times 1900 to 3100 ms, the trial has 0 to 3000"):
        Online(CTRNN.for_task(task, 5, tau=100.0), task, batch_size=8, measures=late).train(epochs=1, progress=False)
    with pytest.raises(CircuitError, match="'procrustes'"):
        distance_to_recording("made_up", ZERO_MS, ("procrusts",))
    with pytest.raises(CircuitError, match=r"no 'cells\.rate'"):
        distance_to_recording("made_up").check(DualStream.mlp([3, 4, 2], "random"))


def test_a_made_up_recording_has_the_axes_of_a_real_one():
    arrays = recorded("made_up")
    assert arrays["firing_rate_hz"].shape == (8, 121, 60) and (arrays["firing_rate_hz"] >= 0).all()
    assert recorded_movement("made_up")["angles"].shape == (8, 51, 2)


# -- at equal error


def learned(path: Path, label: str, slope: float, error=(1.0, 0.5, 0.0), **about) -> Path:
    """Three networks whose distance is ``0.1 seed + slope error``."""
    writer = TraceWriter.create(
        path, experiment="x", configuration={"condition": label, **about}, citations=[], seeds=[0, 1, 2]
    )
    errors = np.tile(np.asarray(error), (3, 1))
    distance = 0.1 * np.arange(3)[:, None] + slope * errors
    axis = {"every_10_epochs": (np.array([0.0, 10.0, 20.0]), "epoch", "epochs")}
    for name, values in {
        "reach_error": errors,
        "distance.procrustes": distance,
        "average.procrustes": np.full((3, 3), 0.4),
    }.items():
        writer.constant(f"learning/{name}", values, ("seed", "every_10_epochs"), "1", name, coords=axis)
    writer.close("complete")
    return path


@pytest.fixture
def traces(tmp_path: Path):
    theirs = {"released": {"update": [0, 9], "reach_error": [1.0, 0.1], "distance.procrustes": [0.5, 0.3]}}
    about = [("A", 0.5, (1.0, 0.5, 0.0)), ("B", 0.75, (1.0, 0.5, 0.15))]
    paths = [learned(tmp_path / f"{label}.h5", label, *rest, curves=theirs) for label, *rest in about]
    return [open_trace(path) for path in paths]


def test_the_table_at_equal_error(traces):
    head, first, second, theirs, difference = equal_error_tables(traces)["At equal error: procrustes"]
    assert head[:4] == ["run", "networks", "updates", "at error 0.6"]
    assert first[:4] == ["A", "3", "20", "0.400 [0.300, 0.500]"] and second[5] == "0.250 [0.150, 0.350]"
    assert second[-1] == "not reached" and theirs[:3] == ["released", "1", "9"] and theirs[6] == "0.300"
    assert difference[0] == "B minus A" and difference[5] == "+0.050 [+0.050, +0.050]"
    said = answer(traces)
    assert said[0].startswith("procrustes distance at error 0.6, 2 of 2 runs: 0.400")
    assert said[0].endswith("(B); differ from A: B.") and len(said) == 3


def test_a_report_answers_first(traces, tmp_path: Path):
    (figure,) = equal_error_figures(traces).values()
    assert len(figure.axes) == 2 and len(figure.axes[0].lines) == 1 + 2 * 3 + 1
    text = write_report(traces, tmp_path / "r.md").read_text()
    figures, tables = text.split("procrustes distance at error 0.6", 1)
    assert figures.split("## ")[1].startswith("Distance against error: procrustes")
    assert tables.split("## ")[1].startswith("At equal error: procrustes")
    assert "(<r/1.png>)" in text and measures_of(traces) == ["procrustes"]


def test_an_interval_by_resampling_is_that_of_all_resamples():
    values = np.array([0.1, 0.4, 0.9])
    means = np.sort([np.mean([a, b, c]) for a in values for b in values for c in values])
    found = Interval.bootstrap(values)
    assert found.mean == pytest.approx(values.mean())
    assert found.low in means[:2] + 0 and found.high in means[-2:] + 0


def test_the_experiment_carries_the_released_networks():
    experiment = find("neural-similarity/reach")
    released = curves("neural_similarity", "released_networks.csv")
    about = experiment.record("BPTT", experiment.conditions["BPTT"], quick=False)
    assert set(about["curves"]) == set(released) and len(released) == 3
    assert "curves" not in experiment.record("BPTT", experiment.conditions["BPTT"], quick=True)
    final = released["released: BPTT, 0.0003"]
    assert (final["update"][-1], final["distance.procrustes"][-1]) == (1000, 0.3283)
