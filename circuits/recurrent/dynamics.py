"""Forward dynamics of a recurrent network of any cell model, as pure functions.

Time is the leading axis, then the trial: ``[time, trial, neuron]``. Weights are ``[pre, post]``. The input of step
t acts at step t, the recurrent input one step later (arXiv 2206.01338, section "Network model").
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.probes import Probe, active, at, gain, is_passive, members, still, untouched
from biocredit.circuits.recurrent.cells.model import CellModel, Constants, Emission, State
from jaxtyping import Array, Float


class Activity(NamedTuple):
    """What a stretch of time produced, each ``[time, trial, neuron]``.

    Attributes
    ----------
    shown
        State variables and what else a cell shows, by name.
    rate, previous_rate
        Output of the cells (rate, or spikes) at this step, and at the step before.
    gain
        Pseudo-derivative.
    direction
        Slopes that change in time, by state variable.
    """

    shown: State
    rate: jax.Array
    previous_rate: jax.Array
    gain: jax.Array
    direction: State


class Running(NamedTuple):
    """Where the cells are: state variables by name, and output, ``[trial, neuron]``."""

    state: State
    rate: jax.Array


def at_rest(cell: CellModel, trials: int, neurons: int, dtype: Any) -> Running:
    """Beginning of a trial: everything zero."""
    return Running(cell.rest((trials, neurons), dtype), jnp.zeros((trials, neurons), dtype))


def emitted(output: jax.Array, gate: jax.Array | None, probe: Probe) -> jax.Array:
    """What is left of an output: interventions act inside, so that a silenced cell has derivative zero, too."""
    output = probe("cells.rate", "inference", output)
    return output if gate is None else output * gate


def step(
    cell: CellModel,
    constants: Constants,
    before: Running,
    external: jax.Array,
    w_rec: jax.Array,
    gate: jax.Array | None = None,
    sent: jax.Array | None = None,
    probe: Probe = untouched,
) -> tuple[Running, Emission]:
    """Advance by one step; ``sent`` scales what the recurrent synapses carry."""
    carried = before.rate if sent is None else before.rate * sent
    emit = partial(emitted, gate=gate, probe=probe)
    state, emission = cell.advance(constants, before.state, before.rate, carried @ w_rec + external, emit)
    return Running(state, emission.output), emission


def simulate(
    cell: CellModel,
    constants: Constants,
    inputs: Float[Array, "time trial input"],
    into: Callable[[jax.Array], jax.Array],
    w_rec: Float[Array, "neuron neuron"],
    probe: Probe = untouched,
    start: Running | None = None,
) -> tuple[Running, Activity]:
    """Run a whole stretch of time in one scan.

    Parameters
    ----------
    cell, constants, inputs, into, w_rec
        Cell model, what comes from outside, how it becomes a current ``[..., neuron]``, effective recurrent weights.
    probe
        Sees ``"cells.external_current"`` and ``"cells.rate_gate"`` (ones, ``[time, 1, neuron]``: multiply a stretch of
        it by zero to silence cells in a window) before the run, changes ``"cells.rate"`` inside it, and watches
        what cells show afterwards.
    start
        Where the cells are at the beginning, at rest by default.
    """
    external = probe("cells.external_current", "inference", into(inputs))
    if not is_passive(probe):
        inputs, into = external, _as_it_is
    start = at_rest(cell, inputs.shape[1], len(w_rec), w_rec.dtype) if start is None else start
    inside, steps = active(still(probe)), getattr(probe, "steps", None)
    gates, transmission = _gates(len(inputs), start.rate, probe), gain(probe, "W_rec", "inference", w_rec.dtype)
    told = inside is untouched and gates is None and cell.told(start.rate) is not None

    def advance(before: Running, now: tuple) -> tuple[Running, tuple]:
        x, gate, sent, number = now
        after, emission = step(cell, constants, before, into(x), w_rec, gate, sent, at(inside, number))
        shown = after.state | emission.shown
        return after, (shown, emission.output, None if told else emission.gain, emission.direction)

    numbers = None if steps is None else jnp.asarray(steps)
    end, (shown, rate, slope, direction) = jax.lax.scan(advance, start, (inputs, gates, transmission, numbers))
    previous = jnp.concatenate([start.rate[None], rate[:-1]])
    slope = cell.told(rate) if told else slope
    return end, watch(Activity(shown, rate, previous, slope, direction), probe)


def _as_it_is(current: jax.Array) -> jax.Array:
    return current


def _gates(steps: int, rest: jax.Array, probe: Probe) -> jax.Array | None:
    if is_passive(probe):
        return None
    return probe("cells.rate_gate", "inference", jnp.ones((steps, 1, rest.shape[1]), rest.dtype))


def watch(activity: Activity, probe: Probe) -> Activity:
    """Show finished activity to recording probes; what may change it has already done so inside the run."""
    for part in members(probe):
        if is_passive(part):
            for name, value in {**activity.shown, "rate": activity.rate, "gain": activity.gain}.items():
                part(f"cells.{name}", "inference", value)
    return activity
