"""How a message comes back through the synapses over many steps: the one recursion behind a family of rules.

lambda_t = a_t + path_t R_t + keep lambda_{t+1} (leak before the nonlinearity), where R_t is what arrives at step t:
the credit of the currents one step later, sent backwards through a feedback matrix V ``[pre, post]``. The last axis
of every array is either the neuron (V = recurrent weights) or the cell type (V = type means): the same recursion
in N or in C dimensions (own derivation from arXiv 2206.01338, Eq. 4-6, leak included).
"""

import jax
import jax.numpy as jnp
from biocredit.circuits.recurrent.leak import Leak, per_neuron
from jaxtyping import Array, Float


def hop(feedback: Float[Array, "pre post"], keep: Float[Array, "..."]) -> Float[Array, "post pre"]:
    """One synapse backwards: credit of the state of ``post`` becomes a message to the rate of ``pre``."""
    return ((1 - per_neuron(keep, 2)) * feedback).T


def every_hop(
    secretion: Float[Array, "time *lead unit"],
    path: Float[Array, "steps *lead2 unit2"],
    feedback: Float[Array, "unit unit"],
    keep: Float[Array, "..."],
    leak: Leak,
    window: Float[Array, " time"] | None = None,
) -> Float[Array, "time *lead unit"]:
    """Return the received R_t over all numbers of synapses and all delays.

    Parameters
    ----------
    secretion
        a_t, what each unit sends when its own rate matters.
    path
        Gain with which units hand a message on, one per step or (leading axis 1) the same at every step.
    feedback, keep, leak
        V, the leak and its place.
    window
        1 where credit may pass from step t+1 to step t, 0 where the transmission carries none.
    """
    keep_now = per_neuron(keep, secretion.ndim - 1)
    back = hop(feedback, keep)
    constant = path[0]

    def step(later: tuple, now: tuple) -> tuple[tuple, jax.Array]:
        sent, gain, open_now = now
        message = later[0] @ back
        message = message if open_now is None else message * open_now
        later = leak.receive(message, sent, constant if gain is None else gain, later, keep_now)
        return later, later[1]

    rest = jnp.zeros_like(secretion[0])
    varying = path if path.shape[0] == secretion.shape[0] else None
    return jax.lax.scan(step, (rest, rest), (secretion, varying, window), reverse=True)[1]


def next_hop(
    secretion: Float[Array, "time *lead unit"], feedback: Float[Array, "unit unit"], keep: Float[Array, "..."]
) -> Float[Array, "time *lead unit"]:
    """Return what arrives from the next step alone, over one synapse."""
    return _later(secretion, 1) @ hop(feedback, keep)


def some_taps(
    secretion: Float[Array, "time *lead unit"],
    path: Float[Array, " unit"],
    feedback: Float[Array, "unit unit"],
    keep: Float[Array, "..."],
    leak: Leak,
    taps: int,
) -> Float[Array, "time *lead unit"]:
    """Return R_t = sum over s = 1..S of a_{t+s} F_s for gains that do not change in time.

    The taps F_s are powers of one matrix, so about 2 log2(S) matrix products over the whole trial do.
    """

    def powers(values: jax.Array, matrix: jax.Array) -> jax.Array:
        return power_sum(values, matrix, taps)

    return _later(leak.windowed(secretion, hop(feedback, keep), path, keep, powers), 1)


def power_sum(
    values: Float[Array, "time *lead unit"], matrix: Float[Array, "unit unit"], terms: int
) -> Float[Array, "time *lead unit"]:
    """Return the sum over s < ``terms`` of values_{t+s} matrix^s, by doubling."""
    if terms == 1:
        return values
    half = power_sum(values, matrix, terms // 2)
    total = half + _later(half, terms // 2) @ jnp.linalg.matrix_power(matrix, terms // 2)
    return values + _later(total, 1) @ matrix if terms % 2 else total


def _later(values: jax.Array, steps: int) -> jax.Array:
    """Look ``steps`` ahead in time; nothing comes after the end."""
    steps = min(steps, values.shape[0])
    return jnp.concatenate([values[steps:], jnp.zeros_like(values[:steps])])
