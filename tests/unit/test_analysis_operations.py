"""Operation counts, task performance, target conditions and the property table."""

from itertools import pairwise

import numpy as np
import pytest
from biocredit.analysis.metrics import operations, performance, plausibility, target_conditions
from biocredit.analysis.metrics.arguments import UndefinedWarning
from biocredit.analysis.metrics.layer_sizes import LayerSizes
from hypothesis import given
from hypothesis import strategies as st

MNIST = [784, 256, 256, 256, 256, 256, 10]
CIFAR = [3072, 1024, 1024, 1024, 10]
SETTINGS = {"batch_size": 32, "prototypes": 10, "expansion": 10, "iterations": 5, "free_steps": 20, "nudged_steps": 4}
sizes = st.lists(st.integers(1, 9), min_size=2, max_size=5)


@pytest.mark.parametrize(
    ("rule", "millions"),
    [
        ("bp", (2.391040, 25.227264)),
        ("ccl_released", (2.551552, 27.886080)),
        ("ccl_per_sample_labels", (4.069376, 43.008)),
        ("dtp_released", (48.69, 485.59)),
        ("drl_released", (125.73, 833.81)),
        ("ldrl_released", (82.45, 770.36)),
        ("fwdtp_released", (18.06, 170.08)),
    ],
)
def test_published_table(rule, millions):
    for net, published in zip((MNIST, CIFAR), millions, strict=True):
        assert operations.operations(rule, net, **SETTINGS) == pytest.approx(published * 1e6, rel=2e-3)


@given(sizes)
def test_back_propagation_counts_its_own_products(net):
    forward = sum(2 * below * above for below, above in pairwise(net))
    assert operations.operations("bp", net) == 3 * forward - 2 * net[0] * net[1]


@given(sizes, st.integers(1, 20), st.integers(1, 20))
def test_identities_between_counts(net, prototypes, batch_size):
    table = operations.operation_table(net, **SETTINGS | {"prototypes": prototypes, "batch_size": batch_size})
    assert table["fa"] == table["bp"] == table["kp_shared_outer_product"] <= table["kp_separate"]
    assert table["fwdtp_lean"] == table["kp_separate"] <= table["dtp_lean"] <= table["ldrl_lean"]
    assert all(table[f"{rule}_lean"] <= table[f"{rule}_released"] for rule in ("fwdtp", "dtp", "ldrl"))
    same = operations.operations("ccl_released", net, prototypes=batch_size, batch_size=batch_size)
    assert table["ccl_per_sample_labels"] == same
    parts = (table["tp_released_target_step"], table["tp_released_update_step"])
    assert table["fwdtp_released"] == sum(parts)
    assert set(table) == set(operations.COUNTS)


def test_equilibrium_propagation_by_hand():
    p, upper = 3 * 4 + 4 * 2, 4 * 2
    assert operations.operations("ep", [3, 4, 2], free_steps=20, nudged_steps=4) == 2 * (24 * (p + upper) + 2 * p)
    symmetric = operations.operations("ep_symmetric", [3, 4, 2], free_steps=20, nudged_steps=4)
    assert symmetric == 2 * (28 * (p + upper) + 2 * p)


def test_drl_of_two_layers_by_hand():
    net = LayerSizes((2, 3, 4))
    chains = 2 * 12 + 12
    assert operations.COUNTS["drl_lean"](net, iterations=1) == 2 * 18 + 2 * 12 + 12 + chains


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: operations.operations("bpp", MNIST), "^rule: got 'bpp'.*did you mean 'bp'"),
        (lambda: operations.operations("pfa", MNIST), "^expansion: the rule 'pfa' needs"),
        (lambda: operations.operations("dtp_lean", MNIST, iterations=-1), "^iterations: wanted"),
        (lambda: operations.operations("bp", [5]), "^sizes: wanted"),
        (lambda: operations.operations("bp", [5, 0, 2]), "^sizes: wanted"),
        (lambda: operations.operations("bp", [5, 2.5]), "^sizes: wanted"),
    ],
)
def test_bad_count(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_nmse_of_known_predictions():
    target = np.random.default_rng(0).standard_normal((3, 40))
    assert performance.nmse(target, target) == 0
    assert performance.nmse(target, 0 * target) == 1
    assert performance.nmse(target, 2 * target) == pytest.approx(1)
    shifted = target + 5
    assert performance.nmse_about_mean(shifted, np.full_like(shifted, shifted.mean())) == pytest.approx(1)
    assert performance.nmse(shifted, shifted + 1) < performance.nmse_about_mean(shifted, shifted + 1)
    by_task = performance.nmse({"a": target, "b": target}, {"a": target, "b": 0 * target})
    assert by_task == {"a": 0, "b": 1}


@pytest.mark.parametrize(
    ("metric", "target"), [(performance.nmse, np.zeros(4)), (performance.nmse_about_mean, np.ones(4))]
)
def test_error_relative_to_nothing(metric, target):
    with pytest.warns(UndefinedWarning, match="without power"):
        assert np.isnan(metric(target, np.ones(4)))
    with pytest.raises(ValueError, match=r"^prediction: wanted the shape"):
        metric(target, np.ones(5))


def test_accuracy():
    assert performance.accuracy([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], [1, 0, 0]) == pytest.approx(2 / 3)
    with pytest.warns(UndefinedWarning):
        assert np.isnan(performance.accuracy(np.zeros((0, 3)), np.zeros(0)))
    with pytest.raises(ValueError, match=r"^labels: wanted one for each of 2"):
        performance.accuracy(np.eye(2), np.zeros(3))


def test_learning_curves():
    loss = np.array([[3.0, 1.0, 1.0], [3.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    np.testing.assert_array_equal(performance.without_worst_run(loss), loss[[0, 2]])
    with pytest.raises(ValueError, match=r"^loss: wanted at least two runs"):
        performance.without_worst_run(loss[:1])
    curve = np.array([0.5, 0.9, 1.0, 0.94, 0.96, 0.97, 0.98])
    assert performance.updates_to_criterion(curve, 50 * np.arange(7)) == 250
    assert performance.updates_to_criterion(curve, 50 * np.arange(7), window=1) == 100
    with pytest.warns(UndefinedWarning, match="never reached"):
        assert np.isnan(performance.updates_to_criterion(curve, np.arange(7), criterion=0.99))
    with pytest.raises(ValueError, match=r"^window: wanted"):
        performance.updates_to_criterion(curve, np.arange(7), window=8)


def test_spread_over_runs():
    values = np.random.default_rng(0).standard_normal((5, 3))
    found = performance.spread(values)
    np.testing.assert_allclose(found.sd, np.std(values, axis=0, ddof=1))
    np.testing.assert_allclose(found.sem * np.sqrt(5), found.sd)
    np.testing.assert_allclose(found.median, np.median(values, axis=0))
    assert found.runs == 5
    with pytest.warns(UndefinedWarning, match="one run"):
        assert np.isnan(performance.spread(values[:1]).sd).all()
    with pytest.raises(ValueError, match=r"^values: wanted"):
        performance.spread(np.zeros((0, 2)))


def test_jacobian_of_the_loop_by_finite_differences():
    generator = np.random.default_rng(0)
    w, q, h = generator.standard_normal((4, 3)), generator.standard_normal((3, 4)), generator.standard_normal(3)
    f = np.tanh(w @ h)

    def jacobian(function, point):
        steps = 1e-6 * np.eye(point.size)
        return np.stack([(function(point + step) - function(point - step)) / 2e-6 for step in steps], axis=1)

    expected = jacobian(lambda x: np.tanh(w @ x), h) @ jacobian(lambda x: np.tanh(q @ x), f)
    np.testing.assert_allclose(target_conditions.loop_jacobian(w, q, h), expected, atol=1e-8)


def test_transposed_feedback_meets_every_condition_and_its_negative_none():
    w = np.random.default_rng(0).standard_normal((3, 5))
    good = target_conditions.target_conditions(w, w.T, np.zeros(5))
    bad = target_conditions.target_conditions(w, -w.T, np.zeros(5))
    assert good.trace == pytest.approx(np.sum(w**2)) == -bad.trace
    assert (good.positive_fraction, bad.positive_fraction) == (1, 0)
    assert good.smallest_symmetric > 0 > bad.smallest_symmetric
    samples = np.stack([np.zeros(5), np.ones(5)])
    mean = target_conditions.mean_target_conditions(w, w.T, samples)
    each = [target_conditions.target_conditions(w, w.T, sample).trace for sample in samples]
    assert mean.trace == pytest.approx(np.mean(each))


@pytest.mark.parametrize(
    ("shapes", "name"), [(((3, 5), (3, 5), (5,)), "backward"), (((3, 5), (5, 3), (3,)), "activity")]
)
def test_conditions_of_layers_that_do_not_fit(shapes, name):
    with pytest.raises(ValueError, match=f"^{name}: wanted shape"):
        target_conditions.loop_jacobian(*map(np.ones, shapes))


def evidence(path, reciprocal, accuracy=0.98, phases=0):
    generator = np.random.default_rng(0)
    start, end = ({"layer1": generator.standard_normal((40, 30))} for _ in range(2))
    made = {
        "copy": lambda w: {"layer1": w["layer1"].T},
        "signs": lambda w: {"layer1": np.sign(w["layer1"].T)},
        "random": lambda w: {"layer1": generator.standard_normal((30, 40))},
    }
    partners = (
        {}
        if reciprocal is None
        else {
            "reciprocal_start": made[reciprocal[0]](start),
            "reciprocal_end": made[reciprocal[1]](end),
        }
    )
    return plausibility.Evidence(
        start, end, made[path](end), accuracy, bp_accuracy=0.98, feedback_phases=phases, **partners
    )


@pytest.mark.parametrize(
    ("rule", "circuit"),
    [
        ("bp", evidence("copy", ("copy", "copy"))),
        ("kp", evidence("copy", ("random", "copy"))),
        ("wm", evidence("copy", ("random", "copy"), phases=1)),
        ("pfa", evidence("copy", None)),
    ],
)
def test_made_circuits_reproduce_the_published_column(rule, circuit):
    found = plausibility.property_table({rule: circuit})[rule]
    assert {name: finding.verdict for name, finding in found.items()} == plausibility.PUBLISHED[rule]


def test_partial_verdicts_and_their_numbers():
    found = plausibility.property_table({"sf": evidence("signs", ("signs", "signs"), accuracy=0.96)})["sf"]
    assert found["signs_free"] == ("no", 1.0)
    assert found["no_symmetry"].verdict == "part"
    assert found["no_symmetry"].value == pytest.approx(np.degrees(np.arccos(np.sqrt(2 / np.pi))), abs=2)
    assert found["bp_level"].verdict == "part"
    unrelated = plausibility.property_table({"fa": evidence("random", ("random", "random"), accuracy=0.9)})["fa"]
    assert [unrelated[name].verdict for name in ("no_symmetry", "path_aligned", "bp_level")] == ["yes", "no", "no"]
    assert all(set(column) == set(plausibility.PROPERTIES) for column in plausibility.PUBLISHED.values())
