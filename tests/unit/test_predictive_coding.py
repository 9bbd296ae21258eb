"""Predictive coding: one energy, the gradient as a limit, and what protocols and BrainPy users see of it."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits.core.backend import bm
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream.ascending.pooling import MaxPool
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense
from biocredit.circuits.energy_based import PredictiveCoding, Symmetric
from biocredit.circuits.energy_based import predictive_coding_dynamics as hierarchy
from biocredit.circuits.energy_based.predictive_coding_dynamics import Hierarchy
from biocredit.circuits.energy_based.symmetric import shapes

from tests.unit.test_equilibrium_circuit import DIGITS, TASK, batch, train

DENSE = (Symmetric(Dense(5, 6)), Symmetric(Dense(6, 4)), Symmetric(Dense(4, 3)))
MAPS = (Symmetric(Convolution(2, 3, padding=1, bias=True), MaxPool()), Symmetric(Dense(27, 3)))
NETWORKS = {
    "tanh": (Hierarchy(DENSE, "tanh", 2.5), (5,)),
    "steep sigmoid": (Hierarchy(DENSE, "steep_sigmoid", 0.7), (5,)),
    "convolution": (Hierarchy(MAPS, "tanh", 4.0), (6, 6, 2)),
}


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(params=NETWORKS)
def case(request):
    """A hierarchy, its weights, an input and arbitrary values of all layers."""
    network, below = NETWORKS[request.param]
    random, weights = np.random.default_rng(1), {}
    for number, connection in enumerate(network.connections, start=1):
        shape = connection.stage.kernel_shape(connection.stage.outputs)
        weights[f"layer{number}.W"] = jnp.asarray(random.normal(0, 0.8 / np.sqrt(np.prod(shape[1:])), shape))
        weights[f"layer{number}.b"] = jnp.asarray(random.normal(0, 0.1, shape[0]))
    values = tuple(jnp.asarray(random.normal(size=(4, *size))) for size in shapes(network.connections, below)[1:])
    return network, weights, jnp.asarray(random.uniform(size=(4, *below))), values


def energy(network, weights, x, values):
    sent = hierarchy.rates(network, x, values)
    return hierarchy.energy(network, hierarchy.predictions(network, weights, sent), values)


def relaxed(case, steps, dt=0.1, **options):
    network, weights, x, values = case
    start = (*hierarchy.feedforward(network, weights, x)[:-1], values[-1])
    return hierarchy.relax(network, weights, x, start, steps=steps, dt=dt, **options)


def close(a, b):
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, rtol=1e-10, atol=1e-12), a, b)


def flat(tree):
    return np.concatenate([np.ravel(tree[name]) for name in sorted(tree)])


# -- everything follows from the energy -----------------------------------------------------------------------


def test_value_units_flow_along_minus_the_gradient_of_the_energy(case):
    network, weights, x, values = case
    sent = hierarchy.rates(network, x, values)
    flow = hierarchy.flow(
        network, weights, sent, values, hierarchy.errors(network, hierarchy.predictions(network, weights, sent), values)
    )
    force = jax.grad(lambda values: jnp.sum(energy(network, weights, x, values)))(values)
    assert len(flow) == len(values) - 1
    close(flow, jax.tree.map(jnp.negative, force[:-1]))


def test_changes_are_the_gradient_of_the_energy_by_the_weights(case):
    network, weights, x, _ = case
    end = relaxed(case, 7)
    gradient = jax.grad(lambda weights: jnp.mean(energy(network, weights, x, end.values)))(weights)
    close(hierarchy.changes(network, weights, end), gradient)


def test_energy_falls_at_every_step_and_the_circuit_converges(case):
    network, weights, _, _ = case
    course = relaxed(case, 400, dt=0.05, observe=lambda values, eps, energy: energy).record
    assert course.shape == (401, 4)
    assert np.all(np.diff(course, axis=0) <= 1e-14)
    end = relaxed(case, 4000)
    last = hierarchy.flow(network, weights, end.rates, end.values, end.errors)
    assert max(float(jnp.max(jnp.abs(f))) for f in last) < 1e-12


def test_clamped_layers_do_not_move(case):
    np.testing.assert_array_equal(relaxed(case, 9).values[-1], case[3][-1])


def test_predictions_hold_without_a_clamped_output(case):
    network, weights, x, _ = case
    values = hierarchy.feedforward(network, weights, x)
    predicted = hierarchy.predictions(network, weights, hierarchy.rates(network, x, values))
    eps = hierarchy.errors(network, predicted, values)
    assert max(float(jnp.max(jnp.abs(e))) for e in eps) == 0.0


def test_deviation_from_back_propagation_falls_as_one_over_the_variance(case):
    network, weights, x, values = case
    gradient = flat(hierarchy.backpropagated(network, weights, x, values[-1]))
    variances, deviations = (1e2, 1e3, 1e4), []
    for variance in variances:
        wide = Hierarchy(network.connections, network.activation, variance)
        changes = hierarchy.changes(wide, weights, relaxed((wide, weights, x, values), 2000))
        deviations.append(np.linalg.norm(variance * flat(changes) - gradient) / np.linalg.norm(gradient))
    exponent = np.polyfit(np.log(variances), np.log(deviations), 1)[0]
    assert exponent == pytest.approx(-1, abs=0.05)
    assert deviations[-1] < 1e-3


def test_a_synapse_sees_the_rate_below_and_the_error_above_only(case):
    network, weights, _, _ = case
    end = relaxed(case, 5)
    signals = {"rates": end.rates, "errors": end.errors, "weights": weights}
    assert set(signals) == set(hierarchy.RULE.needs)
    before = hierarchy.error_times_rate(network, signals)
    elsewhere = (*end.errors[:1], *(e + 1 for e in end.errors[1:]))
    after = hierarchy.error_times_rate(network, {**signals, "errors": elsewhere})
    np.testing.assert_array_equal(before["layer1.W"], after["layer1.W"])
    assert np.abs(before["layer2.W"] - after["layer2.W"]).max() > 0


# -- the circuit ----------------------------------------------------------------------------------------------


def build(**settings):
    return PredictiveCoding.chain(TASK, (6, 4), **{"dtype": jnp.float64, **settings})


def test_learns_digits():
    assert train(PredictiveCoding.chain(DIGITS, (64, 32)), optax.adam(3e-3), epochs=4) > 0.88


def test_trial_ends_where_learning_compares():
    net, trials = build(variance=3.0), batch()
    electrode = Electrode()
    outcome = net.learn(net.read(), trials, probe=electrode, iterations=12)
    course = net.trial(net.read(), trials, iterations=12)
    assert course["layer2.value"].shape == (13, 4, 4)
    assert course["energy"].shape == (13, 4, 1)
    for name in ("layer2.value", "layer1.error", "layer3.error"):
        np.testing.assert_allclose(course[name][-1], electrode.readings[name, "learning"], rtol=1e-12)
    np.testing.assert_allclose(jnp.mean(course["energy"][-1]), outcome.metrics["energy"], rtol=1e-12)
    assert set(outcome.changes) == set(net.plastic)


def test_a_silent_layer_cuts_prediction_and_learning():
    net, trials = build(), batch()

    def silence(name, phase, value):
        return 0 * value if name == "layer1.rate" else value

    outputs = net.respond(net.read(), trials.inputs, silence)["choice"]
    np.testing.assert_allclose(outputs, np.broadcast_to(outputs[:1], outputs.shape), rtol=1e-12)
    assert np.abs(net.learn(net.read(), trials, probe=silence).changes["layer2.W"]).max() == 0.0


def test_the_running_system_repeats_the_trial():
    net, trials = build(), batch()
    target = net.wanted(trials.targets)
    course = net.trial(net.read(), trials, iterations=6)
    net.reset_state(4)
    for layer in net.layers:
        net._activity[f"{layer}.value"].value = course[f"{layer}.value"][0]
    steps = jnp.arange(6)
    energy = bm.for_loop(lambda _: net.update(trials.inputs["image"], target), steps)
    np.testing.assert_allclose(energy, course["energy"][1:, :, 0], rtol=1e-12)
    np.testing.assert_allclose(net._activity["layer2.error"].value, course["layer2.error"][-1], rtol=1e-12)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_everything_stays_in_the_dtype_of_the_circuit(dtype):
    net = build(dtype=dtype)
    outcome, course = net.learn(net.read(), batch(dtype=np.float32)), net.trial(net.read(), batch())
    assert {leaf.dtype for leaf in jax.tree.leaves((outcome, course))} == {jnp.dtype(dtype)}


def test_a_second_call_does_not_trace_again_and_seeds_are_one_more_axis():
    net, traces = build(), []

    @jax.jit
    def step(tree):
        traces.append(1)
        return net.learn(tree, batch()).changes

    trees = [{name: jnp.asarray(value) for name, value in net.initial(seed).items()} for seed in range(3)]
    singles = [step(tree) for tree in trees]
    assert len(traces) == 1
    together = jax.jit(jax.vmap(step))(jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees))
    close(together, jax.tree.map(lambda *leaves: jnp.stack(leaves), *singles))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"variance": 0.0}, "variance must be positive"),
        ({"activation": "tan"}, "did you mean 'tanh'"),
    ],
)
def test_circuits_that_cannot_be(settings, message):
    with pytest.raises(CircuitError, match=message):
        build(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"iterations": 0}, "at least 1"),
        ({"dt": 0.0}, "dt must be positive"),
        ({"iteration": 3}, "did you mean 'iterations'"),
    ],
)
def test_settings_with_which_nothing_relaxes(settings, message):
    net = build()
    with pytest.raises(CircuitError, match=message):
        net.learn(net.read(), batch(), **settings)


def test_two_readouts_are_refused():
    ports = SimpleNamespace(inputs={"image": 5}, readouts={"choice": 3, "reward": 1})
    with pytest.raises(CircuitError, match=r"got .'choice', 'reward'."):
        PredictiveCoding.chain(ports)
    net = build()
    with pytest.raises(CircuitError, match="one readout"):
        net.learn(net.read(), Batch(batch().inputs, {"choice": jnp.zeros(4, int), "reward": jnp.zeros(4, int)}))
