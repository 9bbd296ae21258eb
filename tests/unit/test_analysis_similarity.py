"""Linear CKA against its definition, its invariances and its statistics."""

import numpy as np
import pytest
from biocredit.analysis.metrics import similarity
from biocredit.analysis.metrics.arguments import UndefinedWarning
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.harness import Case, carried_cases

ESTIMATORS = [similarity.cka, similarity.cka_unbiased, lambda x, y: similarity.cka_minibatch(x, y, 5)]
NAMES = ["biased", "unbiased", "minibatch"]


def activities(samples=20, first=6, second=9, seed=0):
    generator = np.random.default_rng(seed)
    shared = generator.standard_normal((samples, 3))
    return [
        shared @ generator.standard_normal((3, units)) + 0.5 * generator.standard_normal((samples, units))
        for units in (first, second)
    ]


@pytest.mark.parametrize("units", [4, 60])
def test_biased_hsic_is_its_definition(units):
    x, y = activities(second=units)
    n = len(x)
    centring = np.eye(n) - 1 / n
    expected = np.trace(x @ x.T @ centring @ y @ y.T @ centring) / (n - 1) ** 2
    assert similarity.hsic_biased(x, y) == pytest.approx(expected, rel=1e-12)


def test_unbiased_hsic_is_the_sum_over_distinct_samples():
    x, y = activities(samples=6)
    k, m = x @ x.T, y @ y.T
    terms = {2: [], 3: [], 4: []}
    distinct = [(i, j, q, r) for i, j, q, r in np.ndindex(6, 6, 6, 6) if len({i, j, q, r}) == 4]
    for i, j, q, r in distinct:
        terms[2].append(k[i, j] * m[i, j])
        terms[3].append(k[i, j] * m[i, q])
        terms[4].append(k[i, j] * m[q, r])
    expected = np.mean(terms[2]) + np.mean(terms[4]) - 2 * np.mean(terms[3])
    assert similarity.hsic_unbiased(x, y) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=NAMES)
def test_invariances(estimator):
    x, y = activities()
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((6, 6)))[0]
    assert estimator(x, x) == pytest.approx(1, abs=1e-12)
    assert estimator(2.5 * x @ turn + 7, y) == pytest.approx(estimator(x, y), abs=1e-12)
    assert estimator(y, x) == pytest.approx(estimator(x, y), abs=1e-12)
    assert abs(estimator(x @ np.diag([50, 1, 1, 1, 1, 1]), y) - estimator(x, y)) > 1e-3


@given(st.integers(4, 12), st.integers(1, 20), st.integers(1, 20), st.integers(0, 10**6))
def test_bounds(samples, first, second, seed):
    x, y = activities(samples, first, second, seed)
    assert -1e-12 <= similarity.cka(x, y) <= 1 + 1e-12
    assert similarity.hsic_biased(x, x) > 0


def test_unrelated_activity_is_unbiased_only_in_the_unbiased_estimator():
    generator = np.random.default_rng(0)
    pairs = [generator.standard_normal((2, 20, 40)) for _ in range(100)]
    unbiased = [similarity.cka_unbiased(x, y) for x, y in pairs]
    assert abs(np.mean(unbiased)) < 4 * np.std(unbiased) / 10
    assert np.mean([similarity.cka(x, y) for x, y in pairs]) > 0.5


def test_minibatch_averages_terms_not_ratios():
    x, y = activities(samples=13)
    batches = [slice(0, 5), slice(5, 10)]
    terms = [np.mean([similarity.hsic_unbiased(a[b], c[b]) for b in batches]) for a, c in ((x, y), (x, x), (y, y))]
    assert similarity.cka_minibatch(x, y, 5) == pytest.approx(terms[0] / np.sqrt(terms[1] * terms[2]), rel=1e-10)
    assert similarity.cka_minibatch(x, y, 13) == pytest.approx(similarity.cka_unbiased(x, y), rel=1e-12)


def test_maps_are_flattened_and_mean_does_not_cost_digits():
    x, y = activities(first=8)
    assert similarity.cka(x.reshape(20, 2, 2, 2), y) == pytest.approx(similarity.cka(x, y), rel=1e-14)
    assert similarity.cka_unbiased(x + 1e4, y) == pytest.approx(similarity.cka_unbiased(x, y), abs=1e-9)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=NAMES)
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_activity_is_undefined(estimator, value):
    x, _ = activities()
    with pytest.warns(UndefinedWarning, match="self-similarity"):
        assert np.isnan(estimator(x, np.full((20, 3), value)))


@pytest.mark.parametrize(
    ("metric", "x", "y", "name"),
    [
        (similarity.cka, np.ones((5, 2)), np.ones((6, 2)), "y"),
        (similarity.cka_unbiased, np.ones((3, 2)), np.ones((3, 2)), "x"),
        (similarity.hsic_unbiased, np.ones((3, 2)), np.ones((3, 2)), "x"),
        (similarity.cka, np.ones((1, 2)), np.ones((1, 2)), "x"),
        (similarity.cka, np.full((5, 2), np.nan), np.ones((5, 2)), "x"),
        (similarity.cka, np.ones((5, 0)), np.ones((5, 2)), "x"),
    ],
)
def test_bad_input_names_the_argument(metric, x, y, name):
    with pytest.raises(ValueError, match=f"^{name}: wanted"):
        metric(x, y)


@pytest.mark.parametrize("size", [3, 21])
def test_impossible_batches(size):
    with pytest.raises(ValueError, match=r"^batch_size: wanted 4 to 20"):
        similarity.cka_minibatch(*activities(), size)


def test_matrix_of_two_streams_keeps_the_order():
    x, y = activities()
    table = similarity.cka_matrix({"b2": y, "b1": x}, {"a1": x, "a2": y, "a3": x + y[:, :6]}, similarity.cka_unbiased)
    assert table.shape == (2, 3)
    assert table[1, 0] == pytest.approx(1)
    assert table[0, 0] == pytest.approx(similarity.cka_unbiased(y, x))


def test_counter_current_reference():
    case = Case(carried_cases()["ccl_metrics"])
    layers = range(len(case["dims"]))
    rows = {f"b{level}": case[f"b{level}_rows"] for level in reversed(layers)}
    columns = {f"a{level}": case[f"a{level}"] for level in layers}
    np.testing.assert_allclose(similarity.cka_matrix(rows, columns), case["cka_matrix"], atol=1e-12)
