"""Spiking networks: rules against automatic differentiation and each other, running time, bad input."""

from dataclasses import dataclass, replace

import brainpy.math as bm
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits import ALIF, LIF, Batch, FiringRate, SpikingRNN
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.recurrent.rules import RULES, STEP_RULES
from biocredit.protocols import Online, interventions, tasks
from biocredit.protocols.interventions import apply as surgery
from biocredit.protocols.training.checkpoint import RunWarning

from tests.unit.rate_case import assert_same, differ
from tests.unit.spiking_case import CELLS, STEPS, autodiff, network, trials

CREDIT = ("W_in", "W_rec")
FILTERS = {"unfiltered": None, "filtered": 6.0}


def changes(net, batch=None, probe=None, tree=None):
    """What a rule says, compiled."""
    learn = jax.jit(lambda tree, batch: net.learn(tree, batch, None, *([probe] if probe else [])).changes)
    return learn(net.read() if tree is None else tree, batch or trials())


@pytest.mark.parametrize("tau_out", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize(
    ("rule", "hidden"),
    [
        ("bptt", {}),
        ("bptt_reset_cut", {"reset": False}),
        ("three_factor", {"others": False}),
        ("eprop", {"reset": False, "others": False}),
    ],
)
def test_rules_are_automatic_differentiation_with_stop_gradients(rule, hidden, cells, tau_out):
    net = network(rule, cells, tau_out=tau_out)
    assert float(net.learn(net.read(), trials()).metrics["firing_rate"]) > 50
    assert_same(changes(net), autodiff(net, trials(), **hidden), CREDIT)


@pytest.mark.parametrize("cells", CELLS)
def test_automatic_differentiation_of_the_circuit_itself_sees_the_pseudo_derivative(cells):
    """What measures of one's own differentiate: metrics of what the circuit responds."""
    net, batch = network("bptt", cells, tau_out=6.0), trials()
    tree = net.read()

    def loss(weights):
        return net.metrics(net.respond(tree | weights, batch.inputs), batch.targets)["loss"]

    found = jax.jit(jax.grad(loss))({name: tree[name] for name in net.plastic})
    assert_same({**found, "W_rec": found["W_rec"] * tree["mask_rec"]}, changes(net), net.plastic)


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("rule", ["rtrl", STEP_RULES["future_bptt"](STEPS), STEP_RULES["efficient_bptt"](STEPS)])
def test_forward_and_stepwise_rules_are_bptt_in_any_cell(rule, cells):
    if rule != "rtrl" and cells == "effective":
        pytest.skip("the local signals of a step have constant slopes")
    assert_same(changes(network(rule, cells)), changes(network("bptt", cells)), CREDIT)


EXACT = ("eprop", "three_factor", "rflo", "mdgl", "mdgl_types", "mdgl_wab", "modprop_wab", "modprop_wab_self", "rtrl")
CAUSAL = ("eprop", "rflo", "rtrl", "mdgl_online", "modprop_wab_online", "modprop_wab_self_online")
HISTORY = {"modprop_self": {"taps": 3}, "bptt": {"truncation": STEPS}}


@pytest.mark.parametrize(
    ("rule", "settings"),
    [
        *((rule, {}) for rule in EXACT),
        *((rule, {"tau_out": 6.0}) for rule in CAUSAL),
        *HISTORY.items(),
        ("eprop", {"cells": "LIF"}),
        ("mdgl", {"cells": "effective"}),
    ],
)
def test_stretches_add_up_to_the_trial(rule, settings):
    net, batch = network(rule, **settings), trials()
    tree, courses = net.read(), net.arrange(batch)
    expected = changes(net)
    advance = jax.jit(net.advance)
    for steps in (1, 7):
        carry, total = net.begin(tree, len(batch.inputs["x"])), None
        for start in range(0, STEPS, steps):
            carry, found = advance(tree, carry, jax.tree.map(lambda c, s=start, k=steps: c[s : s + k], courses))
            total = found.changes if total is None else jax.tree.map(jnp.add, total, found.changes)
        assert_same(total, expected)


@pytest.mark.parametrize("rule", ["modprop", "modprop_self", "modprop_wab", "modprop_wab_self"])
def test_taps_as_long_as_the_trial_are_the_recursion_and_one_tap_is_mdgl(rule):
    assert_same(changes(network(rule, taps=STEPS)), changes(network(rule)), CREDIT)
    mdgl = "mdgl_wab" if "wab" in rule else "mdgl"
    assert_same(changes(network(rule, taps=1)), changes(network(mdgl)), CREDIT)


@dataclass(frozen=True)
class Constant(ALIF):
    """A cell of one's own: its pseudo-derivative is 0.2 at all times."""

    def advance(self, constants, state, own, current, emit):
        new, emission = super().advance(constants, state, own, current, emit)
        return new, emission._replace(gain=jnp.full_like(emission.gain, 0.2))


def test_modprop_with_reset_and_adaptation_is_exact_where_the_gain_is_constant():
    cell = Constant(tau=8.0, threshold=0.3, beta=0.3, tau_adaptation=30.0, current_gain="unit", adaptation_gain="unit")
    exact = changes(network("bptt", cell))
    assert_same(changes(network("modprop_self", cell)), exact, CREDIT)
    assert differ(changes(network("modprop", cell)), exact)


def test_messages_of_no_weight_are_none():
    tree = network("mdgl").read()
    alone = tree | {"W_rec": jnp.zeros_like(tree["W_rec"])}
    for rule in ("mdgl", "mdgl_wab", "modprop_self", "bptt"):
        assert_same(changes(network(rule), tree=alone), changes(network("three_factor"), tree=alone), ("W_in",))


@pytest.mark.parametrize("rule", ["mdgl_types", "modprop_wab", "modprop_wab_self"])
def test_the_online_form_is_exact_without_a_filter(rule):
    online = {"mdgl_types": "mdgl_online"}.get(rule, f"{rule}_online")
    assert_same(changes(network(online)), changes(network(rule)), CREDIT)
    assert differ(changes(network(online, tau_out=6.0)), changes(network(rule, tau_out=6.0)))


def test_a_trace_of_a_lif_cell_is_presynaptic_filter_times_pseudo_derivative():
    net, batch = network("eprop", "LIF"), trials()
    course, alpha = net.trial(net.read(), batch), np.exp(-1 / 8.0)
    credit = np.asarray(course["cells.learning_signal"] * course["cells.pseudo_derivative"])
    spikes = np.asarray(course["cells.spike"])
    before = np.concatenate([np.zeros_like(spikes[:1]), spikes[:-1]])
    for name, sent in (("W_in", np.asarray(batch.inputs["x"]).swapaxes(0, 1)), ("W_rec", before)):
        filtered, found = np.zeros_like(sent[0]), 0.0
        for now, factor in zip(sent, credit, strict=True):
            filtered = alpha * filtered + now
            found = found + filtered.T @ factor
        expected = changes(net)[name]
        np.testing.assert_allclose(found * (1 - np.eye(7) if name == "W_rec" else 1), expected, atol=1e-12)


def test_an_adaptation_of_no_strength_is_irrelevant():
    cell = ALIF(tau=8.0, threshold=0.3, refractory=2.0, current_gain="unit", beta=0.0, tau_adaptation=30.0)
    for rule in ("eprop", "modprop_self", "bptt"):
        assert_same(changes(network(rule, cell)), changes(network(rule, "LIF")), CREDIT)


def test_silent_channels_and_cells_far_from_threshold_learn_nothing():
    net, batch = network("bptt"), trials()
    quiet = batch._replace(inputs={"x": batch.inputs["x"].at[..., 1].set(0)})
    tree = net.read()
    far = tree | {"W_in": tree["W_in"].at[:, 2].set(-100.0)}  # always far below its threshold
    found = changes(net, quiet, tree=far)
    assert not found["W_in"][1].any()
    assert found["W_in"][0].any()
    seldom = np.asarray(net.trial(far, quiet)["cells.pseudo_derivative"]).max((0, 1)) == 0
    assert seldom.any()
    assert not seldom.all()
    assert not np.asarray(found["W_rec"])[:, seldom].any()


def test_a_cell_that_is_dead_for_the_rest_of_the_trial_fires_once():
    net = network("eprop", LIF(tau=8.0, threshold=0.05, refractory=float(STEPS - 1), current_gain="unit"))
    spikes = np.asarray(net.trial(net.read(), trials())["cells.spike"])
    assert spikes.sum(0).max() == 1


def test_rflo_is_random_eprop_without_adaptation():
    settings = {"feedback": "random", "tau_out": 6.0}
    assert_same(changes(network("rflo", "LIF", **settings)), changes(network("eprop", "LIF", **settings)), CREDIT)
    assert differ(changes(network("rflo", "ALIF", **settings)), changes(network("eprop", "ALIF", **settings)))


def test_types_are_synapses_where_existing_weights_of_a_pair_of_types_are_equal():
    tree = network("mdgl").read()
    exists = jnp.asarray(np.random.default_rng(1).random((7, 7)) < 0.6) * tree["mask_rec"]
    kinds = jnp.asarray([0, 0, 0, 1, 1, 1, 1])
    tree["W_rec"] = exists * jnp.array([[0.3, -0.2], [0.25, 0.1]])[kinds][:, kinds]
    assert_same(changes(network("mdgl_types"), tree=tree), changes(network("mdgl"), tree=tree), CREDIT)
    assert differ(changes(network("mdgl_wab"), tree=tree), changes(network("mdgl"), tree=tree))


def test_scaling_threshold_weights_and_adaptation_leaves_spikes_alone():
    net = network("eprop")
    tree = net.read()
    scaled = tree | {name: 3 * tree[name] for name in ("threshold", "reset", "W_in", "W_rec", "beta")}
    one, other = (net.trial(these, trials()) for these in (tree, scaled))
    np.testing.assert_array_equal(one["cells.spike"], other["cells.spike"])
    np.testing.assert_allclose(one["cells.pseudo_derivative"], 3 * other["cells.pseudo_derivative"], rtol=1e-9)


@pytest.mark.parametrize(("counts", "silent"), [("after", 3), ("with_spike", 2)])
def test_refractory_steps_are_silent_in_both_conventions(counts, silent):
    cell = LIF(tau=8.0, threshold=0.2, refractory=3.0, refractory_counts=counts, current_gain="unit")
    net = network("eprop", cell)
    batch = trials()._replace(inputs={"x": jnp.ones((2, STEPS, 3))})
    spikes = np.asarray(net.trial(net.read() | {"W_in": jnp.ones((3, 7))}, batch)["cells.spike"][:, 0, 0])
    np.testing.assert_array_equal(np.diff(np.flatnonzero(spikes)), silent + 1)


def test_the_running_system_gives_the_recorded_time_course():
    net, batch = network("modprop_wab_self", tau_out=6.0), trials()
    net.reset_state(2)
    names = net.variables()
    inputs, target, _ = net.arrange(batch)

    def step(x, target):
        net.update(x, target)
        return {name: net._activity[name].value for name in names}

    seen, course = bm.for_loop(step, (inputs, target)), net.trial(net.read(), batch)
    for name in names:
        np.testing.assert_allclose(seen[name], course[name], rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize(
    ("target", "what"),
    [("cells.A", interventions.silence), ("W_in", interventions.lesion), ("W_rec", interventions.lesion)],
)
def test_interventions_change_spikes_and_bptt_sees_them(target, what):
    net = network("bptt")
    one = what(target)
    interventions.check([one], net)
    probe = surgery.probe([one], net, jnp.array(0), jax.random.key(0))
    assert differ(changes(net, probe=probe), changes(net), "W_out")


@pytest.mark.parametrize("name", ["modulator.A", "receptor.A~>B"])
def test_modulators_can_be_blocked(name):
    net = network("modprop_wab_self")
    probe = surgery.probe([interventions.lesion(name)], net, jnp.array(0), jax.random.key(0))
    assert differ(changes(net, probe=probe), changes(net))


def test_firing_rate_regularisation_is_the_derivative_of_its_loss():
    rng = np.random.default_rng(0)
    spikes = jnp.asarray((rng.random((6, 2, 4)) < 0.4).astype(float))
    for kind in ("half", "simple", "online"):
        rates = FiringRate(3.0, 0.1, kind)
        by_hand = jax.grad(lambda z, rates=rates: rates(z, 1.0)[0])(spikes)
        np.testing.assert_allclose(rates(spikes, 1.0)[1], by_hand, atol=1e-14)
    at_target = FiringRate(3.0, 0.5, "simple")(jnp.asarray([[[1.0]], [[0.0]]]), 1.0)
    assert not at_target[1].any()


def test_regularisation_adds_a_learning_signal_to_every_rule():
    for rule in ("eprop", "modprop_self", "bptt", "rtrl"):
        assert differ(changes(network(rule, rates=FiringRate(50.0, 0.01))), changes(network(rule))), rule


def test_adaptive_feedback_learns_as_the_readout_does():
    net = network("eprop", feedback="adaptive", feedback_decay=0.01)
    found = changes(net)
    np.testing.assert_array_equal(found["feedback"], found["W_out"])
    tree, still = net.read(), {name: jnp.zeros_like(found[name]) for name in ("feedback", "W_out", "W_in")}
    steps = net.constrain(tree, still)
    for name in ("feedback", "W_out"):
        np.testing.assert_allclose(steps[name], -0.01 * tree[name], rtol=1e-12)
    assert not steps["W_in"].any()


def test_a_rule_of_ones_own_runs_as_itself():
    def nothing(state, signals):
        shape = signals["recurrent_weights"].shape
        return state, {"W_rec": jnp.zeros(shape), "W_in": jnp.zeros((3, shape[0])), "b_rec": jnp.zeros(shape[0])}

    own = replace(RULES["three_factor"], update=nothing, needs={"recurrent_weights": "nonlocal"}, running=None)
    net = network(own)
    assert net.network.rule.name == "three_factor"
    assert not changes(net)["W_rec"].any()
    with pytest.raises(CircuitError, match="has no running form"):
        net.begin(net.read())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cells": LIF(threshold=1.0, tau=0.5)}, "tau of LIF is below a step"),
        ({"cells": LIF(refractory=2.5)}, "refractory must be 0 or a multiple of dt"),
        ({"cells": {"A": LIF()}}, "no cells for type 'B'"),
        ({"cells": {"A": LIF(), "C": LIF()}}, "unknown cell type 'C'"),
        ({"tau_out": 0.0}, "tau_out must be positive"),
        ({"dt": 0.5, "cells": LIF(current_gain=0.3)}, "it holds for dt = 1"),
        ({"rule": "modprop_slef"}, "did you mean 'modprop_self'"),
        ({"reset_gradient": "keep"}, "unknown reset_gradient"),
        ({"feedback": "adaptve"}, "did you mean 'adaptive'"),
        ({"answer": 0}, "number of last steps"),
        ({"density_in": 0.0}, "density must be in"),
    ],
)
def test_bad_settings_get_one_clear_line(settings, message):
    with pytest.raises(CircuitError, match=message) as raised:
        network(**settings)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LIF(threshold=0.0), "threshold of LIF must be positive"),
        (lambda: LIF(dampening=-1.0), "dampening of LIF must be positive"),
        (lambda: ALIF(beta=-0.1), "must be 0 or more"),
        (lambda: ALIF(scale="bse"), "did you mean 'base'"),
        (lambda: LIF(refractory_counts="both"), "unknown refractory_counts"),
        (lambda: FiringRate(1.0, 0.01, "hard"), "unknown kind"),
    ],
)
def test_bad_cells_get_one_clear_line(make, message):
    with pytest.raises(CircuitError, match=message):
        make()


def test_a_refractory_period_as_long_as_the_trial_is_refused():
    net = network("eprop", LIF(refractory=float(STEPS)))
    with pytest.raises(CircuitError, match="is not shorter than the trial"):
        net.learn(net.read(), trials())


def test_a_silent_network_says_so_once():
    net = network("eprop", LIF(threshold=1000.0))
    with pytest.warns(UserWarning, match=r"no cell spikes: mean input 0\.\d+, threshold 1e\+03"):
        net.learn(net.read(), trials())
    net.learn(net.read(), trials())


def test_a_run_of_a_silent_network_says_so_once():
    task = tasks.evidence_accumulation(1, cue=10, interval=10, delay=5, recall=5, n_train=4, n_test=4)
    net = SpikingRNN.for_task(task, 3, cells=LIF(threshold=1000.0))
    with pytest.warns(RunWarning, match=r"no cell spikes: mean input 0\.\d+, threshold 1e\+03, in epoch 1") as told:
        Online(net, task, batch_size=2).train(2, progress=False)
    assert len(told) == 1


def test_cells_that_fire_as_fast_as_they_can_are_announced():
    net = network("eprop", LIF(threshold=0.01, current_gain="unit"))
    tree = net.read() | {"W_in": jnp.ones((3, 7)), "W_rec": jnp.zeros((7, 7))}
    with pytest.warns(UserWarning, match="most cells fire as fast as they can"):
        net.learn(tree, Batch({"x": jnp.ones((2, STEPS, 3))}, trials().targets))
