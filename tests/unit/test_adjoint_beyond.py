"""Adjoint Propagation in running time and with spikes: what the rule and the regions compute, and what is refused."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits import LIF, Batch, ModularRNN
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.modular import FilteredSpikes, Region
from biocredit.circuits.recurrent.rules import RULES
from biocredit.circuits.recurrent.rules.adjoint import PATHS, Spread

from tests.unit.rate_case import assert_same, differ, network, trials
from tests.unit.zoo import PORTS

CREDIT = ("W_in", "W_rec")


def adjoint(**settings):
    """The rule with these settings."""
    return replace(RULES["adjoint"], settings=Spread(**settings))


def changes(rule, **settings):
    """What a rule would change in the small network of the rate tests."""
    net = network(rule, nonlinearity="tanh", **settings)
    return net.learn(net.read(), trials()).changes


def test_one_step_of_a_fast_path_to_all_cells_is_rflo():
    assert_same(changes(adjoint(steps=1, path="fast", receivers=1.0)), changes("rflo"), CREDIT)
    assert differ(changes(adjoint(steps=2, path="fast", receivers=1.0)), changes("rflo"))


@pytest.mark.parametrize("path", PATHS)
def test_the_error_spreads_as_the_recursion_says(path):
    rule, keep = adjoint(steps=3, path=path, receivers=0.5), np.exp(-1 / 6.0)
    net = network(rule, nonlinearity="tanh", tau=6.0)
    tree, batch = net.read(), trials()
    course = {name: np.asarray(value) for name, value in net.trial(tree, batch).items()}
    gain = 1 - course["cells.rate"] ** 2
    error = course["cells.learning_signal"] * np.asarray(tree["rule.receives"])
    weights = {"recurrent": tree["W_rec"], "fast": tree.get("rule.path"), "transposed": tree["W_rec"].T}[path]
    weights = np.asarray(weights) * np.asarray(tree.get("rule.shrinkage", 1.0))
    apart = np.zeros_like(error)
    for _ in range(3):
        arriving = (gain * apart) @ weights + error
        apart = keep * apart + (1 - keep) * arriving if path == "recurrent" else arriving
    sent, filtered, found = np.asarray(batch.inputs["x"]).swapaxes(0, 1), 0.0, 0.0
    for now, factor in zip(sent, gain * apart, strict=True):
        filtered = keep * filtered + (1 - keep) * now
        found = found + filtered.T @ factor
    np.testing.assert_allclose(net.learn(tree, batch).changes["W_in"], found, rtol=1e-9, atol=1e-12)


def test_cells_that_no_error_reaches_learn_nothing():
    found = changes(adjoint(steps=1, path="fast", receivers=0.3))["W_in"]
    reached = np.abs(found).max(0) > 0
    assert reached[-1]
    assert not reached[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": "slow"}, "unknown path of the error 'slow'"),
        ({"steps": 0}, "1 or more steps"),
        ({"receivers": 0.0}, r"a fraction in \(0, 1\]"),
        ({"radius": -1.0}, "radius must be 0 or more"),
    ],
)
def test_bad_settings_get_one_line(settings, message):
    with pytest.raises(CircuitError, match=message):
        Spread(**settings)


CELLS = FilteredSpikes(LIF(tau=5.0, threshold=0.1), tau=8.0, background=2.0)


def chain(**settings):
    """One region of sixteen cells that spike."""
    return ModularRNN.chain(
        PORTS, neurons=16, regions=1, spiking=CELLS, gain_forward=3.0, dtype=jnp.float64, **settings
    )


def batch():
    """Four random patterns."""
    x = np.random.default_rng(0).normal(size=(4, 6))
    return Batch({"input": jnp.asarray(x)}, {"choice": jnp.arange(4) % 3}, {"index": jnp.arange(4)})


def simulated(net, tree, current, steps):
    """Integrate-and-fire cells with filtered spikes, written out."""
    v = spike = seen = np.zeros_like(current)
    for _ in range(steps):
        drive = 0.5 * seen @ np.asarray(tree["V1.W_rec"]) + current + 0.2
        v = np.exp(-1 / 5.0) * v + (1 - np.exp(-1 / 5.0)) * drive - 0.1 * spike
        spike = (v > 0.1).astype(float)
        seen = np.exp(-1 / 8.0) * seen + (1 - np.exp(-1 / 8.0)) * spike
    return 0.5 * seen


def test_a_region_of_spikes_settles_as_its_cells_do():
    net, settings = chain(), {"iterations": (20, 20)}
    tree, given = net.read(), batch()
    course = net.trial(tree, given, None, **settings)
    current = np.zeros((4, 16))
    current[:, :4] = np.asarray(given.inputs["input"]) @ np.asarray(tree["input->V1.RI"])
    expected = simulated(net, tree, current, 20)
    assert np.unique(expected).size > 5
    np.testing.assert_allclose(course["V1.rate"][19], expected, atol=1e-12)
    outcome = jax.jit(lambda tree: net.learn(tree, given, None, **settings))(tree)
    assert np.abs(outcome.changes["input->V1.RI"]).max() > 0
    error = np.asarray(course["V1.error"][-1])
    found = np.asarray(given.inputs["input"]).T @ error[:, :4] / 4
    np.testing.assert_allclose(outcome.changes["input->V1.RI"], found, atol=1e-12)


def test_what_cells_that_spike_cannot_do_is_refused():
    net = chain()
    with pytest.raises(CircuitError, match="take error='short_trajectory'"):
        net.learn(net.read(), batch(), None, error="end_point")
    with pytest.raises(CircuitError, match="not update"):
        net.update(batch().inputs["input"])
    with pytest.raises(CircuitError, match="leave out activation"):
        Region(4, activation="relu", spiking=CELLS)
    with pytest.raises(CircuitError, match="at least a step of 1 ms"):
        FilteredSpikes(tau=0.5)
