"""Ranks, participation ratio and principal components against closed forms."""

import numpy as np
import pytest
from biocredit.analysis.metrics import representation
from biocredit.analysis.metrics.arguments import UndefinedWarning
from hypothesis import given
from hypothesis import strategies as st


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 10**6))
def test_ranks_lie_between_one_and_the_rank(rows, columns, seed):
    matrix = random(rows, columns, seed=seed)
    rank = representation.numerical_rank(matrix)
    assert rank == np.linalg.matrix_rank(matrix)
    effective = representation.effective_rank(matrix)
    assert 1 - 1e-9 <= representation.effective_rank_of_gram(matrix) <= effective + 1e-9 <= rank + 2e-9
    assert 1 - 1e-9 <= representation.stable_rank(matrix) <= rank + 1e-9


def test_gram_rank_is_the_rank_of_the_gram_matrix():
    matrix = random(5, 7)
    expected = representation.effective_rank(matrix @ matrix.T)
    assert representation.effective_rank_of_gram(matrix) == pytest.approx(expected)


def test_effective_rank_of_known_spectra():
    assert representation.effective_rank(np.eye(7)) == pytest.approx(7)
    assert representation.effective_rank(np.outer([1.0, 2.0], [3.0, 4.0, 5.0])) == pytest.approx(1)
    halves = np.exp(0.5 * np.log(2) + 0.5 * np.log(4))
    assert representation.effective_rank(np.diag([2.0, 1.0, 1.0])) == pytest.approx(halves)


def test_kernels_are_matrices_of_rows_per_output_channel():
    kernel = random(4, 2, 3, 3)
    flat = kernel.reshape(4, 18)
    assert representation.effective_rank(kernel) == pytest.approx(representation.effective_rank(flat))
    assert representation.numerical_rank(kernel) == 4


@pytest.mark.parametrize("metric", [representation.effective_rank, representation.stable_rank])
def test_zero_matrix_has_no_rank(metric):
    with pytest.warns(UndefinedWarning, match="zero matrix"):
        assert np.isnan(metric(np.zeros((3, 2))))
    assert representation.numerical_rank(np.zeros((3, 2))) == 0


@pytest.mark.parametrize("bad", [np.ones(3), np.ones((0, 3)), np.full((2, 2), np.inf)])
def test_bad_matrix(bad):
    with pytest.raises(ValueError, match=r"^matrix: wanted"):
        representation.effective_rank(bad)


def test_layers_by_name():
    layers = {"one": np.eye(3), "two": np.eye(5)}
    assert representation.effective_rank(layers) == {"one": pytest.approx(3), "two": pytest.approx(5)}


@pytest.mark.parametrize("shape", [(50, 4), (3, 8)])
def test_covariance_eigenvalues_are_those_of_the_covariance(shape):
    states = random(*shape) + 3
    expected = np.linalg.eigvalsh(np.cov(states.T))[::-1]
    np.testing.assert_allclose(representation.covariance_eigenvalues(states), expected, atol=1e-12)


def test_participation_ratio_counts_equal_directions():
    corners = np.concatenate([np.eye(5), -np.eye(5)])
    assert representation.participation_ratio(corners) == pytest.approx(5)
    assert representation.participation_ratio(np.outer(np.arange(4.0), [1.0, 2.0])) == pytest.approx(1)
    with pytest.warns(UndefinedWarning, match="constant"):
        assert np.isnan(representation.participation_ratio(np.ones((4, 3))))


def test_principal_components_rebuild_the_states_and_fix_their_signs():
    states = random(30, 4)
    fit = representation.principal_components(states, components=4)
    np.testing.assert_allclose(fit.scores[0] @ fit.components + states.mean(0), states, atol=1e-12)
    largest = np.abs(fit.components).argmax(1)
    assert (fit.components[np.arange(4), largest] > 0).all()
    assert fit.explained_variance_ratio.sum() == pytest.approx(1)
    np.testing.assert_allclose(fit.explained_variance, fit.scores[0].var(0, ddof=1))
    mirrored = representation.principal_components(-states, components=4)
    np.testing.assert_allclose(mirrored.components, fit.components, atol=1e-12)


def test_two_phases_are_fitted_on_their_union():
    free, nudged = random(10, 5), random(7, 5, seed=1) + 1
    joint = representation.principal_components(free, nudged)
    stacked = representation.principal_components(np.concatenate([free, nudged]))
    np.testing.assert_allclose(np.concatenate(joint.scores), stacked.scores[0], atol=1e-12)
    assert [len(part) for part in joint.scores] == [10, 7]


def test_constant_states_have_no_share_of_variance():
    with pytest.warns(UndefinedWarning, match="constant"):
        fit = representation.principal_components(np.ones((5, 3)))
    assert np.isnan(fit.explained_variance_ratio).all()


@pytest.mark.parametrize(
    ("trajectories", "components", "name"),
    [
        ([], 3, "trajectories"),
        ([np.ones((4, 3)), np.ones((4, 2))], 2, "trajectories"),
        ([np.ones((1, 3))], 1, "trajectories"),
        ([np.ones(3)], 1, "trajectories"),
        ([np.ones((9, 3))], 4, "components"),
        ([np.ones((9, 3))], 0, "components"),
    ],
)
def test_bad_trajectories(trajectories, components, name):
    with pytest.raises(ValueError, match=f"^{name}: wanted"):
        representation.principal_components(*trajectories, components=components)


def test_joint_embedding_separates_clusters_and_repeats():
    generator = np.random.default_rng(0)
    first, second = (generator.standard_normal((15, 5)) + shift for shift in (0, 30))
    a, b = representation.joint_embedding(first, second, perplexity=5)
    again, _ = representation.joint_embedding(first, second, perplexity=5)
    np.testing.assert_array_equal(a, again)
    between = np.linalg.norm(a.mean(0) - b.mean(0))
    assert between > 2 * max(np.linalg.norm(part - part.mean(0), axis=1).mean() for part in (a, b))
    with pytest.raises(ValueError, match=r"^second: wanted the 5 units"):
        representation.joint_embedding(first, second[:, :3])
    with pytest.raises(ValueError, match=r"^perplexity: wanted"):
        representation.joint_embedding(first, second, perplexity=30)
