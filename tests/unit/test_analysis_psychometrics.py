"""Psychometric curves and fits against finite differences, profile likelihoods and simulated observers."""

import numpy as np
import pytest
from biocredit.analysis.metrics import psychometric_likelihood, psychometrics
from biocredit.analysis.metrics.psychometric_fit import fit_psychometric
from hypothesis import given, settings
from hypothesis import strategies as st

KINDS = ["gauss", "logistic"]
STIMULUS = np.linspace(-12, 12, 13)


def observed(mu=0.8, sigma=3.0, guess=0.03, lapse=0.05, trials=4000, kind="gauss", seed=0):
    probability = psychometrics.psychometric_curve(STIMULUS, mu, sigma, guess, lapse, kind)
    counts = np.full(STIMULUS.shape, trials)
    return STIMULUS, counts, np.random.default_rng(seed).binomial(counts, probability)


@pytest.mark.parametrize("kind", KINDS)
def test_slope_is_the_derivative_at_the_threshold(kind):
    shape = {"mu": 1.5, "sigma": 2.0, "guess": 0.1, "lapse": 0.05, "kind": kind}
    low, high = psychometrics.psychometric_curve([1.5 - 1e-5, 1.5 + 1e-5], **shape)
    slope = psychometrics.slope_at_threshold(2.0, 0.1, 0.05, kind)
    assert slope == pytest.approx((high - low) / 2e-5, rel=1e-8)


@given(st.sampled_from(KINDS), st.floats(-5, 5), st.floats(0.1, 10), st.floats(0, 0.4), st.floats(0, 0.4))
def test_stimulus_at_inverts_the_curve(kind, mu, sigma, guess, lapse):
    middle = psychometrics.stimulus_at(0.5, mu, sigma, guess, lapse, kind)
    assert psychometrics.psychometric_curve(middle, mu, sigma, guess, lapse, kind) == pytest.approx(0.5)


def test_asymptotes():
    far = psychometrics.psychometric_curve([-1e6, 1e6], 0.0, 1.0, guess=0.1, lapse=0.2)
    np.testing.assert_allclose(far, [0.1, 0.8])


@pytest.mark.parametrize(
    ("keywords", "name"),
    [({"sigma": 0.0}, "sigma"), ({"guess": 0.5}, "guess"), ({"lapse": -0.1}, "lapse"), ({"kind": "cauchy"}, "kind")],
)
def test_impossible_curve(keywords, name):
    with pytest.raises(ValueError, match=f"^{name}: wanted"):
        psychometrics.psychometric_curve(STIMULUS, **({"mu": 0.0, "sigma": 1.0} | keywords))


@pytest.mark.parametrize("lapses", ["none", "shared", "free"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradient_of_the_likelihood(kind, lapses):
    stimulus, trials, choices = observed(trials=50)
    expansion = psychometric_likelihood.EXPANSIONS[lapses]
    problem = psychometric_likelihood.Likelihood(stimulus / 12, trials, choices, kind, expansion)
    point = np.array([0.1, -0.8, *[0.07, 0.11][: len(expansion)]])
    _, gradient = problem.cost(point)
    for axis in range(point.size):
        step = 1e-6 * np.eye(point.size)[axis]
        numeric = (problem.cost(point + step)[0] - problem.cost(point - step)[0]) / 2e-6
        assert gradient[axis] == pytest.approx(numeric, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_recovers_an_observer(kind):
    fit = fit_psychometric(*observed(kind=kind, trials=40_000), kind=kind, lapses="free")
    assert (fit.mu, fit.sigma) == (pytest.approx(0.8, abs=0.1), pytest.approx(3.0, abs=0.1))
    assert (fit.guess, fit.lapse) == (pytest.approx(0.03, abs=0.01), pytest.approx(0.05, abs=0.01))
    assert fit.flags == ()
    assert fit(fit.x_at_half) == pytest.approx(0.5)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.sampled_from(["none", "shared", "free"]))
def test_no_nearby_curve_is_likelier(seed, kind, lapses):
    stimulus, trials, choices = observed(trials=40, seed=seed, kind=kind)
    fit = fit_psychometric(stimulus, trials, choices, kind, lapses)
    generator = np.random.default_rng(seed)
    for _ in range(40):
        mu, sigma = fit.mu + generator.normal(0, 0.3), fit.sigma * np.exp(generator.normal(0, 0.1))
        guess, lapse = fit.guess, fit.lapse
        if lapses == "shared":
            guess = lapse = np.clip(guess + generator.normal(0, 0.02), 0, 0.49)
        if lapses == "free":
            guess, lapse = np.clip(np.array([guess, lapse]) + generator.normal(0, 0.02, 2), 0, 0.49)
        nearby = psychometrics.psychometric_curve(stimulus, mu, sigma, guess, lapse, kind)
        assert psychometric_likelihood.log_likelihood(nearby, trials, choices) <= fit.log_likelihood + 1e-8


def test_richer_modes_are_never_less_likely():
    data = observed(trials=100)
    none, shared, free = (fit_psychometric(*data, lapses=mode).log_likelihood for mode in ("none", "shared", "free"))
    assert none <= shared + 1e-9 <= free + 2e-9


@given(st.floats(-100, 100), st.floats(0.01, 100))
@settings(max_examples=10, deadline=None)
def test_fit_moves_with_the_units_of_the_stimulus(shift, scale):
    stimulus, trials, choices = observed(trials=200)
    plain = fit_psychometric(stimulus, trials, choices)
    moved = fit_psychometric(scale * stimulus + shift, trials, choices)
    assert moved.mu == pytest.approx(scale * plain.mu + shift, abs=1e-3 * scale)
    assert moved.sigma == pytest.approx(scale * plain.sigma, rel=1e-3)


@pytest.mark.parametrize("lapses", ["none", "shared", "free"])
@pytest.mark.parametrize("kind", KINDS)
def test_step_is_flagged(kind, lapses):
    choices = np.where(STIMULUS > 1, 100, 0)
    fit = fit_psychometric(STIMULUS, np.full(13, 100), choices, kind, lapses)
    assert fit.flags == ("step-like",)
    assert (fit.mu, fit.sigma) == (pytest.approx(1), pytest.approx(2e-3))
    assert (fit.guess, fit.lapse) == (pytest.approx(0, abs=1e-6), pytest.approx(0, abs=1e-6))


def test_step_with_lapses_and_step_through_a_level_are_flagged():
    with_lapses = fit_psychometric(STIMULUS, np.full(13, 100), np.where(STIMULUS > 1, 90, 20))
    assert with_lapses.flags == ("step-like",)
    assert (with_lapses.guess, with_lapses.lapse) == (pytest.approx(0.2, abs=1e-6), pytest.approx(0.1, abs=1e-6))
    through = fit_psychometric([-1.0, 0.0, 1.0], [10, 10, 10], [0, 5, 10], lapses="none")
    assert through.flags == ("step-like",)
    assert through.mu == pytest.approx(0, abs=1e-6)


def test_flat_data_is_flagged():
    fit = fit_psychometric(STIMULUS, np.full(13, 100), np.full(13, 50))
    assert "flat" in fit.flags


def test_threshold_outside_is_flagged():
    stimulus = np.array([0.0, 1.0, 2.0])
    fit = fit_psychometric(stimulus, np.full(3, 1000), np.array([20, 60, 150]), lapses="none")
    assert fit.flags == ("threshold outside the stimulus range",)


@pytest.mark.parametrize(
    ("stimulus", "trials", "choices", "name"),
    [
        ([1.0, 1.0], [5, 5], [1, 2], "stimulus"),
        ([1.0, 2.0], [5], [1, 2], "trials"),
        ([1.0, 2.0], [5, 5], [6, 2], "choices"),
        ([1.0, 2.0], [5, 5], [-1, 2], "choices"),
        ([1.0, 2.0], [0, 0], [0, 0], "trials"),
        ([1.0, np.nan], [5, 5], [1, 2], "stimulus"),
    ],
)
def test_bad_counts(stimulus, trials, choices, name):
    with pytest.raises(ValueError, match=f"^{name}: wanted"):
        fit_psychometric(np.array(stimulus), np.array(trials), np.array(choices))


def test_bad_mode():
    with pytest.raises(ValueError, match=r"^lapses: wanted"):
        fit_psychometric(*observed(), lapses="some")


def test_single_trials_are_gathered():
    generator = np.random.default_rng(0)
    stimulus = generator.choice([-1.0, 0.0, 2.0], 50)
    output = generator.random(50)
    levels, trials, choices = psychometrics.choice_counts(stimulus, output > 0.5)
    same, means = psychometrics.mean_output(stimulus, output)
    for level, count, chosen, mean in zip(levels, trials, choices, means, strict=True):
        here = output[stimulus == level]
        assert (count, chosen) == (here.size, np.sum(here > 0.5))
        assert mean == pytest.approx(here.mean())
    assert levels.tolist() == same.tolist() == [-1, 0, 2]
    with pytest.raises(ValueError, match=r"^chose_right: wanted"):
        psychometrics.choice_counts(stimulus, output)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_no_step_between_levels_is_likelier(kind, seed):
    generator = np.random.default_rng(seed)
    trials = np.full(13, 12)
    curve = (generator.uniform(-8, 8), generator.uniform(0.5, 10), *generator.uniform(0, 0.2, 2))
    choices = generator.binomial(trials, psychometrics.psychometric_curve(STIMULUS, *curve, kind))
    fit = fit_psychometric(STIMULUS, trials, choices, kind)
    for gap in range(1, 13):
        guess, right = choices[:gap].mean() / 12, choices[gap:].mean() / 12
        if guess < 0.5 < right:
            step = np.where(np.arange(13) < gap, guess, right)
            assert psychometric_likelihood.log_likelihood(step, trials, choices) <= fit.log_likelihood + 1e-6
