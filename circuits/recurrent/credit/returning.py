"""Credit that comes back through cells and synapses: transposes of what cells and synapses do, in any cell model.

Everything follows from :meth:`~biocredit.circuits.recurrent.cells.model.CellModel.integrate`: its transpose,
:meth:`~biocredit.circuits.recurrent.cells.model.Seen.back`, carries the credit of a state one step back, to the state
before, to the cell's own last output and to the drive. What arrives at a drive goes through a feedback matrix V
``[pre, post]`` to the cells that sent it. The last axis of every array is the neuron (V = recurrent weights) or the
cell type (V = type means): the same recursion in N or in C dimensions (own derivation from arXiv 2206.01338, Eq. 4-6,
leak, reset and adaptation included).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.recurrent.cells.model import Seen, State, along
from jaxtyping import Array, Float


class Hop(NamedTuple):
    """How credit goes one step back.

    Attributes
    ----------
    seen
        Cells, or cell types, as the rule sees them.
    feedback
        V ``[pre, post]`` of the synapses it passes.
    cells
        How many cells each unit stands for.
    """

    seen: Seen
    feedback: Float[Array, "pre post"]
    cells: jax.Array | float = 1.0

    def begin(self, sent: jax.Array, direction: State) -> State:
        """What is under way when only this has just been sent."""
        if self.seen.cell.gated == "input":
            return {"sent": sent, "received": jnp.zeros_like(sent)}
        return {name: along(value, sent.ndim) * sent for name, value in self.seen.direction(direction).items()}

    def arrive(self, later: State, open_now: jax.Array | None = None) -> tuple[jax.Array, State, Any]:
        """Return what arrives over one synapse, what stays in the states, what comes through the own output."""
        gated = self.seen.cell.gated == "input"
        if gated:
            (variable,) = self.seen.cell.variables
            drive = self.seen.back({variable: later["sent"]})[2]
            state, own = self.seen.back({variable: later["received"]})[0][variable], None
        else:
            state, own, drive = self.seen.back(later)
        message = drive @ self.feedback.T
        message = message if open_now is None else message * open_now
        return (message + state if gated else message), state, own

    def step(
        self, later: State, sent: jax.Array, path: jax.Array, direction: State, open_now: jax.Array | None = None
    ) -> tuple[State, jax.Array]:
        """One step back: what is under way now, and what each unit received."""
        received, state, own = self.arrive(later, open_now)
        if self.seen.cell.gated == "input":
            return {"sent": sent + path * received, "received": received}, received
        on = received + own / along(self.cells, sent.ndim) if self.seen.returns else received
        under_way = self.begin(sent + path * on, direction)
        return {name: value + state[name] for name, value in under_way.items()}, received


def every_hop(
    hop: Hop,
    secretion: Float[Array, "time *lead unit"],
    path: Float[Array, "steps *lead2 unit2"],
    direction: State,
    window: Float[Array, " time"] | None = None,
) -> Float[Array, "time *lead unit"]:
    """Return the received R_t over all numbers of synapses and all delays.

    Parameters
    ----------
    hop
        How credit goes back.
    secretion
        a_t, what each unit sends when its own output matters.
    path
        Gain with which units hand a message on, one per step or (leading axis 1) the same at every step.
    direction
        Slopes that change in time, by state variable.
    window
        1 where credit may pass from step t+1 to step t, 0 where the transmission carries none.
    """
    constant = path[0]

    def step(later: State, now: tuple) -> tuple[State, jax.Array]:
        sent, gain, open_now, slopes = now
        return hop.step(later, sent, constant if gain is None else gain, slopes, open_now)

    rest = jax.tree.map(jnp.zeros_like, jax.eval_shape(lambda: hop.begin(secretion[0], {})))
    varying = path if path.shape[0] == secretion.shape[0] else None
    return jax.lax.scan(step, rest, (secretion, varying, window, direction), reverse=True)[1]


def next_hop(hop: Hop, secretion: Float[Array, "time *lead unit"], direction: State) -> jax.Array:
    """Return what arrives from the next step alone, over one synapse, ``[time, ...]``; entry t was sent at t + 1."""
    return later(hop.arrive(hop.begin(secretion, direction))[0], 1)


def some_taps(hop: Hop, secretion: Float[Array, "time *lead unit"], path: Float[Array, " unit"], taps: int):
    """Return R_t = sum over s = 1..S of a_{t+s} F_s for gains that do not change in time.

    The taps F_s are powers of one matrix, so about 2 log2(S) matrix products over the whole trial do.
    """
    width, names = secretion.shape[-1], tuple(hop.begin(secretion[0], {}))

    def stacked(parts: State) -> jax.Array:
        return jnp.concatenate([parts[name] for name in names], axis=-1)

    def apart(values: jax.Array) -> State:
        return {name: values[..., k * width : (k + 1) * width] for k, name in enumerate(names)}

    basis = jnp.eye(len(names) * width, dtype=secretion.dtype)
    nothing = jnp.zeros((len(basis), width), secretion.dtype)
    step = stacked(hop.step(apart(basis), nothing, along(path, 2), {})[0])
    under_way = power_sum(stacked(hop.begin(secretion, {})), step, taps)
    return later(hop.arrive(apart(under_way))[0], 1)


def power_sum(
    values: Float[Array, "time *lead unit"], matrix: Float[Array, "unit unit"], terms: int
) -> Float[Array, "time *lead unit"]:
    """Return the sum over s < ``terms`` of values_{t+s} matrix^s, by doubling."""
    if terms == 1:
        return values
    half = power_sum(values, matrix, terms // 2)
    total = half + later(half, terms // 2) @ jnp.linalg.matrix_power(matrix, terms // 2)
    return values + later(total, 1) @ matrix if terms % 2 else total


def later(values: jax.Array, steps: int) -> jax.Array:
    """Look ``steps`` ahead in time; nothing comes after the end."""
    steps = min(steps, values.shape[0])
    return jnp.concatenate([values[steps:], jnp.zeros_like(values[:steps])])


def filtered_back(values: Float[Array, "time *rest"], keep: jax.Array, gain: jax.Array | float) -> jax.Array:
    """Filter backwards in time, g_t = gain v_t + keep g_{t+1}: the adjoint of an exponential trace."""
    keep = along(keep, values.ndim - 1)

    def step(after: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        total = gain * now + keep * after
        return total, total

    return jax.lax.scan(step, jnp.zeros_like(values[0]), values, reverse=True)[1]


def secretion(seen: Seen, signal: jax.Array, gain: jax.Array) -> jax.Array:
    """What each cell sends when its own output matters: a_t = L_t psi_t, or what its output leaks on times the gain."""
    if seen.cell.gated == "output":
        return signal * gain

    (variable,) = seen.cell.variables

    def step(after: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        total = now + seen.back({variable: after})[0][variable]
        return total, total

    return jax.lax.scan(step, jnp.zeros_like(signal[0]), signal, reverse=True)[1] * gain


def nothing(seen: Seen, like: jax.Array) -> State:
    """No credit of the states of cells like these ``[trial, neuron]``."""
    return {name: jnp.zeros_like(like) for name in seen.cell.variables}


def within_cells(
    seen: Seen, credit: jax.Array, gain: jax.Array, direction: State, after: State
) -> tuple[State, Float[Array, "time trial neuron"]]:
    """Take credit back within each cell, from the last step of a stretch of time to its first.

    Parameters
    ----------
    seen
        Cells as the rule sees them.
    credit
        q_t, credit of the output times its gain (of the drive, where the gain is there) ``[time, trial, neuron]``.
    gain, direction
        Of the cells in these steps.
    after
        Credit of the state of the step after the stretch.

    Returns
    -------
    tuple
        Credit of the state at the first step, and of the drive of each following step.
    """
    if seen.cell.gated == "input":
        (variable,) = seen.cell.variables
        following = jnp.concatenate([credit[1:], after[variable][None]])
        return {variable: credit[0]}, seen.back({variable: following})[2]

    def step(later: State, now: tuple) -> tuple[State, jax.Array]:
        q, psi, slopes = now
        state, own, drive = seen.back(later)
        inflow = q + psi * own if seen.returns else q
        found = seen.direction(slopes)
        return {name: along(value, q.ndim) * inflow + state[name] for name, value in found.items()}, drive

    return jax.lax.scan(step, after, (credit, gain, direction), reverse=True)
