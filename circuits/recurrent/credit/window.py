"""A sliding window of the last steps, and credit sent back through it."""

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.credit.step_rule import LocalSignals
from jaxtyping import Array, Float


def empty_window(weights: Tree, horizon: int) -> Tree:
    """Jacobians, gains, regressors and credits of ``horizon`` steps, oldest first: all zero."""
    (n, m), dtype = weights["incoming"].shape, weights["incoming"].dtype
    shapes = {"jacobian": (n, n), "gain": (n,), "regressor": (m,), "credit": (n,)}
    return {name: jnp.zeros((horizon, *shape), dtype) for name, shape in shapes.items()}


def slide(window: Tree, signals: LocalSignals) -> Tree:
    """Drop the oldest step of the window, take in the present one."""
    return {name: jnp.concatenate([old[1:], signals[name][None]]) for name, old in window.items()}


def send_back(credit: Float[Array, "horizon n"], jacobian: Float[Array, "horizon n n"]) -> Float[Array, "horizon n"]:
    """Total credit of the states of a window: c_s = credit_s + c_{s+1} J_{s+1}, nothing coming from beyond its end."""

    def earlier(message: jax.Array, at: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        total = at[0] + message
        return total @ at[1], total

    return jax.lax.scan(earlier, jnp.zeros_like(credit[0]), (credit, jacobian), reverse=True)[1]


def check_horizon(horizon: int) -> None:
    """Refuse a window without steps."""
    require(horizon >= 1, f"the horizon must be 1 step or more, got {horizon}")
