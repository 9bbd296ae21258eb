"""Random members of the online family: the mean over their noise is the exact gradient."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.recurrent.rules import STEP_RULES

from tests.unit.online_family_case import frozen_run, make_case, noise_for

RULES = [STEP_RULES[name] for name in ("uoro", "kf_rtrl", "reverse_kf_rtrl")]


@pytest.mark.parametrize("leak", ["after", "before"])
@pytest.mark.parametrize("rule", RULES)
def test_mean_over_all_noise_is_rtrl_on_a_short_window(rule, leak):
    """Every noise sequence of a short window is enumerated: the mean is exact, not statistical."""
    case = make_case(leak, neurons=3, time=3)
    width = rule().draw(jax.random.key(0), 0, 3, jnp.float64).shape[0]
    sequences = jnp.asarray(list(itertools.product([-1.0, 1.0], repeat=3 * width))).reshape(-1, 3, width)
    estimates = jax.vmap(lambda noise: frozen_run(rule(), case, noise))(sequences)
    np.testing.assert_allclose(estimates.mean(0), frozen_run("rtrl", case), atol=1e-12)
    assert float(estimates.std(0).max()) > 0.01, "the estimator is not random, the test is empty"


@pytest.mark.parametrize("leak", ["after", "before"])
@pytest.mark.parametrize("rule", RULES)
def test_mean_over_drawn_noise_is_rtrl_within_its_standard_error(rule, leak):
    case, draws = make_case(leak, neurons=4, time=8), 6000
    keys = jax.random.split(jax.random.key(1), draws)

    def last_sum(key):
        return frozen_run(rule(), case, noise_for(rule(), case, key, 8)).sum(0)

    estimates = jax.jit(jax.vmap(last_sum))(keys)
    exact = frozen_run("rtrl", case).sum(0)
    deviation = (estimates.mean(0) - exact) / (estimates.std(0) / draws**0.5)
    assert float(jnp.abs(deviation).max()) < 5
    assert float(jnp.sqrt(jnp.mean(deviation**2))) < 2


@pytest.mark.parametrize("rule", RULES)
def test_a_silent_network_stays_finite(rule):
    """Dead gains give no immediate influence at all: nothing may be divided by zero."""
    case = make_case("after")
    estimates = frozen_run(rule(), case._replace(transfer=jnp.zeros_like))
    np.testing.assert_array_equal(estimates, jnp.zeros_like(estimates))
