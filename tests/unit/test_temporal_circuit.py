"""What every circuit with time has: ports by name, goals that win over defaults, losses and functions of one's own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits import LIF, Batch, RateRNN, SpikingRNN
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.losses import LOSSES
from biocredit.protocols import Online, tasks

from tests.unit.rate_case import STEPS, assert_same, autodiff, network, trials

CIRCUITS = {"rate": RateRNN, "spiking": SpikingRNN}


def two_ports(kind, **settings):
    """Two inputs, a choice and a movement."""
    ports = {"cue": 2, "go": 1}, {"E": 5, "I": 2}, {"left": 2, "right": 3}
    return CIRCUITS[kind](*ports, loss="half_squared_error", answer="every", dtype=jnp.float64, rule="bptt", **settings)


def two_port_trials():
    """Random trials of two ports."""
    rng = np.random.default_rng(0)
    sizes = {"cue": 2, "go": 1, "left": 2, "right": 3}
    arrays = {name: jnp.asarray(rng.normal(size=(2, STEPS, size))) for name, size in sizes.items()}
    return Batch({k: arrays[k] for k in ("cue", "go")}, {k: arrays[k] for k in ("left", "right")})


def test_several_ports_are_one_network_with_named_weights():
    net, batch = two_ports("rate", activation="tanh"), two_port_trials()
    tree = net.read()
    names = ("W_in_cue", "W_in_go", "W_out_left", "W_out_right", "b_out_left", "b_out_right")
    assert set(names) <= set(net.plastic)
    found = net.learn(tree, batch)
    assert_same(found.changes, autodiff(net, tree, batch), (*names, "W_rec"))
    assert {"normalised_error.left", "normalised_error.right"} <= set(found.metrics)
    assert net.respond(tree, batch.inputs)["right"].shape == (2, STEPS, 3)


@pytest.mark.parametrize("kind", CIRCUITS)
def test_ports_that_do_not_fit_get_one_clear_line(kind):
    net, batch = two_ports(kind), two_port_trials()
    for inputs, message in (
        ({"cue": batch.inputs["cue"], "goo": batch.inputs["go"]}, "did you mean 'go'"),
        ({"cue": batch.inputs["cue"]}, "input 'go' is missing"),
    ):
        with pytest.raises(CircuitError, match=message):
            net.learn(net.read(), batch._replace(inputs=inputs))


@pytest.mark.parametrize("kind", CIRCUITS)
def test_a_tasks_when_wins_over_the_default_answer(kind):
    """Trials of different length: the answer is where the task says, not there and at the last step."""
    early = jnp.zeros((2, STEPS)).at[0, 3].set(1).at[1, 5].set(1)
    labels = jnp.array([0, 1])
    cells = {"cells": LIF(threshold=0.05)} if kind == "spiking" else {}
    nets = [
        CIRCUITS[kind]({"x": 3}, 6, {"y": 2}, dtype=jnp.float64, answer=answer, **cells) for answer in ("last", "every")
    ]
    found = [net.learn(net.read(), Batch(trials().inputs, {"y": labels, "when": early})) for net in nets]
    assert_same(found[0].changes, found[1].changes, ("W_out",))
    assert float(found[0].metrics["accuracy"]) in (0.0, 0.5, 1.0)


@pytest.mark.parametrize("kind", CIRCUITS)
def test_no_scored_step_is_an_error(kind):
    net = CIRCUITS[kind]({"x": 3}, 6, {"y": 2}, dtype=jnp.float64)
    targets = {"y": jnp.array([0, 1]), "when": jnp.zeros((2, STEPS))}
    with pytest.raises(CircuitError, match="no step of any trial counts"):
        net.learn(net.read(), Batch(trials().inputs, targets))


@pytest.mark.parametrize("rule", ["bptt", "three_factor", "modprop_wab"])
def test_missing_targets_where_they_do_not_count_never_enter(rule):
    net, batch = network(rule), trials()
    when = jnp.ones((2, STEPS)).at[:, 2:5].set(0)
    holes = batch.targets["y"].at[:, 2:5].set(jnp.nan)
    found, expected = (
        jax.jit(net.learn)(net.read(), batch._replace(targets={"y": target, "when": when}))
        for target in (holes, batch.targets["y"])
    )
    assert_same(found.changes, expected.changes)
    for name, value in expected.metrics.items():
        np.testing.assert_array_equal(found.metrics[name], value)


def test_weights_of_steps_weigh_the_loss_but_not_the_fraction_correct():
    net = RateRNN({"x": 3}, 6, {"y": 2}, dtype=jnp.float64, answer="every")
    labels, when = jnp.array([0, 1]), jnp.ones((2, STEPS))
    heavy = when.at[:, 0].set(5.0)
    one, other = (
        net.learn(net.read(), Batch(trials().inputs, {"y": labels, "when": weights})).metrics
        for weights in (when, heavy)
    )
    assert one["accuracy"] == other["accuracy"]
    assert one["loss"] < other["loss"]


def test_loss_and_activation_of_ones_own():
    def quartic(y, target):
        return jnp.sum((y - target) ** 4, axis=-1)

    net, batch = network("bptt", loss=quartic, activation=lambda x: jnp.tanh(2 * x)), trials()
    assert_same(net.learn(net.read(), batch).changes, autodiff(net, net.read(), batch))
    with pytest.raises(CircuitError, match="old word for activation"):
        network("bptt", activation="tanh", nonlinearity="tanh")


def test_the_bias_current_learns_where_asked():
    net, batch = network("bptt", bias=True, activation="tanh"), trials()
    assert_same(net.learn(net.read(), batch).changes, autodiff(net, net.read(), batch), ("b_rec",))


def test_the_choice_over_a_window_is_that_of_the_mean_readout():
    net = RateRNN({"x": 3}, 6, {"y": 2}, dtype=jnp.float64, answer=4)
    outcome = net.learn(net.read(), Batch(trials().inputs, {"y": jnp.array([0, 1])}))
    y = net.respond(net.read(), trials().inputs)["y"][:, -4:].mean(1)
    assert outcome.metrics["accuracy"] == np.mean(np.argmax(y, -1) == np.array([0, 1]))
    with pytest.raises(CircuitError, match="the last 40 steps of a trial of 9"):
        RateRNN({"x": 3}, 6, {"y": 2}, answer=40, loss="cross_entropy", dtype=jnp.float64).learn(
            net.read(), Batch(trials().inputs, {"y": jnp.array([0, 1])})
        )


def expected_score(kind, y, target):
    """What the scores should be, from their definitions in NumPy."""
    y, target = np.asarray(y, float), np.asarray(target)
    if kind in ("classes", "probabilities"):
        truth = target.argmax(-1) if target.ndim == 3 else target
        return {"accuracy": (y.argmax(-1) == truth).mean()}
    if kind == "labels":
        return {"label_accuracy": ((y > 0) == (target > 0.5)).mean()}
    return {"normalised_error": ((y - target) ** 2).sum() / (target**2).sum()}


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_drives_a_temporal_circuit_and_is_scored_in_its_own_way(name, rng):
    kind = LOSSES[name].takes[0]
    rows = rng.dirichlet(np.ones(2), (2, STEPS))
    targets = {
        "classes": rng.integers(0, 2, (2, STEPS)),
        "labels": (rows > 0.5).astype(float),
        "probabilities": rows,
        "values": rng.normal(size=(2, STEPS, 2)),
    }
    net, batch = network("bptt", loss=name), trials()._replace(targets={"y": jnp.asarray(targets[kind])})
    found = net.learn(net.read(), batch)
    assert_same(found.changes, autodiff(net, net.read(), batch))
    y = net.respond(net.read(), batch.inputs)["y"]
    for score, value in expected_score(kind, y, targets[kind]).items():
        np.testing.assert_allclose(found.metrics[score], value, rtol=1e-12)
    assert net.loss_unit == LOSSES[name].unit


def test_labels_at_every_step_of_ones_own_arrays_are_learned(rng):
    task = tasks.from_arrays(rng.normal(size=(20, STEPS, 3)), rng.integers(0, 2, (20, 4)), dt=1.0)
    assert "label_accuracy" in Online(RateRNN.for_task(task, 8), task, batch_size=4).train(1, progress=False).last
