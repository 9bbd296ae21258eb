"""Plasticity while time runs: every step, or every k steps with the weights frozen in between.

States, traces and the memory of the rule are carried from stretch to stretch and never reset at an update, so old
parts keep what they saw of the old weights, as in any online rule (arXiv 2206.01338, Proposition 1 and Fig. 5). What
a stretch of k steps gives is exactly the sum of what k single steps would have given with the same weights.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.probes import Probe, at, untouched
from biocredit.circuits.recurrent import eligibility as traces
from biocredit.circuits.recurrent.memories import memory_of
from biocredit.circuits.recurrent.memories.stepwise import Stepwise
from biocredit.circuits.recurrent.network import Network
from biocredit.circuits.recurrent.readout import evaluate, readout_changes, wanted
from biocredit.circuits.recurrent.signals import in_tree, state_of


class Carry(NamedTuple):
    """What passes from one stretch of time to the next.

    Attributes
    ----------
    memory, rate
        Leaky state and rate, ``[trial, neuron]``.
    trace
        Presynaptic traces of cells, inputs and a constant 1 (the bias), ``[trial, pre, 1 or neuron]``.
    rule
        Memory of the rule, see :mod:`biocredit.circuits.recurrent.memories`.
    """

    memory: jax.Array
    rate: jax.Array
    trace: jax.Array
    rule: Tree


class Stretch(NamedTuple):
    """What a stretch gave: changes by weight name, state of the rule, loss, readout ``[time, trial, output]``."""

    changes: Tree
    loss: jax.Array
    output: jax.Array


def begin(network: Network, tree: Tree, trials: int) -> Carry:
    """Return the carry at the start of a presentation.

    Raises
    ------
    CircuitError
        If the leak acts after the nonlinearity and the rule has no form for it, or the rule needs to be told how far
        it looks back.
    """
    form = memory_of(network)
    fits = network.leak.name == "before" or form is Stepwise
    require(fits, f"the online form of rule {network.rule.name!r} holds for leak='before'")
    rest = jnp.zeros((trials, tree["W_rec"].shape[0]), tree["W_rec"].dtype)
    width = sum(tree["W_in"].shape) + 1
    trace = traces.start(trials, width, tree["keep"])
    return Carry(rest, rest, trace, form.start(network, tree, trials, width, trace))


def advance(
    network: Network,
    tree: Tree,
    carry: Carry,
    inputs: jax.Array,
    target: jax.Array,
    when: jax.Array,
    probe: Probe = untouched,
) -> tuple[Carry, Stretch]:
    """Run k steps with frozen weights and return the summed changes.

    Parameters
    ----------
    network, tree, carry
        Who, with which weights, from where.
    inputs, target, when
        As in :meth:`biocredit.circuits.recurrent.network.Network.gradient`, k steps long.
    probe
        See there.
    """
    probe = at(probe, np.arange(len(inputs)))
    end, activity, y = network.run(tree, inputs, probe, (carry.memory, carry.rate))
    loss, error = evaluate(network.loss, y, target, when, network.mean)
    signals = network.signals(tree, inputs, activity, error, None, probe, wanted(target, y))
    presynaptic = jnp.concatenate([activity.previous_rate, inputs, jnp.ones_like(inputs[..., :1])], axis=-1)
    memory = carry.rule | in_tree(state_of(tree))
    gradient, memory = memory_of(network).learn(network, memory, carry.trace, presynaptic, signals)
    state = in_tree(state_of(memory))
    trace = jax.lax.scan(lambda old, now: (traces.advance(old, now, tree["keep"]), None), carry.trace, presynaptic)[0]
    found = split(gradient, tree["W_rec"].shape[0]) | readout_changes(activity.rate, error)
    rule = {name: value for name, value in memory.items() if name not in state}
    return Carry(*end, trace, rule), Stretch(network.masked(tree, found | state), loss, y)


def split(gradient: jax.Array, neurons: int) -> dict[str, Any]:
    """Cut the change of all synapses onto the cells into recurrent, input and bias parts."""
    return {"W_rec": gradient[:neurons], "W_in": gradient[neurons:-1], "b_rec": gradient[-1]}
