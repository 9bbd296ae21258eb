"""Equilibrium propagation estimates the gradient: how well, and how the error falls with nudging."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.energy_based import contrastive_hebbian as contrast
from biocredit.circuits.energy_based import equilibrium_dynamics as equilibrium
from biocredit.circuits.energy_based.equilibrium_dynamics import EnergyDescent, RelaxingNetwork

from tests.unit.test_equilibrium import DENSE, NETWORKS, case, strict, weights_of

__all__ = ["case", "strict"]

BETAS = (0.02, 0.01, 0.005, 0.0025)


@partial(jax.jit, static_argnames=("network", "steps"))
def settled(network, weights, x, steps=600):
    return equilibrium.relax(network, weights, x, equilibrium.at_rest(network, x), steps=steps)[0]


@partial(jax.jit, static_argnames=("network", "estimator", "steps"))
def changes_of(network, weights, x, target, estimator, beta, key, steps=600):
    free = settled(network, weights, x)
    options = {"estimator": estimator, "beta": beta, "steps": steps, "key": key}
    nudged = contrast.nudge(network, weights, x, target, free, **options)
    return contrast.changes(network, weights, x, nudged)


def estimate(case, estimator, beta, steps=600, key=0):
    network, weights, x, _, target = case
    return flat(changes_of(network, weights, x, target, estimator, beta, jax.random.key(key), steps))


def flat(tree):
    return np.concatenate([np.ravel(tree[name]) for name in sorted(tree)])


def finite_differences(case, name, h=1e-5):
    """Central differences of the cost at the fixed point, all entries of one weight array at once."""
    network, weights, x, _, target = case

    def cost_moved_by(step):
        moved = weights | {name: weights[name] + step}
        return contrast.mean_loss(network, settled(network, moved, x), target)

    size, shape = weights[name].size, weights[name].shape
    steps = h * jnp.eye(size).reshape(size, *shape)
    cost = jax.jit(jax.vmap(cost_moved_by))
    return np.asarray((cost(steps) - cost(-steps)) / (2 * h)).reshape(shape)


@pytest.mark.parametrize(("estimator", "order"), [("one_sided", 1), ("symmetric", 2)])
def test_order_of_the_error_in_the_nudging(case, estimator, order):
    network, weights, x, _, target = case
    gradient = flat(contrast.backpropagated(network, weights, x, target, equilibrium.at_rest(network, x), 600))
    errors = [np.linalg.norm(estimate(case, estimator, beta) - gradient) for beta in BETAS]
    exponent = np.polyfit(np.log(BETAS), np.log(errors), 1)[0]
    assert exponent == pytest.approx(order, abs=0.1)
    assert errors[-1] < 0.05 * np.linalg.norm(gradient)


@pytest.mark.parametrize("which", ["energy", "discrete, cross-entropy"])
def test_update_equals_finite_differences_of_the_cost_at_the_fixed_point(which):
    network = NETWORKS[which][0]
    random = np.random.default_rng(4)
    x, target = jnp.asarray(random.uniform(size=(3, 5))), jnp.asarray(np.eye(3)[[1, 0, 2]])
    case = (network, weights_of(network), x, None, target)
    changes = changes_of(network, case[1], x, target, "symmetric", 1e-4, jax.random.key(0))
    for name in ("layer2.W", "layer1.b"):
        wanted = finite_differences(case, name)
        np.testing.assert_allclose(changes[name], wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_every_nudged_step_follows_truncated_back_propagation(case, steps):
    """Ernoult et al. 2019, arXiv 1905.13633, theorem 1: not only at the end of the nudged phase."""
    network, weights, x, _, target = case
    gradient = contrast.backpropagated(network, weights, x, target, settled(network, weights, x), steps)
    found = estimate(case, "symmetric", 1e-4, steps=steps)
    np.testing.assert_allclose(found, flat(gradient), rtol=0, atol=1e-6 * np.abs(flat(gradient)).max())


def test_random_sign_averages_the_first_order_error_away(case):
    both = {tuple(estimate(case, "random_sign", 0.05, key=key)) for key in range(8)}
    assert len(both) == 2
    np.testing.assert_allclose(np.mean(list(both), axis=0), estimate(case, "symmetric", 0.05), rtol=1e-7, atol=1e-9)


def test_negative_nudging_is_divided_by_its_sign(case):
    forward, backward = estimate(case, "one_sided", 1e-3), estimate(case, "one_sided", -1e-3)
    assert forward @ backward > 0.99 * np.linalg.norm(forward) * np.linalg.norm(backward)


def test_both_nudged_phases_start_from_the_free_state(case):
    network, weights, x, states, target = case
    options = {"estimator": "symmetric", "beta": 0.3, "steps": 1, "key": jax.random.key(0)}
    nudged = contrast.nudge(network, weights, x, target, states, **options)
    for strength, found in {-0.3: nudged.below, 0.3: nudged.above}.items():
        wanted, _ = equilibrium.relax(network, weights, x, states, steps=1, beta=strength, target=target)
        jax.tree.map(np.testing.assert_array_equal, found, wanted)


def test_without_an_error_nothing_changes(case):
    network, weights, x, _, _ = case
    free = settled(network, weights, x)
    target = jax.nn.softmax(free[-1]) if network.loss == "cross_entropy" else free[-1]
    options = {"estimator": "symmetric", "beta": 0.1, "steps": 50, "key": jax.random.key(0)}
    nudged = contrast.nudge(network, weights, x, target, free, **options)
    assert np.abs(flat(contrast.changes(network, weights, x, nudged))).max() < 1e-11


def test_a_synapse_sees_the_rates_of_its_own_two_ends_only(case):
    network, weights, x, states, _ = case
    silent = tuple(jnp.zeros_like(s) for s in states)
    signals = {"pre_below": (x, *states[:-1]), "post_below": states, "span": 0.1, "weights": weights}
    signals |= {"pre_above": (x, *silent[:-1]), "post_above": silent}
    assert set(signals) == set(contrast.RULE.needs)
    before = contrast.contrastive_hebbian(network, signals)
    elsewhere = (states[0], *(s + 1 for s in states[1:]))
    after = contrast.contrastive_hebbian(
        network, {**signals, "pre_below": (x, *elsewhere[:-1]), "post_below": elsewhere}
    )
    np.testing.assert_array_equal(before["layer1.W"], after["layer1.W"])
    assert np.abs(before["layer2.W"] - after["layer2.W"]).max() > 0


def test_saturated_units_learn_nothing():
    network = RelaxingNetwork(DENSE, EnergyDescent("hard_sigmoid", 0.5), "squared_error")
    weights = weights_of(network) | {"layer1.b": jnp.full(6, -9.0)}
    x, target = jnp.full((2, 5), 0.5), jnp.asarray(np.eye(3)[[0, 1]])
    changes = changes_of(network, weights, x, target, "symmetric", 0.1, jax.random.key(0))
    assert np.abs(changes["layer1.W"]).max() == 0.0
    assert np.abs(changes["layer3.b"]).max() > 0.01
