"""Eligibility traces: what a synapse remembers of its own past, without knowledge of other cells.

eps_t = keep eps_{t-1} + (1 - keep) presynaptic activity_t. With one leak for all cells the trace belongs to the
presynaptic cell; with a leak per neuron it is the postsynaptic leak that counts, and every synapse has its own.
Traces therefore are ``[trial, pre, 1]`` or ``[trial, pre, post]``.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def postsynaptic(keep: Float[Array, "..."]) -> jax.Array:
    """Shape ``keep`` along the postsynaptic axis of a trace: ``[1, 1, 1]`` or ``[1, 1, post]``."""
    return keep.reshape(1, 1, -1)


def advance(
    trace: Float[Array, "trial pre any"], presynaptic: Float[Array, "trial pre"], keep: Float[Array, "..."]
) -> Float[Array, "trial pre any"]:
    """Advance a trace by one step."""
    keep = postsynaptic(keep)
    return keep * trace + (1 - keep) * presynaptic[..., None]


def start(trials: int, pre: int, keep: Float[Array, "..."]) -> jax.Array:
    """Trace at the beginning of a trial."""
    return jnp.zeros((trials, pre, keep.size), keep.dtype)


def series(
    presynaptic: Float[Array, "time trial pre"], keep: Float[Array, "..."]
) -> Float[Array, "time trial pre any"]:
    """Traces of a whole trial; for recording, no per-trial rule needs to store them."""

    def step(trace: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        trace = advance(trace, now, keep)
        return trace, trace

    return jax.lax.scan(step, start(*presynaptic.shape[1:], keep), presynaptic)[1]


def eligibility(
    trace: Float[Array, "*lead pre any"], gain: Float[Array, "*lead post"]
) -> Float[Array, "*lead pre post"]:
    """Eligibility e[q, p] = eps[q] h[p] (arXiv 2206.01338, Eq. 7)."""
    return trace * gain[..., None, :]
