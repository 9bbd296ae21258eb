"""Every circuit x every projection, population and signal x every kind of intervention: it changes something, or is
refused in one line. Nothing that is accepted does nothing.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols import interventions
from biocredit.protocols.interventions import add_noise, delay, freeze_plasticity, lesion, scale, silence
from biocredit.protocols.interventions.apply import idle

from tests.unit.zoo import CIRCUITS, STEPS, dual, modular, protocol_of, rate, task_of, trials_of

KINDS = {
    "silence": silence,
    "add_noise": lambda name, **when: add_noise(name, 0.3, **when),
    "lesion": lesion,
    "scale": lambda name, **when: scale(name, 0.5, **when),
    "delay": lambda name: delay(name, 1),
    "freeze": freeze_plasticity,
}


def names(net):
    """Everything that has a name in a circuit."""
    return [*net.synapses, *net.derived(), *net.signals(), *interventions.parts(net)]


def candidates(net):
    """Interventions of all kinds on all names, in all phases, and in a window where trials have time."""
    found = [make(name) for make in KINDS.values() for name in names(net)]
    phases = {phase for phases in net.probed().values() for phase in phases}
    found += [lesion(name, phase=phase) for name in net.synapses for phase in sorted(phases)]
    within = {"after": net.dt, "before": 4 * net.dt} if net.clocked else {"after": 1}
    return found + [make(name, **within) for make in (lesion, silence) for name in names(net)]


def accepted(net, batch):
    """The candidates that are not refused; a refusal is one line."""
    return [one for one in candidates(net) if not refused(one, net, batch)]


def refused(one, net, batch):
    """Why an intervention is refused, or nothing."""
    try:
        interventions.check(one, net, batch)
    except CircuitError as refusal:
        return str(refusal)
    return ""


def busy(net):
    """Weights none of which is zero for want of learning."""
    random, tree = np.random.default_rng(1), net.read()
    drawn = {
        name: value + 0.2 * random.normal(size=value.shape) for name, value in tree.items() if name in net.synapses
    }
    return tree | {name: jnp.asarray(value) for name, value in drawn.items()}


@pytest.mark.parametrize("name", CIRCUITS)
def test_what_is_accepted_changes_something(name):
    net = CIRCUITS[name]()
    batch = trials_of(net)
    assert not any("\n" in refused(one, net, batch) for one in candidates(net))
    done = accepted(net, batch)
    acting = [one for one in done if net.self_changing or not isinstance(one, interventions.Freeze)]
    assert {type(one) for one in acting} >= {interventions.Silence, interventions.Lesion, interventions.Scale}
    nothing = idle(acting, net, busy(net), batch, jax.random.key(3))
    assert not nothing, [one.describe() for one in nothing]


@pytest.mark.parametrize("name", ["modular", "rate/bptt", "dual/kolen_pollack", "phaseless_rate"])
def test_frozen_weights_stay(name):
    for one in CIRCUITS[name]().plastic[-2:]:
        net = CIRCUITS[name]()
        before = np.asarray(net.read()[one])
        run = protocol_of(net, interventions=freeze_plasticity(one)).train(1, progress=False)
        np.testing.assert_array_equal(run.tree[one][0], before)


@pytest.mark.parametrize(
    ("net", "one", "message"),
    [
        (modular, silence("V1", phase="lerning"), "unknown phase 'lerning' of ModularRNN: did you mean 'learning'"),
        (
            lambda: rate("bptt"),
            lesion("b_out"),
            "cannot lesion b_out .*: nothing in this RateRNN depends on it; did you mean 'W_out'",
        ),
        (lambda: dual("frsf"), lesion("down.layer2.M"), "did you mean 'down.layer2.B'"),
        (lambda: dual("random"), lesion("down.layer1.B"), "nothing in this DualStream depends on it"),
        (lambda: dual("random"), silence("up.rate1", phase="learning"), "it matters in the phases inference only"),
        (lambda: rate("three_factor"), lesion("W_rec", phase="learning"), "matters in the phases inference only"),
        (lambda: rate("bptt"), silence("cells.I", after=500, before=600), "a trial lasts 6 ms"),
        (lambda: rate("bptt"), silence("cells.I", before=7), "a trial lasts 6 ms"),
        (lambda: rate("bptt"), silence("cells.I", after=1.2, before=1.8), "no step of 1 ms lies in between"),
        (modular, silence("V1", after=3), "ModularRNN has no time within a trial"),
        (modular, silence("V2.SX"), "nothing to silence V2.SX .* did you mean 'V2.S"),
    ],
)
def test_refusals_say_what_is_valid(net, one, message):
    built = net()
    for run in (
        lambda: interventions.check(one, built, trials_of(built)),
        lambda: protocol_of(built, interventions=one),
    ):
        with pytest.raises(CircuitError, match=message) as refused:
            run()
        assert "\n" not in str(refused.value)


def test_a_task_says_how_long_a_trial_is():
    net = rate("modprop_wab")
    assert net.duration(trials_of(net)) == STEPS * task_of(net).dt
