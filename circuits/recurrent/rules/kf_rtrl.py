"""Kronecker-factored RTRL: the influence matrix as a random Kronecker product, presynaptic vector times matrix."""

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.credit.step_rule import LocalSignals, StepRule, share, step_needs


def start_kf_rtrl(weights: Tree) -> Tree:
    """Presynaptic factor ``A`` [m] and postsynaptic factor ``B`` [n, n] at zero (see ``start_uoro``)."""
    n, m = weights["incoming"].shape
    dtype = weights["incoming"].dtype
    one = jnp.ones((), dtype)
    return {"A": jnp.zeros(m, dtype), "B": jnp.zeros((n, n), dtype), "p0": one, "p1": one}


def kf_rtrl_update(state: Tree, signals: LocalSignals) -> tuple[Tree, Tree]:
    """A = nu1 p0 A + nu2 p1 regressor; B = nu1 J B / p0 + nu2 diag(gain) / p1; gradient = (credit B) A^T."""
    old, new = signals["noise"]
    regressor, gain = signals["regressor"], signals["gain"]
    carried = signals["jacobian"] @ state["B"]
    p0 = share(jnp.linalg.norm(carried), jnp.linalg.norm(state["A"]))
    p1 = share(jnp.linalg.norm(gain), jnp.linalg.norm(regressor))
    synapses = old * p0 * state["A"] + new * p1 * regressor
    influence = old * carried / p0 + new * jnp.diag(gain) / p1
    gradient = jnp.outer(signals["credit"] @ influence, synapses)
    return {"A": synapses, "B": influence, "p0": p0, "p1": p1}, {"incoming": gradient}


def two_signs(key: jax.Array, step: jax.Array, states: int, dtype: jnp.dtype) -> jax.Array:
    """Two independent fair signs, for the past and for the present."""
    return jax.random.rademacher(key, (2,), dtype)


def kf_rtrl() -> StepRule:
    """Unbiased estimate with less variance than UORO (Mujika, Meier & Steger, arXiv 1805.10842)."""
    return StepRule(
        name="kf_rtrl",
        init=start_kf_rtrl,
        update=kf_rtrl_update,
        draw=two_signs,
        needs=step_needs("jacobian", "gain", "regressor", "credit", "noise"),
        of_others=("input", "rate", "gain", "learning_signal"),
        exact_when="averaged over the noise",
        memory="O(N^2)",
        operations="O(N^3)",
        citation="arXiv:1805.10842",
        equation=r"\Delta = (\delta^{\mathrm{now}} B_t)\, A_t^{\top}, \qquad "
        r"A_t = \nu_1 p_0\, A_{t-1} + \nu_2 p_1\, x_t, \qquad "
        r"B_t = \nu_1 J_t B_{t-1} / p_0 + \nu_2\, \mathrm{diag}(h_t) / p_1",
    )
