"""Self-assembling learning: special cases, convergence of the partners, local losses, locality, modulation."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from dual_stream_case import batch, dense

from analysis.alignment import cosine
from analysis.self_assembly import exchange_residual
from circuits.circuit import Batch
from circuits.dual_stream import DualStream
from circuits.dual_stream.self_assembling import (
    KINDS,
    Modulation,
    PerKind,
    SelfAssembling,
    TiedSelfAssembling,
    Training,
    advice,
    plasticity,
)
from circuits.dual_stream.self_assembling.kinds import kind_of
from circuits.dual_stream.self_assembling.training import clip_each, regularised
from circuits.dual_stream.self_assembling.transfers import TRANSFERS
from circuits.dual_stream.stack import ascend
from circuits.dual_stream.starts import Gaussian
from circuits.errors import CircuitError
from circuits.tap import Electrode

LARGE = {kind: Gaussian(0.5, "one") for kind in KINDS[1:]}
DECAY = 0.02


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


def circuit(**options):
    sizes = options.pop("sizes", (6, 5, 4, 3))
    settings = {"starts": LARGE} | options
    widths = None if settings.get("transfer") == "upstream_jacobian" else (7, 8)
    stream = SelfAssembling(**{"widths": widths} | settings)
    return DualStream.mlp(sizes, stream, bias=False, dtype=jnp.float64, start=Gaussian())


def learned(net, training, steps, tree=None, seeds=1, trials=5):
    """Weights after some updates, on batches that change."""
    optimizer, tree = training.optimizer(), net.read() if tree is None else tree
    state = optimizer.init({name: tree[name] for name in net.cycle(tree, batch(net)).changes})

    @jax.jit
    def step(tree, state, one):
        outcome = net.learn(tree, one, jax.random.key(0))
        weights = {name: tree[name] for name in outcome.changes}
        updates, state = optimizer.update(outcome.changes, state, weights)
        return tree | outcome.tree | optax.apply_updates(weights, updates), state

    batches = [batch(net, seed, trials) for seed in range(seeds)]
    for number in range(steps):
        tree, state = step(tree, state, batches[number % seeds])
    return tree


def close(found, wanted, **options):
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-9, "atol": 1e-12} | options)


# -- special cases ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gated", [(), ("W",), ("Wbar",), ("W", "Wbar")])
def test_joined_one_to_one_it_is_kolen_pollack(gated):
    net = circuit(transfer="upstream_jacobian", gated=gated, **special("kolen_pollack"))
    other = dense("kolen_pollack", bias=False)
    tree = net.read()
    forward = {name: value for name, value in tree.items() if name.startswith("up.")}
    feedback = {f"down.layer{n}.B": tree[f"down.layer{n}.Wbar"].T for n in (2, 3)}
    found = net.cycle(tree, batch(net)).changes
    wanted = other.cycle(other.read() | forward | feedback, batch(net)).changes
    for name in forward:
        close(found[name], wanted[name])
    for name in feedback:
        close(found[name.replace("B", "Wbar")], wanted[name].T)


def special(name):
    made = getattr(SelfAssembling, name)()
    return {"starts": made.starts, "plastic": made.plastic}


@pytest.mark.parametrize("gated", [(), ("W",)])
def test_with_fixed_descending_weights_it_is_feedback_alignment(gated):
    net = circuit(transfer="upstream_jacobian", gated=gated, **special("feedback_alignment"))
    other, tree = dense("random", bias=False), net.read()
    feedback = {f"down.layer{n}.B": tree[f"down.layer{n}.Wbar"].T for n in (2, 3)}
    forward = {name: value for name, value in tree.items() if name.startswith("up.")}
    found = net.cycle(tree, batch(net)).changes
    wanted = other.cycle(other.read() | forward | feedback, batch(net)).changes
    assert set(found) == set(forward)
    for name in forward:
        close(found[name], wanted[name])


@pytest.mark.parametrize("transfer", ["relu", "tanh"])
def test_with_tied_weights_it_is_gradient_descent(transfer):
    net, exact = dense(TiedSelfAssembling(), transfer=transfer), dense("transposed", transfer=transfer)
    tree, one = net.read(), batch(net)
    found = net.learn(tree, one, jax.random.key(0)).changes
    wanted = exact.cycle({name: tree[name] for name in exact.plastic}, one).changes
    assert set(found) == set(wanted)
    for name in wanted:
        close(found[name], wanted[name])


def test_without_hidden_levels_it_is_the_delta_rule():
    net, exact = (dense(stream, sizes=(6, 3)) for stream in ("self_assembling", "transposed"))
    found = net.cycle(exact.read(), batch(net)).changes
    for name, wanted in exact.cycle(exact.read(), batch(net)).changes.items():
        close(found[name], wanted)


@pytest.mark.parametrize("plastic", [("W",), ("W", "V")])
def test_ascending_to_descending_weights_do_nothing_without_plastic_descending_ones(plastic):
    training = Training(PerKind.same(0.05), PerKind.same(DECAY))
    with_it, without = (learned(circuit(plastic=kinds), training, 5) for kinds in ((*plastic, "Vbar"), plastic))
    for level in (1, 2, 3):
        np.testing.assert_array_equal(with_it[f"up.layer{level}.W"], without[f"up.layer{level}.W"])
    assert not np.array_equal(with_it["down.rate1.Vbar"], without["down.rate1.Vbar"])


# -- convergence -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("gated", [("W",), ("Wbar",)])
def test_lateral_weights_become_transposed_at_the_predicted_rate(transfer, gated):
    net, rate, steps = circuit(transfer=transfer, gated=gated), 0.01, 30
    tree = learned(net, Training(PerKind(0.01, 0.005, rate, rate), PerKind.same(DECAY)), steps, seeds=4)
    for level in (1, 2):
        v, vbar = (f"down.rate{level}.{kind}" for kind in ("V", "Vbar"))
        before = net.read()[v] - net.read()[vbar].T
        close(tree[v] - tree[vbar].T, (1 - rate * DECAY) ** steps * before)


def test_exchange_residual_shrinks_at_the_predicted_rate_while_weights_learn():
    net, rate, steps = circuit(gated=(), plastic=("W", "Wbar")), 0.02, 40
    start = net.read() | {f"down.rate{n}.Vbar": net.read()[f"down.rate{n}.V"].T for n in (1, 2)}
    tree = learned(net, Training(PerKind.same(rate), PerKind.same(0.5)), steps, start, seeds=3)
    for level in (1, 2):
        close(residual(tree, level), (1 - rate * 0.5) ** steps * residual(start, level))
    assert np.abs(tree["up.layer1.W"] - start["up.layer1.W"]).max() > 0.01


def residual(tree, level):
    above = np.eye(3) if level == 2 else tree["down.rate2.V"]
    wbar, w = tree[f"down.layer{level + 1}.Wbar"], tree[f"up.layer{level + 1}.W"]
    return exchange_residual(wbar, above, tree[f"down.rate{level}.Vbar"], w)


def test_assembled_feedback_is_the_ascending_weight_times_a_matrix_learning_rate():
    net, random = circuit(), np.random.default_rng(0)
    tree = net.read()
    for level in (2, 1):
        above = jnp.eye(3) if level == 2 else tree["down.rate2.V"]
        vbar = tree[f"down.rate{level}.V"].T
        wbar = vbar @ tree[f"up.layer{level + 1}.W"].T @ jnp.linalg.pinv(above.T)
        noise = jnp.asarray(random.normal(size=wbar.shape)) @ (
            jnp.eye(len(above.T)) - above.T @ jnp.linalg.pinv(above.T)
        )
        tree |= {f"down.rate{level}.Vbar": vbar, f"down.layer{level + 1}.Wbar": wbar + noise}
        close(residual(tree, level), 0, atol=1e-10)
    for level, feedback in zip((2, 3), sorted(net.effective_feedback(tree).items()), strict=True):
        lateral = tree[f"down.rate{level - 1}.V"]
        assert feedback[0] == f"layer{level}"
        close(feedback[1], tree[f"up.layer{level}.W"] @ lateral @ lateral.T, atol=1e-9)


# -- the rule as gradient of local losses ----------------------------------------------------------------------


def test_explicit_rule_is_minus_the_gradient_of_the_local_losses():
    net, training = circuit(), Training(PerKind.same(1.0), PerKind(0.1, 0.2, 0.3, 0.4))
    tree, electrode = net.read(), Electrode()
    outcome = net.cycle(tree, batch(net), electrode)
    weights = {name: tree[name] for name in outcome.changes}
    optimizer = training.optimizer()
    updates, _ = optimizer.update(outcome.changes, optimizer.init(weights), weights)
    error = electrode.readings["down.layer3.rate", "learning"]
    ascent = ascend(net.ascending, tree, batch(net).inputs["image"])
    drives, _ = net.descending.drives(net.ascending, tree, ascent, error)
    assert set(drives) == set(updates)
    for name, drive in drives.items():
        gamma = getattr(training.decay, kind_of(name))
        gradient = jax.grad(lambda x, d=drive, g=gamma: plasticity.local_loss(d, x, g))(tree[name])
        close(updates[name], -gradient)


def test_competition_is_the_gradient_of_its_energy():
    weight = jnp.asarray(np.random.default_rng(0).normal(size=(5, 7)))
    close(plasticity.competition(weight), jax.grad(plasticity.competition_energy)(weight))


def test_winner_takes_all_in_the_steps_of_one_kind_only():
    weights = {"up.layer1.b": jnp.ones(2), "down.rate1.V": jnp.ones((2, 3)), "down.rate1.Vbar": jnp.ones((3, 2))}
    training = Training(PerKind.same(1.0), PerKind.same(0.1), {"V": plasticity.WinnerTakeAll(0.5)})
    optimizer, none = training.optimizer(), jax.tree.map(jnp.zeros_like, weights)
    steps, _ = optimizer.update(none, optimizer.init(weights), weights)
    close(steps["down.rate1.V"], -0.1 * (1 + 0.5 * 3) * np.ones((2, 3)))
    close(steps["down.rate1.Vbar"], -0.1 * np.ones((3, 2)))
    close(regularised(0.1, plasticity.WinnerTakeAll(9)).update(none, (), weights)[0]["up.layer1.b"], 0.1 * np.ones(2))


def test_each_drive_is_clipped_on_its_own():
    changes = {"a": jnp.full((2, 2), 3.0), "b": jnp.full(4, 0.01), "c": jnp.zeros(3)}
    found = clip_each(0.3).update(changes, optax.EmptyState())[0]
    close(np.linalg.norm(found["a"]), 0.3)
    close(cosine(found["a"], changes["a"]), 1)
    for name in "bc":
        np.testing.assert_array_equal(found[name], changes[name])


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
    net = DualStream.mlp((6, 20, 20, 3), stream, bias=False, start=Gaussian(), dtype=jnp.float64)
    training = Training(PerKind(0.1, 0.001, 0.1, 0.1))
    fell = []
    for steps in (0, 200):
        metrics = net.cycle(learned(net, training, steps, trials=60), batch(net, trials=60)).metrics
        fell.append(float(metrics["modulated_loss"] / metrics["loss"]))
    assert fell[0] > 0.99 and fell[1] < 0.5


# -- shape, type, trace, refusals ------------------------------------------------------------------------------


def test_second_call_does_not_trace_again_and_single_precision_stays():
    net = DualStream.mlp((6, 5, 4, 3), SelfAssembling(widths=(7, 8), transfer="lateral_gate"), dtype=jnp.float32)
    optimizer, traces = Training(clip=0.3).optimizer(), []

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
    training = Training()
    assert advice(circuit(starts={}), training) == []
    assert "no effect" in advice(circuit(starts={}, plastic=("W", "Vbar")), training)[0]
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
        (lambda: Training(PerKind(-1, 1, 1, 1)), "a learning rate cannot be negative"),
        (lambda: Training(PerKind.same(2.0), PerKind.same(0.5)), "rate times decay of W must stay below 1, got 1"),
        (lambda: Training(clip=-1), "cannot be negative, got -1"),
        (lambda: Training(regularisers={"X": plasticity.plain}), "unknown kind of synapses 'X'"),
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
