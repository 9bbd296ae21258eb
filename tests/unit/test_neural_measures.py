"""Distances between activities: identities, bounds and independent programs as oracles."""

import numpy as np
import pytest
from biocredit.analysis.metrics import similarity
from biocredit.analysis.metrics.arguments import UndefinedWarning
from biocredit.analysis.metrics.neural import operator_alignment
from biocredit.analysis.metrics.neural.activity import Truncation, average_over_conditions, samples
from biocredit.analysis.metrics.neural.canonical_correlation import canonical_pairs, exact_correlations
from biocredit.analysis.metrics.neural.cross_validation import (
    draw_neurons,
    leave_one_condition_out,
    noise_ceiling,
)
from biocredit.analysis.metrics.neural.dynamical_similarity import DelayEmbedding, eigenvalue_distance
from biocredit.analysis.metrics.neural.measures import MEASURES, distance, measure_named
from biocredit.analysis.metrics.neural.operator_alignment import align_operators, largest_cosine
from biocredit.analysis.metrics.neural.shape_distance import align
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group
from sklearn.cross_decomposition import CCA as SklearnCca

C, T = 4, 25
FEW = {"components": 3}
SETTINGS = {"cca": FEW, "svcca": FEW, "pwcca": FEW, "dsa": {"rank": 3, "starts": 6}, "dsa_eigenvalues": {"rank": 3}}
INVARIANT = [name for name in MEASURES if name != "procrustes_euclidean"]


def activity(neurons: int, seed: int = 0, latents: int = 4) -> np.ndarray:
    """Smooth activity of a few latents."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((C, T, latents)).cumsum(axis=1)
    return latent @ rng.standard_normal((latents, neurons)) + 0.1 * rng.standard_normal((C, T, neurons))


def turned(x: np.ndarray, seed: int = 1) -> np.ndarray:
    return x @ ortho_group.rvs(x.shape[2], random_state=seed)


@pytest.mark.parametrize("name", INVARIANT)
def test_rotation_scale_and_shift_do_not_matter(name: str):
    x = activity(6)
    moved = turned(x) if name.startswith("dsa") else 2.5 * turned(x) + 3.0
    assert distance(x, moved, name, **SETTINGS.get(name, {})) == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", MEASURES)
def test_neurons_and_conditions_in_another_order_give_the_same(name: str):
    x, y, rng = activity(6), activity(8, 1), np.random.default_rng(2)
    settings, conditions = SETTINGS.get(name, {}), rng.permutation(C)
    shuffled = x[conditions][..., rng.permutation(6)], y[conditions][..., rng.permutation(8)]
    assert distance(*shuffled, name, **settings) == pytest.approx(distance(x, y, name, **settings), abs=1e-6)


@pytest.mark.parametrize("name", [name for name in MEASURES if name != "pwcca"])
def test_measures_are_symmetric(name: str):
    x, y, settings = activity(6), activity(8, 1), SETTINGS.get(name, {})
    assert distance(x, y, name, **settings) == pytest.approx(distance(y, x, name, **settings), abs=1e-6)


@pytest.mark.parametrize("name", ["procrustes", "metric_cka"])
def test_angles_keep_the_triangle_inequality(name: str):
    for seed in range(5):
        x, y, z = (activity(6, 10 * seed + k) for k in range(3))
        assert distance(x, z, name) <= distance(x, y, name) + distance(y, z, name) + 1e-12


def test_procrustes_is_scipys_rotation():
    x, y = (samples(activity(6, seed)) for seed in (0, 1))
    x, y = x - x.mean(0), y - y.mean(0)
    total = orthogonal_procrustes(x, y)[1]
    expected = np.arccos(total / np.linalg.norm(x) / np.linalg.norm(y))
    assert align(x, y).angle(x, y) == pytest.approx(expected, abs=1e-12)


def test_full_whitening_is_the_mean_canonical_correlation():
    x, y = (samples(activity(4, seed)) for seed in (0, 1))
    assert np.cos(align(x, y, alpha=0).angle(x, y)) == pytest.approx(exact_correlations(x, y).mean(), abs=1e-9)


def test_canonical_correlations_are_scikit_learns():
    x, y = (samples(activity(4, seed)) for seed in (0, 1))
    model = SklearnCca(n_components=4, scale=False, max_iter=20000, tol=1e-14).fit(x, y)
    a, b = model.transform(x, y)
    expected = [np.corrcoef(a[:, k], b[:, k])[0, 1] for k in range(4)]
    assert exact_correlations(x, y) == pytest.approx(expected, abs=1e-6)
    x, y = x - x.mean(0), y - y.mean(0)
    assert canonical_pairs(x, y, 1e-9).correlations(x, y) == pytest.approx(expected, abs=1e-6)


def test_angle_of_cka():
    x, y = activity(6), activity(8, 1)
    found = distance(x, y, "metric_cka", radians=True)
    assert np.cos(found) == pytest.approx(similarity.cka(samples(x), samples(y)), abs=1e-12)


def test_transposed_axes_are_another_number():
    x, y = activity(6), activity(6, 1)
    assert distance(x, y) != pytest.approx(distance(x.swapaxes(1, 2), y.swapaxes(1, 2)), abs=1e-3)


# -- held-out conditions, baselines, samples of neurons


def test_held_out_distances_by_hand():
    x, y = activity(6), activity(8, 1)
    found = leave_one_condition_out(x, y)
    rows = [part.reshape(-1, part.shape[2]) for part in (x[1:], y[1:])]
    means = [part.mean(0) for part in rows]
    left, _, right = np.linalg.svd((rows[0] - means[0]).T @ (rows[1] - means[1]), full_matrices=False)
    a, b = (x[0] - means[0]), (y[0] - means[1])
    cosine = np.vdot(a @ left, b @ right.T) / np.linalg.norm(a) / np.linalg.norm(b)
    assert found.test[0] == pytest.approx(np.arccos(cosine) / (np.pi / 2), abs=1e-12)
    assert found.train[0] == pytest.approx(distance(x[1:], y[1:]), abs=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_every_measure_is_cross_validated(name: str):
    found = leave_one_condition_out(activity(6), activity(8, 1), name, **SETTINGS.get(name, {}))
    assert found.train.shape == found.test.shape == (C,) and np.isfinite([*found.train, *found.test]).all()


def test_samples_of_neurons_are_disjoint_and_the_recording_itself_lies_at_zero():
    y = activity(10)
    draws = draw_neurons(10, 10, draws=3)
    for first, second in zip(draws.first, draws.second, strict=True):
        assert len({*first, *second}) == 10
    same = type(draws)(draws.first, draws.second, draws.second)
    found = noise_ceiling(y, y, same)
    assert found.normalised == pytest.approx(0, abs=1e-9)
    assert (found.average > found.data).all()


def test_the_average_over_conditions_is_farther_than_another_rotation():
    y = activity(6)
    assert distance(average_over_conditions(y), y) > 0.1


# -- dynamics


def test_embedding_recovers_a_linear_system():
    angle = 0.3
    a = 0.95 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    x = np.zeros((3, 20, 2))
    x[:, 0] = np.random.default_rng(0).standard_normal((3, 2))
    for t in range(19):
        x[:, t + 1] = x[:, t] @ a.T
    found = np.linalg.eigvals(DelayEmbedding.of(x).operator())
    assert eigenvalue_distance(found, np.linalg.eigvals(a)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_symmetric_operators_have_a_closed_form(size: int):
    rng = np.random.default_rng(size)
    a, b = (part + part.T for part in rng.standard_normal((2, size, size)))
    values = [np.linalg.eigvalsh(part) for part in (a, b)]
    expected = values[0] @ values[1] / np.linalg.norm(a) / np.linalg.norm(b)
    assert align_operators(a, b, starts=12).cosine == pytest.approx(expected, abs=1e-9)


def test_the_search_keeps_below_its_bound_and_finds_a_turned_operator():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 4, 4))
    assert align_operators(a, b, starts=8).cosine <= largest_cosine(a, b) + 1e-12
    for turn in (ortho_group.rvs(4, random_state=1), np.diag([1.0, 1, 1, -1])):
        assert align_operators(a, turn @ a @ turn.T, starts=20).angle == pytest.approx(0, abs=1e-5)


def test_more_starts_are_never_worse_and_one_may_stop_early():
    rng = np.random.default_rng(3)
    pairs = rng.standard_normal((4, 2, 3, 3))
    one, many = ([align_operators(*pair, starts=count).cosine for pair in pairs] for count in (1, 8))
    assert all(np.array(many) >= np.array(one) - 1e-12) and max(np.array(many) - one) > 1e-3


def test_gradient_of_a_chart_is_that_of_finite_differences():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 4, 4))
    upper, point = np.triu_indices(4, 1), 0.3 * rng.standard_normal(6)
    chart = (a, b, ortho_group.rvs(4, random_state=1), upper)
    found = operator_alignment.chart(point, *chart)[1]
    steps = 1e-6 * np.eye(6)
    expected = [
        (operator_alignment.chart(point + step, *chart)[0] - operator_alignment.chart(point - step, *chart)[0]) / 2e-6
        for step in steps
    ]
    assert found == pytest.approx(expected, abs=1e-7)


# -- what is refused


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("spoil", ["nan", "conditions", "times", "axes"])
def test_wrong_activities_are_refused(name: str, spoil: str):
    x, y = activity(6), activity(6, 1)
    y = {"nan": np.where(y == y[0, 0, 0], np.nan, y), "conditions": y[1:], "times": y[:, 1:], "axes": y[0]}[spoil]
    with pytest.raises(ValueError, match="y: "):
        distance(x, y, name, **SETTINGS.get(name, {}))


@pytest.mark.parametrize("name", ["procrustes", "cka", "metric_cka", "cca"])
def test_constant_activity_has_no_distance(name: str):
    with pytest.warns(UndefinedWarning):
        assert np.isnan(distance(np.ones((C, T, 6)), activity(6), name, **SETTINGS.get(name, {})))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: measure_named("procustes"), "nearest: 'procrustes'"),
        (lambda: measure_named("procrustes", aplha=0.5), "nearest: 'alpha'"),
        (lambda: measure_named(measure_named("cka"), components=2), "has its settings already"),
        (lambda: Truncation(2, 0.5), "only one"),
        (lambda: Truncation(components=0), "from 1 on"),
        (lambda: Truncation(variance=1.5), "at most 1"),
        (lambda: distance(activity(6), activity(6, 1), "cca"), "at most 6"),
        (lambda: align(np.eye(3), np.eye(3), alpha=2), "0 to 1"),
        (lambda: align(np.eye(3), np.eye(4)), "3 samples"),
        (lambda: canonical_pairs(np.eye(3), np.eye(3), 0.0), "exact form"),
        (lambda: leave_one_condition_out(activity(6)[:1], activity(6)[:1]), "at least two"),
        (lambda: draw_neurons(10, 4), "4 units"),
        (lambda: draw_neurons(10, 10, size=6), "half of 10"),
        (lambda: DelayEmbedding.of(activity(6), delays=T + 1), f"within {T} steps"),
        (lambda: DelayEmbedding.of(activity(60), delays=2), "120 coordinates"),
        (lambda: DelayEmbedding.of(activity(6)).rank(9), "1 to 6"),
        (lambda: DelayEmbedding.of(activity(6)).operator(steps_ahead=T), "steps_ahead"),
        (lambda: align_operators(np.eye(2), np.eye(3)), "one rank"),
        (lambda: align_operators(np.eye(2), np.eye(2), starts=0), "at least 1"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(call, message: str):
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_zero_operators_have_no_angle():
    with pytest.warns(UndefinedWarning):
        assert np.isnan(align_operators(np.zeros((2, 2)), np.eye(2)).angle)
