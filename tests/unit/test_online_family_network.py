"""The online family as credit rules of the rate network: over trials, and in running time."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits import Batch, RateRNN
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.recurrent.rules import RULES, STEP_RULES

STEPS = 7
ONLY_STEPWISE = list(STEP_RULES)
dni, efficient_bptt, future_bptt, reverse_kf_rtrl, uoro = (
    STEP_RULES[name] for name in ("dni", "efficient_bptt", "future_bptt", "reverse_kf_rtrl", "uoro")
)
both = pytest.mark.parametrize("leak", ["before", "after"])


def network(rule, leak="before", **settings):
    """Draw a small network in double precision with one time constant per type."""
    fixed = {"tau": {"I": 2.0, "E": 4.0}, "nonlinearity": "tanh", "loss": "half_squared_error", "answer": "every"}
    cells = {"I": 2, "E": 4}
    return RateRNN({"drive": 2}, cells, {"out": 3}, rule=rule, leak=leak, dtype=jnp.float64, **{**fixed, **settings})


def batch(trials=2, steps=STEPS):
    random = np.random.default_rng(0)
    x, target = random.standard_normal((trials, steps, 2)), random.standard_normal((trials, steps, 3))
    return Batch({"drive": jnp.asarray(x)}, {"out": jnp.asarray(target)})


def same(ours, wanted, **tolerance):
    assert ours.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(ours[name], value, atol=1e-12, err_msg=name, **tolerance)


@both
@pytest.mark.parametrize("rule", ["rtrl", future_bptt(STEPS), future_bptt(STEPS + 3), efficient_bptt(STEPS + 2)])
def test_exact_members_give_the_gradient_of_the_trial(rule, leak):
    net = network(rule, leak)
    tree, trials = net.read(), batch()
    same(net.learn(tree, trials).changes, network("bptt", leak).learn(tree, trials).changes)


def test_rflo_is_the_three_factor_rule():
    net = network("rflo", feedback="symmetric")
    tree, trials = net.read(), batch()
    same(net.learn(tree, trials).changes, network("three_factor").learn(tree, trials).changes)


@pytest.mark.parametrize("rule", [uoro(), reverse_kf_rtrl()])
def test_mean_over_the_state_of_chance_is_the_gradient(rule):
    net = network(rule)
    tree, trials, draws = net.read(), batch(), 4000

    def estimate(seed):
        return net.learn(tree | {"rule.key": jax.random.key_data(jax.random.key(seed))}, trials).changes["W_rec"]

    estimates = jax.jit(jax.vmap(estimate))(jnp.arange(draws))
    exact = network("bptt").learn(tree, trials).changes["W_rec"]
    error = np.asarray(estimates.std(0)) / draws**0.5
    deviation = (np.asarray(estimates.mean(0)) - exact)[error > 0] / error[error > 0]
    assert error.max() > 1e-6
    assert np.abs(deviation).max() < 5
    assert np.sqrt(np.mean(deviation**2)) < 2


@pytest.mark.parametrize("name", ONLY_STEPWISE)
def test_rule_is_chosen_by_name_and_its_state_lives_in_the_tree(name):
    net = network(name)
    tree = net.read()
    outcome = net.learn(tree, batch())
    assert set(outcome.tree) == {key for key in tree if key.startswith("rule.")}
    for key, value in outcome.tree.items():
        assert (value.shape, value.dtype) == (tree[key].shape, tree[key].dtype)
    again = net.learn(tree | outcome.tree, batch())
    if "noise" in STEP_RULES[name]().signals:
        assert int(outcome.tree["rule.steps"]) == STEPS
        assert not np.allclose(again.changes["W_rec"], outcome.changes["W_rec"])
    assert all(bool(jnp.isfinite(value).all()) for value in again.changes.values())


def test_networks_of_other_seeds_have_other_chance():
    net = network("uoro")
    keys = [net.initial(seed)["rule.key"] for seed in (0, 1, 0)]
    assert (keys[0] == keys[2]).all()
    assert (keys[0] != keys[1]).any()


@both
@pytest.mark.parametrize("name", ONLY_STEPWISE)
def test_a_stretch_of_running_time_is_the_sum_of_its_steps(name, leak):
    net = network(name, leak)
    tree, inputs = net.read(), net.arrange(batch(trials=1, steps=12))
    see = jax.jit(lambda tree, carry, stretch: net.advance(tree, carry, stretch))
    whole_carry, whole = see(tree, net.begin(tree), inputs)
    carry, total, now = net.begin(tree), dict.fromkeys(whole.changes, 0.0), tree
    for t in range(12):
        carry, one = see(now, carry, tuple(stream[t : t + 1] for stream in inputs))
        total = {key: total[key] + one.changes[key] for key in total}
        now = now | one.tree
    same(total, whole.changes)
    same(one.tree, whole.tree)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), carry.rule, whole_carry.rule)


def test_dni_learns_from_the_credit_of_the_last_step():
    """With a loss at the last step alone its predictor takes one step towards the credit of the final state."""
    rate = 0.05
    net = network(dni(rate), answer="last", reduction="sum")
    tree, trials = net.read(), batch(trials=1)
    course = net.trial(tree, trials, jax.random.key(0))
    state, credit = course["cells.state"][-1, 0], course["cells.secretion"][-1, 0]
    features = jnp.concatenate([state, trials.targets["out"][0, -1], jnp.ones(1)])
    wanted = rate * jnp.outer(credit, features)
    assert float(jnp.abs(wanted).max()) > 1e-4
    np.testing.assert_allclose(net.learn(tree, trials).tree["rule.A"], wanted, atol=1e-12)


def test_silenced_secretion_gives_no_credit():
    def mute(name, phase, value):
        return value * 0 if name == "cells.secretion" else value

    net = network("uoro")
    assert not net.learn(net.read(), batch(), probe=mute).changes["W_rec"].any()
    assert net.learn(net.read(), batch()).changes["W_rec"].any()


def test_class_targets_reach_the_predictor():
    net = network("dni", loss="cross_entropy", answer="last")
    trials = Batch(batch().inputs, {"out": jnp.asarray([0, 2])})
    tree = net.read()
    outcome = net.learn(tree, trials)
    outputs = outcome.tree["rule.A"][:, 6:9]
    assert (np.abs(outputs[:, [0, 2]]) > 0).any(0).all()
    assert not outputs[:, 1].any()


def test_every_member_is_in_the_table_of_rules():
    assert set(STEP_RULES) <= set(RULES)


@pytest.mark.parametrize("name", sorted(STEP_RULES))
def test_rule_sees_only_the_declared_signals(name):
    rule, seen = STEP_RULES[name](), set()

    class Watched(dict):
        def __getitem__(self, key):
            seen.add(key)
            return super().__getitem__(key)

    def spy(state, signals):
        return rule.update(state, Watched(signals))

    net = network(replace(rule, update=spy))
    net.advance(net.read(), net.begin(net.read()), net.arrange(batch(trials=1)))
    assert seen == set(rule.needs)
    assert all([rule.name == name, rule.memory, rule.operations, rule.citation, rule.exact or rule.exact_when])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: future_bptt(horizon=0), "horizon must be 1"),
        (lambda: efficient_bptt(horizon=-1), "horizon must be 1"),
        (lambda: dni(every=0), "renewed every 1 or more"),
        (lambda: STEP_RULES["kernl"](sigma=0.0), "sigma of the perturbations"),
    ],
)
def test_bad_settings_get_one_clear_line(make, message):
    with pytest.raises(CircuitError, match=message):
        make()
