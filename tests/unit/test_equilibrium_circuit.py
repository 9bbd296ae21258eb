"""Equilibrium propagation as a circuit: what protocols and BrainPy users see of it."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits.core.backend import bm
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.initializers import fan_in_uniform_biases, glorot
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream.ascending.pooling import MaxPool
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense
from biocredit.circuits.energy_based import EnergyDescent, EquilibriumPropagation, FixedPointIteration, Symmetric
from biocredit.protocols import TwoPhase, tasks
from sklearn.datasets import load_digits

TASK = SimpleNamespace(inputs={"image": 5}, readouts={"choice": 3})


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


def build(hidden=(6, 4), **settings):
    settings = {"dynamics": EnergyDescent(), "dtype": jnp.float64} | settings
    return EquilibriumPropagation.chain(TASK, hidden, **settings)


def batch(trials=4, dtype=np.float64):
    random = np.random.default_rng(0)
    images, labels = random.uniform(size=(trials, 5)).astype(dtype), random.integers(0, 3, trials)
    return Batch({"image": jnp.asarray(images)}, {"choice": jnp.asarray(labels)}, {"index": jnp.arange(trials)})


def learn(net, tree=None, trials=None, **settings):
    return net.learn(net.read() if tree is None else tree, trials or batch(), jax.random.key(0), **settings)


# -- learning -------------------------------------------------------------------------------------------------


def train(net, optimizer, epochs, **settings):
    """Plain training loop on real digits; returns test accuracy."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = jnp.asarray(images[order] / 16, jnp.float32), jnp.asarray(labels[order])

    def update(carry, index):
        tree, state = carry
        trials = Batch({"image": images[index]}, {"choice": labels[index]}, {"index": index})
        outcome = net.learn(tree, trials, jax.random.fold_in(jax.random.key(1), index[0]), **settings)
        updates, state = optimizer.update(outcome.changes, state)
        weights = optax.apply_updates(net.weights(tree), net.constrain(tree, updates))
        return (tree | outcome.tree | weights, state), None

    tree = net.read()
    order = np.stack([np.random.default_rng(epoch).permutation(1500).reshape(-1, 20) for epoch in range(epochs)])
    steps = jnp.asarray(order.reshape(-1, 20))
    start = (tree, optimizer.init(net.weights(tree)))
    with jax.numpy_dtype_promotion("standard"):  # optax counts updates in int32
        (tree, _), _ = jax.jit(lambda carry: jax.lax.scan(update, carry, steps))(start)
    choice = jnp.argmax(net.respond(tree, {"image": images[1500:]})["choice"], axis=1)
    return float(np.mean(np.asarray(choice) == np.asarray(labels[1500:])))


DIGITS = SimpleNamespace(inputs={"image": 64}, readouts={"choice": 10})


def test_energy_form_with_persistent_particles_learns_digits():
    net = EquilibriumPropagation.chain(DIGITS, (64,), dynamics=EnergyDescent(), particles=1500, factors=(1.0, 0.5))
    assert train(net, optax.sgd(0.1), epochs=4) > 0.88


def test_discrete_form_learns_digits():
    settings = {"dynamics": FixedPointIteration(), "loss": "half_squared_error", "initializer": fan_in_uniform_biases}
    net = EquilibriumPropagation.chain(DIGITS, (64,), **settings)
    phases = {"iterations": (30, 10), "beta": 0.1, "estimator": "symmetric"}
    assert train(net, optax.adam(5e-3), epochs=3, **phases) > 0.92


def test_changes_have_names_and_shapes_of_the_plastic_weights():
    net = build()
    outcome = learn(net)
    assert set(outcome.changes) == set(net.plastic) == set(net.read())
    assert {n: c.shape for n, c in outcome.changes.items()} == {n: w.shape for n, w in net.read().items()}
    assert set(outcome.metrics) == {"loss", "accuracy", "residual"}
    assert outcome.tree == {}


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_everything_stays_in_the_dtype_of_the_circuit(dtype):
    net = build(dtype=dtype, particles=4)
    for given in (np.float32, np.float64):
        outcome = learn(net, trials=batch(dtype=given), estimator="random_sign")
        course = net.trial(net.read(), batch(dtype=given))
        assert {leaf.dtype for leaf in jax.tree.leaves((outcome, course))} == {jnp.dtype(dtype)}


def test_a_second_call_does_not_trace_again():
    net, traces = build(), []

    @jax.jit
    def step(tree, trials, key):
        traces.append(1)
        return net.learn(tree, trials, key).changes

    for seed in range(3):
        step({n: jnp.asarray(w) for n, w in net.initial(seed).items()}, batch(), jax.random.key(seed))
    assert len(traces) == 1


def test_seeds_as_one_more_axis_equal_single_runs():
    net = build(particles=4)
    trees = [{name: jnp.asarray(value) for name, value in net.initial(seed).items()} for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)

    def step(tree):
        return net.learn(tree, batch(), jax.random.key(0))

    together = jax.jit(jax.vmap(step))(stacked)
    for number, single in enumerate(map(jax.jit(step), trees)):
        mine = jax.tree.map(lambda leaf, number=number: leaf[number], together)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13), mine, single)


def test_initial_weights_depend_on_the_seed_only():
    first, again, other = build(seed=3).read(), build().initial(3), build().initial(4)
    np.testing.assert_array_equal(first["layer2.W"], again["layer2.W"])
    assert np.abs(again["layer2.W"] - other["layer2.W"]).max() > 0.1


@pytest.mark.parametrize(
    ("start", "bound"), [(glorot, np.sqrt(6 / 11)), (fan_in_uniform_biases, 1 / np.sqrt(5))], ids=["glorot", "fan-in"]
)
def test_initial_weights_fill_their_published_interval(start, bound):
    drawn = np.concatenate([build(initializer=start).initial(seed)["layer1.W"].ravel() for seed in range(20)])
    assert 0.98 * bound < np.abs(drawn).max() <= bound


def test_factors_scale_the_step_of_their_layer():
    net = build(factors=(1.0, 0.5, 0.0))
    updates = net.constrain(net.read(), {name: jnp.ones_like(w) for name, w in net.read().items()})
    assert {name: float(np.max(u)) for name, u in updates.items() if name.endswith("W")} == {
        "layer1.W": 1.0,
        "layer2.W": 0.5,
        "layer3.W": 0.0,
    }


# -- phases and particles -------------------------------------------------------------------------------------


def test_particles_continue_where_the_same_examples_were():
    net, rest = build(particles=9), build()
    kept = learn(net, iterations=(3, 1)).tree
    assert np.all(kept["layer1.particles"][4:] == 0)
    again = learn(net, tree={**net.read(), **kept}, iterations=(3, 1)).tree
    longer = rest.trial(rest.read(), batch(), iterations=(6, 1))["layer3.state"][5]
    np.testing.assert_allclose(again["layer3.particles"][:4], longer, rtol=1e-12)


def test_a_probe_trial_starts_from_rest_whatever_the_particles_are():
    net, kept = build(particles=4), learn(build(particles=4)).tree
    fresh, later = (net.trial({**net.read(), **extra}, batch())["layer1.state"] for extra in ({}, kept))
    np.testing.assert_array_equal(fresh, later)


def test_particles_need_to_know_the_examples():
    with pytest.raises(CircuitError, match="trials\\['index'\\]"):
        learn(build(particles=4), trials=batch()._replace(trials={}))


def test_trial_shows_the_energy_fall_and_then_the_output_being_pulled():
    net = build(dynamics=EnergyDescent("steep_sigmoid", 0.1, (-np.inf, np.inf)), loss="half_squared_error")
    course = net.trial(net.read(), batch(), iterations=(80, 40), beta=2.0)
    assert {name: value.shape for name, value in course.items()} == {
        "layer1.state": (120, 4, 6),
        "layer2.state": (120, 4, 4),
        "layer3.state": (120, 4, 3),
        "energy": (120, 4, 1),
    }
    assert np.all(np.diff(course["energy"][:80], axis=0) <= 1e-14)
    distance = np.linalg.norm(course["layer3.state"] - net.wanted(batch().targets)[None], axis=-1)
    assert np.all(distance[-1] < distance[79])


def test_respond_is_the_end_of_the_free_phase():
    net = build()
    free = net.trial(net.read(), batch(), iterations=(7, 2))["layer3.state"][6]
    np.testing.assert_allclose(net.respond(net.read(), batch().inputs, iterations=(7, 2))["choice"], free, rtol=1e-13)


def test_targets_may_be_labels_or_rows():
    net, trials = build(), batch()
    rows = trials._replace(targets={"choice": jax.nn.one_hot(trials.targets["choice"], 3, dtype=jnp.float64)})
    jax.tree.map(np.testing.assert_array_equal, learn(net).changes, learn(net, trials=rows).changes)


# -- taps -----------------------------------------------------------------------------------------------------


def test_a_silent_layer_cuts_the_output_from_the_input():
    net, trials = build(), batch()

    def silence(name, phase, value):
        return 0 * value if name == "layer1.rate" else value

    outputs = net.respond(net.read(), trials.inputs, silence)["choice"]
    np.testing.assert_allclose(outputs, np.broadcast_to(outputs[:1], outputs.shape), rtol=1e-12)
    assert np.ptp(net.respond(net.read(), trials.inputs)["choice"], axis=0).max() > 1e-3


def test_a_lesion_in_the_learning_phase_leaves_the_free_phase_alone():
    net = build()

    def lesion(name, phase, value):
        return 0 * value if (name, phase) == ("layer3.W", "learning") else value

    whole, cut = learn(net), net.learn(net.read(), batch(), jax.random.key(0), lesion)
    assert float(whole.metrics["loss"]) == float(cut.metrics["loss"])
    assert np.abs(whole.changes["layer1.W"] - cut.changes["layer1.W"]).max() > 1e-6


def test_an_electrode_reads_states_rates_and_energy_of_both_phases():
    net = build()

    @jax.jit
    def record(tree):
        electrode = Electrode(lambda name, phase: name in ("layer2.state", "layer2.rate", "energy"))
        net.learn(tree, batch(), jax.random.key(0), electrode, estimator="one_sided", iterations=(9, 4))
        return {f"{name}|{phase}": value for (name, phase), value in electrode.readings.items() if "rate" not in name}

    course = net.trial(net.read(), batch(), iterations=(9, 4))
    found = record(net.read())
    np.testing.assert_allclose(found["layer2.state|inference"], course["layer2.state"][8], rtol=1e-12)
    np.testing.assert_allclose(found["layer2.state|learning"], course["layer2.state"][12], rtol=1e-12)
    np.testing.assert_allclose(found["energy|inference"], course["energy"][8, :, 0], rtol=1e-12)


# -- BrainPy --------------------------------------------------------------------------------------------------


def test_the_running_system_repeats_the_trial():
    net, trials = build(), batch()
    net.reset_state(4)
    found = []
    for moment in range(9):
        if moment == 6:
            net.nudge(trials.targets["choice"], 0.5)
        found.append(net.update(trials.inputs["image"]))
    course = net.trial(net.read(), trials, iterations=(6, 3), beta=0.5)
    np.testing.assert_allclose(found, course["layer3.state"], rtol=1e-12)
    np.testing.assert_allclose(net._activity["energy"].value, course["energy"][-1], rtol=1e-12)


def test_brainpy_loop_and_pure_view_repeat_the_trial():
    net, x = build(), batch().inputs["image"]
    net.reset_state(4)
    pure = net.pure(x)
    _, outputs = pure.run(pure.read(), jnp.stack([x] * 5))
    course = net.trial(net.read(), batch(), iterations=(5, 1))["layer3.state"]
    np.testing.assert_allclose(outputs, course[:5], rtol=1e-12)
    net.reset_state(4)
    np.testing.assert_allclose(bm.for_loop(net.update, jnp.stack([x] * 5)), course[:5], rtol=1e-12)


# -- convolution ----------------------------------------------------------------------------------------------


def test_convolutional_circuit_learns_on_maps():
    maps = Symmetric(Convolution(1, 4, padding=1, bias=True), MaxPool())
    settings = {"dynamics": FixedPointIteration("half_hard_sigmoid", "half_hard_sigmoid"), "input_shape": (8, 8, 1)}
    connections = (maps, Symmetric(Dense(64, 10)))
    ports = {"inputs": DIGITS.inputs, "readouts": DIGITS.readouts, "loss": "half_squared_error"}
    net = EquilibriumPropagation(connections, **settings, **ports)
    assert net.trial(net.read(), digits_batch())["layer1.state"].shape[1:] == (3, 4, 4, 4)
    phases = {"iterations": (20, 10), "beta": 0.2, "estimator": "symmetric"}
    assert train(net, optax.adam(5e-3), epochs=3, **phases) > 0.88


def digits_batch():
    images, labels = load_digits(return_X_y=True)
    return Batch({"image": jnp.asarray(images[:3] / 16)}, {"choice": jnp.asarray(labels[:3])})


# -- bad input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": 0.0}, "beta 0 does not nudge"),
        ({"iterations": (0, 4)}, "at least 1"),
        ({"estimator": "symetric"}, "did you mean 'symmetric'"),
        ({"betta": 0.1}, "did you mean 'beta'"),
    ],
)
def test_settings_with_which_nothing_could_be_learned(settings, message):
    with pytest.raises(CircuitError, match=message):
        learn(build(), **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "squared_eror"}, "did you mean 'squared_error'"),
        ({"factors": (1.0,)}, "factors: got 1 for 3 layers"),
        ({"particles": -1}, "particles"),
        ({"input_shape": (2, 2)}, "does not hold 5 channels"),
    ],
)
def test_circuits_that_cannot_be(settings, message):
    with pytest.raises(CircuitError, match=message):
        build(**settings)


@pytest.mark.parametrize(
    ("form", "settings", "message"),
    [
        (EnergyDescent, {"activation": "tan"}, "did you mean 'tanh'"),
        (EnergyDescent, {"step_size": 0.0}, "step_size must be positive"),
        (EnergyDescent, {"bounds": (1.0, 0.0)}, "bounds must ascend"),
        (FixedPointIteration, {"readout_activation": "liner"}, "did you mean 'linear'"),
    ],
)
def test_dynamics_that_cannot_be(form, settings, message):
    with pytest.raises(CircuitError, match=message):
        form(**settings)


def test_wrong_widths_are_named():
    net, trials = build(), batch()
    with pytest.raises(CircuitError, match=r"'image'.*shape \(4, 4\).*5"):
        net.respond(net.read(), {"image": trials.inputs["image"][:, :4]})
    with pytest.raises(CircuitError, match=r"target: got .* shape \(4, 2\)"):
        learn(net, trials=trials._replace(targets={"choice": jnp.ones((4, 2))}))
    with pytest.raises(CircuitError, match="one readout"):
        EquilibriumPropagation.chain(
            SimpleNamespace(inputs={"a": 1}, readouts={"choice": 3, "report": 2}), dynamics=EnergyDescent()
        )


# -- the protocol ---------------------------------------------------------------------------------------------


def test_two_phase_protocol_drives_it_with_particles():
    task = tasks.digits()
    net = EquilibriumPropagation.chain(task, (32,), dynamics=EnergyDescent(), particles=task.n_train, factors=(1, 0.5))
    with jax.numpy_dtype_promotion("standard"):
        run = TwoPhase(net, task, optimizer=optax.sgd(0.1), batch_size=20, iterations=(10, 4), beta=0.5)
        run.train(epochs=2, progress=False)
        assert run.score()["accuracy"][0] > 0.75
    assert np.all(np.any(run.tree["layer1.particles"] != 0, axis=-1))
