"""Firing-rate regularisation: a learning signal of its own that keeps cells near a wanted rate."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from biocredit.circuits.core.errors import choose, require
from jaxtyping import Array, Float

Spikes = Float[Array, "time trial neuron"]


def half(rate: jax.Array, output: Spikes, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """0.5 sum over cells of (r - f0)^2 (pattern generation of doi:10.1038/s41467-020-17236-y)."""
    off = rate - target
    return 0.5 * jnp.sum(off**2), jnp.broadcast_to(off / (output.shape[0] * output.shape[1]), output.shape)


def simple(rate: jax.Array, output: Spikes, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Sum over cells of (r - f0)^2 (evidence accumulation, same source)."""
    loss, signal = half(rate, output, target)
    return 2 * loss, 2 * signal


def online(rate: jax.Array, output: Spikes, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean over steps of (running mean - f0)^2, summed over cells and trials, trials laid end to end."""
    steps, trials, cells = output.shape
    laid = output.swapaxes(0, 1).reshape(-1, cells)
    number = jnp.arange(1, len(laid) + 1, dtype=output.dtype)[:, None]
    off = jnp.cumsum(laid, 0) / number - target
    later = jnp.cumsum((2 * off / (steps * number))[::-1], 0)[::-1]
    return jnp.sum(off**2) / steps, later.reshape(trials, steps, cells).swapaxes(0, 1)


KINDS: dict[str, Callable] = {"half": half, "simple": simple, "online": online}


@dataclass(frozen=True)
class FiringRate:
    """Keep every cell near a target rate.

    Parameters
    ----------
    strength
        c, which multiplies the loss.
    target
        f0 in spikes per ms: 0.01 is 10 Hz.
    kind
        Name in :data:`KINDS`.

    Examples
    --------
    >>> FiringRate(300.0, 0.01, "half").target
    0.01
    """

    strength: float
    target: float = 0.01
    kind: str = "simple"

    def __post_init__(self):
        choose(self.kind, KINDS, "kind of firing-rate regularisation")
        require(self.strength >= 0, f"strength of the rate regularisation must be 0 or more, got {self.strength}")
        require(self.target >= 0, f"a target rate must be 0 or more spikes per ms, got {self.target}")

    def __call__(self, output: Spikes, dt: float) -> tuple[jax.Array, jax.Array]:
        """Return the loss and its derivative by each output, which acts as a learning signal of the cell itself."""
        rate = output.mean((0, 1)) / dt
        loss, signal = KINDS[self.kind](rate, output / dt, jnp.asarray(self.target, output.dtype))
        return self.strength * loss, self.strength / dt * signal
