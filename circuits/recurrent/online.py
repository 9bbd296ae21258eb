"""Plasticity while time runs: every step, or every k steps with the weights frozen in between.

States, traces and the memory of the rule are carried from stretch to stretch and never reset at an update, so old
parts keep what they saw of the old weights, as in any online rule (arXiv 2206.01338, Proposition 1 and Fig. 5). What
a stretch of k steps gives is exactly the sum of what k single steps would have given with the same weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.probes import Probe, at, untouched
from biocredit.circuits.recurrent.credit.reverse import split
from biocredit.circuits.recurrent.credit.signals import in_tree, state_of
from biocredit.circuits.recurrent.credit.temporal_rule import RunningForm
from biocredit.circuits.recurrent.dynamics import Running, at_rest
from biocredit.circuits.recurrent.network import Course, Network
from biocredit.circuits.recurrent.readout import Goal, evaluate


class Carry(NamedTuple):
    """What passes from one stretch of time to the next.

    Attributes
    ----------
    running
        Where the cells are.
    seen
        Outputs as the readout filters them ``[trial, neuron]``, ``None`` without a filter.
    rule
        Memory of the rule's running form.
    """

    running: Running
    seen: jax.Array | None
    rule: Tree


class Stretch(NamedTuple):
    """What a stretch gave: changes by weight name, state of the rule, loss, and what the network did."""

    changes: Tree
    loss: jax.Array
    course: Course


@dataclass(frozen=True)
class Start:
    """Sizes at the start of a presentation, see :class:`Beginning`."""

    trials: int
    presynaptic: int
    cells: int
    types: int
    outputs: int
    reach: int | None
    dtype: Any
    running: Running


def form_of(network: Network) -> RunningForm:
    """Return the form in which a network's rule runs while time runs.

    Raises
    ------
    CircuitError
        If the rule has none, or must be told how far it looks back.
    """
    rule, reach = network.rule, network.taps or network.truncation
    if reach is not None and rule.windowed is not None:
        return rule.windowed
    told = f"rule {rule.name!r} needs to know how far it looks back online: give taps or truncation"
    require(rule.running is not None or rule.windowed is None, told)
    require(rule.running is not None, f"rule {rule.name!r} has no running form: its plasticity acts once a trial")
    return rule.running


def begin(network: Network, tree: Tree, trials: int, start: Mapping[str, jax.Array] | None = None) -> Carry:
    """Return the carry at the start of a presentation: at rest, or with these state variables ``[trial, neuron]``.

    Raises
    ------
    CircuitError
        If the rule has no running form for these cells or must be told how far it looks back, or where whole trials
        are needed.
    """
    form, cells, dtype = form_of(network), len(network.type_id), tree["W_rec"].dtype
    fits = network.cell.gated == "output" or not network.rule.sends
    require(fits, f"the online form of rule {network.rule.name!r} holds for leak='before'")
    whole = "firing-rate regularisation is of whole trials: leave it out while time runs"
    require(network.rates is None, whole)
    width, outputs = cells + network.inputs.channels + 1, network.readouts.channels
    reach = network.taps or network.truncation
    neuron, running = network.neuron(tree), at_rest(network.cell, trials, cells, dtype)
    if start is not None:
        state = running.state | {name: jnp.asarray(value, dtype) for name, value in start.items()}
        running = Running(state, network.cell.output_of(neuron.constants, state))
    sizes = Start(trials, width, cells, len(network.names), outputs, reach, dtype, running)
    seen = None if neuron.readout is None else jnp.zeros((trials, cells), dtype)
    return Carry(running, seen, form.start(neuron, sizes))


def advance(
    network: Network, tree: Tree, carry: Carry, inputs: jax.Array, goal: Goal, probe: Probe = untouched
) -> tuple[Carry, Stretch]:
    """Run k steps with frozen weights and return the summed changes.

    Parameters
    ----------
    network, tree, carry
        Who, with which weights, from where.
    inputs, goal
        As in :meth:`biocredit.circuits.recurrent.network.Network.gradient`, k steps long.
    probe
        See there.
    """
    probe = at(probe, np.arange(len(inputs)))
    course = network.run(tree, inputs, probe, carry.running, carry.seen)
    loss, error = evaluate(network.loss, course.output, goal, network.readouts, network.mean)
    signals = network.signals(tree, inputs, course.activity, error, probe, goal.wanted(network.readouts))
    signals |= {"window": None} if "window" in signals else {}
    activity = course.activity
    presynaptic = jnp.concatenate([activity.previous_rate, inputs, jnp.ones_like(inputs[..., :1])], axis=-1)
    memory = carry.rule | in_tree(state_of(tree))
    gradient, memory = form_of(network).learn(memory, presynaptic, signals)
    state = in_tree(state_of(memory))
    found = network.named(split(gradient, len(network.type_id))) | network.readout_changes(course.filtered, error)
    rule = {name: value for name, value in memory.items() if name not in state}
    changes = network.masked(tree, found | state)
    return Carry(course.end, course.seen, rule), Stretch(changes, loss, course)
