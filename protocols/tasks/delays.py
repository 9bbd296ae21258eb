"""Delayed exclusive-or with a delay that differs from trial to trial."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.circuit import Batch
from biocredit.protocols.tasks.temporal import delayed_xor, positive, xor_label, xor_stimulus


class variable_delay(delayed_xor):
    """Say whether two cues were equal, after one of several delays, all equally likely.

    The second cue ends the trial, so that the answer is due at the same time in every trial; the first comes so much
    earlier. A trial is as long as the longest delay needs. The trial table says the delay, in ms.

    Parameters
    ----------
    cue
        Length of each cue in steps.
    delays
        Delays between the cues in steps.
    **settings
        As in :class:`biocredit.protocols.tasks.temporal.delayed_xor`.

    Examples
    --------
    >>> task = variable_delay(cue=10, delays=(10, 20, 40), dt=2.0)
    >>> sorted(set(task.draw({}, jnp.arange(50), jax.random.key(0)).trials["delay"].tolist()))
    [20.0, 40.0, 80.0]
    """

    trial_units: Mapping[str, str] = {"delay": "ms"}

    def __init__(self, cue: int = 100, delays: Sequence[int] = (100, 300, 500, 700), **settings: Any):
        positive(**{f"delays[{number}]": delay for number, delay in enumerate(delays)})
        super().__init__(cue, max(delays), **settings)
        self.name, self.delays = "variable_delay", tuple(delays)

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw fresh trials; the indices only say how many."""
        coin, grain, wait = jax.random.split(key, 3)
        cues = jax.random.bernoulli(coin, 0.5, (len(index), 2)).astype(jnp.int32)
        delay = jax.random.choice(wait, jnp.array(self.delays), (len(index),))
        course = xor_stimulus(cues, self.cue, self.delay, **self.shape)
        late = jax.vmap(jnp.roll)(course[..., 0], self.delay - delay)
        clean = jnp.stack([late, course[..., 1]], axis=-1)
        noisy = clean + self.noise * jax.random.normal(grain, clean.shape, clean.dtype)
        label = xor_label(cues)
        trials = {"cue_1": cues[:, 0], "cue_2": cues[:, 1], "delay": delay * self.dt, "label": label}
        return Batch({"cues": noisy}, {"choice": label}, trials)
