"""Temporal tasks of the ModProp paper: delayed exclusive-or, pattern generation, pixel-by-pixel images.

Trials are drawn fresh on the device. Every task says its periods, so that figures and windows of interventions can
name them (arXiv 2206.01338, section "Tasks", and the program released with it).
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.described import described
from biocredit.protocols.tasks.image_sets import mnist
from biocredit.protocols.tasks.task import ImageTask, Period, Task
from biocredit.protocols.tasks.wrapped import take_over
from jaxtyping import Array, Float, Int


def xor_stimulus(
    cues: Int[Array, "trial 2"],
    cue_steps: int,
    delay_steps: int,
    amplitude: float = 2.0,
    baseline: float = 0.02,
    bump_sd: float = 25.0,
) -> Float[Array, "trial time 2"]:
    """Two bumps separated by a delay, without noise.

    Channel 0 carries a Gaussian bump in the first ``cue_steps`` steps if cue 1 is on, channel 1 one in the last
    ``cue_steps`` steps if cue 2 is on. The bump is sampled at equally spaced points from ``-cue_steps / 2`` to
    ``cue_steps / 2``, both included.

    Examples
    --------
    >>> xor_stimulus(jnp.array([[1, 0]]), 100, 700).shape
    (1, 900, 2)
    """
    u = jnp.linspace(-cue_steps / 2, cue_steps / 2, cue_steps)
    bump = amplitude * jnp.exp(-(u**2) / (2 * bump_sd**2))
    silence = jnp.zeros(delay_steps + cue_steps, bump.dtype)
    courses = jnp.stack([jnp.concatenate([bump, silence]), jnp.concatenate([silence, bump])], axis=-1)
    return baseline + cues[:, None, :].astype(bump.dtype) * courses[None]


def xor_label(cues: Int[Array, "trial 2"]) -> Int[Array, " trial"]:
    """1 if the two cues are equal."""
    return (cues[:, 0] == cues[:, 1]).astype(jnp.int32)


class delayed_xor(Task):
    """Say after a delay whether two cues were equal. Every trial is fresh, cues are independent fair coins.

    Parameters
    ----------
    cue, delay
        Length of each cue and of the delay between them, in steps.
    amplitude, baseline, bump_sd
        Shape of the cues, see :func:`xor_stimulus`.
    noise
        Standard deviation of the noise on every sample and channel.
    n_train, n_test
        Trials that count as one pass.
    dt
        Length of a step in ms.

    Examples
    --------
    >>> batch = delayed_xor(cue=10, delay=20).draw({}, jnp.arange(4), jax.random.key(0))
    >>> batch.inputs["cues"].shape, batch.targets["choice"].shape
    ((4, 40, 2), (4,))
    """

    citation = "arXiv:2206.01338"
    scoring: Mapping[str, str] = {"loss": "cross_entropy", "answer": "last"}

    def __init__(
        self,
        cue: int = 100,
        delay: int = 700,
        *,
        amplitude: float = 2.0,
        baseline: float = 0.02,
        bump_sd: float = 25.0,
        noise: float = 0.01,
        n_train: int = 640,
        n_test: int = 320,
        dt: float = 1.0,
    ):
        positive(cue=cue, delay=delay, bump_sd=bump_sd, n_train=n_train, n_test=n_test, dt=dt)
        self.name, self.inputs, self.readouts = "delayed_xor", {"cues": 2}, {"choice": 2}
        self.cue, self.delay, self.noise = cue, delay, noise
        self.shape = {"amplitude": amplitude, "baseline": baseline, "bump_sd": bump_sd}
        self.n_train, self.n_test, self.arrays = n_train, n_test, {}
        self.steps, self.dt = 2 * cue + delay, dt
        self.periods = consecutive(dt, cue_1=cue, delay=delay, cue_2=cue)

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw fresh trials; the indices only say how many."""
        coin, grain = jax.random.split(key)
        cues = jax.random.bernoulli(coin, 0.5, (len(index), 2)).astype(jnp.int32)
        clean = xor_stimulus(cues, self.cue, self.delay, **self.shape)
        noisy = clean + self.noise * jax.random.normal(grain, clean.shape, clean.dtype)
        label = xor_label(cues)
        return Batch({"cues": noisy}, {"choice": label}, {"cue_1": cues[:, 0], "cue_2": cues[:, 1], "label": label})


def sinusoids(
    rng: np.random.Generator, steps: int, dt: float, frequencies: tuple[float, ...]
) -> Float[np.ndarray, " time"]:
    """Draw a sum of sinusoids, zero mean, largest absolute value 1.

    Amplitudes are uniform in (0.5, 2) and phases uniform in (0, 2 pi): our choice, the paper does not say.

    Parameters
    ----------
    rng, steps
        Random stream, number of steps.
    dt, frequencies
        Step in ms, frequencies in Hz.
    """
    time = np.arange(steps)[:, None] * dt / 1000
    amplitude, phase = rng.uniform(0.5, 2, len(frequencies)), rng.uniform(0, 2 * np.pi, len(frequencies))
    total = (amplitude * np.sin(2 * np.pi * np.array(frequencies) * time + phase)).sum(1)
    total = total - total.mean()
    return total / np.abs(total).max()


class pattern_generation(Task):
    """Produce a sum of sinusoids while the same frozen noise comes in: one trial, always the same.

    Parameters
    ----------
    steps, dt
        Length of the trial in steps, and of a step in ms.
    inputs
        Channels of frozen noise, standard normal at every step.
    frequencies
        In Hz.
    seed
        Seed of noise, amplitudes and phases.
    n_train
        Presentations of the trial that count as one pass.

    Examples
    --------
    >>> batch = (task := pattern_generation(steps=100)).draw(task.arrays, jnp.arange(1), jax.random.key(0))
    >>> batch.targets["pattern"].shape
    (1, 100, 1)
    """

    citation = "arXiv:2206.01338"
    scoring: Mapping[str, str] = {"loss": "half_squared_error", "answer": "every", "reduction": "sum"}
    kinds: Mapping[str, str] = {"pattern": "values"}
    units: Mapping[str, str] = {"pattern": "1"}

    def __init__(
        self,
        steps: int = 2000,
        *,
        inputs: int = 50,
        frequencies: tuple[float, ...] = (0.5, 1.0, 2.0, 3.0, 4.0),
        seed: int = 0,
        n_train: int = 1,
        dt: float = 1.0,
    ):
        positive(steps=steps, inputs=inputs, n_train=n_train, dt=dt)
        rng = np.random.default_rng(seed)
        self.name, self.inputs, self.readouts = "pattern_generation", {"noise": inputs}, {"pattern": 1}
        self.arrays = {"noise": rng.standard_normal((steps, inputs))}
        self.arrays["pattern"] = sinusoids(rng, steps, dt, tuple(frequencies))[:, None]
        self.n_train, self.n_test, self.steps, self.dt = n_train, 1, steps, dt
        self.periods = consecutive(dt, pattern=steps)

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return the one trial, as often as there are indices."""
        noise, pattern = (jnp.broadcast_to(arrays[k], (len(index), *arrays[k].shape)) for k in ("noise", "pattern"))
        return Batch({"noise": noise}, {"pattern": pattern}, {"trial": index})


class pixel_by_pixel(Task):
    """Classify an image of which one pixel is shown at each step, at the last step.

    Parameters
    ----------
    images
        Any image task with flat grey images.
    dt
        Length of a step in ms.
    """

    scoring: Mapping[str, str] = {"loss": "cross_entropy", "answer": "last"}

    def __init__(self, images: ImageTask, *, dt: float = 1.0):
        positive(dt=dt)
        take_over(self, images)
        self.images, self.name, self.inputs = images, f"pixel_by_pixel({images.name})", {"pixel": 1}
        self.steps, self.dt = images.inputs["image"], dt
        self.periods = consecutive(dt, image=self.steps)

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return the images row by row, ``[trial, pixel, 1]``."""
        batch = self.images.draw(arrays, index, key, test=test)
        pixels = batch.inputs["image"].reshape(len(index), self.steps, 1)
        return Batch({"pixel": pixels}, batch.targets, batch.trials)


@described
def pixel_mnist(*, dt: float = 1.0, **options: Any) -> pixel_by_pixel:
    """Build MNIST pixel by pixel, 784 steps; other options as in :func:`biocredit.protocols.tasks.image_sets.mnist`."""
    return pixel_by_pixel(mnist(**options), dt=dt)


def consecutive(dt: float, **steps: int) -> tuple[Period, ...]:
    """Name stretches that follow one another, of these numbers of steps.

    Examples
    --------
    >>> consecutive(2.0, cue=5, delay=10)[1]
    Period(name='delay', start=10.0, stop=30.0)
    """
    ends = np.cumsum(list(steps.values())) * dt
    return tuple(
        Period(name, float(end - n * dt), float(end)) for (name, n), end in zip(steps.items(), ends, strict=True)
    )


def positive(**values: float) -> None:
    """Refuse settings that are not positive."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
