"""The rate network as a circuit: running system, constraints, interventions, bad input."""

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits import Batch, RateRNN
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.recurrent import cell_types
from biocredit.circuits.recurrent.deep_rewiring import deep_rewiring
from biocredit.protocols import interventions
from biocredit.protocols.interventions import apply as surgery

from tests.unit.rate_case import STEPS, assert_same, autodiff, differ, network, trials


@pytest.mark.parametrize("leak", ["before", "after"])
def test_the_running_system_gives_the_recorded_time_course(leak):
    net, batch = network("modprop_wab", leak=leak, tau={"I": 4.0, "E": 9.0}), trials()
    tree = net.read()
    net.reset_state(2)
    names = [name for name in net.variables() if "." in name or name in ("modulator", "receptor")]

    def step(x, target):
        y = net.update(x, target)
        return {"output": y} | {name: net._activity[name].value for name in names}

    inputs, target, _ = net.arrange(batch)
    seen, course = bm.for_loop(step, (inputs, target)), net.trial(tree, batch)
    for name in ("output", *names):
        np.testing.assert_allclose(seen[name], course[name], rtol=1e-12, atol=1e-14, err_msg=name)
    np.testing.assert_allclose(course["output"].swapaxes(0, 1), net.respond(tree, batch.inputs)["y"], rtol=1e-12)


def test_modulators_are_summed_secretion_and_receptors_feel_the_first_tap():
    net = network("modprop_wab")
    course, tree = net.trial(net.read(), trials()), net.read()
    secretion = course["cells.secretion"]
    np.testing.assert_allclose(course["modulator"][..., 0], secretion[..., :3].sum(-1), rtol=1e-12)
    means = cell_types.type_means(tree["W_rec"], net.network.membership(jnp.float64))
    expected = (1 - tree["keep"]) * course["modulator"] @ means.T
    np.testing.assert_allclose(course["receptor"], expected, rtol=1e-10)


@pytest.mark.parametrize("optimizer", [optax.adam(0.2), deep_rewiring(0.2, l1=0.1)], ids=["adam", "deep rewiring"])
def test_signs_masks_and_missing_self_connections_survive(optimizer):
    net, batch = network("bptt", density=0.5), trials()
    tree = net.read()
    state = optimizer.init({name: tree[name] for name in net.plastic})
    before = dict(tree)
    for _ in range(8):
        weights = {name: tree[name] for name in net.plastic}
        updates, state = optimizer.update(net.learn(tree, batch).changes, state, weights)
        tree = tree | optax.apply_updates(weights, net.constrain(tree, updates))
        assert not np.any(np.diag(tree["W_rec"]))
        assert not np.any(tree["W_rec"][np.asarray(tree["mask_rec"]) == 0])
        for name, sign in (
            ("W_rec", tree["sign"][:, None]),
            ("W_out", tree["sign"][:, None]),
            ("W_in", tree["sign_in"]),
        ):
            assert np.all(tree[name] * sign >= 0), name
    assert differ(tree, before)
    small = np.abs(tree["W_rec"]) < 1e-11
    assert np.any((np.asarray(before["W_rec"]) != 0) & small), "no synapse ever reached zero"


@pytest.mark.parametrize("leak", ["before", "after"])
def test_bptt_is_exact_in_a_silenced_network(leak):
    def silence(name, phase, value):
        return value.at[..., :3].set(0) if name == "cells.rate" else value

    def window(name, phase, value):
        return value.at[2:5, :, 3:6].set(0) if name == "cells.rate_gate" else value

    net, batch = network("bptt", leak=leak), trials()
    tree = net.read()
    for probe in (silence, window):
        changes = net.learn(tree, batch, None, probe).changes
        assert_same(changes, autodiff(net, tree, batch, probe))
        assert differ(changes, net.learn(tree, batch).changes)


def test_a_blocked_receptor_is_a_zero_in_every_tap():
    """The receptor on E cells for the modulator of I cells does nothing: E cells get the taps of the others."""
    net, batch = network("modprop_wab", taps=3), trials()
    tree = net.read()

    def block(only):
        return lambda name, phase, value: value * 0 if name == only else value

    blocked = net.learn(tree, batch, None, block("receptor.I~>E")).changes["W_rec"]
    no_modulator = net.learn(tree, batch, None, block("modulator.I")).changes["W_rec"]
    control = net.learn(tree, batch).changes["W_rec"]
    np.testing.assert_allclose(blocked[:, 3:], no_modulator[:, 3:], rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(blocked[:, :3], control[:, :3], rtol=1e-12, atol=1e-16)


def test_interventions_of_the_protocols_reach_modulators_receptors_and_cells():
    net, batch = network("modprop_wab"), trials()
    tree, key = net.read(), jax.random.key(0)
    control = net.learn(tree, batch).changes

    def learn(intervention, update=0):
        interventions.check([intervention], net)
        return net.learn(tree, batch, None, surgery.probe([intervention], net, jnp.array(update), key)).changes

    for one in (interventions.lesion("modulator.I"), interventions.scale("receptor.I~>*", 0.5)):
        assert differ(learn(one), control)
    silenced = learn(interventions.silence("cells.I"))
    assert not np.any(silenced["W_rec"][:3])
    assert not np.any(silenced["W_out"][:3])
    later = interventions.lesion("modulator.*", start=5)
    assert_same(learn(later), control)
    assert_same(learn(later, 5), network("three_factor").learn(tree, batch).changes)
    with pytest.raises(CircuitError, match=r"did you mean 'modulator\.I'"):
        interventions.check([interventions.lesion("modulators.I")], net)


def test_random_feedback_is_fixed_and_gives_another_learning_signal():
    net = network("bptt", feedback="random")
    assert "feedback" in net.read()
    assert "feedback" not in net.plastic
    symmetric = network("bptt")
    changes = symmetric.learn(symmetric.read(), trials()).changes
    assert differ(net.learn(net.read(), trials()).changes, changes)


def test_classification_at_the_last_step_and_at_every_step():
    batch = trials()
    last = RateRNN({"x": 3}, 10, {"y": 2}, dtype=jnp.float64, tau=5.0)
    every = RateRNN({"x": 3}, 10, {"y": 2}, dtype=jnp.float64, tau=5.0, answer="every")
    labels = jnp.array([0, 1])
    for net in (last, every):
        tree, trial = net.read(), Batch(batch.inputs, {"y": labels})
        assert_same(net.learn(tree, trial).changes, autodiff(net, tree, trial))
    outputs = last.respond(last.read(), batch.inputs)["y"][:, -1]
    logs = outputs - np.log(np.exp(outputs).sum(-1, keepdims=True))
    expected = -np.mean(logs[np.arange(2), labels])
    np.testing.assert_allclose(last.learn(last.read(), Batch(batch.inputs, {"y": labels})).metrics["loss"], expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rule": "modprob"}, "did you mean 'modprop'"),
        ({"tau": 0.0}, "tau of I must be positive"),
        ({"tau": {"I": 5.0, "X": 5.0}}, "unknown cell type 'X'"),
        ({"dt": -1.0}, "dt must be positive"),
        ({"mu": -0.1}, "mu is a mean gain"),
        ({"rule": "modprop", "taps": 0}, "taps must be 1 or more"),
        ({"rule": "three_factor", "taps": 3}, "has no receptor taps"),
        ({"rule": "three_factor", "truncation": 3}, "does not look back"),
        ({"rule": "modprop", "taps": 3, "truncation": 3}, "give one of them"),
        ({"rule": "bptt", "owner_gain": "mu"}, "does not use mu"),
        ({"neurons": {"I": 0, "E": 5}}, "cells of type I: wanted a whole number"),
        ({"signs": {"EX": 1}}, "did you mean 'E'"),
        ({"leak": "befor"}, "did you mean 'before'"),
        ({"density": 0.0}, "density must be in"),
        ({"loss": "mse"}, "unknown loss"),
        ({"rule": "rtrl", "neurons": {"E": 3000}}, "need 402"),
    ],
)
def test_bad_settings_get_one_clear_line(settings, message):
    with pytest.raises(CircuitError, match=message) as raised:
        network(**settings)
    assert "\n" not in str(raised.value)


def test_unstable_modulators_are_announced():
    with pytest.warns(UserWarning, match="modulators grow by"):
        network(
            "modprop_wab", mu=1.0, tau=2.0, seed=0, neurons={"A": 4, "B": 4}, initial="gaussian", signs={"A": 1, "B": 1}
        )


@pytest.mark.parametrize(
    ("inputs", "target", "message"),
    [
        (np.ones((2, STEPS, 4)), np.ones((2, STEPS, 2)), "wanted \\[trial, time, 3\\]"),
        (np.full((2, STEPS, 3), np.nan), np.ones((2, STEPS, 2)), "NaN"),
        (np.ones((2, STEPS, 3)), np.ones((2, STEPS, 1)), "target: got shape"),
        (np.ones((2, 0, 3)), np.ones((2, 0, 2)), "no time steps"),
    ],
)
def test_bad_trials_get_one_clear_line(inputs, target, message):
    net = network()
    with pytest.raises(CircuitError, match=message):
        net.learn(net.read(), Batch({"x": jnp.asarray(inputs)}, {"y": jnp.asarray(target)}))


def test_labels_out_of_range_are_refused():
    net = network(loss="cross_entropy", answer="last")
    with pytest.raises(CircuitError, match=r"labels: got 0\.\.2, wanted 0\.\.1"):
        net.learn(net.read(), trials()._replace(targets={"y": jnp.array([0, 2])}))
