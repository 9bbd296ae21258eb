"""The time course of everything that a neuroscientist would record, as pure functions.

Modulators are shown causally: at each step the secretion of that step, its concentration per type, and what the
receptors for the shortest delay feel of it (probe F_1); the other taps follow from the concentrations with
:func:`biocredit.circuits.recurrent.cell_types.receptor_taps`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import Probe, at, gated, still, untouched
from biocredit.circuits.recurrent import cell_types
from biocredit.circuits.recurrent.dynamics import external_current, gain_of, step
from biocredit.circuits.recurrent.leak import per_neuron
from biocredit.circuits.recurrent.network import Network
from biocredit.circuits.recurrent.readout import evaluate, learning_signal, readout
from jaxtyping import Array, Float


def own_trace(
    trace: Float[Array, "trial neuron"], rate: Float[Array, "trial neuron"], keep: Float[Array, "..."]
) -> Float[Array, "trial neuron"]:
    """Advance the presynaptic trace that a synapse onto a cell of the same type would have."""
    keep = per_neuron(keep, 2)
    return keep * trace + (1 - keep) * rate


def chemistry(
    network: Network,
    tree: Tree,
    error: Float[Array, "time trial output"],
    gain: Float[Array, "time trial neuron"],
    probe: Probe,
) -> Tree:
    """Learning signal, secretion, concentrations and receptor signals that follow from an error, by variable name."""
    membership = network.membership(gain.dtype)
    feedback = still(probe)("feedback", "learning", network.feedback(tree))
    sent = gated(probe, "feedback", "learning", error)
    signal = probe("cells.learning_signal", "learning", learning_signal(sent, feedback))
    secretion = probe("cells.secretion", "learning", signal * gain)
    modulator = cell_types.modulators(secretion, membership, network.names, probe)
    means = tree.get("type_weights", cell_types.type_means(tree["W_rec"], membership))
    keep = cell_types.keep_per_type(tree["keep"], membership)
    receptors = cell_types.first_tap(means, keep)[None] * cell_types.affinity(network.names, gain.dtype, probe)
    return {
        "cells.learning_signal": signal,
        "cells.secretion": secretion,
        "modulator": modulator,
        "receptor": modulator @ receptors,
    }


def timeline(
    network: Network, tree: Tree, inputs: jax.Array, target: jax.Array, when: jax.Array, probe: Probe = untouched
) -> Tree:
    """Return every variable of a batch of trials, ``[time, trial, unit]`` by name.

    Parameters
    ----------
    network, tree
        Who, with which weights.
    inputs, target, when
        As in :meth:`biocredit.circuits.recurrent.network.Network.gradient`.
    """
    probe = at(probe, np.arange(len(inputs)))
    _, activity, y = network.run(tree, inputs, probe)
    error = probe("error", "learning", evaluate(network.loss, y, target, when, network.mean)[1])

    def decay(trace: jax.Array, rate: jax.Array) -> tuple[jax.Array, jax.Array]:
        trace = own_trace(trace, rate, tree["keep"])
        return trace, trace

    trace = jax.lax.scan(decay, jnp.zeros_like(activity.rate[0]), activity.previous_rate)[1]
    return {
        "cells.state": activity.state,
        "cells.rate": activity.rate,
        "cells.trace": probe("cells.trace", "inference", trace),
        "output": y,
        "error": error,
        **chemistry(network, tree, error, activity.gain, probe),
    }


def one_step(network: Network, tree: Tree, state: Tree, x: jax.Array, *target: jax.Array) -> Tree:
    """Advance all variables by one step, with or without a clamped target."""
    neuron = network.neuron(tree)
    memory, rate = state[f"cells.{neuron.leak.memory}"], state["cells.rate"]
    trace = own_trace(state["cells.trace"], rate, tree["keep"])
    current = external_current(x, tree["W_in"], tree["b_rec"])
    _, argument, rate = step(neuron, memory, rate, current, tree["W_rec"])
    y = readout(rate, tree["W_out"], tree["b_out"])
    error = jnp.zeros_like(y)
    if target:
        error = evaluate(network.loss, y[None], target[0][None], jnp.ones((1, len(y)), y.dtype), network.mean)[1][0]
    new = {"cells.state": argument, "cells.rate": rate, "cells.trace": trace, "output": y, "error": error}
    felt = chemistry(network, tree, error[None], gain_of(neuron, argument)[None], untouched)
    return new | {name: value[0] for name, value in felt.items()}
