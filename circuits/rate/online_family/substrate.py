"""The two networks that the online rules run on, as pure functions giving a step and its local derivatives.

``state_after_nonlinearity`` is the network of Marschall, Cho & Savin (JMLR 21(135), 2020, Eq. 1);
``state_before_nonlinearity`` the leaky rate network of Liu et al. (arXiv 2206.01338, Eq. 1), for which the same
rules hold with another Jacobian and another immediate influence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from circuits.activations import Activation


class Motion(NamedTuple):
    """One step of a network: new state [n], Jacobian [n, n], and the factors gain [n] and regressor [m] of P."""

    state: jax.Array
    jacobian: jax.Array
    gain: jax.Array
    regressor: jax.Array


@dataclass(frozen=True)
class Substrate:
    """A network as the online rules see it.

    Parameters
    ----------
    move
        ``move(incoming [n, m], previous [n], x [n_in]) -> Motion``.
    emit
        ``emit(state) -> (rate, slope)``: what the readout sees and its derivative by the state, both [n].
    decay
        Share of its state that a neuron keeps from step to step, [n] or scalar.
    """

    move: Callable[[jax.Array, jax.Array, jax.Array], Motion]
    emit: Callable[[jax.Array], tuple[jax.Array, jax.Array]]
    decay: jax.Array | float


def with_slope(activation: Activation, drive: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Value and derivative of a transfer function."""
    return jax.jvp(activation, (drive,), (jnp.ones_like(drive),))


def linearise(
    incoming: Float[Array, "n m"], gain: Float[Array, " n"], slope: Float[Array, " n"], decay: Float[Array, " n"]
) -> Float[Array, "n n"]:
    """Jacobian of a leaky step: diag(decay) + diag(gain) W diag(slope), W the recurrent block of ``incoming``."""
    recurrent = incoming[:, : gain.size]
    return jnp.diag(decay) + gain[:, None] * recurrent * slope[None, :]


def state_after_nonlinearity(leak: jax.Array | float, activation: Activation) -> Substrate:
    """a_t = (1 - leak) a_{t-1} + leak phi(W a_{t-1} + W_in x_t + b), read out as it is.

    ``incoming`` is [W | W_in | b], so that m = n + n_in + 1.

    Parameters
    ----------
    leak
        alpha of the paper, above 0 and at most 1; scalar or [n].
    activation
        phi.
    """

    def move(incoming: jax.Array, previous: jax.Array, x: jax.Array) -> Motion:
        regressor = jnp.concatenate([previous, x, jnp.ones(1, previous.dtype)])
        rate, slope = with_slope(activation, incoming @ regressor)
        gain, decay = leak * slope, jnp.broadcast_to(1 - leak, previous.shape).astype(previous.dtype)
        state = decay * previous + leak * rate
        return Motion(state, linearise(incoming, gain, jnp.ones_like(gain), decay), gain, regressor)

    return Substrate(move, lambda state: (state, jnp.ones_like(state)), 1 - leak)


def state_before_nonlinearity(decay: jax.Array | float, emit: Callable) -> Substrate:
    """s_t = decay s_{t-1} + (1 - decay)(W z_{t-1} + W_in x_t), z = phi(s); ``incoming`` is [W | W_in].

    Parameters
    ----------
    decay
        exp(-dt / tau), scalar or [n].
    emit
        ``emit(state) -> (rate, slope)``: phi and its derivative.
    """

    def move(incoming: jax.Array, previous: jax.Array, x: jax.Array) -> Motion:
        rate, slope = emit(previous)
        kept = jnp.broadcast_to(decay, previous.shape).astype(previous.dtype)
        regressor = jnp.concatenate([rate, x])
        state = kept * previous + (1 - kept) * (incoming @ regressor)
        return Motion(state, linearise(incoming, 1 - kept, slope, kept), 1 - kept, regressor)

    return Substrate(move, emit, decay)
