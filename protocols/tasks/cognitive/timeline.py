"""When the periods of each trial begin and end."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import require
from jaxtyping import Array, Bool, Float, Int

Duration = float | tuple
"""Milliseconds; or ``("uniform", low, high)``, or ``("exponential", mean, low, high)``, cut off at both ends."""


def bounds(duration: Duration, what: str) -> tuple[float, float]:
    """Return the shortest and the longest that a duration can be, in ms; refuse what is no duration.

    Examples
    --------
    >>> bounds(("exponential", 600, 300, 3000), "delay")
    (300.0, 3000.0)
    """
    number = isinstance(duration, int | float | np.number) and not isinstance(duration, bool)
    wanted = f"{what}: got {duration!r}, wanted ms, ('uniform', low, high) or ('exponential', mean, low, high)"
    if number:
        low = high = duration
    else:
        kind, *values = duration if isinstance(duration, tuple | list) and duration else (None,)
        require(len(values) == {"uniform": 2, "exponential": 3}.get(kind, -1), wanted)
        low, high = values[-2:]
        require(kind == "uniform" or values[0] > 0, wanted)
    require(0 <= low <= high < np.inf, f"{wanted}, 0 <= low <= high")
    return float(low), float(high)


def draw_duration(duration: Duration, key: jax.Array, trials: int) -> Float[Array, " trial"]:
    """Draw a duration for each trial, in ms."""
    low, high = bounds(duration, "duration")
    if low == high:
        return jnp.full(trials, low)
    share = jax.random.uniform(key, (trials,))
    if duration[0] == "uniform":
        return low + share * (high - low)
    mean = duration[1]
    first, last = (1 - np.exp(-end / mean) for end in (low, high))
    return jnp.clip(-mean * jnp.log1p(-(first + share * (last - first))), low, high)


@dataclass(frozen=True)
class Timeline:
    """Periods of trials in steps.

    Attributes
    ----------
    start, stop
        First step of each period, and the one after its last, ``[trial]`` by name.
    steps
        Steps of the longest possible trial.
    """

    start: Mapping[str, Int[Array, " trial"]]
    stop: Mapping[str, Int[Array, " trial"]]
    steps: int

    @classmethod
    def consecutive(cls, durations: Mapping[str, Float[Array, " trial"]], dt: float, steps: int) -> "Timeline":
        """Let periods of these durations (ms) follow one another, each rounded to whole steps."""
        start, stop, now = {}, {}, 0
        for name, duration in durations.items():
            start[name] = now + jnp.zeros(len(duration), jnp.int32)
            now = start[name] + jnp.round(duration / dt).astype(jnp.int32)
            stop[name] = now
        return cls(start, stop, steps)

    def during(self, *names: str) -> Bool[Array, "trial time"]:
        """Say which steps belong to one of these periods."""
        time = jnp.arange(self.steps)[None]
        return jnp.any(
            jnp.stack([(self.start[n][:, None] <= time) & (time < self.stop[n][:, None]) for n in names]), axis=0
        )

    def before(self, name: str) -> Bool[Array, "trial time"]:
        """Say which steps come before a period."""
        return jnp.arange(self.steps)[None] < self.start[name][:, None]


def ring(theta: Float[Array, " trial"], size: int, strength: Array | float = 1.0, offset: float = 0.0) -> jax.Array:
    """Encode angles on a ring of channels, ``[trial, channel]``: ``strength cos(2 pi k / n - theta) + offset``.

    Examples
    --------
    >>> ring(jnp.zeros(1), 2, 0.1, 0.5).tolist()
    [[0.6000000238418579, 0.4000000059604645]]
    """
    preferred = 2 * jnp.pi * jnp.arange(size) / size
    strength = jnp.broadcast_to(jnp.asarray(strength), jnp.shape(theta))
    return strength[:, None] * jnp.cos(preferred[None] - theta[:, None]) + offset


def shown(during: Bool[Array, "trial time"], channels: Float[Array, "trial channel"]) -> Float[Array, "trial time c"]:
    """Show constant channels during some steps of each trial, nothing otherwise."""
    return jnp.where(during[..., None], channels[:, None], 0)
