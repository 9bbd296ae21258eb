"""Self-assembling learning: locality, recording, modulation, bad input."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.initializers import Gaussian
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.pathways.self_assembling import (
    Modulation,
    PerKind,
    PerKindTraining,
    SelfAssembling,
    advice,
    plasticity,
)
from dual_stream_case import batch, dense
from self_assembling_case import circuit, close, learned


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


# -- locality --------------------------------------------------------------------------------------------------


def test_a_synapse_sees_its_input_and_the_current_onto_its_cell():
    """Cells that another pathway does not reach keep their synapses, whatever the other cells do."""
    net, one = circuit(gated=("W", "Wbar")), batch(circuit())
    tree = net.read()
    tree["down.rate1.V"] = tree["down.rate1.V"].at[2].set(0)
    tree["down.rate2.Vbar"] = tree["down.rate2.Vbar"].at[3].set(0)
    found = net.cycle(tree, one).changes
    assert not found["up.layer1.W"][2].any() and found["up.layer1.W"][1].any()
    assert not found["down.layer3.Wbar"][3].any() and found["down.layer3.Wbar"][1].any()


def test_lesions_act_where_the_weights_are_used():
    net, one = circuit(), batch(circuit())
    lesioned = {}
    for target in ("V", "Vbar", "Wbar"):
        cut = lambda name, phase, value, t=target: jnp.zeros_like(value) if name.endswith(f".{t}") else value  # noqa: E731
        lesioned[target] = net.cycle(net.read(), one, cut).changes
    intact = net.cycle(net.read(), one).changes
    assert not lesioned["V"]["up.layer2.W"].any() and lesioned["V"]["down.rate1.V"].any()
    assert not lesioned["Vbar"]["down.layer2.Wbar"].any()
    close(lesioned["Vbar"]["up.layer1.W"], intact["up.layer1.W"])
    assert not lesioned["Wbar"]["down.rate2.V"].any() and lesioned["Wbar"]["up.layer3.W"].any()


def test_both_streams_and_their_currents_are_recorded():
    net = circuit(modulation=Modulation(0.5))
    sizes = {population.name: (population.size, population.kind) for population in net.populations()}
    assert sizes["up.rate1"] == (5, "ascending") and sizes["down.rate1"] == (7, "descending")
    course = net.trial(net.read(), batch(net), jax.random.key(0))
    for name in ("up.rate1.current", "down.rate2.current", "down.rate2.potential", "down.layer3.rate"):
        assert not course[name][net.stretch("inference")].any() and course[name][-1].any()


# -- modulation ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["activation", "membrane"])
def test_modulation_as_a_third_phase(mode):
    """The slope at strength zero is minus the mean product of the currents and the descent direction."""
    net = circuit(modulation=Modulation(1e-6, mode))
    tree, one, electrode = net.read(), batch(net), Electrode()
    metrics = net.cycle(tree, one, electrode).metrics
    found = (metrics["modulated_loss"] - metrics["loss"]) / 1e-6
    exact, backward = dense("transposed", bias=False), Electrode()
    exact.cycle({name: tree[name] for name in exact.read()}, one, backward)
    place = {"activation": "down.rate{}.rate", "membrane": "down.layer{}.rate"}[mode]
    currents = [electrode.readings[f"up.rate{n}.current", "learning"] for n in (1, 2)]
    gradients = [backward.readings[place.format(n), "learning"] for n in (1, 2)]
    wanted = sum(float((u * g).sum()) for u, g in zip(currents, gradients, strict=True))
    close(found, wanted, rtol=1e-4, atol=1e-9)
    assert abs(wanted) > 1e-3


def test_the_wave_brings_ascending_signals_twice():
    net = circuit(modulation=Modulation(1.0))
    course = net.trial(net.read(), batch(net), jax.random.key(0))["up.rate1.rate"]
    first, third = net.stretch("learning").start, net.stretch("modulation")
    np.testing.assert_array_equal(course[first], course[third.start - 1])
    assert third.stop == len(course) and not np.array_equal(course[-1], course[first])
    plain = circuit()
    changes = net.cycle(net.read(), batch(net)).changes
    for name, wanted in plain.cycle(net.read(), batch(net)).changes.items():
        np.testing.assert_array_equal(changes[name], wanted)


def test_modulation_lowers_the_loss_once_assembled_and_not_before():
    stream = SelfAssembling(modulation=Modulation(1.0))
    net = DualStream.mlp((6, 20, 20, 3), stream, bias=False, initializer=Gaussian(), dtype=jnp.float64)
    training = PerKindTraining(PerKind(0.1, 0.001, 0.1, 0.1))
    fell = []
    for steps in (0, 200):
        metrics = net.cycle(learned(net, training, steps, trials=60), batch(net, trials=60)).metrics
        fell.append(float(metrics["modulated_loss"] / metrics["loss"]))
    assert fell[0] > 0.99 and fell[1] < 0.5


# -- shape, type, trace, refusals ------------------------------------------------------------------------------


def test_second_call_does_not_trace_again_and_single_precision_stays():
    net = DualStream.mlp((6, 5, 4, 3), SelfAssembling(widths=(7, 8), transfer="lateral_gate"), dtype=jnp.float32)
    optimizer, traces = PerKindTraining(clip=0.3).optimizer(), []

    @jax.jit
    def step(tree, state, one):
        traces.append(1)
        changes = net.learn(tree, one, jax.random.key(0)).changes
        updates, state = optimizer.update(changes, state, {name: tree[name] for name in changes})
        return tree | optax.apply_updates({name: tree[name] for name in changes}, updates), state

    tree = net.read()
    state = optimizer.init({name: tree[name] for name in net.plastic})
    for seed in (0, 1):
        tree, state = step(tree, state, batch(net, seed))
    assert len(traces) == 1
    assert {value.dtype for value in tree.values()} == {jnp.dtype("float32")}


def test_advice_about_set_ups():
    training = PerKindTraining()
    assert advice(circuit(initializers={}), training) == []
    assert "no effect" in advice(circuit(initializers={}, plastic=("W", "Vbar")), training)[0]
    assert "starts large" in advice(circuit(), training)[0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: circuit(transfer="relo"), "did you mean 'relu'"),
        (lambda: circuit(gated=("V",)), "gated: unknown kind of synapses 'V'"),
        (lambda: circuit(plastic=("W", "Vber")), "did you mean 'Vbar'"),
        (lambda: circuit(widths=(7,)), "one width for each of the 2 hidden levels"),
        (lambda: circuit(widths=(5, 3), transfer="upstream_jacobian"), "upstream_jacobian at rate2 needs 4"),
        (
            lambda: DualStream.convolutional((4, 4, 1), [], 2, "self_assembling"),
            "from the bottom up, got Flatten, Dense",
        ),
        (lambda: PerKindTraining(PerKind(-1, 1, 1, 1)), "a learning rate cannot be negative"),
        (
            lambda: PerKindTraining(PerKind.same(2.0), PerKind.same(0.5)),
            "rate times decay of W must stay below 1, got 1",
        ),
        (lambda: PerKindTraining(clip=-1), "cannot be negative, got -1"),
        (lambda: PerKindTraining(regularisers={"X": plasticity.plain}), "unknown kind of synapses 'X'"),
        (lambda: Modulation(mode="membrana"), "did you mean 'membrane'"),
        (lambda: plasticity.local_loss(jnp.ones((1, 1)), jnp.ones((1, 1)), 0.0), "positive decay"),
        (lambda: plasticity.WinnerTakeAll(-1.0), "cannot be negative"),
    ],
)
def test_bad_input_gets_one_line(make, message):
    with pytest.raises(CircuitError, match=message) as refusal:
        make()
    assert "\n" not in str(refusal.value)


def test_wrong_trials_are_refused():
    net = circuit()
    with pytest.raises(CircuitError, match="classes from 0 to 2"):
        net.cycle(net.read(), Batch({"image": jnp.zeros((1, 6))}, {"choice": jnp.array([3])}))
