"""The two-alternative orientation task (eLife 2026, 15:e108237, appendix 2)."""

from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.circuit import Batch
from biocredit.protocols.tasks.gabor import gabor, noisy, trial
from biocredit.protocols.tasks.task import Task


class gabor_2afc(Task):
    """Say whether a noisy Gabor patch is tilted clockwise. Every trial is fresh.

    Parameters
    ----------
    noise_sd
        Standard deviation of the pixel noise.
    tilt, jitter
        Mean tilt and its standard deviation, degrees.
    size
        Pixels along a side.
    classes
        Channels of the readout; the paper uses ten of which two ever occur.
    n_train, n_test
        Trials that count as one pass.
    """

    citation = "10.7554/eLife.108237"

    def __init__(
        self,
        noise_sd: float = 0.2,
        *,
        tilt: float = 6.0,
        jitter: float = 0.5,
        size: int = 32,
        classes: int = 10,
        n_train: int = 400,
        n_test: int = 100,
    ):
        self.name = "gabor_2afc"
        self.noise_sd, self.tilt, self.jitter, self.size = noise_sd, tilt, jitter, size
        self.inputs, self.readouts = {"image": size * size}, {"choice": classes}
        self.n_train, self.n_test, self.arrays = n_train, n_test, {}

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw fresh trials; the indices only say how many."""
        keys = jax.random.split(key, len(index))
        image, label, orientation = jax.vmap(lambda k: trial(k, self.noise_sd, self.tilt, self.jitter, self.size))(keys)
        return Batch({"image": image}, {"choice": label}, {"orientation": orientation, "label": label})

    def at(self, orientation: float, trials: int, key: jax.Array) -> jax.Array:
        """Return noisy images ``[trial, pixel]`` of one orientation (degrees), for a psychometric curve."""
        patch = gabor(orientation, self.size)
        keys = jax.random.split(key, trials)
        return jax.vmap(lambda k: noisy(patch, self.noise_sd, k))(keys).reshape(trials, -1)

    def psychometric(self, respond: Any, orientations: jax.Array, trials: int, key: jax.Array) -> dict[str, jax.Array]:
        """Measure a psychometric curve.

        Parameters
        ----------
        respond
            ``respond(images) -> readout [trial, class]`` before the softmax.
        orientations
            Degrees, shape ``[K]``.
        trials
            Images of each orientation.

        Returns
        -------
        dict
            ``mean_output`` ``[K]``: mean probability of "clockwise" (what the paper plots); ``clockwise`` ``[K]``:
            number of trials in which it exceeds the probability of "counter-clockwise".
        """

        def one(angle: jax.Array, k: jax.Array) -> tuple[jax.Array, jax.Array]:
            p = jax.nn.softmax(respond(self.at(angle, trials, k)), axis=-1)
            return jnp.mean(p[:, 1]), jnp.sum(p[:, 1] > p[:, 0])

        mean, count = jax.lax.map(lambda pair: one(*pair), (orientations, jax.random.split(key, len(orientations))))
        return {"mean_output": mean, "clockwise": count}
