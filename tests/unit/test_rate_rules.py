"""What every temporal credit rule must satisfy: one matrix of tests over the registry."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.probes import untouched
from biocredit.circuits.recurrent.credit.reverse import BLOCK
from biocredit.circuits.recurrent.credit.signals import state_of
from biocredit.circuits.recurrent.rules import RULES

from tests.unit.rate_case import assert_same, autodiff, network, trials

LEAKS = ("before", "after")
TAUS = {"common leak": 6.0, "leak per type": {"I": 4.0, "E": 9.0}}


@pytest.mark.parametrize("name", RULES)
def test_declaration(name):
    rule = RULES[name]
    assert rule.name == name
    assert rule.signals
    assert rule.citation.startswith(("10.", "arXiv:", "https://"))
    assert rule.memory
    assert rule.operations
    assert rule.exact or rule.exact_when, "an approximate rule says where it becomes exact"


@pytest.mark.parametrize("tau", TAUS.values(), ids=TAUS)
@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.exact])
def test_exact_rules_equal_automatic_differentiation(name, leak, tau):
    net, batch = network(name, leak=leak, tau=tau, density=0.6, nonlinearity="tanh"), trials()
    tree = net.read()
    assert_same(net.learn(tree, batch).changes, autodiff(net, tree, batch))


@pytest.mark.parametrize("leak", LEAKS)
def test_a_trial_of_several_blocks_is_paired_exactly(leak):
    net, batch = network("bptt", leak=leak, tau=TAUS["leak per type"]), trials(steps=2 * BLOCK + 5)
    tree = net.read()
    assert_same(net.learn(tree, batch).changes, autodiff(net, tree, batch))


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if not rule.exact])
def test_approximate_rules_leave_the_readout_exact(name):
    net, batch = network(name), trials()
    tree = net.read()
    assert_same(net.learn(tree, batch).changes, autodiff(net, tree, batch), ("W_out", "b_out"))


@pytest.mark.parametrize("name", RULES)
def test_no_retrace_dtype_and_seeds(name):
    net, batch = network(name, dtype=jnp.float32), trials(dtype=np.float32)
    traces = []

    @jax.jit
    def learn(tree, batch):
        traces.append(name)
        return net.learn(tree, batch).changes

    trees = [{k: jnp.asarray(v, net.read()[k].dtype) for k, v in net.initial(seed).items()} for seed in (1, 2)]
    single = [learn(tree, batch) for tree in trees]
    assert len(traces) == 1
    assert all(value.dtype == jnp.float32 for value in single[0].values())
    stacked = {key: jnp.stack([tree[key] for tree in trees]) for key in trees[0]}
    together = jax.vmap(lambda tree: net.learn(tree, batch).changes)(stacked)
    for seed in range(2):
        for key, value in single[seed].items():
            np.testing.assert_allclose(together[key][seed], value, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_uses_what_it_declares_and_nothing_else(name):
    net, batch = network(name), trials()
    seen = []

    class Watched(dict):
        def __getitem__(self, key):
            seen.append(key)
            return super().__getitem__(key)

    tree, (inputs, target, when) = net.read(), net.arrange(batch)
    rule = RULES[name]
    _, _, activity, _, y = net.network.run(tree, inputs)
    signals = net.network.signals(tree, inputs, activity, when[..., None] * (y - target), untouched, target)
    assert set(signals) == set(rule.needs)
    rule.update(state_of(tree), Watched(signals))
    optional = {"taps", "window", "causal_signal"}
    assert set(rule.signals) - optional <= set(seen)


@pytest.mark.parametrize("name", ["three_factor", "rflo"])
def test_local_rules_do_not_see_the_synapses_of_others(name):
    assert not {"recurrent_weights", "type_means", "membership"} & set(RULES[name].signals)
