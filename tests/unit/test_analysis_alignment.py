"""Angles, norm ratios, layouts and reciprocal weights against closed forms and invariances."""

import subprocess
import sys

import numpy as np
import pytest
from biocredit.analysis.metrics import alignment, layouts, reciprocity, self_assembly
from biocredit.analysis.metrics.arguments import UndefinedWarning
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

numbers = st.floats(-10, 10).map(lambda value: round(value, 6))


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("degrees", [0.0, 1e-5, 30.0, 90.0, 150.0, 179.99999, 180.0])
@pytest.mark.parametrize("length", [1e-200, 1.0, 1e200])
def test_angle_of_a_known_angle(degrees, length):
    radians = np.radians(degrees)
    turned = length * np.array([np.cos(radians), np.sin(radians)])
    assert alignment.angle([1.0, 0.0], turned) == pytest.approx(degrees, abs=1e-9)


@given(arrays(float, array_shapes(max_dims=3, max_side=4), elements=numbers), st.floats(0.01, 100))
def test_angle_ignores_scale_and_mirrors_sign(a, scale):
    assume(np.abs(a).max() > 1e-3)
    b = np.roll(a, 1) + 1.0
    assume(np.abs(b).max() > 1e-3)
    angle = alignment.angle(a, b)
    assert alignment.angle(b, scale * a) == pytest.approx(angle, abs=1e-6)
    assert alignment.angle(a, -b) == pytest.approx(180 - angle, abs=1e-6)
    assert alignment.angle_to_either_sign(a, -b) == pytest.approx(min(angle, 180 - angle), abs=1e-6)
    assert alignment.cosine(a, b) == pytest.approx(np.cos(np.radians(angle)), abs=1e-9)


def test_independent_vectors_are_at_ninety_degrees():
    angles = [alignment.angle(random(400, seed=i), random(400, seed=1000 + i)) for i in range(200)]
    assert np.mean(angles) == pytest.approx(90, abs=4 * np.degrees(1) / np.sqrt(400 * 200))
    assert np.std(angles) == pytest.approx(np.degrees(1) / np.sqrt(400), rel=0.25)


@pytest.mark.parametrize("metric", [alignment.angle, alignment.angle_to_either_sign, alignment.cosine])
def test_zero_vector_has_no_angle(metric):
    with pytest.warns(UndefinedWarning, match="zero vector"):
        assert np.isnan(metric(np.zeros(3), np.ones(3)))


@pytest.mark.parametrize("metric", [alignment.angle, alignment.cosine])
@pytest.mark.parametrize(
    ("a", "b", "name"),
    [
        (np.ones(3), np.ones(4), "b"),
        (np.ones((2, 3)), np.ones((3, 2)), "b"),
        (np.array([1.0, np.nan]), np.ones(2), "a"),
        (np.ones(2), np.array([1.0, np.inf]), "b"),
        (np.array(["x", "y"]), np.ones(2), "a"),
    ],
)
def test_bad_input_names_the_argument(metric, a, b, name):
    with pytest.raises(ValueError, match=f"^{name}: wanted"):
        metric(a, b)


def test_row_angles_against_single_rows():
    a, b = random(4, 3), random(4, 3, seed=1)
    expected = [alignment.angle(a[i], b[i]) for i in range(4)]
    np.testing.assert_allclose(alignment.row_angles(a, b), expected)
    assert alignment.mean_row_angle(a, b) == pytest.approx(np.mean(expected))


def test_non_square_layout_must_be_swapped():
    w, b = random(5, 3), random(3, 5, seed=1)
    assert alignment.weight_alignment(w, w.T) == pytest.approx(0, abs=1e-6)
    assert alignment.weight_alignment(w, b) == pytest.approx(alignment.angle(w.T, b))
    assert alignment.weight_cosine(w, -w.T) == pytest.approx(-1)
    for metric in (
        alignment.weight_alignment,
        alignment.weight_cosine,
        alignment.weight_norm_ratio,
        alignment.weight_distance,
        alignment.relative_distance,
        alignment.sign_concordance,
    ):
        with pytest.raises(ValueError, match=r"^backward: wanted the shape"):
            metric(w, w)


def test_flipped_kernels():
    kernel = random(4, 2, 3, 3)
    backward = np.flip(np.swapaxes(kernel, 0, 1), axis=(2, 3))
    assert alignment.weight_alignment(kernel, backward, flip=True) == pytest.approx(0, abs=1e-6)
    assert alignment.weight_alignment(kernel, backward) > 45


@pytest.mark.parametrize("kernel", [(), (3, 2)])
def test_path_is_the_product_of_both_steps(kernel):
    second, first = random(3, 6, *kernel), random(6, 5, seed=1)
    path = layouts.backward_path(second, first.reshape(6, 5, *(1 for _ in kernel)))
    for position in np.ndindex(kernel):
        index = (slice(None), slice(None), *position)
        np.testing.assert_allclose(path[index], second[index] @ first)
    w = np.swapaxes(path, 0, 1)
    assert alignment.path_alignment(-2 * w, second, first) == pytest.approx(180, abs=1e-6)
    assert alignment.path_norm_ratio(2 * w, second, first) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("second", "first", "name"),
    [((3, 6), (5, 4), "second"), ((3, 6), (6, 4, 3, 3), "first"), ((3,), (3, 4), "second"), ((3, 6), (6,), "first")],
)
def test_path_of_steps_that_do_not_fit(second, first, name):
    with pytest.raises(ValueError, match=f"^{name}: wanted"):
        layouts.backward_path(np.ones(second), np.ones(first))


def test_norm_ratios_of_known_matrices():
    a, b = np.diag([3.0, 4.0]), np.eye(2)
    assert alignment.norm_ratio(a, b) == pytest.approx(5 / np.sqrt(2))
    assert alignment.norm_ratio(a, b, "spectral") == pytest.approx(4)
    assert alignment.relative_distance(a, b) == pytest.approx(np.sqrt(13) / 5)
    assert alignment.weight_distance(a, b) == pytest.approx(np.sqrt(13))
    with pytest.raises(ValueError, match=r"^norm: wanted"):
        alignment.norm_ratio(a, b, "largest")


@pytest.mark.parametrize("metric", [alignment.norm_ratio, alignment.weight_norm_ratio, alignment.relative_distance])
def test_ratio_to_nothing_is_undefined(metric):
    one, zero = np.eye(2), np.zeros((2, 2))
    arguments = (one, zero) if metric is alignment.norm_ratio else (zero, one)
    with pytest.warns(UndefinedWarning):
        assert np.isnan(metric(*arguments))


def test_sign_concordance_counts_zeros_only_together():
    assert alignment.sign_concordance([[1.0, 0.0, 0.0, -2.0]], [[2.0], [0.0], [1.0], [2.0]]) == 0.5


def test_dictionaries_of_layers():
    w = {"layer1": random(3, 2), "layer2": random(4, 3)}
    b = {name: -value.T for name, value in reversed(w.items())}
    assert alignment.weight_alignment(w, b) == {"layer1": pytest.approx(180), "layer2": pytest.approx(180)}
    assert alignment.weight_norm_ratio(w, backward=b, norm="spectral") == {name: pytest.approx(1) for name in w}
    with pytest.raises(ValueError, match="layer 'layer2' is missing: got the layers \\['layer1'\\]"):
        alignment.weight_alignment(w, {"layer1": b["layer1"]})


def test_published_estimate_for_cortex():
    assert float(reciprocity.overall_correlation(0.31, 0.36)) == pytest.approx(0.20044, abs=1e-5)
    assert float(reciprocity.overall_angle(0.31, 0.36)) == pytest.approx(78.437, abs=1e-3)
    assert float(reciprocity.overall_angle(1.0, 1.0)) == 0.0


@pytest.mark.parametrize(("p", "rho"), [(0.31, 0.36), (1.0, -0.5), (0.5, 1.0)])
def test_simulated_pairs_follow_the_closed_form(p, rho):
    first, second = reciprocity.simulate_pairs(p, rho, pairs=200_000, seed=1)
    expected = float(reciprocity.overall_correlation(p, rho))
    assert reciprocity.reciprocal_correlation(first[:, None], second[None, :]) == pytest.approx(expected, abs=0.01)
    assert alignment.angle(first, second) == pytest.approx(float(reciprocity.overall_angle(p, rho)), abs=0.5)


def test_unconnected_pairs_do_not_count():
    w, b = random(1, 50), random(50, 1, seed=1)
    padded = reciprocity.reciprocal_correlation(np.pad(w, ((0, 0), (0, 9))), np.pad(b, ((0, 9), (0, 0))))
    assert padded == pytest.approx(np.corrcoef(w[0], b[:, 0])[0, 1])
    with pytest.warns(UndefinedWarning, match="without variance"):
        assert np.isnan(reciprocity.reciprocal_correlation(np.zeros((2, 2)), np.zeros((2, 2))))


@pytest.mark.parametrize(("p", "rho", "name"), [(1.5, 0.1, "fraction"), (-0.1, 0.1, "fraction"), (0.5, 2.0, "within")])
def test_impossible_pair_statistics(p, rho, name):
    with pytest.raises(ValueError, match=f"^{name}"):
        reciprocity.overall_correlation(p, rho)


def test_exchange_residual_vanishes_for_an_assembled_circuit():
    w, v, partner = random(4, 3), random(4, 4, seed=1), random(5, 3, seed=2)
    assembled = partner @ w.T @ np.linalg.inv(v.T)
    np.testing.assert_allclose(self_assembly.exchange_residual(assembled, v, partner, w), 0, atol=1e-10)
    np.testing.assert_allclose(self_assembly.exchange_residual(2 * assembled, v, partner, w), partner @ w.T)
    assert np.linalg.eigvalsh(self_assembly.matrix_learning_rate(v)).min() >= 0
    with pytest.raises(ValueError, match=r"^descending: wanted"):
        self_assembly.exchange_residual(w, v, np.eye(3), w)


def test_analysis_needs_neither_jax_nor_brainpy():
    metrics = "alignment,dynamics,finite_time,kernels,operations,performance,plausibility,psychometric_fit,reciprocity"
    more = "representation,self_assembly,similarity,spectra,target_conditions"
    program = f"""
import sys
from biocredit.analysis.metrics import {metrics},{more}
representation.principal_components([[0.0, 1.0], [1.0, 2.0]], components=1)
foreign = {{"jax", "brainpy", "brainstate", "biocredit.circuits", "biocredit.protocols"}}
unwanted = foreign & set(sys.modules)
sys.exit(f"imported {{unwanted}}" if unwanted else 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
