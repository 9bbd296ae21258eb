"""Forward dynamics of a leaky rate network, as pure functions.

Time is the leading axis, then the trial: ``[time, trial, neuron]``. Weights are ``[pre, post]``. The input of step
t acts at step t, the recurrent input one step later (arXiv 2206.01338, section "Network model").
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.activations import SLOPES, Activation
from biocredit.circuits.core.probes import (
    Probe,
    active,
    at,
    gain,
    is_passive,
    members,
    still,
    untouched,
)
from biocredit.circuits.recurrent.leak import Leak, per_neuron
from jaxtyping import Array, Float


class Neuron(NamedTuple):
    """What a neuron does with its current.

    Attributes
    ----------
    keep
        exp(-dt/tau), the fraction kept over one step: a scalar, or one per neuron.
    threshold
        Subtracted from the argument of the transfer function: a scalar, or one per neuron.
    transfer
        The transfer function phi.
    leak
        Where the leak acts.
    """

    keep: jax.Array
    threshold: jax.Array
    transfer: Activation
    leak: Leak


class Activity(NamedTuple):
    """What a stretch of time produced, each ``[time, trial, neuron]``.

    Attributes
    ----------
    state
        Argument of the transfer function: the leaky current s, or the present current if the leak is on the rate.
    rate, previous_rate
        Rate at this step, and at the step before.
    gain
        Derivative of the transfer function at ``state``.
    """

    state: jax.Array
    rate: jax.Array
    previous_rate: jax.Array
    gain: jax.Array


def keep_fraction(tau: Float[Array, "..."], dt: float) -> Float[Array, "..."]:
    """Return exp(-dt/tau).

    Examples
    --------
    >>> float(keep_fraction(jnp.float32(100.0), 1.0)) == float(jnp.exp(jnp.float32(-0.01)))
    True
    """
    return jnp.exp(-dt / tau)


def external_current(
    inputs: Float[Array, "*lead input"], w_in: Float[Array, "input neuron"], bias: Float[Array, " neuron"] | None = None
) -> Float[Array, "*lead neuron"]:
    """Current from outside the network, x U + b."""
    current = inputs @ w_in
    return current if bias is None else current + per_neuron(bias, current.ndim)


def rate_function(neuron: Neuron, probe: Probe = untouched) -> Callable[[jax.Array, jax.Array | None], jax.Array]:
    """Return f(argument, gate): the rate of a neuron whose output may be gated or probed.

    A silenced neuron has derivative zero too: interventions act inside the transfer function, so a rule that is
    exact stays exact.
    """

    def rate(argument: jax.Array, gate: jax.Array | None = None) -> jax.Array:
        value = probe(
            "cells.rate", "inference", neuron.transfer(argument - per_neuron(neuron.threshold, argument.ndim))
        )
        return value if gate is None else value * gate

    return rate


def step(
    neuron: Neuron,
    memory: jax.Array,
    rate: jax.Array,
    external: jax.Array,
    w_rec: jax.Array,
    gate: jax.Array | None = None,
    probe: Probe = untouched,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Advance by one step; return memory, argument of the transfer function, rate, each ``[trial, neuron]``."""
    current = rate @ w_rec + external
    transfer = rate_function(neuron, probe)
    keep = per_neuron(neuron.keep, current.ndim)
    return neuron.leak.advance(memory, current, keep, lambda argument: transfer(argument, gate))


def gain_of(neuron: Neuron, state: jax.Array, gate: jax.Array | None = None, probe: Probe = untouched) -> jax.Array:
    """Derivative of the (possibly gated) transfer function; a threshold-linear neuron at threshold has gain 0."""
    transfer = rate_function(neuron, probe)
    return jax.jvp(lambda argument: transfer(argument, gate), (state,), (jnp.ones_like(state),))[1]


def simulate(
    neuron: Neuron,
    inputs: Float[Array, "time trial input"],
    into: Callable[[jax.Array], jax.Array],
    w_rec: Float[Array, "neuron neuron"],
    probe: Probe = untouched,
    start: tuple[jax.Array, jax.Array] | None = None,
) -> tuple[tuple[jax.Array, jax.Array], Activity]:
    """Run a whole stretch of time in one scan.

    Parameters
    ----------
    neuron, inputs, into, w_rec
        Neuron model, what comes from outside, how it becomes a current ``[..., neuron]``, effective recurrent weights.
    probe
        Sees ``"cells.external_current"`` and ``"cells.rate_gate"`` (ones, ``[time, 1, neuron]``: multiply a stretch of
        it by zero to silence cells in a window) before the run, changes ``"cells.rate"`` inside it, and watches
        ``"cells.state"``, ``"cells.rate"`` and ``"cells.gain"`` afterwards.
    start
        Memory and rate ``[trial, neuron]`` at the beginning, zero by default.

    Returns
    -------
    tuple
        Memory and rate at the end, and the :class:`Activity`.
    """
    external = probe("cells.external_current", "inference", into(inputs))
    if not is_passive(probe):
        inputs, into = external, _as_it_is
    rest = jnp.zeros((inputs.shape[1], len(w_rec)), w_rec.dtype)
    inside, steps = active(still(probe)), getattr(probe, "steps", None)
    gates, transmission = _gates(len(inputs), rest, probe), gain(probe, "W_rec", "inference", rest.dtype)
    start = (rest, rest) if start is None else start

    def advance(carry: tuple, now: tuple) -> tuple[tuple, tuple]:
        memory, rate = carry
        sent = rate if now[2] is None else rate * now[2]
        memory, argument, rate = step(neuron, memory, sent, into(now[0]), w_rec, now[1], at(inside, now[3]))
        return (memory, rate), (argument, rate)

    numbers = None if steps is None else jnp.asarray(steps)
    end, (state, rate) = jax.lax.scan(advance, start, (inputs, gates, transmission, numbers))
    previous = jnp.concatenate([start[1][None], rate[:-1]])
    told = neuron.leak.memory == "state" and inside is untouched and gates is None and neuron.transfer in SLOPES
    slope = SLOPES[neuron.transfer](rate) if told else gain_of(neuron, state, gates, at(inside, steps))
    return end, watch(Activity(state, rate, previous, slope), probe)


def _as_it_is(current: jax.Array) -> jax.Array:
    return current


def _gates(steps: int, rest: jax.Array, probe: Probe) -> jax.Array | None:
    if is_passive(probe):
        return None
    return probe("cells.rate_gate", "inference", jnp.ones((steps, 1, rest.shape[1]), rest.dtype))


def watch(activity: Activity, probe: Probe) -> Activity:
    """Show finished activity to the recording taps; what may change it has already done so inside the run."""
    for part in members(probe):
        if is_passive(part):
            for name in ("state", "rate", "gain"):
                part(f"cells.{name}", "inference", getattr(activity, name))
    return activity
