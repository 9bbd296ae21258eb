"""The dual-stream circuit as a whole: presets, time, lesions, BrainPy."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.backend import bm
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.losses import as_target
from biocredit.circuits.core.probes import Electrode, chain, untouched
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.stages import Convolution
from biocredit.protocols import interventions
from biocredit.protocols.interventions import apply as surgery
from dual_stream_case import batch, dense, residual


def sizes(net):
    tree = net.read()
    plastic = sum(tree[name].size for name in net.plastic)
    return plastic, sum(tree[name].size for name in tree if name.startswith("down.") and name not in net.plastic)


@pytest.mark.parametrize(
    ("stream", "trained", "fixed"),
    [
        ("transposed", 269_722, 0),
        ("random", 269_722, 268_336),
        ("direct", 269_722, 57_070),
        ("kolen_pollack", 538_058, 0),
        ("product", 2_953_082, 326_120),
    ],
)
def test_resnet20_has_as_many_weights_as_the_published_one(stream, trained, fixed):
    assert sizes(DualStream.resnet20(stream)) == (trained, fixed)


def test_resnet18_has_as_many_weights_as_the_published_one():
    assert sizes(DualStream.resnet18("transposed")) == (11_689_512, 0)


def test_convolutional_preset_finds_the_size_of_its_readout():
    net = DualStream.convolutional((7, 6, 3), [Convolution(3, 4, 3, 2, 1, bias=True)], 5, "product")
    assert net.read()["up.readout.W"].shape == (5, 4 * 4 * 3)
    assert net.respond(net.read(), {"image": jnp.zeros((2, 7, 6, 3))})["choice"].shape == (2, 5)


def test_one_seed_draws_one_circuit_and_the_ascending_stream_does_not_depend_on_the_descending():
    a, b, c = DualStream.mlp((4, 3), "product"), DualStream.mlp((4, 3), "random"), DualStream.mlp((4, 3), seed=1)
    np.testing.assert_array_equal(a.read()["up.layer1.W"], b.read()["up.layer1.W"])
    assert (a.read()["up.layer1.W"] != c.read()["up.layer1.W"]).all()
    for name, value in a.initial(0).items():
        np.testing.assert_array_equal(a.read()[name], value.astype(np.float32))


def test_trial_is_a_wave_up_and_down():
    net = dense("product")
    one = batch(net)
    course = net.trial(net.read(), one, jax.random.key(0))
    arrivals = {name: int(np.argmax(np.asarray(value).any((1, 2)))) for name, value in course.items()}
    order = ["up.input.rate", "up.layer1.potential", "up.rate1.rate", "up.layer3.potential", "down.layer3.rate"]
    order += ["down.layer3.intermediate.rate", "down.rate2.rate", "down.layer1.rate"]
    assert [arrivals[name] for name in order] == sorted({arrivals[name] for name in order})
    assert net.stretch("inference") == slice(arrivals["down.layer3.rate"])
    for name, value in course.items():
        np.testing.assert_array_equal(value[-1], value[arrivals[name]], err_msg=name)
        assert not value[: arrivals[name]].any()


def test_silenced_population_fires_no_more_and_its_synapses_see_it():
    net = dense("random")

    def silence(name, phase, value):
        return 0 * value if name == "up.rate2.rate" else value

    outcome = net.cycle(net.read(), batch(net), silence)
    assert not outcome.changes["up.layer3.W"].any()
    assert outcome.changes["up.layer2.W"].any()
    answer = net.respond(net.read(), batch(net).inputs, silence)["choice"]
    np.testing.assert_allclose(answer, np.broadcast_to(answer[0], answer.shape))


@pytest.mark.parametrize("done", [interventions.silence, partial(interventions.add_noise, sd=1.0)])
def test_an_intervention_finds_one_channel_of_feature_maps(done):
    net = residual("random")
    one, seen, key = done("up.stem_rate.channel2"), [], jax.random.key(0)
    interventions.check([one], net)
    for probe in (untouched, surgery.probe([one], net, 0, key)):
        electrode = Electrode()
        net.cycle(net.read(), batch(net), chain(probe, electrode))
        seen.append(electrode.readings["up.stem_rate.rate", "inference"])
    changed = (seen[0] != seen[1]).any((0, 1, 2))
    assert changed.tolist() == [False, False, True, False]
    assert done is not interventions.silence or not seen[1][..., 2].any()
    numbers = interventions.parts(net)["up.stem_rate.channel2"][1]
    assert np.array_equal(seen[1].reshape(5, -1)[:, numbers], seen[1][..., 2].reshape(5, -1))


def test_running_statistics_come_back_and_are_used_in_evaluation():
    net = residual("random")
    tree, one = net.read(), batch(net)
    changed = net.learn(tree, one, jax.random.key(0)).tree
    assert {name.rpartition(".")[2] for name in changed} == {"running_mean", "running_var"}
    before, after = (net.respond(t, one.inputs)["choice"] for t in (tree, tree | changed))
    assert (before != after).any()


def test_update_leaves_every_signal_in_its_variable_and_runs_in_a_kept_jit():
    net = dense("kolen_pollack")
    one, x = batch(net), batch(net).inputs["image"]
    net.reset_state(len(x))
    output = bm.jit(net.update)(x, one.targets["choice"])
    course = net.trial(net.read(), one, jax.random.key(0))
    np.testing.assert_allclose(output, net.respond(net.read(), one.inputs)["choice"])
    for name, variable in net._activity.items():
        np.testing.assert_allclose(variable.value, course[name][-1], err_msg=name)
    net.reset_state(2)
    assert all(not np.asarray(variable.value).any() for variable in net._activity.values())


def test_tree_survives_reading_and_writing():
    net = residual("product")
    tree = {name: value + 1 if value.dtype != bool else value for name, value in net.read().items()}
    net.write(tree)
    for name, value in net.read().items():
        np.testing.assert_array_equal(value, tree[name])


def test_labels_become_one_hot_and_other_targets_stay_as_they_are():
    np.testing.assert_array_equal(as_target(jnp.array([2]), jnp.zeros((1, 3))), [[0, 0, 1]])
    np.testing.assert_array_equal(as_target(jnp.array([[2.0, 3.0]]), jnp.zeros((1, 2))), [[2, 3]])


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda net: net.respond(net.read(), {"x": jnp.zeros((2, 5))}), r"got shape \(2, 5\), wanted \(trials, 6\)"),
        (lambda net: net.respond(net.read(), {"x": jnp.zeros((0, 6))}), "got shape"),
        (lambda net: net.respond(net.read(), {"x": jnp.zeros((1, 6)), "y": 0}), "one input"),
        (lambda net: net.cycle(net.read(), Batch({"x": jnp.zeros((1, 6))}, {})), "one target"),
        (lambda net: net.write({"up.layr1.W": 0}), "did you mean 'up.layer1.W'"),
        (lambda net: net.stretch("lerning"), "did you mean 'learning'"),
        (lambda net: dense("random", loss="crossentropy"), "did you mean 'cross_entropy'"),
        (lambda net: DualStream.mlp([3]), "an input and an output"),
    ],
)
def test_bad_input_is_refused_in_one_line(act, message):
    with pytest.raises(CircuitError, match=message):
        act(dense("random"))


def test_only_what_fires_can_be_silenced():
    net = DualStream.mlp((6, 5, 3), descending="random")
    assert set(interventions.parts(net)) >= {"up.rate1", "down.rate1"}
    with pytest.raises(CircuitError, match="nothing to silence up.layer1"):
        interventions.check([interventions.silence("up.layer1")], net)
