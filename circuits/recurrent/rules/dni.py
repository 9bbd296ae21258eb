"""Decoupled neural interfaces: the credit that the future will bring, predicted from the present state."""

from functools import partial

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree, with_settings
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.credit.step_rule import LocalSignals, StepRule, step_needs


def start_dni(weights: Tree) -> Tree:
    """Predictor ``A`` [n, n + K + 1] of the credit from state, target and 1: it predicts none yet.

    ``frozen`` is the slow copy that makes the bootstrap targets; ``target`` [K] and ``credit`` [n] are of the step
    before; ``step`` counts.
    """
    incoming, outputs = weights["incoming"], weights["readout"].shape[0]
    n, dtype = incoming.shape[0], incoming.dtype
    blank = jnp.zeros((n, n + outputs + 1), dtype)
    before = {"target": jnp.zeros(outputs, dtype), "credit": jnp.zeros(n, dtype)}
    return {"A": blank, "frozen": blank, **before, "step": jnp.zeros((), jnp.int32), "loss": jnp.zeros((), dtype)}


def features(state: jax.Array, target: jax.Array) -> jax.Array:
    """What the predictor sees: state, target, 1."""
    return jnp.concatenate([state, target, jnp.ones(1, state.dtype)])


def dni_update(state: Tree, signals: LocalSignals, learning_rate: float, every: int) -> tuple[Tree, Tree]:
    """One step of temporal-difference learning of the predictor, then gradient = (A features * gain) regressor^T."""
    before, now = (
        features(signals["previous"], state["target"]),
        features(signals["state"], signals["target"]),
    )
    wanted = state["credit"] + (state["frozen"] @ now) @ signals["jacobian"]
    surprise = state["A"] @ before - wanted
    predictor = state["A"] - learning_rate * jnp.outer(surprise, before)
    step = state["step"] + 1
    learned = {"A": predictor, "frozen": jnp.where(step % every == 0, predictor, state["frozen"])}
    seen = {"target": signals["target"], "credit": signals["credit"]}
    gradient = jnp.outer((predictor @ now) * signals["gain"], signals["regressor"])
    return {**learned, **seen, "step": step, "loss": jnp.mean(surprise**2) / 2}, {"incoming": gradient}


@with_settings
def dni(learning_rate: float = 1e-2, every: int = 5) -> StepRule:
    """Synthetic gradients with a linear predictor (Jaderberg et al., arXiv 1608.05343; form of Marschall et al.).

    Parameters
    ----------
    learning_rate
        Of the predictor.
    every
        Steps after which the slow copy of the predictor is renewed.
    """
    require(every >= 1, f"the predictor's copy is renewed every 1 or more steps, got {every}")
    return StepRule(
        name="dni",
        init=start_dni,
        learned=("A", "frozen"),
        of_others=("state", "gain", "learning_signal"),
        silent_steps=lambda steps: 1,
        update=partial(dni_update, learning_rate=learning_rate, every=every),
        needs=step_needs("previous", "state", "jacobian", "gain", "regressor", "credit", "target"),
        exact_when="the predictor is right: A features = gradient of the loss of now and later by the state",
        memory="O(N^2)",
        operations="O(N^2)",
        citation="arXiv:1608.05343",
        equation=r"\Delta = \hat{\delta}_t\, P_t, \qquad "
        r"\hat{\delta}_t = A\, [s_t, y^*_t, 1], \qquad "
        r"A \leftarrow A - \eta\, \bigl( \hat{\delta}_t - \delta^{\mathrm{now}}_t - \hat{\delta}_{t+1} J_{t+1} \bigr)"
        r"\, [s_t, y^*_t, 1]^{\top}",
    )
