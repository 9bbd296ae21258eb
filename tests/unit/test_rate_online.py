"""Plasticity while time runs: all online forms agree with each other and with the per-trial rule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.errors import CircuitError

from tests.unit.rate_case import STEPS, assert_same, differ, network, trials

CAUSAL = (
    *("three_factor", "rflo", "mdgl", "mdgl_wab", "rtrl", "snap1", "snap2"),
    *("modprop_wab", "modprop_wab_mu_all", "modprop_wab_fixed"),
)
WITH_HISTORY = {
    "modprop": {"taps": STEPS},
    "modprop_mu_all": {"taps": 2},
    "modprop_wab": {"taps": 3},
    "bptt": {"truncation": STEPS},
    "bptt_wab": {"truncation": STEPS},
}


def whole_trial(net, batch):
    """The per-trial changes; a truncation that covers the trial is none."""
    tree = net.read()
    return tree, net.learn(tree, batch).changes


def in_stretches(net, tree, batch, steps):
    """Sum of the changes of consecutive stretches, and the last carry."""
    carry, stretch = net.begin(tree, len(batch.inputs["x"])), net.arrange(batch)
    total, advance = None, jax.jit(net.advance)
    for start in range(0, stretch[0].shape[0], steps):
        carry, outcome = advance(tree, carry, tuple(values[start : start + steps] for values in stretch))
        total = outcome.changes if total is None else jax.tree.map(jnp.add, total, outcome.changes)
    return total, carry


@pytest.mark.parametrize("tau", [6.0, {"I": 4.0, "E": 9.0}], ids=["common leak", "leak per type"])
@pytest.mark.parametrize("rule", CAUSAL)
def test_stretches_add_up_to_the_trial(rule, tau):
    net = network(rule, tau=tau)
    tree, expected = whole_trial(net, trials())
    for steps in (1, 4, STEPS):
        assert_same(in_stretches(net, tree, trials(), steps)[0], expected)


@pytest.mark.parametrize("rule", WITH_HISTORY)
def test_histories_add_up_to_the_trial(rule):
    net = network(rule, **WITH_HISTORY[rule])
    tree, expected = whole_trial(net, trials())
    for steps in (1, 4):
        assert_same(in_stretches(net, tree, trials(), steps)[0], expected)


def test_short_history_of_bptt_is_not_the_whole_trial():
    net = network("bptt", truncation=1)
    assert differ(in_stretches(net, net.read(), trials(), 1)[0], whole_trial(network("bptt"), trials())[1])


def test_recursion_and_matrix_products_leave_the_same_memory():
    net = network("modprop_wab", tau={"I": 4.0, "E": 9.0})
    memories = [in_stretches(net, net.read(), trials(), steps)[1] for steps in (1, 4)]
    for one, other in zip(*map(jax.tree.leaves, memories), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


def test_memory_keeps_what_it_saw_of_old_weights():
    """New weights act from now on; G and the traces are not reset."""
    net, batch = network("modprop_wab"), trials()
    tree = net.read()
    _, carry = in_stretches(net, tree, batch, 3)
    changed = tree | {"W_rec": tree["W_rec"] * 0.5}
    stretch = tuple(values[:1] for values in net.arrange(batch))
    after, _ = net.advance(changed, carry, stretch)
    fresh, _ = net.advance(changed, net.begin(changed, 2), stretch)
    assert np.abs(after.rule["G"]["state"] - fresh.rule["G"]["state"]).max() > 1e-3


@pytest.mark.parametrize("blocked", ["modulator.I", "receptor.I~>E", "receptor.E~>E"])
def test_pharmacology_acts_alike_in_all_forms(blocked):
    def block(name, phase, value):
        return value * 0 if name == blocked else value

    net, batch = network("modprop_wab"), trials()
    tree = net.read()
    expected = net.learn(tree, batch, None, block).changes
    assert differ(expected, net.learn(tree, batch).changes)
    stretch = net.arrange(batch)
    for steps in (1, 4):
        carry, total = net.begin(tree, 2), 0
        for start in range(0, STEPS, steps):
            piece = tuple(values[start : start + steps] for values in stretch)
            carry, found = net.advance(tree, carry, piece, block)
            total = total + found.changes["W_rec"]
        np.testing.assert_allclose(total, expected["W_rec"], atol=1e-12 * np.abs(expected["W_rec"]).max())


def test_a_rule_that_looks_back_forever_is_refused():
    with pytest.raises(CircuitError, match="give taps or truncation"):
        network("modprop").begin(network("modprop").read())


def test_messages_after_the_nonlinearity_are_refused():
    net = network("mdgl", leak="after")
    with pytest.raises(CircuitError, match="leak='before'"):
        net.begin(net.read())
