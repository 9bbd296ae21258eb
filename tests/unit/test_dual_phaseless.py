"""Phaseless alignment learning: noise teaches the transpose, at the rate level and in microcircuits."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.analysis.metrics.alignment import angle
from biocredit.circuits import DualStream
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.losses import LOSSES
from biocredit.circuits.microcircuit import PhaselessMicrocircuit, PhaselessRate
from biocredit.circuits.microcircuit import dendritic as microcircuit
from biocredit.circuits.microcircuit import dendritic_dynamics as dendritic
from biocredit.circuits.microcircuit import rate_level as rate
from biocredit.circuits.microcircuit import rate_level_dynamics as rate_level
from biocredit.protocols import TwoPhase, interventions
from biocredit.protocols.tasks import ImageTask
from dual_stream_case import batch

SIZES = (6, 5, 4, 3)


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


@pytest.fixture(params=[PhaselessRate, PhaselessMicrocircuit])
def net(request):
    return request.param(SIZES, steps=12, dtype=jnp.float64)


def test_time_changes_the_weights_and_no_optimiser_does(net):
    tree = net.read()
    outcome = net.learn(tree, batch_of(net), jax.random.key(0))
    assert outcome.changes == {}
    assert set(outcome.tree) == set(tree)
    assert all((outcome.tree[name] != tree[name]).any() for name in net.plastic)


def batch_of(net):
    net.input_shape = net.sizes[:1]
    return batch(net)


def test_trial_ends_where_learning_ends_and_is_repeatable(net):
    one, key = batch_of(net), jax.random.key(3)
    course = net.trial(net.read(), one, key)
    assert set(course) == set(net.variables())
    assert all(value.shape[:2] == (net.steps, 5) for value in course.values())
    again = net.trial(net.read(), one, key)
    assert all(np.array_equal(course[name], again[name]) for name in course)


def test_populations_are_those_that_synapses_connect(net):
    known = {population.name for population in net.populations()}
    assert known == {end for synapses in net.synapses.values() for end in (synapses.pre, synapses.post)}


def test_feedback_faces_forward_weights_in_one_layout(net):
    forward, feedback = net.forward_weights(net.read()), net.effective_feedback(net.read())
    assert {name: value.shape for name, value in forward.items()} == {"layer2": (4, 5), "layer3": (3, 4)}
    assert {name: value.shape for name, value in feedback.items()} == {"layer2": (4, 5), "layer3": (3, 4)}
    assert net.reciprocal() == set(forward)


def test_update_is_one_step_of_a_trial(net):
    one, key = batch_of(net), jax.random.key(3)
    course = net.trial(net.read(), one, key)
    net.reset_state(5)
    hot = jax.nn.one_hot(one.targets["choice"], 3, dtype=jnp.float64)
    for step in range(2):
        net.update(one.inputs["image"], hot, jax.random.fold_in(key, step))
    for name, variable in net._activity.items():
        np.testing.assert_allclose(variable.value, course[name][1], rtol=1e-12, atol=1e-15, err_msg=name)


def test_second_call_does_not_trace_again(net):
    traces = []

    @jax.jit
    def learn(tree, one, key):
        traces.append(1)
        return net.learn(tree, one, key)

    for seed in range(2):
        jax.block_until_ready(learn(net.read(), batch_of(net), jax.random.key(seed)))
    assert len(traces) == 1


def test_tap_silences_a_layer_while_time_runs(net):
    def silence(name, phase, value):
        return 0 * value if name == "layer1.rate" else value

    course = net.trial(net.read(), batch_of(net), jax.random.key(0), silence)
    assert not course["layer1.rate"].any()
    assert net.trial(net.read(), batch_of(net), jax.random.key(0))["layer1.rate"].any()


def test_rate_level_answer_is_the_feedforward_one():
    net = PhaselessRate(SIZES, steps=12, dtype=jnp.float64)
    tree, x = net.read(), batch_of(net).inputs["image"]
    expected = jnp.tanh(jnp.tanh(x @ tree["layer1.W"]) @ tree["layer2.W"]) @ tree["layer3.W"]
    moved = {name: value for name, value in tree.items() if name.endswith(".b")}
    assert all(value.any() for value in moved.values())
    bias_free = tree | {name: jnp.zeros_like(value) for name, value in moved.items()}
    np.testing.assert_allclose(net.respond(bias_free, {"image": x})["choice"], expected, rtol=1e-12)


def test_without_noise_feedback_of_the_rate_level_only_decays():
    constants = replace(
        rate.released(3, "tanh", 20), sigma=(0.0, 0.0, 0.0), decay=(0.1, 0.1, 0.1), learning_rate=(0.0,) * 3
    )
    net = PhaselessRate(SIZES, steps=20, constants=constants, dtype=jnp.float64)
    tree = net.read()
    after = net.learn(tree, batch_of(net), jax.random.key(0)).tree
    keep = (1 - constants.feedback_learning_rate[1] * constants.dt * 0.1) ** 20
    np.testing.assert_allclose(after["layer2.B"], keep * tree["layer2.B"], rtol=1e-12)


def test_noise_turns_rate_level_feedback_towards_the_transpose():
    constants = replace(rate.released(2, "tanh", 600), sigma=(0.3, 0.0), decay=(0.0, 0.0), learning_rate=(0.0, 0.0))
    constants = replace(constants, feedback_learning_rate=(0.0, 1.0))
    net = PhaselessRate((3, 8, 5), steps=600, constants=constants, dtype=jnp.float64)
    tree = net.read() | {"layer2.B": jnp.zeros((5, 8))}
    x = jnp.zeros((200, 3))
    layers, clock = net.rest(200)
    assert not clock.any()
    after = net.learn(tree, type(batch_of(net))({"x": x}, {"y": jnp.zeros((200, 5))}), jax.random.key(0)).tree
    assert angle(after["layer2.B"], tree["layer2.W"].T) < 20
    assert len(layers) == 2


def test_output_errors_are_what_they_say():
    top = rate_level.Activity(*(jnp.full((1, 2), value) for value in (0.0, 0.3, 0.5, 0.8, 0.0, 0.0, 0.0)))
    y, half = jnp.array([[1.0, 0.0]]), LOSSES["half_squared_error"]

    def wanted(loss):
        return lambda output: -loss.error(output, y)

    np.testing.assert_allclose(rate_level.COMPARED["rate"](top, wanted(half)), [[0.4, -0.4]])
    np.testing.assert_allclose(rate_level.COMPARED["lookahead"](top, wanted(half)), [[0.7, -0.3]])
    np.testing.assert_allclose(rate_level.COMPARED["lookahead"](top, wanted(LOSSES["cross_entropy"])), [[0.5, -0.5]])


def test_self_predicting_microcircuit_has_silent_apical_dendrites():
    """After settling without a target, interneurons cancel what comes from above."""
    net = PhaselessMicrocircuit(SIZES, steps=20, dtype=jnp.float64)
    weights, x = net.weights(net.read()), jnp.asarray(np.random.default_rng(0).uniform(size=(4, 6)))
    state = net.rest(4)
    state, _ = jax.lax.scan(lambda s, _: (net.listen(weights, s, x, lambda n, p, v: v), None), state, None, length=9000)
    for potential in state.apical:
        np.testing.assert_allclose(potential, 0, atol=1e-6)
    feedback = state.rate[1] @ weights.down[0].T
    assert np.abs(feedback).max() > 0.1


def test_microcircuit_feedback_learns_noise_times_filtered_rate():
    c = replace(microcircuit.released(2), feedback_learning_rate=(3.0,), decay=(0.5,), learning_rate=(0.0, 0.0))
    net = PhaselessMicrocircuit((4, 3, 2), constants=c, steps=10, dtype=jnp.float64)
    weights = net.weights(net.read())
    old = net.rest(6)._replace(
        highpass=tuple(jnp.asarray(np.random.default_rng(n).normal(size=(6, 3 - n))) for n in range(2))
    )
    new = old._replace(noise=(jnp.asarray(np.random.default_rng(5).normal(size=(6, 3))),))
    learned = dendritic.learn(c, weights, old, new)
    expected = weights.down[0] + 3.0 * c.dt * (new.noise[0].T @ old.highpass[1] / 6 - 0.5 * weights.down[0])
    np.testing.assert_allclose(learned.down[0], expected, rtol=1e-12)


def test_noise_is_an_ornstein_uhlenbeck_process():
    """Stationary variance of the discrete process: sigma^2 / (2 - dt / tau)."""
    c = rate.released(1, "tanh", 10)
    c = replace(c, sigma=(0.4,))

    def step(layers, key):
        noise = rate_level.next_noise(c, layers, key)
        return [layers[0]._replace(noise=noise[0])], noise[0]

    layers = rate_level.silent((50,), 40, jnp.float64)
    _, course = jax.lax.scan(step, layers, jax.random.split(jax.random.key(0), 400))
    steady = course[100:]
    np.testing.assert_allclose(steady.var(), 0.16 / (2 - 0.1), rtol=0.03)
    lagged = jnp.mean(steady[1:] * steady[:-1]) / steady.var()
    np.testing.assert_allclose(lagged, 0.9, atol=0.01)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PhaselessRate(SIZES, steps=2), "a time step a layer"),
        (lambda: PhaselessMicrocircuit((4, 3)), "hidden layer"),
        (lambda: DualStream.mlp(SIZES, "phaseless_rate"), r"circuits.PhaselessRate\(sizes\)"),
        (lambda: replace(rate.released(2, "tanh", 9), sigma=(0.1,)), "2 values"),
        (lambda: replace(rate.released(2, "tanh", 9), compared="rates"), "'rates'"),
    ],
)
def test_impossible_circuits_are_refused_in_one_line(build, message):
    with pytest.raises(CircuitError, match=message):
        build()


@pytest.mark.parametrize("target", ["layer2.W", "layer2.B"])
def test_frozen_projections_stay_while_time_changes_the_others(target):
    run = learning(interventions.freeze_plasticity(target, stop=2))
    before = run.circuit.read()
    run.train(1, progress=False)
    assert np.array_equal(run.tree[target][0], before[target])
    others = [name for name in run.circuit.plastic if name != target]
    assert all((run.tree[name][0] != before[name]).any() for name in others)
    assert (run.train(1, progress=False).tree[target][0] != before[target]).any()


def test_a_cut_projection_transmits_nothing_and_changes_on():
    plain, cut = learning(), learning(interventions.lesion("layer2.W"))
    lesion = lambda name, phase, value: 0 * value if (name, phase) == ("layer2.W", "inference") else value  # noqa: E731
    shown = {"image": jnp.stack([jnp.ones(6), jnp.zeros(6)])}
    one, other = cut.circuit.respond(cut.circuit.read(), shown, lesion)["choice"]
    assert np.array_equal(one, other)
    before = cut.circuit.read()["layer2.W"]
    for run in (plain, cut):
        run.train(1, progress=False)
        assert (run.tree["layer2.W"][0] != before).any()
    assert not np.array_equal(plain.tree["layer2.B"], cut.tree["layer2.B"])


def learning(*done) -> TwoPhase:
    """A small circuit of rate cells that learns two batches an epoch."""
    random = np.random.default_rng(0)
    data = random.random((10, 6), np.float32), random.integers(0, 3, 10)
    net = PhaselessRate(SIZES, steps=12)
    task, none = ImageTask("noise", data, data, 3), optax.identity()
    return TwoPhase(net, task, optimizer=none, batch_size=5, interventions=done, evaluate=())
