"""The network compared with motor cortex: automatic differentiation as the oracle, and what it shares with others."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits import CTRNN, CircuitError
from biocredit.circuits.recurrent import RULES
from biocredit.circuits.recurrent.regularisation import MeanSquare
from biocredit.protocols import Online, tasks
from biocredit.protocols.tasks.reaching import shared_weights


def small(**settings) -> tuple[CTRNN, dict, object]:
    """A network of seven cells, its tree with a state and a bias that are not zero, three reaches."""
    task = tasks.begun(tasks.reach(steps=194), 100.0)
    circuit = CTRNN.for_task(task, 7, tau=100.0, dtype=jnp.float64, **settings)
    tree, rng = dict(circuit.read()), np.random.default_rng(0)
    for name in ("W_in_constant", "W_in_start"):
        tree[name] = jnp.asarray(0.3 * rng.standard_normal(tree[name].shape))
    return circuit, tree, task.draw(task.arrays, jnp.arange(3), jax.random.key(0))


def simulated(tree: dict, batch, cut: bool = False, every: int | None = None) -> jax.Array:
    """E_main + E_act written out, with the recurrent input a constant where credit is cut."""
    x = batch.inputs["cues"][:, 1:].swapaxes(0, 1)
    steps, count = x.shape[:2]
    start, bias = tree["W_in_start"], tree["W_in_constant"]
    stops = jnp.array([cut or (every is not None and (steps - t) % every == 0) for t in range(steps)])

    def step(a: jax.Array, now: tuple) -> tuple:
        h = jnp.maximum(jnp.tanh(a), 0)
        sent = jnp.where(now[1], jax.lax.stop_gradient(h), h)
        a = a + 0.1 * (-a + sent @ tree["W_rec"] + now[0] @ tree["W_in_cues"] + bias)
        return a, jnp.maximum(jnp.tanh(a), 0)

    h = jax.lax.scan(step, jnp.broadcast_to(start, (count, start.size)), (x, stops))[1].swapaxes(0, 1)
    y = h @ tree["W_out"] + tree["b_out"][None, None]
    when = batch.targets["when"][:, 1:, None]
    main = jnp.sum(when * (y - batch.targets["arm"][:, 1:]) ** 2) / count
    return main + tree["rule.penalty"] * jnp.mean(h**2)


@pytest.mark.parametrize(
    ("settings", "oracle"),
    [
        ({"rule": "bptt"}, {}),
        ({"rule": "rtrl"}, {}),
        ({"rule": "eprop"}, {"cut": True}),
        ({"rule": "three_factor"}, {"cut": True}),
        ({"rule": "bptt", "segments": 10}, {"every": 10}),
    ],
    ids=["bptt", "rtrl", "eprop", "three_factor", "segments"],
)
def test_changes_are_the_gradient_of_the_written_out_network(settings: dict, oracle: dict):
    circuit, tree, batch = small(**settings)
    found = circuit.learn(tree, batch)
    names = tuple(circuit.plastic)
    assert set(names) == {"W_in_cues", "W_in_constant", "W_in_start", "W_rec", "W_out", "b_out"}
    loss, expected = jax.jit(jax.value_and_grad(lambda weights: simulated(tree | weights, batch, **oracle)))(
        {name: tree[name] for name in names}
    )
    assert float(found.metrics["loss"] + found.metrics["rate_loss"]) == pytest.approx(float(loss), rel=1e-12)
    for name in names:
        np.testing.assert_allclose(found.changes[name], expected[name], rtol=1e-9, atol=1e-13, err_msg=name)


PER_TRIAL = [name for name, rule in RULES.items() if "types" not in rule.needs]


@pytest.mark.parametrize("rule", PER_TRIAL)
def test_every_temporal_rule_trains_it(rule: str):
    task = tasks.begun(tasks.reach(steps=194, n_train=8), 100.0)
    circuit = CTRNN.for_task(task, 5, tau=100.0, rule=rule)
    batch = task.draw(task.arrays, jnp.arange(8), jax.random.key(0))
    found = jax.jit(circuit.learn)(circuit.read(), batch, jax.random.key(0))
    assert all(np.isfinite(values).all() for values in found.changes.values())
    assert any(np.abs(values).max() > 0 for values in found.changes.values())


def test_the_penalty_falls_by_a_third_while_it_is_large_and_never_grows():
    strength = jnp.float32(9.0)
    regulariser = MeanSquare(strength)
    assert float(regulariser.following(1.0, 0.5)["rule.penalty"]) == pytest.approx(6.0)
    assert float(regulariser.following(1.0, 0.49)["rule.penalty"]) == pytest.approx(9.0)


def test_the_penalty_falls_in_a_run():
    task = tasks.begun(tasks.reach(steps=194, n_train=8), 100.0)
    run = Online(CTRNN.for_task(task, 6, tau=100.0), task, optimizer=optax.adam(1e-3), batch_size=8, seeds=2)
    run.train(epochs=2)
    assert np.all(np.asarray(run.tree["rule.penalty"]) < 10.0)


def test_the_first_step_is_none_of_the_trial():
    circuit, tree, batch = small()
    before = circuit.trial(tree, batch)["cells.state"][0]
    np.testing.assert_allclose(before, np.broadcast_to(tree["W_in_start"], before.shape), rtol=1e-12)
    assert not np.asarray(batch.targets["when"])[:, 0].any()
    assert float(shared_weights(jnp.ones((4, 3, 2)))[0, 0, 0]) == pytest.approx(1 / 6)


def test_initial_weights_are_drawn_as_said():
    circuit = CTRNN({"cues": 3, "constant": 1, "start": 1}, 300, {"arm": 2}, gain=2.0)
    tree = circuit.read()
    assert np.std(tree["W_rec"]) == pytest.approx(3 / np.sqrt(300), rel=0.02) and np.diag(tree["W_rec"]).all()
    assert np.std(tree["W_in_cues"]) == pytest.approx(1 / np.sqrt(3), rel=0.1)
    assert not np.any(tree["W_in_start"]) and np.abs(tree["W_out"]).max() <= 1 / np.sqrt(300)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tau": 5.0}, "tau"),
        ({"penalty": -1.0}, "penalty"),
        ({"segments": 0}, "segments"),
        ({"segments": 5, "rule": "eprop"}, "does not look back"),
        ({"segments": 5, "truncation": 3}, "give one of them"),
        ({"inputs": {"cues": 3, "start": 2}}, "one channel"),
    ],
)
def test_wrong_settings_get_one_line(settings: dict, message: str):
    with pytest.raises(CircuitError, match=message) as refused:
        CTRNN(**{"inputs": {"cues": 3}, "neurons": 5, "readouts": {"arm": 2}, **settings})
    assert "\n" not in str(refused.value)


def test_a_static_task_cannot_begin():
    with pytest.raises(CircuitError, match="has no time"):
        tasks.begun(tasks.digits(), 100.0)
