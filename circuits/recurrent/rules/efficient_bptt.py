"""Efficient BPTT: once every few steps the whole truncated gradient of the steps since."""

from functools import partial

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree, with_settings
from biocredit.circuits.recurrent.credit.step_rule import LocalSignals, StepRule, step_needs
from biocredit.circuits.recurrent.credit.window import check_horizon, empty_window, send_back, slide


def start_efficient_bptt(weights: Tree, horizon: int) -> Tree:
    """An empty window and the number of steps taken."""
    return {**empty_window(weights, horizon), "step": jnp.zeros((), jnp.int32)}


def window_gradient(window: Tree) -> jax.Array:
    """Gradient [n, m] of all losses in the window by all uses of the weights in it."""
    credit = send_back(window["credit"], window["jacobian"])
    return jnp.einsum("ti,tj->ij", credit * window["gain"], window["regressor"])


def efficient_bptt_update(state: Tree, signals: LocalSignals) -> tuple[Tree, Tree]:
    """Gradient of the window whenever it has been filled anew, zero in between."""
    step = state["step"] + 1
    window = slide({name: old for name, old in state.items() if name != "step"}, signals)
    full = step % window["gain"].shape[0] == 0
    silence = jnp.zeros((signals["gain"].size, signals["regressor"].size), signals["gain"].dtype)
    gradient = jax.lax.cond(full, window_gradient, lambda _: silence, window)
    return {**window, "step": step}, {"incoming": gradient}


@with_settings
def efficient_bptt(horizon: int = 10) -> StepRule:
    """Truncated BPTT in blocks (Williams & Peng, Neural Comput. 2, 490, 1990; as run by Marschall et al.).

    Parameters
    ----------
    horizon
        Number of steps in a block.
    """
    check_horizon(horizon)
    return StepRule(
        name="efficient_bptt",
        init=partial(start_efficient_bptt, horizon=horizon),
        update=efficient_bptt_update,
        silent_steps=lambda steps: -steps % horizon,
        needs=step_needs("jacobian", "gain", "regressor", "credit"),
        exact_when="the horizon covers the trial",
        memory="O(S N^2)",
        operations="O(S N^2)",
        citation="10.1162/neco.1990.2.4.490",
        equation=r"\Delta = \sum_{s=t-S+1}^{t}\; "
        r"\sum_{u=s}^{t} \delta^{\mathrm{now}}_u\, J_u \cdots J_{s+1}\, P_s "
        r"\quad \mathrm{every}\ S\ \mathrm{steps}",
    )
