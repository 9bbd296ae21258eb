"""Kernel RNN learning: a learned linear sensitivity and a learned exponential kernel, taught by perturbations."""

from functools import partial

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree, with_settings
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.credit.step_rule import LocalSignals, StepRule, immediate, step_needs


def start_kernl(weights: Tree) -> Tree:
    """Sensitivity ``A`` [n, n] at the identity and ``leak`` [n] of the kernel at the network's own: this is RFLO.

    ``deviation`` [n] is the perturbed twin's state minus the network's own, ``kick`` [n] the perturbation that it
    receives next, ``Omega`` and ``Gamma`` [n] the filtered perturbation and its derivative by the kernel.
    """
    incoming = weights["incoming"]
    zero = jnp.zeros_like(incoming[:, 0])
    still = dict.fromkeys(("deviation", "kick", "Omega", "Gamma"), zero)
    return {
        "A": jnp.eye(zero.size, dtype=zero.dtype),
        "leak": 1 - weights["decay"],
        "B": jnp.zeros_like(incoming),
        **still,
    }


def kernl_update(state: Tree, signals: LocalSignals, learning_rate: float) -> tuple[Tree, Tree]:
    """Learn A and the kernel from how the twin's deviation follows its kicks; gradient[i, j] = (credit A)[i] B[i, j].

    The twin takes the network's own step from a kicked state; the regression of its deviation on the filtered kicks
    is one gradient step on 0.5 ||A Omega - deviation||^2.
    """
    sensitivity, omega, fresh = state["A"], state["Omega"], signals["noise"]
    kernel = jnp.maximum(0, 1 - state["leak"])
    deviation = signals["advance"](signals["previous"] + state["deviation"] + state["kick"]) - signals["state"]
    gamma, omega = kernel * state["Gamma"] - omega, kernel * omega + fresh
    trace = kernel[:, None] * state["B"] + immediate(signals)
    residual = sensitivity @ omega - deviation
    learned = {
        "A": sensitivity - learning_rate * jnp.outer(residual, omega),
        "leak": state["leak"] - learning_rate * (residual @ sensitivity) * gamma,
    }
    gradient = (signals["credit"] @ learned["A"])[:, None] * trace
    perturbed = {"deviation": deviation, "kick": fresh, "Omega": omega, "Gamma": gamma}
    return {**learned, "B": trace, **perturbed}, {"incoming": gradient}


def kicks(key: jax.Array, step: jax.Array, states: int, dtype: jnp.dtype, sigma: float) -> jax.Array:
    """Gaussian perturbations of the twin's state, ``[n]``."""
    return sigma * jax.random.normal(key, (states,), dtype)


@with_settings
def kernl(learning_rate: float = 0.1, sigma: float = 1e-3) -> StepRule:
    """Learned sensitivity with local traces (Roth, Kanitscheider & Fiete, ICLR 2019).

    Parameters
    ----------
    learning_rate
        Of the sensitivity and of the kernel.
    sigma
        Standard deviation of the twin's perturbations, in units of the state.
    """
    require(sigma > 0, f"sigma of the perturbations must be above 0, got {sigma}")
    return StepRule(
        name="kernl",
        init=start_kernl,
        update=partial(kernl_update, learning_rate=learning_rate),
        draw=partial(kicks, sigma=sigma),
        learned=("A", "leak"),
        of_others=("input", "state", "gain", "learning_signal"),
        needs=step_needs("previous", "state", "advance", "gain", "regressor", "credit", "noise"),
        exact_when="no recurrent weights, leak of the kernel = leak of the network, sensitivity at the identity",
        memory="O(N^2)",
        operations="O(N^2)",
        citation="https://openreview.net/forum?id=ryGfnoC5KQ",
        equation=r"\Delta_{ij} = (\delta^{\mathrm{now}} A)_i\, B_{t,ij}, \qquad "
        r"B_t = (1 - \gamma)\, B_{t-1} + P_t",
    )
