"""From a network of any cell model to the local signals of rules that are told step by step, and back to its weights.

The rules speak of one vector of states and of one matrix ``incoming`` [state, regressor] of all weights onto them;
the network keeps recurrent weights [pre, post], input weights and a bias. A cell with several state variables has a
row for each; what its weights change is the sum over its rows.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.cells.model import Seen, State
from biocredit.circuits.recurrent.credit.signals import Neuron
from biocredit.circuits.recurrent.dynamics import Running, step
from jaxtyping import Array, Float

#: Weights that such a rule changes; the readout learns by its exact gradient beside it.
INCOMING = ("W_rec", "W_in", "b_rec")


class Point(NamedTuple):
    """Where the cells of one trial are: state variables and slopes dz/dx by name, output, gain, each [n]."""

    state: State
    rate: jax.Array
    slopes: State
    gain: jax.Array


def at_rest(seen: Seen, neurons: int, dtype: jnp.dtype) -> Point:
    """Beginning of a trial: everything zero."""
    zero = jnp.zeros(neurons, dtype)
    states = dict.fromkeys(seen.cell.variables, zero)
    return Point(states, zero, states, zero)


def join(weights: Mapping[str, jax.Array]) -> Float[Array, "n m"]:
    """Recurrent weights, input weights and bias as the matrix ``incoming`` [n, n + n_in + 1] of the rules."""
    return jnp.concatenate([weights["W_rec"], weights["W_in"], weights["b_rec"][None]]).T


def rows(values: Mapping[str, jax.Array], seen: Seen) -> jax.Array:
    """Stack the state variables of all cells along the first axis."""
    return jnp.concatenate([values[name] for name in seen.cell.variables])


def start(rule: Any, neuron: Neuron, weights: Mapping[str, jax.Array]) -> Tree:
    """State of a rule at the beginning of the first trial of a network with these weights."""
    seen, incoming = neuron.seen("local"), join(weights)
    blank = dict.fromkeys(seen.cell.variables, incoming)
    readout = dict.fromkeys(seen.cell.variables, jnp.asarray(weights["W_out"]))
    kept = decays(seen, incoming.shape[0], incoming.dtype)
    return rule.init({"incoming": rows(blank, seen), "readout": rows(readout, seen).T, "decay": kept})


def decays(seen: Seen, neurons: int, dtype: jnp.dtype) -> Float[Array, " s"]:
    """Share of itself that each state variable of each cell keeps from step to step."""
    kept = carried(seen, neurons, dtype)
    return jnp.concatenate([kept[k, k] for k in range(len(kept))])


def split(incoming: Float[Array, "s m"], seen: Seen) -> Tree:
    """Changes of ``incoming`` as changes of the network's weights."""
    columns = incoming.reshape(len(seen.cell.variables), -1, incoming.shape[-1]).sum(0).T
    neurons = columns.shape[1]
    return {"W_rec": columns[:neurons], "W_in": columns[neurons:-1], "b_rec": columns[-1]}


def unit_response(seen: Seen, state: State, own: jax.Array, drive: jax.Array) -> jax.Array:
    """Stack what ``integrate`` gives, ``[variable, n]``."""
    found = seen.cell.integrate(seen.constants, state, own, drive)
    return jnp.stack([found[name] for name in seen.cell.variables])


def carried(seen: Seen, neurons: int, dtype: jnp.dtype) -> Float[Array, "variable variable n"]:
    """Share of each state variable (second axis) that goes on into each (first) within a cell."""
    one, zero = jnp.ones(neurons, dtype), jnp.zeros(neurons, dtype)
    names = seen.cell.variables
    each = [unit_response(seen, {k: one if k == name else zero for k in names}, zero, zero) for name in names]
    return jnp.stack(each, axis=1)


def jacobian(seen: Seen, w_rec: Float[Array, "n n"], before: Point, gain: jax.Array) -> Float[Array, "s s"]:
    """J[i, j] = d state[i] / d previous state[j], over all state variables of all cells."""
    n, dtype, names = len(gain), gain.dtype, seen.cell.variables
    one, zero = jnp.ones(n, dtype), jnp.zeros(n, dtype)
    rest = dict.fromkeys(names, zero)
    own = unit_response(seen, rest, one, zero)
    entry = immediate(seen, gain)
    slopes = jnp.stack([before.slopes[name] for name in names])
    within = carried(seen, n, dtype) + own[:, None] * slopes[None]
    across = entry[:, :, None, None] * (w_rec.T[None, :, None, :] * slopes[None, None])
    diagonal = jnp.einsum("uvn,nm->unvm", within, jnp.eye(n, dtype=dtype))
    return (across + diagonal).reshape(len(names) * n, -1)


def immediate(seen: Seen, gain: jax.Array) -> Float[Array, "variable n"]:
    """Direct influence of a cell's current on its state variables."""
    one, zero = jnp.ones_like(gain), jnp.zeros_like(gain)
    entry = unit_response(seen, dict.fromkeys(seen.cell.variables, zero), zero, one)
    return entry * gain[None] if seen.cell.gated == "input" else entry


def advance(neuron: Neuron, weights: Mapping[str, jax.Array], before: Running, x: Float[Array, " n_in"]) -> Running:
    """One step of one trial."""
    external = x @ weights["W_in"] + weights["b_rec"]
    batched = jax.tree.map(lambda value: value[None], before)
    after, _ = step(neuron.cell, neuron.constants, batched, external[None], weights["W_rec"])
    return jax.tree.map(lambda value: value[0], after)


def running_at(neuron: Neuron, states: jax.Array) -> Running:
    """Where the cells are when their state variables, stacked, have these values."""
    names = neuron.cell.variables
    state = dict(zip(names, jnp.split(states, len(names)), strict=True))
    state = neuron.cell.rest(next(iter(state.values())).shape, states.dtype) | state
    return Running(state, neuron.cell.output_of(neuron.constants, state))


def local_signals(
    seen: Seen,
    w_rec: Float[Array, "n n"],
    before: Point,
    now: Point,
    x: Float[Array, " n_in"],
    credit: Float[Array, " n"],
) -> dict[str, jax.Array]:
    """Signals of one step that follow from the dynamics (see :class:`StepRule` for their names).

    Parameters
    ----------
    seen, w_rec
        Cells, and recurrent weights [pre, post] at this step.
    before, now
        Where the network was and where it has come to.
    x, credit
        Input at this step, and dLoss/doutput at it through the feedback weights, times the gain where that is there.
    """
    n, names = len(now.gain), seen.cell.variables
    ways = seen.direction({}) if seen.cell.gated == "output" else now.slopes
    credits = jnp.concatenate([jnp.broadcast_to(ways[name], n) * credit for name in names])
    return {
        "previous": rows(before.state, seen),
        "state": rows(now.state, seen),
        "jacobian": jacobian(seen, w_rec, before, now.gain),
        "gain": immediate(seen, now.gain).reshape(-1),
        "regressor": jnp.concatenate([before.rate, x, jnp.ones(1, x.dtype)]),
        "credit": credits,
        "decay": decays(seen, n, now.gain.dtype),
    }
