"""The Marchenko-Pastur law and kernel spectra against quadrature, sampling and Parseval's theorem."""

import numpy as np
import pytest
from biocredit.analysis.metrics import alignment, kernels, spectra
from biocredit.analysis.metrics.arguments import UndefinedWarning
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from tests.conformance.harness import Case, carried_cases


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("ratio", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("order", [0, 1, 2, 3, 4])
def test_moments_are_integrals_of_the_density(order, ratio):
    low, high = spectra.mp_support(ratio)
    found = quad(lambda v: v**order * float(spectra.mp_density(v, ratio)), low, high, limit=200)[0]
    assert found == pytest.approx(spectra.mp_moment(order, ratio) if order else 1, abs=1e-6)


@given(st.floats(1e-3, 1.0))
def test_variance_is_the_ratio(ratio):
    assert spectra.mp_variance(ratio) == pytest.approx(ratio, abs=1e-12)


@given(st.floats(1e-4, 1.0), st.floats(-1, 5), st.floats(-1, 5))
def test_distribution_function_rises_from_zero_to_one(ratio, first, second):
    low, high = spectra.mp_cdf(np.sort([first, second]), ratio)
    assert 0 <= low <= high + 1e-10 <= 1 + 1e-10


@pytest.mark.parametrize("ratio", [0.02, 0.1, 0.5, 0.9])
def test_distribution_function_is_the_integral_of_the_density(ratio):
    low, high = spectra.mp_support(ratio)
    for v in np.linspace(low, high, 7):
        expected = quad(lambda u: float(spectra.mp_density(u, ratio)), low, v, limit=200)[0]
        assert float(spectra.mp_cdf(v, ratio)) == pytest.approx(expected, abs=1e-6)
    assert spectra.mp_cdf([low - 1, high + 1], ratio).tolist() == [0, pytest.approx(1, abs=1e-12)]
    assert spectra.mp_density([low - 1e-3, high + 1e-3], ratio).tolist() == [0, 0]


def test_random_expansion_follows_the_law_and_predicts_the_path_angle():
    rows, columns = 2000, 200
    expansion = random(rows, columns) / np.sqrt(rows)
    eigenvalues = spectra.gram_eigenvalues(expansion)
    assert spectra.ks_distance(eigenvalues, columns / rows) < 0.02
    assert spectra.ks_distance(eigenvalues, 0.5) > 0.1
    weights = random(columns, 100, seed=1)
    measured = alignment.angle(weights, spectra.expanded_and_back(expansion, weights))
    assert measured == pytest.approx(spectra.predicted_path_angle(columns / rows), abs=0.5)


def test_semi_orthogonal_expansion_turns_nothing():
    basis = np.linalg.qr(random(30, 10))[0]
    weights = random(10, 4, seed=1)
    assert alignment.angle(weights, spectra.expanded_and_back(basis, weights)) == pytest.approx(0, abs=1e-6)
    assert spectra.predicted_path_angle(0.0) == 0
    assert spectra.predicted_path_angle(1.0) == pytest.approx(45)


@given(st.floats(0.01, 1.0))
def test_gain_gives_the_gram_matrix_mean_one(ratio):
    columns = 100.0
    rows = columns / ratio
    assert rows * spectra.unit_gram_gain(ratio) ** 2 * 2 / (rows + columns) == pytest.approx(1)


@pytest.mark.parametrize("ratio", [0.0, -0.1, 1.1, np.nan])
def test_impossible_ratio(ratio):
    with pytest.raises(ValueError, match=r"^ratio: wanted"):
        spectra.mp_density(1.0, ratio)


def test_bad_samples():
    with pytest.warns(UndefinedWarning):
        assert np.isnan(spectra.ks_distance(np.zeros(0), 0.5))
    with pytest.raises(ValueError, match=r"^eigenvalues: wanted"):
        spectra.ks_distance(np.array([np.nan]), 0.5)
    with pytest.raises(ValueError, match=r"^weights: wanted 3 rows"):
        spectra.expanded_and_back(np.ones((5, 3)), np.ones((4, 2)))


def test_white_noise_fills_the_grid_evenly():
    noise = random(400, 5, 5, 5)
    assert kernels.mean_high_frequency_fraction(noise) == pytest.approx(0.8076, abs=0.01)
    np.testing.assert_allclose(kernels.radial_power(noise), 25, rtol=0.1)


def test_single_pixel_has_a_flat_spectrum():
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(32), np.fft.fftfreq(32)))
    assert float(kernels.high_frequency_fraction([[3.0]])) == pytest.approx(np.mean(frequency > 0.25))
    assert float(kernels.spectral_centroid([[3.0]])) == pytest.approx(frequency.mean())
    np.testing.assert_allclose(kernels.radial_power([[3.0]], fft_size=16), 9)


def test_smoothing_lowers_every_measure():
    rough = random(20, 3, 3, 3)
    smooth = np.broadcast_to(np.outer([1, 2, 1], [1, 2, 1]), rough.shape) + 0.1 * rough
    assert kernels.mean_high_frequency_fraction(smooth) < 0.3
    assert (kernels.spectral_centroid(smooth) < 0.25).all()
    found = kernels.compare_kernels(rough, smooth)
    assert found.first_quartiles[1] > found.second_quartiles[1]
    assert found.p_value < 1e-9
    assert kernels.compare_kernels(rough, rough).p_value > 0.9


def test_scale_and_layers():
    stack = random(4, 2, 3, 3)
    layers = kernels.high_frequency_fraction({"conv1": stack, "conv2": 7 * stack})
    np.testing.assert_allclose(layers["conv1"], layers["conv2"])
    assert layers["conv1"].shape == (4, 2)


def test_mean_power_obeys_parseval():
    stack = random(6, 3, 3)
    counts = np.histogram(np.hypot(*np.meshgrid(np.fft.fftfreq(16), np.fft.fftfreq(16))), kernels.radial_bin_edges())[0]
    total = np.sum(counts * kernels.radial_power(stack, fft_size=16))
    assert total / 16**2 == pytest.approx(np.mean(np.sum(stack**2, axis=(1, 2))))


def test_zero_kernel_is_left_out_of_means():
    stack = random(3, 3, 3)
    stack[1] = 0
    with pytest.warns(UndefinedWarning, match="zero kernel"):
        fractions = kernels.high_frequency_fraction(stack)
    assert np.isnan(fractions).tolist() == [False, True, False]
    with pytest.warns(UndefinedWarning):
        assert kernels.mean_high_frequency_fraction(stack) == pytest.approx(np.nanmean(fractions))


def test_empty_bin_is_undefined():
    with pytest.warns(UndefinedWarning, match="bins without"):
        power = kernels.radial_power([[1.0]], np.array([0.0, 0.001, 0.002]))
    assert np.isnan(power).tolist() == [False, True]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: kernels.spectral_centroid(np.ones(3)), "kernels"),
        (lambda: kernels.spectral_centroid(np.ones((2, 9, 9)), fft_size=8), "fft_size"),
        (lambda: kernels.radial_power(np.ones((3, 3)), np.array([0.2, 0.1])), "edges"),
        (lambda: kernels.radial_bin_edges(0), "bins"),
        (lambda: spectra.mp_moment(0, 0.5), "order"),
    ],
)
def test_bad_input_names_the_argument(call, name):
    with pytest.raises(ValueError, match=f"^{name}: wanted"):
        call()


def test_counter_current_reference():
    case = Case(carried_cases()["ccl_metrics"])
    size = 16
    found = kernels.high_frequency_fraction(case["kernels"], fft_size=size)
    np.testing.assert_allclose(found, case["kernel_high_frequency_fraction"], atol=1e-12)
    centroid = kernels.spectral_centroid(case["kernels"], fft_size=size)
    np.testing.assert_allclose(centroid, case["kernel_mean_radial_frequency"], atol=1e-12)
    cosines = [alignment.weight_cosine(case[f"U{layer}"], case[f"V{layer}"]) for layer in (1, 2, 3)]
    np.testing.assert_allclose(cosines, case["weight_cosine"], atol=1e-12)
    for flip, name in ((False, "plain"), (True, "flipped")):
        found = alignment.weight_cosine(case["conv_U1"], case["conv_V1"], flip=flip)
        assert found == pytest.approx(float(case[f"conv_weight_cosine_{name}"]), abs=1e-12)
