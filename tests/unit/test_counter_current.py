"""Counter-current learning: every change is the gradient of the loss at its own level, and of nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream.pathways.counter_current import PRINTED, MatchedMaps, Similarity, comparisons
from biocredit.circuits.dual_stream.pathways.counter_current.comparisons import unsettled

from tests.unit.counter_current_case import CIRCUITS, dense, learned, local_losses, seeded, trials, value


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


def normal(seed, *size):
    return jnp.asarray(np.random.default_rng(seed).normal(size=size))


@pytest.mark.parametrize("kind", CIRCUITS)
def test_changes_are_gradients_of_the_local_losses(kind):
    net = CIRCUITS[kind]()
    tree, batch = seeded(net), trials(net)
    outcome = jax.jit(lambda tree: net.learn(tree, batch, jax.random.key(0)))(tree)
    losses = local_losses(net, batch)
    weights = {name: tree[name] for name in net.plastic}
    np.testing.assert_allclose(list(outcome.metrics.values())[-1], sum(losses(weights, tree)), rtol=1e-12)
    wanted = jax.jit(jax.grad(lambda w: sum(losses(w, tree))))(weights)
    assert set(outcome.changes) == set(net.plastic)
    for name, change in outcome.changes.items():
        assert name.endswith(".b") or float(jnp.abs(wanted[name]).max()) > 1e-8, name
        np.testing.assert_allclose(change, wanted[name], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "comparison",
    [
        Similarity(),
        Similarity(reference_units=256),
        Similarity("unit_length", within=0.5),
        Similarity("raw", "norm", within=0.3),
        PRINTED,
    ],
)
def test_similarity_derivatives(comparison):
    a, b, match = normal(0, 6, 5), normal(1, 3, 5), jnp.eye(3)[jnp.array([0, 1, 2, 0, 1, 1])]
    found = comparison.inside(a, b, match)
    np.testing.assert_allclose(found.loss, value(comparison, a, b, match), rtol=1e-12)
    up, down = jax.grad(lambda *rows: value(comparison, *rows, match), argnums=(0, 1))(a, b)
    np.testing.assert_allclose(found.up, up, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.down, down, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("values", "shapes"), [(1.0, 0.0), (0.0, 1.0), (0.3, 2.0)])
def test_matched_maps_derivatives(values, shapes):
    comparison, a, b = MatchedMaps(values, shapes), normal(0, 3, 4, 5, 2), normal(1, 3, 4, 5, 2)
    found = comparison.inside(a, b, jnp.eye(3))
    up, down = jax.grad(lambda *maps: value(comparison, *maps, None), argnums=(0, 1))(a, b)
    np.testing.assert_allclose(found.loss, value(comparison, a, b, None), rtol=1e-12)
    np.testing.assert_allclose(found.up, up, rtol=1e-8, atol=1e-11)
    np.testing.assert_allclose(found.down, down, rtol=1e-8, atol=1e-11)


def test_similarity_unit_by_unit():
    """Section 4.2 of the specification, summed by hand."""
    a, b, match = (np.asarray(v) for v in (normal(0, 4, 3), normal(1, 2, 3), jnp.eye(2)[jnp.array([0, 1, 1, 0])]))
    found = comparisons.similarity(a, b, match, between=0.7)
    mismatch = np.array([[a[i] @ b[c] - match[i, c] for c in range(2)] for i in range(4)])
    wanted = [[2 * 0.7 / 8 * sum(mismatch[i, c] * b[c, j] for c in range(2)) for j in range(3)] for i in range(4)]
    np.testing.assert_allclose(found.up, wanted, rtol=1e-12)
    np.testing.assert_allclose(found.loss, 0.7 * np.mean(mismatch**2), rtol=1e-12)


def test_teaching_current_of_cosines_turns_and_does_not_stretch():
    a, b = normal(0, 6, 5), normal(1, 3, 5)
    found = comparisons.similarity(a, b, jnp.zeros((6, 3)), scaling="unit_length")
    np.testing.assert_allclose((found.up * a).sum(1), 0, atol=1e-7)
    doubled = comparisons.similarity(2.0 * a, b, jnp.zeros((6, 3)), scaling="unit_length")
    np.testing.assert_allclose(doubled.up, found.up / 2, rtol=1e-6)


@pytest.mark.parametrize("comparison", [Similarity("unit_length", within=0.5), PRINTED])
def test_silent_rows_give_numbers(comparison):
    a = normal(0, 4, 3).at[1].set(0.0)
    found = comparison.inside(a, jnp.zeros((2, 3)), jnp.ones((4, 2)))
    assert all(bool(jnp.isfinite(part).all()) for part in found)


def test_constant_maps_give_numbers():
    found = MatchedMaps().inside(jnp.ones((2, 3, 3, 1)), normal(0, 2, 3, 3, 1), jnp.eye(2))
    assert all(bool(jnp.isfinite(part).all()) for part in found)


def test_no_mismatch_no_teaching():
    rows = jnp.eye(3)
    for comparison in (Similarity(), PRINTED):
        found = comparison.inside(rows, rows, rows)
        for part in found:
            np.testing.assert_allclose(part, 0, atol=1e-7)


def test_filter_keeps_unsettled_trials():
    output = jnp.array([[8.0, 0.0], [2.0, 0.0], [0.0, 8.0]])
    target = jnp.array([[1.0, 0.0]] * 3)
    np.testing.assert_array_equal(unsettled(output, target, 0.1), [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(unsettled(output, target, 0.2), [0.0, 0.0, 1.0])


def test_filtered_trials_teach_nothing_but_the_output_layer():
    net = CIRCUITS["dense, filter"]()
    tree, batch = seeded(net), trials(net, 20)
    electrode = Electrode()
    net.learn(tree, batch, jax.random.key(0), electrode)
    signals = {name: one for (name, _), one in electrode.readings.items()}
    target = jnp.eye(3)[batch.targets["choice"]]
    settled = np.asarray(unsettled(signals["up.layer3.potential"], target, 0.6)) == 0
    assert 0 < settled.sum() < 20
    assert not np.any(signals["up.rate1.error"][settled])
    assert np.all(np.any(signals["up.rate1.error"][~settled] != 0, axis=1))
    assert np.all(np.any(signals["up.layer3.error"] != 0, axis=1))


def test_the_uppermost_stage_learns_as_under_back_propagation():
    net = dense("counter_current")
    exact = dense("transposed")
    tree, batch = seeded(net), trials(net)
    mine = learned(net, tree, batch)
    wanted = learned(exact, {name: tree[name] for name in exact.read()}, batch)
    np.testing.assert_allclose(mine["up.layer3.W"], wanted["up.layer3.W"], rtol=1e-12)
    assert not np.allclose(mine["up.layer2.W"], wanted["up.layer2.W"])


def test_the_uppermost_descending_stage_learns_from_the_prototypes_themselves():
    """V_L sees one class a row, so its change is the teaching current times the slope, class by class."""
    net = dense("counter_current")
    tree, batch = seeded(net), trials(net)
    electrode = Electrode()
    changes = net.learn(tree, batch, jax.random.key(0), electrode).changes
    signals = {name: one for (name, _), one in electrode.readings.items()}
    slope = jnp.exp(jnp.minimum(signals["down.layer3.potential"], 0))
    np.testing.assert_allclose(changes["down.layer3.W"], (signals["down.rate2.error"] * slope).T, rtol=1e-10)


@pytest.mark.parametrize("setting", [{"scaling": "cosine"}, {"measure": "norms"}, {"between": -1.0}])
def test_impossible_comparisons(setting):
    with pytest.raises(CircuitError):
        Similarity(**setting)
