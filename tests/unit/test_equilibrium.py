"""Equilibrium propagation, pure functions: everything is a derivative of one energy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.activations import ACTIVATIONS, activation
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.losses import loss_named
from biocredit.circuits.dual_stream.ascending.pooling import MaxPool
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense
from biocredit.circuits.energy_based import contrastive_hebbian as contrast
from biocredit.circuits.energy_based import equilibrium_dynamics as equilibrium
from biocredit.circuits.energy_based.equilibrium_dynamics import EnergyDescent, FixedPointIteration, RelaxingNetwork
from biocredit.circuits.energy_based.symmetric import Symmetric, shapes

FREE = (-np.inf, np.inf)
SMOOTH = EnergyDescent("steep_sigmoid", step_size=0.2, bounds=FREE)
DENSE = (Symmetric(Dense(5, 6)), Symmetric(Dense(6, 4)), Symmetric(Dense(4, 3)))
MAPS = (Symmetric(Convolution(2, 3, padding=1, bias=True), MaxPool()), Symmetric(Dense(27, 3)))
NETWORKS = {
    "energy": (RelaxingNetwork(DENSE, SMOOTH), (5,)),
    "discrete": (RelaxingNetwork(DENSE, FixedPointIteration("tanh", "tanh")), (5,)),
    "discrete, cross-entropy": (
        RelaxingNetwork(DENSE, FixedPointIteration(readout_activation="linear"), "cross_entropy"),
        (5,),
    ),
    "convolution": (RelaxingNetwork(MAPS, FixedPointIteration("tanh", "tanh")), (6, 6, 2)),
}


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


def weights_of(network, seed=0, scale=0.6):
    random, weights = np.random.default_rng(seed), {}
    for number, connection in enumerate(network.connections, start=1):
        shape = connection.stage.kernel_shape(connection.stage.outputs)
        weights[f"layer{number}.W"] = jnp.asarray(random.normal(0, scale / np.sqrt(np.prod(shape[1:])), shape))
        weights[f"layer{number}.b"] = jnp.asarray(random.normal(0, 0.1, shape[0]))
    return weights


@pytest.fixture(params=NETWORKS)
def case(request):
    """A network, its weights, an input, arbitrary states and a target."""
    network, below = NETWORKS[request.param]
    random = np.random.default_rng(1)
    sizes = shapes(network.connections, below)[1:]
    states = tuple(jnp.asarray(random.uniform(0.1, 0.9, (4, *size))) for size in sizes)
    target = jnp.asarray(np.eye(3)[[0, 2, 1, 1]])
    return network, weights_of(network), jnp.asarray(random.uniform(size=(4, *below))), states, target


def total_energy(network, weights, x, states):
    return jnp.sum(equilibrium.energy(network, weights, x, states))


def close(a, b, **tolerance):
    jax.tree.map(lambda p, q: np.testing.assert_allclose(p, q, **{"rtol": 1e-10, "atol": 1e-12, **tolerance}), a, b)


# -- building blocks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"sign"}))
def test_slope_is_the_derivative_of_the_firing_function(name):
    f, s, h = activation(name), jnp.linspace(-2.03, 3.01, 41), 1e-6
    close(f.slope(s), (f(s + h) - f(s - h)) / (2 * h), rtol=1e-8, atol=1e-8)


def test_slope_of_the_hard_sigmoid_is_one_on_the_closed_interval():
    slope = activation("hard_sigmoid").closed_slope(jnp.array([-1e-9, 0.0, 0.5, 1.0, 1.0 + 1e-9]))
    assert slope.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


# -- everything follows from the energy -----------------------------------------------------------------------


def test_drives_are_minus_the_derivative_of_the_interactions(case):
    network, weights, x, _, _ = case
    discrete = RelaxingNetwork(network.connections, FixedPointIteration())
    rates = case[3]
    bottom = equilibrium.input_drive(discrete, weights, x)
    up = equilibrium.ascending(discrete, weights, bottom, rates)
    down = equilibrium.descending(discrete, weights, rates)
    force = jax.grad(total_energy, argnums=3)(discrete, weights, x, rates)
    close(jax.tree.map(jnp.add, up, down), jax.tree.map(jnp.negative, force))


def test_energy_descent_steps_along_minus_the_gradient_of_energy_and_cost():
    network, beta, random = RelaxingNetwork(DENSE, SMOOTH, "squared_error"), 0.7, np.random.default_rng(3)
    weights, x = weights_of(network), jnp.asarray(random.uniform(size=(4, 5)))
    states = tuple(jnp.asarray(random.normal(0.5, 0.5, (4, n))) for n in (6, 4, 3))
    target = jnp.asarray(np.eye(3)[[0, 2, 1, 1]])

    def objective(states):
        total = total_energy(network, weights, x, states)
        return total + beta * jnp.sum(loss_named("squared_error").value(states[-1], target))

    moved, _ = equilibrium.relax(network, weights, x, states, steps=1, beta=beta, target=target)
    wanted = jax.tree.map(lambda s, g: s - 0.2 * g, states, jax.grad(objective)(states))
    close(moved, wanted)


def test_hebbian_products_are_minus_the_derivative_of_the_energy_by_the_weights(case):
    network, weights, x, states, _ = case
    rates = network.dynamics.rates(states)
    products = contrast.hebbian(network, weights, (x, *rates[:-1]), rates)
    slope = jax.grad(total_energy, argnums=1)(network, weights, x, states)
    close(products, jax.tree.map(lambda g: -g / 4, slope))


@pytest.mark.parametrize("dynamics", [SMOOTH, EnergyDescent("hard_sigmoid", step_size=0.2)], ids=["smooth", "clipped"])
def test_energy_falls_at_every_step_of_the_free_phase(dynamics):
    network = RelaxingNetwork(DENSE, dynamics)
    weights, x = weights_of(network, scale=1.5), jnp.asarray(np.random.default_rng(2).uniform(size=(4, 5)))
    start = tuple(jnp.asarray(np.random.default_rng(5).uniform(size=(4, n))) for n in (6, 4, 3))

    def observe(weights, states):
        return equilibrium.energy(network, weights, x, states)

    _, course = equilibrium.relax(network, weights, x, start, steps=60, observe=observe)
    assert np.all(np.diff(course, axis=0) <= 1e-14)
    assert np.all(course[0] - course[-1] > 1e-3)


def test_free_phase_converges_to_a_fixed_point(case):
    network, weights, x, _, _ = case
    found = []
    for steps in (5, 800):
        states, _ = equilibrium.relax(network, weights, x, equilibrium.at_rest(network, x), steps=steps)
        found.append(float(contrast.residual(network, weights, x, states)))
    assert found[0] > 1e-6
    assert found[1] < 1e-13


def test_a_step_size_that_is_too_large_does_not_settle():
    with pytest.warns(UserWarning, match="overshoots"):
        network = RelaxingNetwork(DENSE, EnergyDescent("steep_sigmoid", step_size=2.2, bounds=FREE))
    weights, x = weights_of(network), jnp.full((1, 5), 0.5)
    states, _ = equilibrium.relax(network, weights, x, equilibrium.at_rest(network, x), steps=200)
    assert not contrast.residual(network, weights, x, states) < 0.1


def test_clipping_keeps_states_in_their_bounds():
    network = RelaxingNetwork(DENSE, EnergyDescent("hard_sigmoid", step_size=0.5))
    weights, x = weights_of(network, scale=8.0), jnp.full((4, 5), 1.0)
    states, _ = equilibrium.relax(network, weights, x, equilibrium.at_rest(network, x), steps=50)
    joined = np.concatenate([np.ravel(s) for s in states])
    assert joined.min() == 0.0
    assert joined.max() == 1.0


def test_unknown_names_are_answered_with_the_nearest_one():
    with pytest.raises(CircuitError, match="did you mean 'hard_sigmoid'"):
        activation("hard_sigmod")
    with pytest.raises(CircuitError, match="did you mean 'cross_entropy'"):
        loss_named("crossentropy")
