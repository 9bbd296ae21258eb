"""Regions whose cells spike: filtered spikes take the place of rates (an experiment, in no published program).

Every iteration of a region is a step of 1 ms of leaky integrate-and-fire cells. A cell sends its spikes through a
synaptic filter, f_t = kappa f_{t-1} + (1 - kappa) z_t, and what counts as its rate, in currents, local errors and
readouts, is theta tau f: the scale on which a cell far above threshold follows its current with slope 1. A
``background`` current lets it fire in both directions of an error.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.cells import LIF
from biocredit.circuits.recurrent.cells.model import State


class Firing(NamedTuple):
    """Where spiking cells are: state variables, spikes of the step before, and filtered spikes ``[trial, neuron]``."""

    state: State
    spike: jax.Array
    filtered: jax.Array


@dataclass(frozen=True)
class FilteredSpikes:
    """Integrate-and-fire cells in a region.

    Parameters
    ----------
    cells
        Cell model.
    tau
        Time constant of the synaptic filter in ms.
    background
        Constant current of every cell, in thresholds.

    Examples
    --------
    >>> cells = FilteredSpikes(LIF(tau=10.0, threshold=0.1))
    >>> run = cells.rest((1, 1), jnp.float32)
    >>> for _ in range(200):
    ...     run = cells.advance(run, jnp.ones((1, 1)))
    >>> bool(cells.rate(run) > 0.5)
    True
    """

    cells: LIF = field(default_factory=partial(LIF, tau=10.0, threshold=0.3))
    tau: float = 50.0
    background: float = 1.0

    def __post_init__(self):
        require(self.tau >= 1, f"tau of the synaptic filter must be at least a step of 1 ms, got {self.tau}")
        require(np.isfinite(self.background), f"background must be a number of thresholds, got {self.background}")

    def rest(self, shape: tuple[int, ...], dtype: jnp.dtype) -> Firing:
        """Return silent cells."""
        zero = jnp.zeros(shape, dtype)
        return Firing(self.cells.rest(shape, dtype), zero, zero)

    def advance(self, before: Firing, current: jax.Array) -> Firing:
        """Run one step of 1 ms with this current."""
        keep = float(np.exp(-1 / self.tau))
        constants = self.cells.constants(np.exp(-1 / np.float64(self.cells.tau)), 1.0)
        constants = {name: jnp.asarray(value, current.dtype) for name, value in constants.items()}
        drive = current + jnp.asarray(self.background * self.cells.threshold, current.dtype)
        state, emission = self.cells.advance(constants, before.state, before.spike, drive, lambda spike: spike)
        return Firing(state, emission.output, keep * before.filtered + (1 - keep) * emission.output)

    def rate(self, now: Firing) -> jax.Array:
        """Return what counts as the rate."""
        return self.cells.threshold * self.cells.tau * now.filtered
