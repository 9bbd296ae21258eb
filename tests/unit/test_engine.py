"""The engine as its user meets it: tests of all networks, starts, resumes, what is refused, what is recorded."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.analysis import open_trace
from biocredit.circuits import CircuitError, DualStream, ModularRNN, RateRNN
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.described import describe
from biocredit.circuits.core.optimizers import clip_norm, warm_up
from biocredit.circuits.core.rebuilt import rebuild
from biocredit.protocols import Measure, Online, Record, RunError, TwoPhase, amplitude, interventions, tasks
from biocredit.protocols.recording.measures.alignment import angle_to_gradient
from biocredit.protocols.training.checkpoint import RunWarning
from biocredit.protocols.training.course import Course
from biocredit.protocols.training.protocol import Protocol

TASK = tasks.digits(train=40, test=20)
XOR = tasks.delayed_xor(cue=4, delay=4, n_train=20, n_test=10)


def build(task=TASK, circuit=None, **settings) -> TwoPhase:
    net = circuit or ModularRNN.chain(TASK, regions=1, neurons=12)
    return TwoPhase(net, task, **{"batch_size": 20, "seeds": 2, "optimizer": 0.01, **settings})


def online(rule: str = "three_factor", **settings) -> Online:
    net = RateRNN.for_task(XOR, 12, rule=rule, tau=10.0, answer="every")
    return Online(net, XOR, **{"batch_size": 10, "optimizer": optax.sgd(0.1), **settings})


def same(one: dict, other: dict) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_a_lesion_after_training_is_tested_on_all_trained_networks(tmp_path: Path):
    run = build().train(1, progress=False)
    lesion = interventions.lesion("image->V1.RI")
    cut = run.test(interventions=lesion, record=tmp_path / "cut.h5")
    blind = [{**dict(one), "image->V1.RI": jnp.zeros_like(one["image->V1.RI"])} for one in run.view().networks()]
    for number, tree in enumerate(blind):
        batch = TASK.draw(TASK.arrays, np.arange(20), jax.random.key(0), test=True)
        wanted = run.circuit.metrics(run.circuit.respond(tree, batch.inputs), batch.targets)
        np.testing.assert_allclose(cut["loss"][number], wanted["loss"], rtol=1e-5)
    assert same(run.test(), run.score())
    with open_trace(tmp_path / "cut.h5") as trace:
        assert trace.attributes["label"].startswith("ModularRNN/")
        np.testing.assert_array_equal(trace["learning/test_loss"].values[:, 0], cut["loss"])
        assert "intervention" in trace["events/kind"].values
    with pytest.raises(RunError, match="run.test"):
        run.interventions = (lesion,)
    with pytest.raises(RunError, match="this test is at update 2"):
        run.test(interventions=[interventions.lesion("image->V1.RI", start=500)])


def test_several_seeds_and_a_trained_circuit_are_warned_of():
    run = build().train(1, progress=False)
    with pytest.warns(RunWarning, match="only the first of 2 networks"):
        build(circuit=run.circuit)
    build(circuit=run.circuit, seeds=1)


def test_all_networks_start_where_a_run_a_trace_or_arrays_end(tmp_path: Path):
    records = [Record(of=name) for name in build().circuit.plastic]
    run = build(records=records).train(2, record=tmp_path / "run.h5", progress=False)
    for start in (run, tmp_path / "run.h5", (tmp_path / "run.h5", 2)):
        assert same(build(start=start, seeds=None).tree, run.tree)
    assert same(build(start=(tmp_path / "run.h5", 0)).tree, build().tree)
    ones = {"image->V1.RI": np.ones((64, 3))}
    assert (build(start=ones, seeds=3).tree["image->V1.RI"] == 1).all()
    bare = build().train(1, record=tmp_path / "bare.h5", progress=False)
    for start, message in (
        (tmp_path / "bare.h5", "record them"),
        ((tmp_path / "run.h5", 7), "3 snapshots"),
        ({"V9": np.ones(3)}, "has no 'V9'"),
        ({"image->V1.RI": np.ones(3)}, "wanted"),
        (bare.tree, "wanted"),
        (3, "start must be"),
    ):
        with pytest.raises(CircuitError, match=message):
            build(start=start, seeds=3)


class Broken(tasks.Task):
    """Digits with something wrong."""

    def __init__(self, what: str):
        self.what, self.name = what, what
        self.inputs, self.readouts = {"image": 64}, {"choice": 10}
        self.n_train, self.n_test = (400 if what == "fewer" else 40), 20
        self.arrays = {
            part: {"x": np.random.default_rng(0).normal(size=(n, 64)), "y": np.arange(n) % 10}
            for part, n in (("train", 40), ("test", 20))
        }
        if what == "labels":
            self.arrays["train"]["y"] += 1
        if what == "hidden label":  # not among the trials that are looked at
            self.n_train = 4000
            self.arrays["train"] = {"x": np.zeros((4000, 64)), "y": np.zeros(4000, int)}
            self.arrays["train"]["y"][1] = -100
        if what == "nan":
            self.arrays["test"]["x"][3] = np.nan

    def draw(self, arrays, index, key, *, test=False):
        data = arrays["test" if test else "train"]
        return Batch({"image": data["x"][index]}, {"choice": data["y"][index]}, {})


@pytest.mark.parametrize(
    ("what", "message"), [("labels", "1..10"), ("nan", "finite|NaN"), ("fewer", "fewer|hold|stored")]
)
def test_wrong_data_are_refused_when_the_protocol_is_built(what: str, message: str):
    with pytest.raises(CircuitError, match=message) as caught:
        build(Broken(what))
    assert "\n" not in str(caught.value)


def test_wrong_labels_in_a_batch_are_seen_inside_the_compiled_stretch():
    run = build(Broken("hidden label"), shuffle="none")
    with pytest.raises(RunError, match=r"labels outside 0..9, at update 0"):
        run.train(1, progress=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": 0}, "1 or more networks"),
        ({"seeds": []}, "list of whole numbers"),
        ({"seeds": [1, 1]}, "1 twice"),
        ({"seeds": "two"}, "number of networks"),
        ({"records": 3}, "Record objects"),
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"optimizer": -1.0}, "0 or more"),
        ({"optimizer": [1]}, "optax"),
        ({"evaluate": "tset"}, "did you mean 'test'"),
        ({"devices": 99}, "devices must be"),
        ({"batch_size": 2.5}, "whole number"),
        ({"records": [Record("V1.rate", neurons=[99])]}, "neurons 0 to 11"),
        ({"records": [Record("V1.rate"), Record("V1.rate")]}, "give one of them a name"),
        ({"records": [Record("V1.W_rec", neurons=[1])]}, "has no neurons"),
    ],
)
def test_what_cannot_be_meant_gets_one_line(settings: dict, message: str):
    with pytest.raises(CircuitError, match=message) as caught:
        build(**settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("epochs", [1.5, -1, 0, True, "2"])
def test_epochs_are_whole_numbers(epochs):
    with pytest.raises(RunError, match="epochs"):
        build().train(epochs)


def test_lone_things_and_names_are_understood():
    lesion = interventions.lesion("image->V1.RI")
    run = build(records=Record("V1.rate"), interventions=lesion, evaluate="test", optimizer="adam")
    assert run.interventions == (lesion,)
    plain = build(optimizer=optax.adam(1e-3)).train(1, progress=False)
    assert same(build(optimizer="adam").train(1, progress=False).tree, plain.tree)
    assert same(build(optimizer=1e-3).train(1, progress=False).tree, plain.tree)


def test_one_network_that_diverges_is_marked_and_the_others_go_on(tmp_path: Path):
    run = build(optimizer=optax.sgd(0.01))
    run.networks.restore({**run.state, "tree": {name: np.array(v) for name, v in run.state["tree"].items()}})
    poisoned = {name: np.array(value) for name, value in run.tree.items()}
    poisoned["image->V1.RI"][1] = np.nan
    run = build(optimizer=optax.sgd(0.01), start=poisoned)
    with pytest.warns(RunWarning, match="the network of seed 1 diverged in epoch 1.*the others go on"):
        run.train(1, record=tmp_path / "run.h5", progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        assert trace.status == "complete"
        assert np.isfinite(trace["learning/test_accuracy"].values[0]).all()
        assert np.isnan(trace["learning/test_accuracy"].values[1]).all()
        assert "diverged" in trace["events/kind"].values


class Dark(Broken):
    """Test trials that become too bright for numbers, once the network has learned."""

    def draw(self, arrays, index, key, *, test=False):
        batch = super().draw(arrays, index, key, test=test)
        bright = jnp.asarray(batch.inputs["image"]) * (1e38 if test else 1.0)
        return batch._replace(inputs={"image": bright})


def test_a_test_score_that_is_not_finite_ends_the_run():
    net = ModularRNN.chain(TASK, regions=1, neurons=12, activation="linear")
    with pytest.raises(RunError, match="'test_loss' is not finite after update 2"):
        build(Dark(""), net, optimizer=optax.sgd(0.0)).train(1, progress=False)


def test_measures_need_no_trace_and_once_means_once(tmp_path: Path):
    norm = Measure(lambda run: {"norm": np.linalg.norm(run.tree["V1.W_rec"], axis=(1, 2))}, {}, "length", every=1)
    last = Measure(lambda run: {"last": np.full(len(run.seeds), run.epoch)}, {}, "last epoch")
    run = build(measures=[norm, last]).train(2, progress=False)
    assert run.measured["norm"].shape == (2, 3)
    assert run.measured["last"].tolist() == [2, 2]
    build(measures=norm).train(1, record=tmp_path / "run.h5", progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        assert np.array_equal(trace["learning/norm"].values, run.measured["norm"][:, :2])


def test_only_what_is_asked_for_is_kept_and_the_end_is_there(tmp_path: Path):
    def mean(signals):
        return jnp.mean(signals["V1.rate"])

    records = [
        Record("V1.rate", every=2, neurons=[7, 2], every_steps=3, name="three"),
        Record("V1.rate"),
        Record("V1.W_rec", every=2),
        Record(mean, every=2, name="mean", units="Hz"),
    ]
    build(records=records).train(3, record=tmp_path / "run.h5", progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        some, all_of_it = trace["activity/three/rate"], trace["activity/V1/rate"]
        assert some.coords["neuron"].tolist() == [2, 7]
        assert trace["weights/V1.W_rec"].shape[0] == 3, "before learning, after two epochs, and the end"
        wanted = all_of_it.values[[0, 2, 3]][..., ::3, :][..., [2, 7]]
        assert np.array_equal(some.values, wanted)
        assert np.isnan(trace["learning/mean"].values).tolist() == [[True, False, False]] * 2
        assert trace["learning/mean"].units == "Hz"


@pytest.mark.parametrize("rule", ["three_factor", "modprop_wab", "rtrl"])
@pytest.mark.parametrize("every", ["trial", 2, 4, 12])
def test_training_and_test_numbers_of_a_frozen_network_are_equal(rule: str, every):
    run = online(rule, update_every=every, optimizer=optax.sgd(0.0), evaluate=("train",), batch_size=20, shuffle="none")
    run.task.draw(run.task.arrays, jnp.arange(2), jax.random.key(0))
    key = jax.random.fold_in(jax.random.key(run.seeds[0]), 0)
    batch = XOR.draw({}, jnp.arange(20), jax.random.fold_in(key, 0))
    outputs = run.circuit.respond(run.circuit.read(), batch.inputs)
    wanted = run.circuit.metrics(outputs, batch.targets)
    run.train(1, progress=False)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(run.last[name], wanted[name], rtol=1e-5)


def test_a_carried_stream_in_pieces_is_the_whole_stream():
    class Stream(tasks.Task):
        """One long course, cut into presentations."""

        def __init__(self, steps: int):
            self.name, self.inputs, self.readouts = "stream", {"x": 2}, {"choice": 2}
            self.steps, self.n_train, self.n_test = steps, 12 // steps, 1
            course = np.random.default_rng(0).normal(size=(12 // steps, steps, 2))
            self.arrays = {"x": course, "y": (course[..., 0] > 0).astype(np.int32)}

        def draw(self, arrays, index, key, *, test=False):
            return Batch({"x": arrays["x"][index]}, {"choice": arrays["y"][index]}, {})

    def trained(steps: int, **settings):
        task = Stream(steps)
        net = RateRNN(task.inputs, 12, task.readouts, rule="rflo", tau=5.0, answer="every", reduction="sum")
        return Online(net, task, update_every=3, batch_size=1, shuffle="none", optimizer=optax.sgd(0.05), **settings)

    whole = trained(12).train(1, progress=False)
    pieces = trained(3, carry=True).train(1, progress=False)
    reset = trained(3).train(1, progress=False)
    np.testing.assert_allclose(pieces.tree["W_rec"], whole.tree["W_rec"], atol=1e-6)
    assert np.abs(reset.tree["W_rec"] - whole.tree["W_rec"]).max() > 1e-5


def test_events_that_happened_are_told_from_planned_ones(tmp_path: Path):
    done = [interventions.lesion("image->V1.RI", start=1, stop=3), interventions.silence("V1", start=500)]
    with pytest.warns(RunWarning, match="never happened in 4 updates: silence V1"):
        build(interventions=done, chunk=1).train(2, record=tmp_path / "run.h5", progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        rows = list(zip(trace["events/kind"].values, trace["events/update"].values, strict=True))
    assert rows == [("planned", 1), ("planned", 500), ("intervention", 1), ("intervention ended", 3)]


def test_resume_names_what_differs_and_extends(tmp_path: Path):
    path = tmp_path / "run.h5"
    run = build(records=Record("V1.rate", every=3)).train(2, record=path, progress=False)
    assert run.epoch == 2
    with pytest.raises(RunError, match=r"optimizer: 0.01 then, 0.5 now; batch_size: 20 then, 40 now"):
        build(records=Record("V1.rate", every=3), optimizer=0.5, batch_size=40).resume(path, epochs=3, progress=False)
    more = build(records=Record("V1.rate", every=3)).resume(path, epochs=4, progress=False)
    straight = build(records=Record("V1.rate", every=3)).train(4, record=tmp_path / "all.h5", progress=False)
    assert same(more.tree, straight.tree)
    with open_trace(path) as one, open_trace(tmp_path / "all.h5") as other:
        for name in ("learning/loss", "learning/test_accuracy", "activity/V1/rate"):
            assert np.array_equal(one[name].values, other[name].values), name
    build(records=Record("V1.rate", every=3), optimizer=0.5).resume(path, epochs=5, changed=True, progress=False)
    with open_trace(path) as trace:
        assert "optimizer: 0.01 then, 0.5 now" in trace["events/description"].values
    for place in ("run.h5", "all.h5"):
        (tmp_path / place).with_suffix(".h5.checkpoint").rename(tmp_path / f"{place}.moved")
    (tmp_path / "all.h5.moved").rename(tmp_path / "run.h5.checkpoint")
    with pytest.raises(RunError, match="belongs to another run"):
        build().resume(path, epochs=9)


def test_a_run_that_was_ended_after_its_last_checkpoint_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def killed(course: Course) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Course, "_end", killed)
        with pytest.raises(KeyboardInterrupt):
            build().train(1, record=tmp_path / "run.h5", progress=False)
    build().resume(tmp_path / "run.h5", progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        assert trace.status == "complete"


def test_what_is_measured_once_is_measured_again_at_the_new_end(tmp_path: Path):
    last = Measure(lambda run: {"last": np.full(len(run.seeds), float(run.epoch))}, {}, "last epoch")
    settings = {"measures": last}
    build(**settings).train(1, record=tmp_path / "run.h5", progress=False)
    build(**settings).resume(tmp_path / "run.h5", epochs=3, changed=True, progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        assert trace["learning/last"].values.tolist() == [3, 3]


def test_a_run_made_in_python_is_built_again_and_resumed_in_a_new_process(tmp_path: Path):
    path = tmp_path / "run.h5"
    steps = optax.chain(clip_norm(1.0), warm_up(3), optax.adam(1e-2))
    settings = {"interventions": interventions.add_noise("V1", 0.01), "records": amplitude("V1.rate")}
    run = build(optimizer=steps, measures=angle_to_gradient(), **settings).train(1, record=path, progress=False)
    again = Protocol.from_trace(path)
    assert describe(again.circuit) == describe(run.circuit)
    assert same(again.tree, build().tree)
    command = [sys.executable, "-m", "biocredit.protocols.cli", "resume", str(path), "--epochs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with open_trace(path) as trace:
        assert trace["learning/loss"].shape == (2, 2)
        assert trace["learning/amplitude.V1.rate"].shape == (2, 2)
        assert trace.configuration["run"]["with"]["batch_size"] == 20


@pytest.mark.parametrize(
    "made", [optax.sgd(0.1, momentum=0.9), optax.adamw(1e-3), optax.chain(warm_up(4), clip_norm(1.0))]
)
def test_optimisers_are_described_by_name_and_arguments(made):
    text = json.loads(json.dumps(describe(made)))
    assert describe(rebuild(text)) == text
    tree = {"W": jnp.ones((2, 2))}
    one, other = (step.update(tree, step.init(tree), tree)[0]["W"] for step in (made, rebuild(text)))
    assert np.array_equal(one, other)


def test_what_a_trace_cannot_hold_is_refused_in_one_line():
    for thing, message in (
        (lambda x: x, "cannot be imported"),
        (np.zeros(1000), "an array of shape"),
        (optax.adam(optax.exponential_decay(1e-3, 10, 0.5)), "cannot be imported"),
    ):
        with pytest.raises(CircuitError, match=message):
            rebuild(describe([thing]))
    with pytest.raises(CircuitError, match="no part of a run"):
        rebuild({"$made": "os:getcwd", "with": {}})


@pytest.mark.parametrize(("loss", "unit"), [("cross_entropy", "nat"), ("half_squared_error", "1")])
def test_a_loss_carries_its_own_unit_into_the_trace(loss: str, unit: str, tmp_path):
    task = tasks.digits()
    net = DualStream.for_task(task, "random", hidden=(4,), loss=loss)
    TwoPhase(net, task, batch_size=500).train(1, tmp_path / "run.h5", progress=False)
    with open_trace(tmp_path / "run.h5") as trace:
        assert trace["learning/test_loss"].units == unit
