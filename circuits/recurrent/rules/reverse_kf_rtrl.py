"""Reverse KF-RTRL: the other Kronecker order, postsynaptic vector times a matrix of regressors."""

import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.credit.step_rule import LocalSignals, StepRule, immediate, share, signs, step_needs
from biocredit.circuits.recurrent.rules.uoro import start_uoro


def reverse_kf_rtrl_update(state: Tree, signals: LocalSignals) -> tuple[Tree, Tree]:
    """A = p0 A + p1 nu; B = J B / p0 + nu P / p1; gradient[i, j] = A[i] (credit B)[j] (Marschall et al., 4.1)."""
    nu = signals["noise"]
    carried, fresh = signals["jacobian"] @ state["B"], nu[:, None] * immediate(signals)
    p0 = share(jnp.linalg.norm(carried), jnp.linalg.norm(state["A"]))
    p1 = share(jnp.linalg.norm(fresh), jnp.sqrt(jnp.asarray(nu.size, carried.dtype)))
    owner, influence = p0 * state["A"] + p1 * nu, carried / p0 + fresh / p1
    gradient = jnp.outer(owner, signals["credit"] @ influence)
    return {"A": owner, "B": influence, "p0": p0, "p1": p1}, {"incoming": gradient}


def reverse_kf_rtrl() -> StepRule:
    """Unbiased estimate with the owner of the synapse as random vector (Marschall, Cho & Savin 2020)."""
    return StepRule(
        name="reverse_kf_rtrl",
        init=start_uoro,
        update=reverse_kf_rtrl_update,
        draw=signs,
        needs=step_needs("jacobian", "gain", "regressor", "credit", "noise"),
        of_others=("input", "rate", "gain", "learning_signal"),
        exact_when="averaged over the noise",
        memory="O(N^2)",
        operations="O(N^3)",
        citation="arXiv:1907.02649",
        equation=r"\Delta_{ij} = A_{t,i}\, (\delta^{\mathrm{now}} B_t)_j, \qquad "
        r"A_t = p_0\, A_{t-1} + p_1\, \nu_t, \qquad "
        r"B_t = J_t B_{t-1} / p_0 + \nu_t P_t / p_1",
    )
