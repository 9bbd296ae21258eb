"""Eligibility traces: what a synapse remembers of its own past, without knowledge of other cells.

The eligibility vector eps of a synapse is the tangent of its cell's state, carried forward by the cell's own
``integrate``; e_t = dz_t/dx . eps_t is the eligibility trace. Where nothing of the cell comes back to it and all cells
are alike, the vector belongs to the presynaptic cell and is ``[trial, pre, 1]``, otherwise ``[trial, pre, post]``.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.recurrent.cells.model import Seen, State
from jaxtyping import Array, Float


class Traces(NamedTuple):
    """What all synapses onto the cells remember.

    Attributes
    ----------
    vector
        Eligibility vectors by state variable.
    slopes
        dz/dx of the last step by state variable, ``[trial, neuron]``.
    filtered
        Eligibility traces as the readout filters the output, ``[trial, pre, post]``; ``None`` without a filter.
    """

    vector: State
    slopes: State
    filtered: jax.Array | None = None

    @property
    def trace(self) -> jax.Array:
        """E = dz/dx . eps of the last step."""
        return eligibility(self.vector, self.slopes)

    @property
    def credited(self) -> jax.Array:
        """Traces that meet the learning signal of the last step: filtered by the readout where it filters."""
        return self.trace if self.filtered is None else self.filtered


def eligibility(vector: State, slopes: State) -> Float[Array, "*lead pre post"]:
    """Eligibility traces e[q, p] = sum over state variables of dz/dx[p] eps[q, p]."""
    return sum(vector[name] * slopes[name][..., None, :] for name in slopes)


class Synapses(NamedTuple):
    """How the traces of all synapses onto cells advance.

    Attributes
    ----------
    seen
        Cells as the rule sees them.
    readout
        Decay and gain of the readout's filter, ``None`` without one.
    """

    seen: Seen
    readout: tuple[jax.Array, jax.Array] | None = None

    def start(self, trials: int, pre: int, post: int, dtype: jnp.dtype) -> Traces:
        """Traces at the beginning of a trial."""
        shape = (trials, pre, 1)
        if self.seen.cell.gated == "input" or self.seen.returns:
            shape = (trials, pre, post)
        blank = jax.ShapeDtypeStruct(shape, dtype)
        state = dict.fromkeys(self.seen.cell.variables, blank)
        grown = jax.eval_shape(partial(self.seen.cell.integrate, self.seen.constants), state, 0.0, blank)
        vector = {name: jnp.zeros(value.shape, dtype) for name, value in grown.items()}
        slopes = {name: jnp.zeros((trials, post), dtype) for name in self.seen.cell.variables}
        filtered = None if self.readout is None else jnp.zeros((trials, pre, post), dtype)
        return Traces(vector, slopes, filtered)

    def step(self, traces: Traces, presynaptic: jax.Array, gain: jax.Array, direction: State) -> Traces:
        """Advance by one step: ``presynaptic`` ``[trial, pre]``, gain and changing slopes ``[trial, neuron]``."""
        drive = presynaptic[..., None]
        drive = drive * gain[..., None, :] if self.seen.cell.gated == "input" else drive
        own = traces.trace if self.seen.returns else 0.0
        vector = self.seen.cell.integrate(self.seen.constants, traces.vector, own, drive)
        slopes = self.seen.slopes(gain, direction)
        if self.readout is None:
            return Traces(vector, slopes)
        keep, scale = self.readout
        return Traces(vector, slopes, keep * traces.filtered + scale * eligibility(vector, slopes))

    def advance(self, traces: Traces, presynaptic: jax.Array, gain: jax.Array, direction: State) -> Traces:
        """Advance through a stretch of time ``[time, ...]``."""
        return jax.lax.scan(lambda old, now: (self.step(old, *now), None), traces, (presynaptic, gain, direction))[0]

    def series(self, presynaptic: jax.Array, gain: jax.Array, direction: State) -> Traces:
        """Traces of a whole trial ``[time, trial, pre, post]``, for recording; no per-trial rule stores them."""

        def step(old: Traces, now: tuple) -> tuple[Traces, Traces]:
            new = self.step(old, *now)
            return new, new

        start = self.start(presynaptic.shape[1], presynaptic.shape[-1], gain.shape[-1], gain.dtype)
        return jax.lax.scan(step, start, (presynaptic, gain, direction))[1]
