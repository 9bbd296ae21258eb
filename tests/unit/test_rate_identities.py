"""Identities between temporal credit rules, and their definitions written out on a finite window."""

import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.recurrent import cell_types
from biocredit.circuits.recurrent.credit.eligibility import Synapses

from tests.unit.rate_case import STEPS, assert_same, differ, network, trials

ALL = {f"c{k}": 1 for k in range(9)}
CREDIT = ("W_in", "W_rec")


def changes(net, tree=None, batch=None, probe=None):
    arguments = (net.read() if tree is None else tree, batch or trials(), None)
    return net.learn(*arguments, *([probe] if probe else [])).changes


def test_rtrl_is_bptt():
    assert_same(changes(network("rtrl")), changes(network("bptt")))


def test_snap1_is_three_factor_without_self_connections():
    assert_same(changes(network("snap1")), changes(network("three_factor")))


def test_snap1_keeps_a_self_connection_that_three_factor_drops():
    snap, factor = network("snap1"), network("three_factor")
    tree = snap.read()
    tree["W_rec"] += jnp.eye(9) * 0.5
    assert differ(changes(snap, tree), changes(factor, tree))


def test_snap2_is_rtrl_for_dense_synapses_only():
    assert_same(changes(network("snap2")), changes(network("rtrl")))
    sparse = {"density": 0.3, "seed": 3}
    assert differ(changes(network("snap2", **sparse)), changes(network("rtrl", **sparse)))


@pytest.mark.parametrize("rule", ["modprop", "modprop_wab", "modprop_wab_fixed", "nspec", "modprop_mu_all"])
def test_linear_network_with_unit_mu_is_exact(rule):
    """One type per cell turns type means into the weights themselves."""
    linear = {"nonlinearity": "linear", "mu": 1.0, "neurons": ALL}
    net = network(rule, **linear)
    tree = net.read()
    if "type_weights" in tree:
        tree["type_weights"] = tree["W_rec"]
    assert_same(changes(net, tree), changes(network("bptt", **linear), tree))


@pytest.mark.parametrize("rule", ["modprop", "modprop_wab"])
def test_a_relu_network_is_not_exact(rule):
    assert differ(changes(network(rule)), changes(network("bptt")))


@pytest.mark.parametrize("rule", ["modprop_wab", "modprop_wab_mu_all", "mdgl_wab", "bptt_wab"])
def test_without_modulators_only_three_factors_are_left(rule):
    def block(name, phase, value):
        return value * 0 if name == "modulator" else value

    assert_same(changes(network(rule), probe=block), changes(network("three_factor")))


@pytest.mark.parametrize("leak", ["before", "after"])
@pytest.mark.parametrize("rule", ["modprop", "modprop_mu_all", "modprop_wab", "modprop_wab_mu_all"])
def test_taps_as_long_as_the_trial_are_the_recursion(rule, leak):
    tau = {"I": 4.0, "E": 9.0}
    for taps in (STEPS - 1, STEPS + 3):
        assert_same(changes(network(rule, taps=taps, tau=tau, leak=leak)), changes(network(rule, tau=tau, leak=leak)))
    assert differ(changes(network(rule, taps=1, leak=leak)), changes(network(rule, leak=leak)))


@pytest.mark.parametrize("pair", [("modprop_wab", "modprop"), ("mdgl_wab", "mdgl"), ("bptt_wab", "bptt")])
def test_types_are_synapses_where_a_type_shares_its_weights(pair):
    first, second = (network(rule) for rule in pair)
    tree = first.read()
    membership = first.network.membership(jnp.float64)
    tree["W_rec"] = membership @ jnp.array([[-0.3, -0.2], [0.1, 0.15]]) @ membership.T
    assert_same(changes(first, tree), changes(second, tree))


def test_fixed_type_weights_equal_to_the_means_change_nothing():
    net = network("modprop_wab_fixed")
    tree = net.read()
    membership = net.network.membership(jnp.float64)
    tree["type_weights"] = cell_types.type_means(tree["W_rec"], membership)
    assert_same(changes(net, tree), changes(network("modprop_wab"), tree))


def test_owner_gain_chooses_the_released_form():
    assert_same(changes(network("modprop", owner_gain="mu")), changes(network("modprop_mu_all")))


def written_out(net, tree, batch, taps, types):
    """The change of W_rec from explicit eligibilities, secretions and taps (arXiv 2206.01338, Eq. 6, leak included)."""
    inputs, target, _ = net.arrange(batch)
    _, _, activity, _, y = net.network.run(tree, inputs)
    keep, mu, weight = float(tree["keep"]), float(tree["mu"]), np.asarray(tree["W_rec"])
    if types:
        one_hot = np.asarray(net.network.membership(jnp.float64))
        counts = one_hot.sum(0)
        weight = one_hot @ (one_hot.T @ weight @ one_hot / np.outer(counts, counts)) @ one_hot.T
    gain, rate = np.asarray(activity.gain), np.asarray(activity.previous_rate)
    signal = np.asarray(y - target) / y.shape[1] @ np.asarray(tree["W_out"]).T
    synapses = Synapses(net.network.neuron(tree).seen("local"))
    trace = np.asarray(synapses.series(activity.previous_rate, activity.gain, {}).vector["state"])[..., 0]
    probe, step = (1 - keep) * weight.T, keep * np.eye(len(weight)) + mu * (1 - keep) * weight.T
    total = np.einsum("tbq,tbp->qp", trace, signal * gain)
    for lag in range(1, taps + 1):
        for now in range(lag, len(rate)):
            received = (signal[now] * gain[now]) @ probe
            total += np.einsum("bq,bp->qp", trace[now - lag], received * gain[now - lag])
        probe = probe @ step
    return total * np.asarray(tree["mask_rec"])


@pytest.mark.parametrize("types", [False, True])
@pytest.mark.parametrize("taps", [1, 2, 5, STEPS])
def test_modprop_is_its_definition_on_a_finite_window(taps, types):
    net, batch = network("modprop_wab" if types else "modprop", taps=taps), trials()
    tree = net.read()
    expected = written_out(net, tree, batch, taps, types)
    np.testing.assert_allclose(changes(net, tree, batch)["W_rec"], expected, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("rule", ["modprop", "modprop_wab", "mdgl", "mdgl_wab", "three_factor"])
def test_credit_reaches_no_further_than_the_window(rule):
    """An error at the last step credits the eligibility of the last S steps before it, and not one more."""
    reach = {"three_factor": 0, "mdgl": 1, "mdgl_wab": 1}.get(rule, 3)
    net = network(rule, **({"taps": reach} if rule.startswith("modprop") else {}))
    credit = {}

    def watch(name, phase, value):
        credit[name] = value
        return value

    watch.passive = True
    batch = trials()
    last = {"y": batch.targets["y"], "when": jnp.zeros((2, STEPS)).at[:, -1].set(1)}
    net.learn(net.read(), batch._replace(targets=last), None, watch)
    size = np.abs(credit["cells.credit"]).max((1, 2))
    assert np.all(size[STEPS - 1 - reach :] > 1e-9)
    assert np.all(size[: STEPS - 1 - reach] < 1e-15)


def test_truncation_equals_taps_where_the_loss_is_at_the_end():
    batch = trials()
    last = batch._replace(targets={**batch.targets, "when": jnp.zeros((2, STEPS)).at[:, -1].set(1)})
    assert_same(
        changes(network("modprop", truncation=4), batch=last), changes(network("modprop", taps=4), batch=last), CREDIT
    )
