"""What happens in a batch of trials, from the stimulus to the weight changes, as pure functions of the weights."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import Probe, at, gated, is_passive, still, untouched
from biocredit.circuits.recurrent import cell_types
from biocredit.circuits.recurrent.cells.model import CellModel, along
from biocredit.circuits.recurrent.credit.returning import filtered_back
from biocredit.circuits.recurrent.credit.signals import Neuron, in_tree, state_of, visible
from biocredit.circuits.recurrent.credit.temporal_rule import TemporalRule
from biocredit.circuits.recurrent.dynamics import Activity, Running, simulate
from biocredit.circuits.recurrent.ports import Ports
from biocredit.circuits.recurrent.readout import Goal, Loss, evaluate, filtered, learning_signal, over_time
from biocredit.circuits.recurrent.regularisation import FiringRate


class Course(NamedTuple):
    """What a network did in a stretch of time.

    Attributes
    ----------
    end
        Where the cells are at the end.
    seen
        Outputs as the readout filters them at the end ``[trial, neuron]``, ``None`` without a filter.
    activity
        Activity of the cells.
    filtered
        Outputs as the readout sees them ``[time, trial, neuron]``.
    output
        Readout ``[time, trial, output]``.
    """

    end: Running
    seen: jax.Array | None
    activity: Activity
    filtered: jax.Array
    output: jax.Array


@dataclass(frozen=True)
class Network:
    """The fixed choices of a recurrent network; everything that may vary between seeds is in the tree.

    Parameters
    ----------
    names, type_id
        Names of the cell types, and the type number of each cell.
    cell
        Cell model.
    rule
        Credit rule.
    inputs, readouts
        Ports.
    loss, mean
        Loss per step, and whether trials are averaged rather than summed.
    dt
        Length of a step in ms.
    taps
        Number of receptor taps S, all lags if ``None``.
    truncation
        Credit passes over the last this many recurrent transmissions of a trial only; over all if ``None``.
    rates
        Firing-rate regularisation, if any.
    """

    names: tuple[str, ...]
    type_id: tuple[int, ...]
    cell: CellModel
    rule: TemporalRule
    inputs: Ports
    readouts: Ports
    loss: Loss
    mean: bool = True
    dt: float = 1.0
    taps: int | None = None
    truncation: int | None = None
    rates: FiringRate | None = None

    def membership(self, dtype: Any) -> jax.Array:
        """One-hot ``[neuron, type]``."""
        return jnp.asarray(cell_types.one_hot(np.array(self.type_id), len(self.names)), dtype)

    def neuron(self, tree: Tree) -> Neuron:
        """Cell model with the constants of the tree."""
        readout = (tree["readout_keep"], tree["readout_gain"]) if "readout_keep" in tree else None
        return Neuron(self.cell, self.cell.of(tree), readout)

    def current(self, tree: Tree, inputs: jax.Array, probe: Probe) -> Any:
        """Return how inputs become a current: through the weights of every port, scaled by what is done to them."""
        whole = still(probe)
        weights = [whole(name, "inference", tree[name]) for name in self.inputs.weights]
        w_in = weights[0] if len(weights) == 1 else jnp.concatenate(weights)

        def into(x: jax.Array) -> jax.Array:
            return x @ w_in + along(tree["b_rec"], x.ndim)

        return into

    def run(
        self,
        tree: Tree,
        inputs: jax.Array,
        probe: Probe = untouched,
        start: Running | None = None,
        seen: jax.Array | None = None,
    ) -> Course:
        """Simulate from ``start``, the readout's filter from ``seen``; at rest by default."""
        whole, probe = still(probe), at(probe, np.arange(len(inputs)))
        neuron, into = self.neuron(tree), self.current(tree, inputs, probe)
        inputs = probe("cells.input", "inference", inputs)
        parts = self.inputs.apart(inputs)
        cut = [gated(probe, name, "inference", parts[port]) for port, name in self.inputs.entries]
        inputs = cut[0] if len(cut) == 1 else jnp.concatenate(cut, axis=-1)
        w_rec = whole("W_rec", "inference", tree["W_rec"])
        end, activity = simulate(neuron.cell, neuron.constants, inputs, into, w_rec, probe, start)
        shown, last = activity.rate, None
        if neuron.readout is not None:
            shown, last = filtered(activity.rate, *neuron.readout, seen)
        # A filter that starts from zero passes through the readout's weights: fewer outputs than cells are filtered.
        ahead = neuron.readout is not None and seen is None and is_passive(probe)
        sees = activity.rate if ahead else shown
        outputs = []
        for name, bias in zip(self.readouts.weights, self.readouts.biases, strict=True):
            current = gated(probe, name, "inference", sees) @ whole(name, "inference", tree[name])
            outputs.append((filtered(current, *neuron.readout)[0] if ahead else current) + along(tree[bias], 3))
        y = outputs[0] if len(outputs) == 1 else jnp.concatenate(outputs, axis=-1)
        return Course(end, last, activity, shown, probe("output", "inference", y))

    def feedback(self, tree: Tree) -> jax.Array:
        """Weights of the learning signal ``[neuron, output]``: the readout's own, or others."""
        return tree["feedback"] if "feedback" in tree else self.readouts.join(tree)

    def mean_gain(self, tree: Tree, gain: jax.Array) -> jax.Array:
        """mu: a number, or a fraction of the mean gain of the moment."""
        return tree["mu"] if "mu" in tree else tree["mu_fraction"] * gain.mean()

    def signals(
        self,
        tree: Tree,
        inputs: jax.Array,
        activity: Activity,
        error: jax.Array,
        probe: Probe,
        target: jax.Array | None = None,
        rate_signal: jax.Array | None = None,
    ) -> dict[str, Any]:
        """Collect what the rule declares that it needs, and nothing else; time first, then the trial."""
        neuron, membership = self.neuron(tree), self.membership(inputs.dtype)
        sent = gated(probe, "feedback", "learning", probe("error", "learning", error))
        weights = still(probe)("feedback", "learning", self.feedback(tree))
        causal = probe("cells.learning_signal", "learning", learning_signal(sent, weights))
        if neuron.readout is None:
            looks_ahead = causal
        elif is_passive(probe):
            looks_ahead = learning_signal(filtered_back(sent, *neuron.readout), weights)
        else:
            looks_ahead = filtered_back(causal, *neuron.readout)
        found = {
            "input": inputs,
            "presynaptic_rate": activity.previous_rate,
            "state": activity.shown,
            "rate": activity.rate,
            "gain": activity.gain,
            "direction": activity.direction,
            "causal_signal": causal,
            "learning_signal": looks_ahead,
            "rate_signal": rate_signal,
            "membership": membership,
            "types": self.names,
            "neuron": neuron,
            "taps": self.taps,
            "window": self.window(len(inputs), inputs.dtype),
            "probe": probe,
            "target": target,
            "current_bias": tree["b_rec"],
        }
        needed = set(self.rule.needs)
        if "mean_gain" in needed:
            found["mean_gain"] = activity.gain.mean(0, keepdims=True)
        if "mu" in needed:
            found["mu"] = self.mean_gain(tree, activity.gain)
        if "input_weights" in needed:
            found["input_weights"] = self.inputs.join(tree)
        return visible(self.rule.needs, found | self._synapses(tree, membership, probe))

    def _synapses(self, tree: Tree, membership: jax.Array, probe: Probe) -> dict[str, Any]:
        """Signals that tell something about the recurrent weights."""
        w_rec = tree["W_rec"]
        return {
            "recurrent_weights": still(probe)("W_rec", "learning", w_rec),
            "type_means": cell_types.type_means(w_rec, membership),
            "partner_means": cell_types.partner_means(w_rec, membership)[0],
            "fixed_type_means": tree.get("type_weights"),
        }

    def window(self, steps: int, dtype: Any) -> jax.Array | None:
        """Where credit may pass from step t+1 to t: the last ``truncation`` recurrent transmissions."""
        if self.truncation is None:
            return None
        return (jnp.arange(steps) + 1 >= steps - self.truncation).astype(dtype)

    def gradient(
        self, tree: Tree, inputs: jax.Array, goal: Goal, probe: Probe = untouched
    ) -> tuple[Tree, dict[str, jax.Array], Course]:
        """Estimate the gradient of a batch of trials.

        Parameters
        ----------
        tree
            Weights, constants and masks; see :meth:`TemporalCircuit.initial`.
        inputs, goal
            ``[time, trial, input]``; targets and where they count.

        Returns
        -------
        tuple
            Changes by weight name and the new state of the rule (``"rule.…"``), losses, what the network did.
        """
        probe = at(probe, np.arange(len(inputs)))
        course = self.run(tree, inputs, probe)
        loss, error = evaluate(self.loss, course.output, goal, self.readouts, self.mean)
        losses, rho = {"loss": loss}, None
        if self.rates is not None:
            losses["rate_loss"], rho = self.rates(course.activity.rate, self.dt)
        signals = self.signals(tree, inputs, course.activity, error, probe, goal.wanted(self.readouts), rho)
        state, found = self.rule.update(state_of(tree), signals)
        readout = self.neuron(tree).readout
        seen, late = course.filtered, None
        if readout is not None:
            seen, late = course.activity.rate, filtered_back(error, *readout)
        found = self.named(found) | self.readout_changes(seen, error, late) | in_tree(state)
        return self.masked(tree, found), losses, course

    def named(self, found: Tree) -> Tree:
        """Changes of the input weights by port."""
        return {k: v for k, v in found.items() if k != "W_in"} | self.inputs.split(found["W_in"])

    def readout_changes(self, shown: jax.Array, error: jax.Array, late: jax.Array | None = None) -> Tree:
        """Gradient of the readout weights and biases, the same in every rule, and of adaptive feedback.

        ``shown`` is what the readout sees, or, with ``late``, outputs as they are, and the error filtered back.
        """
        whole = over_time(shown, error if late is None else late)
        biases = self.readouts.apart(error.sum((0, 1)))
        named = {name: biases[port] for port, name in zip(self.readouts.sizes, self.readouts.biases, strict=True)}
        return {"feedback": whole} | named | self.readouts.split(whole, axis=1)

    def masked(self, tree: Tree, found: Tree) -> Tree:
        """Keep changes of synapses that exist."""
        masks = {name: tree[f"mask_{name}"] for name in found if f"mask_{name}" in tree}
        return found | {"W_rec": found["W_rec"] * tree["mask_rec"]} | {k: found[k] * m for k, m in masks.items()}

    def links(self, tree: Tree, paths: str, mu: jax.Array | None = None) -> cell_types.Chain:
        """How modulators of each type act on from step to step, as matrices; ``paths`` as in :meth:`CellModel.seen`."""
        membership = self.membership(tree["W_rec"].dtype)
        means = tree.get("type_weights", cell_types.type_means(tree["W_rec"], membership))
        seen = cell_types.seen_types(self.neuron(tree), paths, membership)
        return cell_types.chain(seen, means, tree["mu"] if mu is None else mu, membership.sum(0))
