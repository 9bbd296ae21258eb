"""The time course of everything that a neuroscientist would record, as pure functions.

Modulators are shown causally: at each step the secretion of that step, its concentration per type, and what the
receptors for the shortest delay feel of it (tap F_1); the other taps follow from the concentrations with
:meth:`biocredit.circuits.recurrent.cell_types.Chain.taps`.
"""

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import Probe, at, gated, still, untouched
from biocredit.circuits.recurrent import cell_types
from biocredit.circuits.recurrent.cells.model import along
from biocredit.circuits.recurrent.dynamics import Running, step
from biocredit.circuits.recurrent.network import Network
from biocredit.circuits.recurrent.readout import Goal, evaluate, learning_signal


def own_trace(network: Network, tree: Tree, trace: jax.Array, rate: jax.Array) -> jax.Array:
    """Advance the presynaptic trace ``[trial, neuron]`` that a synapse onto a cell of the same type would have.

    It is how the first state variable of such a cell follows what arrives, nothing of its own output included.
    """
    cell, constants, returns = network.neuron(tree).seen("none")
    del returns
    first = cell.variables[0]
    rest = dict.fromkeys(cell.variables, jnp.zeros_like(trace)) | {first: trace}
    return cell.integrate(constants, rest, 0.0, rate)[first]


def chemistry(network: Network, tree: Tree, error: jax.Array, gain: jax.Array, probe: Probe) -> Tree:
    """Learning signal, secretion, concentrations and receptor signals that follow from an error, by variable name."""
    membership = network.membership(gain.dtype)
    feedback = still(probe)("feedback", "learning", network.feedback(tree))
    sent = gated(probe, "feedback", "learning", error)
    signal = probe("cells.learning_signal", "learning", learning_signal(sent, feedback))
    secretion = probe("cells.secretion", "learning", signal * gain)
    modulator = cell_types.modulators(secretion, membership, network.names, probe)
    links = network.links(tree, "none", jnp.zeros((), gain.dtype))
    table = (links.output @ links.first)[None] * cell_types.affinity(network.names, gain.dtype, probe)
    return {
        "cells.learning_signal": signal,
        "cells.secretion": secretion,
        "modulator": modulator,
        "receptor": modulator @ table,
    }


def timeline(network: Network, tree: Tree, inputs: jax.Array, goal: Goal, probe: Probe = untouched) -> Tree:
    """Return every variable of a batch of trials, ``[time, trial, unit]`` by name."""
    probe = at(probe, np.arange(len(inputs)))
    course = network.run(tree, inputs, probe)
    activity = course.activity
    error = evaluate(network.loss, course.output, goal, network.readouts, network.mean)[1]
    error = probe("error", "learning", error)

    def decay(trace: jax.Array, rate: jax.Array) -> tuple[jax.Array, jax.Array]:
        trace = own_trace(network, tree, trace, rate)
        return trace, trace

    trace = jax.lax.scan(decay, jnp.zeros_like(activity.rate[0]), activity.previous_rate)[1]
    found = {
        **shown(network, activity.shown, activity.rate, activity.gain, course.filtered),
        "cells.trace": probe("cells.trace", "inference", trace),
        "output": course.output,
        "error": error,
    }
    return found | chemistry(network, tree, error, activity.gain, probe)


def shown(network: Network, state: Tree, output: jax.Array, gain: jax.Array, seen: jax.Array) -> Tree:
    """What cells show, by variable name."""
    found = {f"cells.{name}": value for name, value in state.items()}
    if network.cell.spiking:
        return found | {"cells.spike": output, "cells.pseudo_derivative": gain, "cells.filtered_spikes": seen}
    return found | {"cells.rate": output}


def one_step(network: Network, tree: Tree, state: Tree, x: jax.Array, *target: jax.Array) -> Tree:
    """Advance all variables by one step, with or without a clamped target."""
    neuron = network.neuron(tree)
    output = state["cells.spike" if network.cell.spiking else "cells.rate"]
    cells = neuron.cell.rest(output.shape, output.dtype)
    before = Running({name: state[f"cells.{name}"] for name in cells}, output)
    trace = own_trace(network, tree, state["cells.trace"], output)
    external = network.current(tree, x, untouched)(x)
    after, emission = step(neuron.cell, neuron.constants, before, external, tree["W_rec"])
    seen = after.rate
    if neuron.readout is not None:
        keep, gain = neuron.readout
        seen = keep * state["cells.filtered_spikes"] + gain * after.rate
    outputs = [
        seen @ tree[name] + along(tree[bias], 2)
        for name, bias in zip(network.readouts.weights, network.readouts.biases, strict=True)
    ]
    y = jnp.concatenate(outputs, axis=-1)
    error = jnp.zeros_like(y)
    if target:
        ones = jnp.ones((1, len(y)), y.dtype)
        goal = Goal(
            {name: one[None] for name, one in zip(network.readouts.sizes, target, strict=True)},
            dict.fromkeys(network.readouts.sizes, ones),
        )
        error = evaluate(network.loss, y[None], goal, network.readouts, network.mean)[1][0]
    new = shown(network, {**after.state, **emission.shown}, after.rate, emission.gain, seen)
    new |= {"cells.trace": trace, "output": y, "error": error}
    felt = chemistry(network, tree, error[None], emission.gain[None], untouched)
    return new | {name: value[0] for name, value in felt.items()}
