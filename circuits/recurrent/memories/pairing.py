"""Pairing credit with eligibility traces that began before the stretch of time at hand."""

import jax
import jax.numpy as jnp
from biocredit.circuits.recurrent import eligibility as traces
from biocredit.circuits.recurrent.leak import leaky_sum_backward
from biocredit.circuits.recurrent.readout import over_time


def paired(presynaptic: jax.Array, trace: jax.Array, credit: jax.Array, keep: jax.Array) -> jax.Array:
    """Sum over steps and trials of trace_t credit_t, for a trace that starts at ``trace``: one matrix product.

    Parameters
    ----------
    presynaptic, credit
        ``[time, trial, pre]``, ``[time, trial, post]``.
    trace
        Trace before the first step, ``[trial, pre, 1 or post]``.
    keep
        Postsynaptic leak.
    """
    later, fade = leaky_sum_backward(credit, keep), traces.postsynaptic(keep)
    return (1 - fade[0]) * over_time(presynaptic, later) + (fade * trace * later[0][:, None, :]).sum(0)


def each_trial(presynaptic: jax.Array, trace: jax.Array, credit: jax.Array, keep: jax.Array) -> jax.Array:
    """Like :func:`paired`, trial by trial: ``[trial, pre, post]``."""
    later = leaky_sum_backward(credit, keep)
    fade = traces.postsynaptic(keep)
    return (1 - fade) * jnp.einsum("tbq,tbp->bqp", presynaptic, later) + fade * trace * later[0][:, None, :]
