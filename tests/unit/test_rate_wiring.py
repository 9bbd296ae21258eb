"""Initial weights and the optimiser with fixed signs."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits import RateRNN
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.recurrent import cell_types, wiring
from biocredit.circuits.recurrent.deep_rewiring import deep_rewiring, effective, tf1_adam

SIGN = np.repeat([-1.0, 1.0], [40, 160])


@pytest.mark.parametrize("density", [1.0, 0.2])
def test_balanced_currents_cancel_and_leave_no_outlier(rng, density):
    mask = wiring.random_mask(rng, 200, density)
    weight = wiring.balanced_dale(rng, SIGN, mask)
    np.testing.assert_allclose(weight.sum(0), 0, atol=1e-12)
    assert np.all(weight * SIGN[:, None] >= 0)
    assert np.array_equal(weight != 0, mask != 0)
    sizes = np.sort(np.abs(np.linalg.eigvals(weight)))[::-1]
    assert sizes[0] == pytest.approx(1)
    assert sizes[0] < 1.4 * sizes[5], "an outlier"


def test_unbalanced_weights_do_have_an_outlier(rng):
    """The oracle of the test above: signs alone, without balance, give one eigenvalue far away."""
    sizes = np.sort(np.abs(np.linalg.eigvals(np.abs(rng.standard_normal((200, 200))) * SIGN[:, None])))[::-1]
    assert sizes[0] > 3 * sizes[5]


def test_the_authors_draw_has_the_radius_that_was_measured():
    """1.36 at N = 120 and 1.29 at 200 in the mean of a few draws, because the diagonal is cleared last."""
    radii = []
    for seed in range(5):
        net = RateRNN({"x": 2}, 120, {"y": 2}, initial="liu_2022", seed=seed, dtype=jnp.float64)
        radii.append(np.abs(net.spectrum()[0]))
    assert np.mean(radii) == pytest.approx(1.36, abs=0.15)


def test_paper_counts():
    assert wiring.paper_counts(120) == {"I": 23, "E": 97}
    assert wiring.paper_counts(200) == {"I": 39, "E": 161}


def test_more_outputs_than_cells_resample_columns(rng):
    weight = wiring.liu_2022(rng, np.array([-1.0, 1, 1]), np.ones((3, 7)))
    assert weight.shape == (3, 7)
    assert np.all(weight[1:] > 0)


def test_an_empty_type_is_refused():
    with pytest.raises(CircuitError, match="have no cells"):
        cell_types.one_hot(np.array([0, 0, 2]), 3)


def test_type_means_count_absent_synapses_as_zeros():
    weight = jnp.array([[0.0, 2.0, 4.0], [6.0, 0.0, 8.0], [1.0, 0.0, 0.0]])
    membership = jnp.array([[1.0, 0], [1, 0], [0, 1]])
    np.testing.assert_allclose(cell_types.type_means(weight, membership), [[2.0, 6.0], [0.5, 0.0]])


@pytest.mark.parametrize("scale", [0.3, 1.7])
def test_growth_is_the_spectral_radius(rng, scale):
    mix = rng.normal(size=(4, 4))
    mix *= scale / np.abs(np.linalg.eigvals(mix)).max()
    assert float(cell_types.growth(jnp.asarray(mix))) == pytest.approx(scale, rel=1e-3)


def test_adam_of_tensorflow_1_does_not_scale_epsilon():
    """Epsilon of the usual convention, multiplied by sqrt(1 - b2^t), gives the same step."""
    change, weight = {"w": jnp.array([1e-9, -3e-8])}, {"w": jnp.zeros(2)}
    ours = tf1_adam(1e-3)
    usual = optax.adam(1e-3, eps=1e-8 / np.sqrt(1 - 0.999))
    step, other = (opt.update(change, opt.init(weight), weight)[0]["w"] for opt in (ours, usual))
    np.testing.assert_allclose(step, other, rtol=1e-10)
    plain = optax.adam(1e-3)
    assert not np.allclose(step, plain.update(change, plain.init(weight))[0]["w"], rtol=0.1)


def test_rewiring_revives_up_to_the_wanted_connectivity():
    weights = {"W": jnp.where(jnp.arange(400).reshape(20, 20) % 4 == 0, 1e-5, 1.0)}
    optimizer = deep_rewiring(1e-3, constrained=("W",), penalised=(), l1=0.0, connectivity=0.9)
    state, update = optimizer.init(weights), jax.jit(optimizer.update)
    push = {"W": jnp.where(weights["W"] < 1e-4, 1.0, 0.0)}
    for _ in range(3):
        steps, state = update(push, state, weights)
        weights = optax.apply_updates(weights, steps)
    present = int(jnp.sum(effective(weights, state.signs)["W"] > 0))
    assert present == 360, "300 strong ones and 60 that were revived"


def test_rewiring_counts_entries_without_a_synapse_as_present():
    weights = {"W": jnp.eye(10)}
    optimizer = deep_rewiring(1e-3, constrained=("W",), penalised=(), connectivity=1.0)
    steps, _ = optimizer.update({"W": jnp.ones((10, 10))}, optimizer.init(weights), weights)
    after = optax.apply_updates(weights, steps)["W"]
    assert np.array_equal(after != 0, np.eye(10, dtype=bool))


def test_unknown_constrained_weights_are_refused():
    with pytest.raises(CircuitError, match="did you mean 'W_rec'"):
        deep_rewiring(1e-3, constrained=("W_re",)).init({"W_rec": jnp.ones(2)})
