"""Pattern generation for spiking networks: sines in whole cycles over frozen input spikes."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.tasks.temporal import consecutive, positive
from jaxtyping import Float


def whole_cycles(
    steps: int, periods: Float[np.ndarray, " sine"], amplitudes: np.ndarray, phases: np.ndarray
) -> tuple[Float[np.ndarray, " time"], Float[np.ndarray, " time"]]:
    """Sum of sines in whole cycles, and the same from 0 with largest absolute value 1.

    Parameters
    ----------
    steps
        Number of steps; both ends of every sine are among them.
    periods, amplitudes, phases
        Of each sine: period in steps, of which as many as fit are taken, amplitude, and phase at the first step.
    """
    cycles = np.floor(steps / np.asarray(periods))
    courses = np.linspace(phases, phases + 2 * np.pi * cycles, steps)
    total = (np.asarray(amplitudes) * np.sin(courses)).sum(1)
    from_zero = total - total[0]
    return total, from_zero / np.abs(from_zero).max()


class spiking_pattern(Task):
    """Produce a sum of four sines while the same frozen spikes come in: one trial, always the same.

    The pattern generation of Bellec et al. 2020 (doi:10.1038/s41467-020-17236-y) with its settings as defaults.

    Parameters
    ----------
    steps
        Length of the trial in steps of 1 ms.
    inputs, rate
        Number of input channels, and their firing rate in Hz.
    periods
        Of the sines, in steps.
    seed
        Seed of spikes, amplitudes (uniform between 0.5 and 2) and phases.
    n_train
        Presentations of the trial that count as one pass.

    Examples
    --------
    >>> batch = (task := spiking_pattern(steps=100)).draw(task.arrays, jnp.arange(1), jax.random.key(0))
    >>> batch.targets["pattern"].shape
    (1, 100, 1)
    """

    citation = "10.1038/s41467-020-17236-y"
    scoring: Mapping[str, str] = {"loss": "half_squared_error", "answer": "every", "reduction": "sum"}
    kinds: Mapping[str, str] = {"pattern": "values"}
    units: Mapping[str, str] = {"pattern": "1"}

    def __init__(
        self,
        steps: int = 1000,
        inputs: int = 100,
        rate: float = 50.0,
        periods: tuple[float, ...] = (1000.0, 500.0, 333.0, 200.0),
        seed: int = 0,
        n_train: int = 1,
    ):
        positive(steps=steps, inputs=inputs, rate=rate, n_train=n_train)
        rng = np.random.default_rng(seed)
        self.name, self.inputs, self.readouts = "spiking_pattern", {"spikes": inputs}, {"pattern": 1}
        self.n_train, self.n_test, self.steps, self.dt = n_train, 1, steps, 1.0
        self.periods = consecutive(1.0, pattern=steps)
        spikes = (rng.random((steps, inputs)) < rate / 1000).astype(np.float32)
        amplitudes, phases = rng.uniform(0.5, 2, len(periods)), rng.uniform(0, 2 * np.pi, len(periods))
        pattern = whole_cycles(steps, np.asarray(periods), amplitudes, phases)[1]
        self.arrays = {"spikes": spikes, "pattern": pattern[:, None].astype(np.float32)}

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return the one trial, as often as there are indices."""
        spikes, pattern = (jnp.broadcast_to(arrays[k], (len(index), *arrays[k].shape)) for k in ("spikes", "pattern"))
        return Batch({"spikes": spikes}, {"pattern": pattern}, {"trial": index})
