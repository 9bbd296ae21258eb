"""Recurrent maps and their exponents against eigenvalues, determinants, finite differences and reference runs."""

import numpy as np
import pytest
from biocredit.analysis.metrics import dynamics, finite_time, lyapunov
from biocredit.analysis.metrics.nonlinearities import ACTIVATIONS, Activation, activation_named
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.harness import Case, carried_cases


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def driven(n=6, inputs=2, steps=60, radius=0.9, seed=0, activation="tanh"):
    weights = dynamics.rescale_to_spectral_radius(random(n, n, seed=seed), radius)
    system = dynamics.RateMap(weights, random(inputs, n, seed=seed + 1), 0.1 * random(n, seed=seed + 2), activation)
    return system, random(n, seed=seed + 3), random(steps, inputs, seed=seed + 4)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_is_the_derivative(name):
    a = np.array([-7.3, -0.6, -0.2, 0.3, 0.7, 1.4, 5.5, 7.1])
    value, slope = ACTIVATIONS[name]
    np.testing.assert_allclose(slope(a), (value(a + 1e-6) - value(a - 1e-6)) / 2e-6, atol=1e-8)


def test_unknown_activation_suggests_a_name():
    with pytest.raises(ValueError, match="did you mean 'tanh'"):
        activation_named("tnah")


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "linear", Activation(np.sin, np.cos)])
def test_tangent_is_the_derivative_of_a_step(activation):
    system, state, drive = driven(activation=activation)
    tangent = random(6, seed=9)
    ahead, behind = (system.step(state + sign * 1e-6 * tangent, drive[0]) for sign in (1, -1))
    np.testing.assert_allclose(system.push(state, drive[0], tangent), (ahead - behind) / 2e-6, atol=1e-8)


def test_trials_run_side_by_side():
    system, _, drive = driven()
    starts = random(3, 6, seed=7)
    together = dynamics.trajectory(system, starts, np.repeat(drive[:, None], 3, axis=1))
    shared = dynamics.trajectory(system, starts, drive)
    growth = lyapunov.tangent_growth(system, starts, drive, starts)
    for trial in range(3):
        alone = dynamics.trajectory(system, starts[trial], drive)
        np.testing.assert_allclose(together[:, trial], alone, atol=1e-12)
        np.testing.assert_allclose(shared[:, trial], alone, atol=1e-12)
        single = lyapunov.tangent_growth(system, starts[trial], drive, starts[trial])
        np.testing.assert_allclose(growth[:, trial], single, atol=1e-12)


@given(st.integers(1, 8), st.integers(0, 10**6))
def test_spectral_radius_is_no_norm(n, seed):
    w = random(n, n, seed=seed)
    assert dynamics.spectral_radius(w) <= dynamics.spectral_norm(w) + 1e-9
    assert dynamics.spectral_radius(dynamics.rescale_to_spectral_radius(w, 0.7)) == pytest.approx(0.7)


def test_radius_zero_cannot_be_rescaled():
    assert dynamics.spectral_radius([[0.0, 5.0], [0.0, 0.0]]) == 0
    for nothing in ([[0.0, 5.0], [0.0, 0.0]], np.zeros((0, 0)), np.zeros((3, 3))):
        with pytest.raises(ValueError, match=r"^weights: spectral radius is 0"):
            dynamics.rescale_to_spectral_radius(nothing, 0.5)


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({"weights": np.ones((2, 3))}, "weights"),
        ({"weights": np.full((2, 2), np.nan)}, "weights"),
        ({"weights": np.eye(2), "input_weights": np.ones((3, 4))}, "input_weights"),
        ({"weights": np.eye(2), "bias": np.ones(3)}, "bias"),
        ({"weights": np.eye(2), "activation": "softmax"}, "activation"),
    ],
)
def test_bad_map_names_the_argument(keywords, name):
    with pytest.raises(ValueError, match=f"^{name}: "):
        dynamics.RateMap(**keywords)


@pytest.mark.parametrize("radius", [0.3, 0.95])
def test_map_without_input_forgets_at_the_spectral_radius(radius):
    system, _, _ = driven(radius=radius)
    quiet = dynamics.RateMap(system.weights)
    exponent = lyapunov.maximal_exponent(quiet, np.zeros(6), np.zeros((4000, 6)), transient=2000)
    assert float(exponent) == pytest.approx(np.log(radius), abs=2e-3)


def test_spectrum_of_a_linear_map_is_its_eigenvalues():
    values = np.array([1.1, 0.7, -0.4, 0.2])
    basis = np.linalg.qr(random(4, 4))[0] + 0.2 * random(4, 4, seed=1)
    system = dynamics.RateMap(basis @ np.diag(values) @ np.linalg.inv(basis), activation="linear")
    found = lyapunov.lyapunov_spectrum(system, np.zeros(4), np.zeros((300, 4)), transient=100)
    np.testing.assert_allclose(found, np.log(np.abs(values)), atol=1e-9)


def test_sum_of_the_spectrum_is_the_mean_log_determinant():
    run = driven()
    spectrum = lyapunov.lyapunov_spectrum(*run, transient=20)
    assert spectrum.sum() == pytest.approx(lyapunov.mean_after(lyapunov.log_determinants(*run), 20), abs=1e-10)


def test_first_exponent_is_the_tangent_exponent():
    run = driven(steps=3000)
    tangent = float(lyapunov.maximal_exponent(*run, transient=500))
    assert lyapunov.lyapunov_spectrum(*run, transient=500)[0] == pytest.approx(tangent, abs=1e-3)
    assert float(lyapunov.two_trajectory_exponent(*run, transient=500)) == pytest.approx(tangent, abs=1e-2)


def test_finite_time_exponents_from_the_product_of_jacobians():
    system, state, drive = driven(steps=9)
    states = dynamics.trajectory(system, state, drive)
    jacobians = [system.weights * (1 - after**2) for after in states[1:]]
    v = lyapunov.uniform_direction(6)
    for window, part in enumerate((jacobians[1:5], jacobians[5:9])):
        product = np.linalg.multi_dot(part)
        vector = finite_time.finite_time_vector(system, state, drive, window=4, transient=1)
        assert vector[window] == pytest.approx(np.log(np.linalg.norm(v @ product)) / 4)
        sigma = finite_time.finite_time_sigma(system, state, drive, window=4, transient=1)
        assert sigma[window] == pytest.approx(np.log(np.linalg.norm(product, 2)) / 4)
        assert sigma[window] >= vector[window]


def test_transient_amplification_shows_only_over_all_directions():
    shear = dynamics.RateMap([[0.5, 20.0], [0.0, 0.5]], activation="linear")
    rest = np.zeros((4, 2))
    assert finite_time.finite_time_sigma(shear, rest[0], rest, window=4)[0] > 0
    along = finite_time.finite_time_vector(shear, rest[0], rest, window=4, direction=[0.0, 1.0])
    assert along[0] == pytest.approx(np.log(0.5))


def test_long_products_neither_over_nor_underflow():
    for factor in (1e-30, 1e30):
        system = dynamics.RateMap(factor * np.eye(2), activation="linear")
        rest = np.zeros((100, 2))
        assert finite_time.finite_time_sigma(system, rest[0], rest, window=100)[0] == pytest.approx(np.log(factor))
        assert finite_time.finite_time_vector(system, rest[0], rest, window=100)[0] == pytest.approx(np.log(factor))


def test_dead_tangent_is_minus_infinity():
    nilpotent = dynamics.RateMap([[0.0, 1.0], [0.0, 0.0]], activation="linear")
    rest = np.zeros((5, 2))
    assert lyapunov.maximal_exponent(nilpotent, rest[0], rest, transient=3) == -np.inf
    assert (lyapunov.lyapunov_spectrum(nilpotent, rest[0], rest, transient=1) == -np.inf).any()
    assert finite_time.finite_time_sigma(nilpotent, rest[0], rest, window=5)[0] == -np.inf
    assert lyapunov.two_trajectory_exponent(nilpotent, rest[0], rest, transient=0) == -np.inf


def test_regimes():
    assert dynamics.classify_regime(9e-7 * 10, 0.5, neurons=100) == "stable"
    assert dynamics.classify_regime(1.0, 0.021, neurons=100) == "chaotic"
    assert dynamics.classify_regime(1.0, 0.019, neurons=100) == "periodic"
    several = dynamics.classify_regime(np.array([0.0, 1.0]), np.array([-np.inf, 0.5]), neurons=4)
    assert several.tolist() == ["stable", "chaotic"]


def test_running_mean_ends_at_the_mean():
    growth = random(7, 3)
    np.testing.assert_allclose(lyapunov.running_mean(growth)[-1], growth.mean(0))
    np.testing.assert_allclose(lyapunov.running_mean(growth)[0], growth[0])


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda s, h, x: lyapunov.maximal_exponent(s, h, x, transient=60), "transient"),
        (lambda s, h, x: lyapunov.two_trajectory_exponent(s, h, x, transient=60), "transient"),
        (lambda s, h, x: lyapunov.two_trajectory_exponent(s, h, x, transient=0, offset=0.0), "offset"),
        (lambda s, h, x: lyapunov.tangent_growth(s, h, x, np.zeros(6)), "direction"),
        (lambda s, h, x: lyapunov.qr_growth(s, np.stack([h, h]), x), "initial_state"),
        (lambda s, h, x: finite_time.finite_time_sigma(s, h, x, window=61), "window"),
        (lambda s, h, x: finite_time.finite_time_vector(s, h, x, window=0), "window"),
        (lambda s, h, x: finite_time.finite_time_vector(s, h, x, window=2, transient=-1), "transient"),
        (lambda s, h, x: dynamics.trajectory(s, h, x[0]), "drive"),
        (lambda s, h, x: dynamics.trajectory(s, h * np.nan, x), "initial_state"),
        (lambda s, h, x: dynamics.one_step_differences(h), "states"),
    ],
)
def test_bad_input_names_the_argument(call, name):
    with pytest.raises(ValueError, match=f"^{name}: wanted"):
        call(*driven())


def test_adjoint_propagation_reference():
    case = Case(carried_cases()["ap_lyapunov"])
    system = dynamics.RateMap(case["W_rec"], bias=case["b_rec"])
    current, start = case["current"], case["h0"]

    def held(steps):
        return np.broadcast_to(current, (steps, *current.shape))

    states = dynamics.trajectory(system, start, held(len(case["states"]) - 1))
    np.testing.assert_allclose(states, case["states"], atol=1e-12)
    differences = dynamics.one_step_differences(states)
    np.testing.assert_allclose(differences, case["one_step_difference_norm"], atol=1e-12)
    growth = lyapunov.tangent_growth(system, start, held(len(case["log_growth"])), case["v0"])
    np.testing.assert_allclose(growth, case["log_growth"], atol=1e-9)
    np.testing.assert_allclose(lyapunov.mean_after(growth, int(case["hp_n_transient"])), case["mle"], atol=1e-9)
    eight = finite_time.finite_time_vector(system, start, held(8), window=8, direction=case["v0"])
    np.testing.assert_allclose(eight[0], case["ftmle8"], atol=1e-9)
