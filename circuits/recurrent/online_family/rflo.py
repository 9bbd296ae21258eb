"""Random-feedback local online learning: each synapse remembers only its own influence on its own neuron."""

import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.online_family.online_rule import OnlineRule, Signals, immediate


def start_rflo(weights: Tree) -> Tree:
    """Eligibility trace ``B`` [n, m] of every synapse: zero."""
    return {"B": jnp.zeros_like(weights["incoming"])}


def rflo_update(state: Tree, signals: Signals) -> tuple[Tree, Tree]:
    """B = decay B + P; gradient[i, j] = credit[i] B[i, j] (Murray 2019, Eq. 5-6)."""
    trace = signals["decay"][:, None] * state["B"] + immediate(signals)
    return {"B": trace}, {"incoming": signals["credit"][:, None] * trace}


def rflo() -> OnlineRule:
    """Local eligibility traces; the published rule feeds the error back through fixed random weights.

    Give the run ``feedback`` weights for random feedback; without them the transposed readout is used.
    """
    return OnlineRule(
        name="rflo",
        init=start_rflo,
        update=rflo_update,
        signals=("decay", "gain", "regressor", "credit"),
        exact_when="no recurrent weights and symmetric feedback",
        memory="O(N^2)",
        operations="O(N^2)",
        citation="10.7554/eLife.43299",
    )
