"""Interventions within a trial: windows in ms and delays, alike in learning once a trial and while time runs."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.analysis.reports.bibliography import cite
from biocredit.circuits import ModularRNN, RateRNN
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.probes import Electrode, chain
from biocredit.circuits.recurrent.rules import RULES
from biocredit.protocols import Online, interventions, tasks
from biocredit.protocols.interventions.apply import nothing_under_way, probe
from biocredit.protocols.interventions.declare import delay, lesion, scale, silence

from tests.unit.rate_case import STEPS, assert_same, autodiff, differ, network, trials

CHEMISTRY = (
    lesion("modulator.I", after=2, before=6),
    scale("receptor.I~>E", 0.3, after=5),
    delay("modulator.E", 3),
)
WEIGHTS = (scale("W_rec", 0.5, after=2, before=6), silence("cells.I", after=4, before=7))


def surgery(net, *done, since=0, under_way=None):
    """The probe of update 0."""
    interventions.check(done, net)
    return probe(done, net, jnp.array(0), jax.random.key(0), since, under_way)


def learn(net, *done, batch=None):
    """Changes of a whole trial under interventions."""
    return net.learn(net.read(), batch or trials(), None, surgery(net, *done)).changes


def in_stretches(net, done, steps, advance):
    """Sum of the changes of consecutive stretches."""
    tree, courses, total = net.read(), net.arrange(trials()), None
    carry, under_way = net.begin(tree, 2), nothing_under_way(done, net, 2)
    for since in range(0, STEPS, steps):
        cut = tuple(course[since : since + steps] for course in courses)
        carry, under_way, changes = advance(tree, carry, cut, since, under_way)
        total = changes if total is None else jax.tree.map(jnp.add, total, changes)
    return total


@pytest.mark.parametrize(
    ("rule", "settings", "done"),
    [
        ("modprop_wab", {"tau": {"I": 4.0, "E": 9.0}}, CHEMISTRY),
        ("modprop_wab", {"taps": 3}, CHEMISTRY),
        ("mdgl_wab", {}, CHEMISTRY),
        ("bptt", {"truncation": STEPS}, WEIGHTS),
        ("mdgl", {}, WEIGHTS),
        ("rtrl", {}, WEIGHTS),
    ],
    ids=["modulators", "modulators with taps", "modulators over one synapse", "bptt", "mdgl", "rtrl"],
)
def test_stretches_add_up_to_the_trial(rule, settings, done):
    net = network(rule, **settings)
    expected = learn(net, *done)
    assert differ(expected, learn(net))

    @jax.jit
    def advance(tree, carry, cut, since, under_way):
        done_now = surgery(net, *done, since=since, under_way=under_way)
        carry, found = net.advance(tree, carry, cut, done_now)
        return carry, done_now.left, found.changes

    for steps in (1, 4):
        assert_same(in_stretches(net, done, steps, advance), expected)


@pytest.mark.parametrize(("rule", "leak"), [("bptt", "before"), ("bptt", "after"), ("rtrl", "before")])
def test_exact_rules_stay_exact(rule, leak):
    """For the input weights: what enters a projection that is cut is still seen by its own plasticity."""
    net = network(rule, leak=leak)
    assert_same(learn(net, *WEIGHTS), autodiff(net, net.read(), trials(), surgery(net, *WEIGHTS)), ("W_in",))


def test_the_window_of_a_whole_trial_is_no_window():
    net = network("modprop_wab")
    for make in (partial(lesion, "modulator.E"), partial(scale, "W_in", 0.5), partial(silence, "cells.I")):
        assert_same(learn(net, make(before=STEPS)), learn(net, make()))
        assert_same(learn(net, make(after=STEPS)), learn(net))


def test_cells_are_silent_in_the_window_and_what_was_before_does_not_change():
    net, batch = network("modprop_wab", dt=2.0), trials()
    control = net.trial(net.read(), batch)
    for one in (silence("cells.I", after=4, before=10), interventions.add_noise("cells.I", 0.5, after=4, before=10)):
        course = net.trial(net.read(), batch, None, surgery(net, one))
        np.testing.assert_array_equal(course["cells.rate"][:2], control["cells.rate"][:2])
        assert not np.array_equal(course["cells.rate"][5:], control["cells.rate"][5:])
        changed = (course["cells.rate"] != control["cells.rate"])[..., :3].any((1, 2))
        assert changed[2:5].all()
    rates = net.trial(net.read(), batch, None, surgery(net, silence("cells.I", after=4, before=10)))["cells.rate"]
    assert not rates[2:5, :, :3].any()
    assert rates[5:, :, :3].any()


def test_electrodes_see_what_is_left_of_a_modulator():
    net, electrode = network("modprop_wab"), Electrode()
    plain = net.trial(net.read(), trials())["modulator"]
    done = surgery(net, lesion("modulator.I", after=2, before=4), delay("modulator.E", 3))
    net.learn(net.read(), trials(), None, chain(done, electrode))
    course = net.trial(net.read(), trials(), None, done)["modulator"]
    expected = np.stack([plain[..., 0], np.concatenate([np.zeros((3, 2)), plain[:-3, :, 1]])], axis=-1)
    expected[2:4, :, 0] = 0
    np.testing.assert_allclose(course, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(electrode.readings["modulator", "learning"], expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", ["modprop_wab", "mdgl_wab"])
def test_modulators_act_when_they_arrive(rule):
    """The readout counts at step 5 alone: modulators come then, or three steps later."""
    net, batch = network(rule), trials()
    when = jnp.zeros((2, STEPS)).at[:, 5].set(1.0)
    batch = batch._replace(targets={**batch.targets, "when": when})
    control, without = learn(net, batch=batch), learn(net, lesion("modulator.*"), batch=batch)
    for name in ("modulator.*", "receptor.*"):
        assert_same(learn(net, lesion(name, after=5, before=6), batch=batch), without, ("W_in", "W_rec"))
        assert_same(learn(net, lesion(name, after=6), batch=batch), control, ("W_in", "W_rec"))
        assert_same(learn(net, lesion(name, before=5), batch=batch), control, ("W_in", "W_rec"))
    late = delay("modulator.*", 3)
    assert differ(learn(net, late, batch=batch), control)
    assert_same(learn(net, late, lesion("receptor.*", after=8), batch=batch), without, ("W_in", "W_rec"))
    assert_same(learn(net, delay("modulator.*", 4), batch=batch), without, ("W_in", "W_rec"))


TASK = tasks.delayed_xor(cue=5, delay=10, n_train=20, n_test=10)


def train(*done):
    """Recurrent weights after an epoch; the answer counts at the last step, from 19 to 20 ms."""
    net = RateRNN.for_task(TASK, 12, rule="modprop_wab", tau=10.0)
    settings = {"batch_size": 10, "optimizer": optax.sgd(0.1), "interventions": done}
    return np.asarray(Online(net, TASK, update_every=5, **settings).train(1, progress=False).tree["W_rec"])


def test_protocols_count_time_from_the_start_of_the_trial():
    intact, blocked = train(), train(lesion("modulator.*"))
    assert np.abs(intact - blocked).max() > 1e-5
    np.testing.assert_array_equal(train(lesion("modulator.*", after=15)), blocked)
    with pytest.warns(UserWarning, match=r"to 15 ms: changes nothing, what it acts on is zero there"):
        np.testing.assert_array_equal(train(lesion("modulator.*", before=15)), intact)
    with pytest.warns(
        UserWarning, match=r"scale receptor.I~>\* .* from 5 ms .*: changes nothing, the modulator is zero"
    ):
        train(scale("receptor.I~>*", 0.5, after=5, before=10))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lesion("W_rec", after=4, before=2), "no window within the trial: after 4, before 2"),
        (lambda: delay("modulator.E", 0.2), "wanted at least a step of 1 ms"),
        (lambda: delay("cells.E", 3), "nothing to delay cells.E by 3 ms"),
        (lambda: interventions.Freeze("W_rec", interventions.Window(after=3)), "weights change by updates"),
    ],
)
def test_impossible_times_get_one_clear_line(make, message):
    with pytest.raises(CircuitError, match=message) as raised:
        surgery(network("modprop_wab"), make())
    assert "\n" not in str(raised.value)


def test_circuits_without_time_refuse_windows_within_a_trial():
    net = ModularRNN.chain(tasks.digits(train=40, test=10), neurons=16)
    with pytest.raises(CircuitError, match=r"ModularRNN has no time within a trial: cannot silence V1 .* from 3 ms"):
        surgery(net, silence("V1", after=3))
    with pytest.raises(CircuitError, match="taps need recurrent synapses that are the same in all steps"):
        learn(network("modprop", taps=3), lesion("W_rec", after=3))


def test_a_run_cites_the_source_of_its_rule():
    run = Online(RateRNN.for_task(TASK, 12, rule="uoro"), TASK, batch_size=10)
    assert run.citations == ["arXiv:1702.05043", "arXiv:2206.01338"]
    assert "unbiased online recurrent" in cite(run).lower()
    assert all("title = " in cite(rule.citation) for rule in RULES.values())
