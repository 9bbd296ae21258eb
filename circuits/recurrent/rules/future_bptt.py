"""Future BPTT: at every step the exact effect of one old use of the weights on the losses since."""

from functools import partial

import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree, with_settings
from biocredit.circuits.recurrent.credit.step_rule import LocalSignals, StepRule, step_needs
from biocredit.circuits.recurrent.credit.window import check_horizon, empty_window, send_back, slide


def future_bptt_update(state: Tree, signals: LocalSignals) -> tuple[Tree, Tree]:
    """Gradient of the last ``horizon`` losses by the weights as used at the oldest step; zero until there is one."""
    window = slide(state, signals)
    oldest = send_back(window["credit"], window["jacobian"])[0]
    return window, {"incoming": jnp.outer(oldest * window["gain"][0], window["regressor"][0])}


@with_settings
def future_bptt(horizon: int = 10) -> StepRule:
    """Truncated BPTT, future-facing (Marschall, Cho & Savin 2020, section 3.1).

    Parameters
    ----------
    horizon
        Number of steps, the present one included, over which the effect of a use of the weights is followed.
    """
    check_horizon(horizon)
    return StepRule(
        name="future_bptt",
        init=partial(empty_window, horizon=horizon),
        update=future_bptt_update,
        silent_steps=lambda steps: horizon - 1,
        needs=step_needs("jacobian", "gain", "regressor", "credit"),
        exact_when="the horizon covers the trial and horizon - 1 silent steps follow it",
        memory="O(S N^2)",
        operations="O(S N^2)",
        citation="arXiv:1907.02649",
        equation=r"\Delta = \Bigl( \sum_{k=0}^{S-1} \delta^{\mathrm{now}}_{t+k}\, J_{t+k} \cdots J_{t+1} \Bigr) P_t",
    )
