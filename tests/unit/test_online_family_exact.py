"""Exact members of the online family against automatic differentiation of the forward pass."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.recurrent.rules import STEP_RULES

from tests.unit.online_family_case import flat, forward, frozen_run, gradient, loss, make_case, run

efficient_bptt, future_bptt, kernl = (STEP_RULES[name] for name in ("efficient_bptt", "future_bptt", "kernl"))
SYMMETRIC = {"feedback": "symmetric"}

both = pytest.mark.parametrize("leak", ["after", "before"])


@both
def test_rtrl_emits_the_gradient_of_every_single_loss(leak):
    case = make_case(leak, time=5)
    upto = [gradient(case, t) for t in range(6)]
    np.testing.assert_allclose(frozen_run("rtrl", case), np.diff(np.stack(upto), axis=0), atol=1e-12)


@both
def test_readout_changes_are_the_exact_gradient_under_every_rule(leak):
    case = make_case(leak)
    changes = run("rflo", case)["changes"]
    wanted = jax.grad(loss)(case.weights, case)
    for name in ("W_out", "b_out"):
        np.testing.assert_allclose(changes[name].sum(0), wanted[name], atol=1e-12)


@both
def test_future_bptt_with_full_horizon_sums_to_rtrl(leak):
    case = make_case(leak)
    time = len(case.x)
    silent = time - 1  # steps without loss that let the last uses of the weights leave the window
    x = jnp.concatenate([case.x, jnp.ones((silent, case.x.shape[1]))])
    longer = case._replace(x=x, target=jnp.zeros((len(x), case.target.shape[1])))
    satisfied = run("rtrl", longer)["output"].at[:time].set(case.target)
    emitted = frozen_run(future_bptt(time), longer._replace(target=satisfied))
    np.testing.assert_allclose(emitted.sum(0), frozen_run("rtrl", case).sum(0), atol=1e-12)
    assert not emitted[: time - 1].any()
    assert emitted[time - 1].any()


@both
def test_future_bptt_emits_the_effect_of_one_use_of_the_weights(leak):
    case, horizon = make_case(leak), 4

    def window_loss(varied, use):
        """Loss of the window in which only the step ``use`` sees the varied weights."""
        point, total = case.point, 0.0
        for t in range(use + horizon):
            point, _ = forward(varied if t == use else case.weights, case, point, case.x[t])
            if t >= use:
                output = point.rate @ case.weights["W_out"] + case.weights["b_out"]
                total = total + jnp.sum((output - case.target[t]) ** 2) / 2
        return total

    emitted = frozen_run(future_bptt(horizon), case)
    for use in (0, 5):
        wanted = jax.grad(partial(window_loss, use=use))(case.weights)
        np.testing.assert_allclose(emitted[use + horizon - 1], flat(wanted), atol=1e-12)


@both
def test_efficient_bptt_is_the_truncated_gradient_of_each_block(leak):
    case, block = make_case(leak, time=8), 3
    emitted = frozen_run(efficient_bptt(block), case)
    states = run("rtrl", case)["state"]["rate" if leak == "after" else "state"]
    for t in range(8):
        if (t + 1) % block:
            assert not emitted[t].any()
            continue
        first = t + 1 - block
        start = states[first - 1] if first else case.start
        piece = case._replace(start=start, x=case.x[first : t + 1], target=case.target[first : t + 1])
        np.testing.assert_allclose(emitted[t], gradient(piece), atol=1e-12)


@both
def test_efficient_bptt_over_the_whole_trial_is_the_gradient(leak):
    case = make_case(leak)
    emitted = frozen_run(efficient_bptt(len(case.x)), case)
    np.testing.assert_allclose(emitted.sum(0), gradient(case), atol=1e-12)


@both
def test_windows_of_one_step_agree(leak):
    case = make_case(leak)
    np.testing.assert_allclose(frozen_run(future_bptt(1), case), frozen_run(efficient_bptt(1), case), atol=1e-14)


@both
def test_rflo_is_exact_without_recurrent_weights(leak):
    case = make_case(leak)
    case.weights["W_rec"] = jnp.zeros_like(case.weights["W_rec"])
    np.testing.assert_allclose(frozen_run("rflo", case, **SYMMETRIC), frozen_run("rtrl", case), atol=1e-12)


def test_random_feedback_replaces_the_readout_in_the_credit_alone():
    """With an error that is told the fed credit of one step is error times feedback; outputs do not change."""
    case = make_case(time=1)
    feedback = jnp.asarray(np.random.default_rng(1).standard_normal(case.weights["W_out"].shape))
    fed = case._replace(weights={**case.weights, "feedback": feedback})
    kept, straight = run("rflo", fed, feedback="random"), run("rflo", case, **SYMMETRIC)
    np.testing.assert_array_equal(kept["output"], straight["output"])
    ratio = kept["changes"]["b_rec"][0] / straight["changes"]["b_rec"][0]
    error = kept["changes"]["b_out"][0]
    np.testing.assert_allclose(ratio, (error @ feedback.T) / (error @ case.weights["W_out"].T), rtol=1e-10)


def test_kernl_at_rest_is_rflo():
    """Identity sensitivity, the network's own leak and no learning: local traces and nothing else."""
    case = make_case("after")
    still = kernl(learning_rate=0.0)
    ours = frozen_run(still, case, memory={"leak": 1 - case.keep})
    np.testing.assert_allclose(ours, frozen_run("rflo", case, **SYMMETRIC), atol=1e-14)
