"""Self-assembling learning: special cases, convergence of the partners, local losses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.analysis.metrics.alignment import cosine
from biocredit.analysis.metrics.self_assembly import exchange_residual
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream.ascending.stack import ascend
from biocredit.circuits.dual_stream.pathways.self_assembling import (
    PerKind,
    PerKindTraining,
    SelfAssembling,
    TiedSelfAssembling,
    plasticity,
)
from biocredit.circuits.dual_stream.pathways.self_assembling.kinds import kind_of
from biocredit.circuits.dual_stream.pathways.self_assembling.training import clip_each, regularised
from biocredit.circuits.dual_stream.pathways.self_assembling.transfers import TRANSFERS
from dual_stream_case import batch, dense
from self_assembling_case import DECAY, circuit, close, learned


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


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
    return {"initializers": made.initializers, "plastic": made.plastic}


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
    net, exact = dense(TiedSelfAssembling(), activation=transfer), dense("transposed", activation=transfer)
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
    training = PerKindTraining(PerKind.same(0.05), PerKind.same(DECAY))
    with_it, without = (learned(circuit(plastic=kinds), training, 5) for kinds in ((*plastic, "Vbar"), plastic))
    for level in (1, 2, 3):
        np.testing.assert_array_equal(with_it[f"up.layer{level}.W"], without[f"up.layer{level}.W"])
    assert not np.array_equal(with_it["down.rate1.Vbar"], without["down.rate1.Vbar"])


# -- convergence -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("gated", [("W",), ("Wbar",)])
def test_lateral_weights_become_transposed_at_the_predicted_rate(transfer, gated):
    net, rate, steps = circuit(transfer=transfer, gated=gated), 0.01, 30
    tree = learned(net, PerKindTraining(PerKind(0.01, 0.005, rate, rate), PerKind.same(DECAY)), steps, seeds=4)
    for level in (1, 2):
        v, vbar = (f"down.rate{level}.{kind}" for kind in ("V", "Vbar"))
        before = net.read()[v] - net.read()[vbar].T
        close(tree[v] - tree[vbar].T, (1 - rate * DECAY) ** steps * before)


def test_exchange_residual_shrinks_at_the_predicted_rate_while_weights_learn():
    net, rate, steps = circuit(gated=(), plastic=("W", "Wbar")), 0.02, 40
    start = net.read() | {f"down.rate{n}.Vbar": net.read()[f"down.rate{n}.V"].T for n in (1, 2)}
    tree = learned(net, PerKindTraining(PerKind.same(rate), PerKind.same(0.5)), steps, start, seeds=3)
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
    net, training = circuit(), PerKindTraining(PerKind.same(1.0), PerKind(0.1, 0.2, 0.3, 0.4))
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
    training = PerKindTraining(PerKind.same(1.0), PerKind.same(0.1), {"V": plasticity.WinnerTakeAll(0.5)})
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
