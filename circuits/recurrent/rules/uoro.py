"""Unbiased online recurrent optimisation: a rank-one random estimate of the influence matrix."""

import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.credit.step_rule import LocalSignals, StepRule, immediate, share, signs, step_needs


def start_uoro(weights: Tree) -> Tree:
    """Factors ``A`` [n] and ``B`` [n, m] at zero, from where the first estimate is unbiased; scales at one.

    Marschall, Cho & Savin start them from independent standard-normal values: any such start may be put in.
    """
    incoming = weights["incoming"]
    one = jnp.ones((), incoming.dtype)
    return {"A": jnp.zeros_like(incoming[:, 0]), "B": jnp.zeros_like(incoming), "p0": one, "p1": one}


def uoro_update(state: Tree, signals: LocalSignals) -> tuple[Tree, Tree]:
    """A = p0 J A + p1 nu; B = B / p0 + nu P / p1; gradient = (credit . A) B, with nu random signs."""
    nu = signals["noise"]
    carried, fresh = signals["jacobian"] @ state["A"], nu[:, None] * immediate(signals)
    p0 = share(jnp.linalg.norm(state["B"]), jnp.linalg.norm(carried))
    p1 = share(jnp.linalg.norm(fresh), jnp.sqrt(jnp.asarray(nu.size, carried.dtype)))
    influence, synapses = p0 * carried + p1 * nu, state["B"] / p0 + fresh / p1
    gradient = (signals["credit"] @ influence) * synapses
    return {"A": influence, "B": synapses, "p0": p0, "p1": p1}, {"incoming": gradient}


def uoro() -> StepRule:
    """Unbiased but noisy estimate of the exact gradient (Tallec & Ollivier, arXiv 1702.05043)."""
    return StepRule(
        name="uoro",
        init=start_uoro,
        update=uoro_update,
        draw=signs,
        needs=step_needs("jacobian", "gain", "regressor", "credit", "noise"),
        of_others=("input", "rate", "gain", "learning_signal"),
        exact_when="averaged over the noise",
        memory="O(N^2)",
        operations="O(N^2)",
        citation="arXiv:1702.05043",
        equation=r"\Delta = (\delta^{\mathrm{now}} \cdot A_t)\, B_t, \qquad "
        r"A_t = p_0\, J_t A_{t-1} + p_1\, \nu_t, \qquad "
        r"B_t = B_{t-1} / p_0 + \nu_t P_t / p_1",
    )
