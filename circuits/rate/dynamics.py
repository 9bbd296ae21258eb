"""Forward dynamics of a leaky rate network, as pure functions.

Time is the leading axis, then the trial: ``[time, trial, neuron]``. Weights are ``[pre, post]``. The input of step
t acts at step t, the recurrent input one step later (arXiv 2206.01338, section "Network model").
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from circuits.activations import Activation
from circuits.rate.leak import Leak, per_neuron
from circuits.tap import Tap, active, at, gain, is_passive, members, still, untouched


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
    """Current from outside the network, x U + b, for all steps in one matrix product (the bias is one more input)."""
    if bias is None:
        return inputs @ w_in
    inputs = jnp.concatenate([inputs, jnp.ones_like(inputs[..., :1])], axis=-1)
    return inputs @ jnp.concatenate([w_in, bias[None]])


def rate_function(neuron: Neuron, tap: Tap = untouched) -> Callable[[jax.Array, jax.Array | None], jax.Array]:
    """Return f(argument, gate): the rate of a neuron whose output may be gated or tapped.

    A silenced neuron has derivative zero too: interventions act inside the transfer function, so a rule that is
    exact stays exact.
    """

    def rate(argument: jax.Array, gate: jax.Array | None = None) -> jax.Array:
        value = tap("cells.rate", "inference", neuron.transfer(argument - per_neuron(neuron.threshold, argument.ndim)))
        return value if gate is None else value * gate

    return rate


def step(
    neuron: Neuron,
    memory: jax.Array,
    rate: jax.Array,
    external: jax.Array,
    w_rec: jax.Array,
    gate: jax.Array | None = None,
    tap: Tap = untouched,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Advance by one step; return memory, argument of the transfer function, rate, each ``[trial, neuron]``."""
    current = rate @ w_rec + external
    transfer = rate_function(neuron, tap)
    keep = per_neuron(neuron.keep, current.ndim)
    return neuron.leak.advance(memory, current, keep, lambda argument: transfer(argument, gate))


def gain_of(neuron: Neuron, state: jax.Array, gate: jax.Array | None = None, tap: Tap = untouched) -> jax.Array:
    """Derivative of the (possibly gated) transfer function; a threshold-linear neuron at threshold has gain 0."""
    transfer = rate_function(neuron, tap)
    return jax.jvp(lambda argument: transfer(argument, gate), (state,), (jnp.ones_like(state),))[1]


def simulate(
    neuron: Neuron,
    external: Float[Array, "time trial neuron"],
    w_rec: Float[Array, "neuron neuron"],
    tap: Tap = untouched,
    start: tuple[jax.Array, jax.Array] | None = None,
) -> tuple[tuple[jax.Array, jax.Array], Activity]:
    """Run a whole stretch of time in one scan.

    Parameters
    ----------
    neuron, external, w_rec
        Neuron model, external current, effective recurrent weights.
    tap
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
    external = tap("cells.external_current", "inference", external)
    inside, steps = active(still(tap)), getattr(tap, "steps", None)
    gates, transmission = _gates(external, tap), gain(tap, "W_rec", "inference", external.dtype)
    rest = jnp.zeros_like(external[0])
    start = (rest, rest) if start is None else start

    known = neuron.leak.memory == "state" and inside is untouched and gates is None

    def advance(carry: tuple, now: tuple) -> tuple[tuple, tuple]:
        memory, rate = carry
        sent = rate if now[2] is None else rate * now[2]
        memory, argument, rate = step(neuron, memory, sent, now[0], w_rec, now[1], at(inside, now[3]))
        return (memory, rate), (argument, None if known else rate)

    numbers = None if steps is None else jnp.asarray(steps)
    end, (state, rate) = jax.lax.scan(advance, start, (external, gates, transmission, numbers))
    rate = rate_function(neuron)(state) if known else rate
    previous = jnp.concatenate([start[1][None], rate[:-1]])
    slope = gain_of(neuron, state, gates, at(inside, steps))
    return end, watch(Activity(state, rate, previous, slope), tap)


def _gates(external: jax.Array, tap: Tap) -> jax.Array | None:
    if is_passive(tap):
        return None
    return tap("cells.rate_gate", "inference", jnp.ones((external.shape[0], 1, external.shape[2]), external.dtype))


def watch(activity: Activity, tap: Tap) -> Activity:
    """Show finished activity to the recording taps; what may change it has already done so inside the run."""
    for part in members(tap):
        if is_passive(part):
            for name in ("state", "rate", "gain"):
                part(f"cells.{name}", "inference", getattr(activity, name))
    return activity
