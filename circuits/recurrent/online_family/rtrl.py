"""Real-time recurrent learning: the exact gradient, forward in time."""

import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.online_family.online_rule import OnlineRule, Signals, immediate


def start_rtrl(weights: Tree) -> Tree:
    """Influence of every weight on every state, ``M`` [n, n, m]: none yet."""
    n, m = weights["incoming"].shape
    return {"M": jnp.zeros((n, n, m), weights["incoming"].dtype)}


def rtrl_update(state: Tree, signals: Signals) -> tuple[Tree, Tree]:
    """M = J M + immediate influence; gradient = credit M (first index of M: the neuron influenced)."""
    cells = jnp.arange(signals["gain"].size)
    carried = jnp.einsum("ij,jkm->ikm", signals["jacobian"], state["M"])
    influence = carried.at[cells, cells].add(immediate(signals))
    return {"M": influence}, {"incoming": jnp.einsum("i,ikm->km", signals["credit"], influence)}


def rtrl() -> OnlineRule:
    """Exact forward-mode gradient (Williams & Zipser, Neural Comput. 1, 270, 1989)."""
    return OnlineRule(
        name="rtrl",
        init=start_rtrl,
        update=rtrl_update,
        signals=("jacobian", "gain", "regressor", "credit"),
        exact=True,
        memory="O(N^3)",
        operations="O(N^4)",
        citation="10.1162/neco.1989.1.2.270",
    )
