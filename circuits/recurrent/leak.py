"""Where a rate neuron leaks: before its nonlinearity (on the current) or after it (on the rate).

The two classes are the two settings of one network. Each says the same five things: how a neuron advances, what
it secretes when its rate matters, how a message that comes back through the synapses joins the credit that is
under way, how credit of a rate becomes credit of the current, and how the states depend on the previous ones.

Notation: ``keep`` = exp(-dt/tau), a number or one per neuron; I_t = z_{t-1} W + x_t U + b is the synaptic current;
``gain`` h_t is the derivative of the transfer function phi at its argument.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def per_neuron(value: jax.Array, ndim: int) -> jax.Array:
    """Give a per-neuron vector leading axes of length one; a scalar stays as it is."""
    return value.reshape((1,) * (ndim - 1) + value.shape) if value.ndim else value


def leaky_sum_backward(values: Float[Array, "time *rest"], keep: jax.Array) -> Float[Array, "time *rest"]:
    """Filter backwards in time, g_t = v_t + keep g_{t+1}: the adjoint of an exponential trace."""
    keep = per_neuron(keep, values.ndim - 1)

    def step(later: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        total = now + keep * later
        return total, total

    return jax.lax.scan(step, jnp.zeros_like(values[0]), values, reverse=True)[1]


def leaky_sum_later(
    values: Float[Array, "time *rest"], keep: jax.Array, after: Float[Array, "*rest"]
) -> tuple[Float[Array, "*rest"], Float[Array, "time *rest"]]:
    """Return :func:`leaky_sum_backward` as (first step, what follows each step): g_0 and g_{t+1}, g_T = ``after``."""
    keep = per_neuron(keep, values.ndim - 1)

    def step(later: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        return now + keep * later, later

    return jax.lax.scan(step, after, values, reverse=True)


class LeakBefore:
    """The leak acts on the current: s_t = keep s_{t-1} + (1 - keep) I_t, z_t = phi(s_t).

    The network of arXiv 2206.01338, Eq. 1-2.
    """

    name, memory = "before", "state"

    @staticmethod
    def advance(
        memory: jax.Array, current: jax.Array, keep: jax.Array, transfer: Callable
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Return the new memory (s), the argument of the transfer function (s) and the rate."""
        state = keep * memory + (1 - keep) * current
        return state, state, transfer(state)

    @staticmethod
    def secretion(signal: jax.Array, gain: jax.Array, keep: jax.Array) -> jax.Array:
        """What each neuron secretes: a_t = L_t h_t."""
        return signal * gain

    @staticmethod
    def receive(
        message: jax.Array, secretion: jax.Array, path: jax.Array, later: tuple[jax.Array, jax.Array], keep: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """One step back: received R_t = message, passed on lambda_t = a_t + path R_t + keep lambda_{t+1}."""
        return secretion + path * message + keep * later[0], message

    @staticmethod
    def windowed(
        secretion: jax.Array, first_hop: jax.Array, path: jax.Array, keep: jax.Array, powers: Callable
    ) -> jax.Array:
        """Apply S taps: leaky powers act first, the last synapse on the way last."""
        return powers(secretion, jnp.diag(jnp.broadcast_to(keep, path.shape)) + first_hop * path[None, :]) @ first_hop

    @staticmethod
    def credit_of_current(credit: jax.Array, keep: jax.Array, after: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Turn credit q_t of the state into credit of (1 - keep) I_t: at the first step, and after each step."""
        return leaky_sum_later(credit, keep, after)

    @staticmethod
    def jacobian(weight: jax.Array, before: jax.Array, now: jax.Array, keep: jax.Array) -> jax.Array:
        """ds_t[j] / ds_{t-1}[l] as ``[l, j]``, from the gains at t-1 and t."""
        return jnp.diag(jnp.broadcast_to(keep, before.shape)) + before[:, None] * weight * (1 - per_neuron(keep, 2))

    @staticmethod
    def immediate(now: jax.Array, keep: jax.Array) -> jax.Array:
        """Direct influence of I_t on the state."""
        return jnp.broadcast_to(1 - keep, now.shape)

    @staticmethod
    def rate_of(memory: jax.Array, transfer: Callable) -> jax.Array:
        """Rate that belongs to a memory s."""
        return transfer(memory)

    @staticmethod
    def state_credit(signal: jax.Array, gain: jax.Array) -> jax.Array:
        """Return dLoss / ds_t through the rate of the same step alone."""
        return signal * gain


class LeakAfter:
    """The leak acts on the rate: z_t = keep z_{t-1} + (1 - keep) phi(I_t).

    The network of Marschall, Cho & Savin 2020 (JMLR 21:135), with keep = 1 - alpha.
    """

    name, memory = "after", "rate"

    @staticmethod
    def advance(
        memory: jax.Array, current: jax.Array, keep: jax.Array, transfer: Callable
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Return the new memory (z), the argument of the transfer function (I) and the rate (z)."""
        rate = keep * memory + (1 - keep) * transfer(current)
        return rate, current, rate

    @staticmethod
    def secretion(signal: jax.Array, gain: jax.Array, keep: jax.Array) -> jax.Array:
        """What each neuron secretes: the gain times all later learning signals that its rate leaks into."""
        return leaky_sum_backward(signal, keep) * gain

    @staticmethod
    def receive(
        message: jax.Array, secretion: jax.Array, path: jax.Array, later: tuple[jax.Array, jax.Array], keep: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """One step back: received R_t = message + keep R_{t+1}, passed on lambda_t = a_t + path R_t."""
        received = message + keep * later[1]
        return secretion + path * received, received

    @staticmethod
    def windowed(
        secretion: jax.Array, first_hop: jax.Array, path: jax.Array, keep: jax.Array, powers: Callable
    ) -> jax.Array:
        """Apply S taps: the first synapse acts first, the leaky powers last."""
        return powers(secretion @ first_hop, jnp.diag(jnp.broadcast_to(keep, path.shape)) + path[:, None] * first_hop)

    @staticmethod
    def credit_of_current(credit: jax.Array, keep: jax.Array, after: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Turn credit q_t, gain included, into credit of (1 - keep) I_t: at the first step, and after each step."""
        return credit[0], jnp.concatenate([credit[1:], after[None]])

    @staticmethod
    def jacobian(weight: jax.Array, before: jax.Array, now: jax.Array, keep: jax.Array) -> jax.Array:
        """dz_t[j] / dz_{t-1}[l] as ``[l, j]``, from the gains at t-1 and t."""
        return jnp.diag(jnp.broadcast_to(keep, now.shape)) + weight * (now * (1 - keep))[None, :]

    @staticmethod
    def immediate(now: jax.Array, keep: jax.Array) -> jax.Array:
        """Direct influence of I_t on the rate."""
        return (1 - keep) * now

    @staticmethod
    def rate_of(memory: jax.Array, transfer: Callable) -> jax.Array:
        """Rate that belongs to a memory z."""
        return memory

    @staticmethod
    def state_credit(signal: jax.Array, gain: jax.Array) -> jax.Array:
        """Return dLoss / dz_t through the readout of the same step alone."""
        return signal


Leak = type[LeakBefore] | type[LeakAfter]

LEAKS: dict[str, Leak] = {"before": LeakBefore, "after": LeakAfter}
