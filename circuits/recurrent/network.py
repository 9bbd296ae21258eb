"""What happens in a batch of trials, from the stimulus to the weight changes, as pure functions of the weights."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.activations import Activation
from biocredit.circuits.core.credit_rule import Rule, Tree
from biocredit.circuits.core.probes import Probe, at, gated, still, untouched
from biocredit.circuits.recurrent import cell_types
from biocredit.circuits.recurrent.dynamics import Activity, Neuron, external_current, simulate
from biocredit.circuits.recurrent.leak import Leak
from biocredit.circuits.recurrent.readout import Loss, evaluate, readout, readout_changes, wanted
from biocredit.circuits.recurrent.signals import in_tree, state_of, trial_signals, visible


@dataclass(frozen=True)
class Network:
    """The fixed choices of a rate network; everything that may vary between seeds is in the tree.

    Parameters
    ----------
    names, type_id
        Names of the cell types, and the type number of each cell.
    transfer, leak
        Transfer function, place of the leak.
    rule
        Credit rule.
    loss, mean
        Loss per step, and whether trials are averaged rather than summed.
    taps
        Number of receptor taps S, all lags if ``None``.
    truncation
        Credit passes over the last this many recurrent transmissions of a trial only; over all if ``None``.
    """

    names: tuple[str, ...]
    type_id: tuple[int, ...]
    transfer: Activation
    leak: Leak
    rule: Rule
    loss: Loss
    mean: bool = True
    taps: int | None = None
    truncation: int | None = None

    def membership(self, dtype: Any) -> jax.Array:
        """One-hot ``[neuron, type]``."""
        return jnp.asarray(cell_types.one_hot(np.array(self.type_id), len(self.names)), dtype)

    def neuron(self, tree: Tree) -> Neuron:
        """Neuron model with the time constants and thresholds of the tree."""
        return Neuron(tree["keep"], tree["threshold"], self.transfer, self.leak)

    def run(
        self, tree: Tree, inputs: jax.Array, probe: Probe = untouched, start: Any = None
    ) -> tuple[Any, Activity, jax.Array]:
        """Simulate; return the final memory and rate, the activity, the readout ``[time, trial, output]``."""
        whole, probe = still(probe), at(probe, np.arange(len(inputs)))
        w_in, w_rec, w_out = (whole(name, "inference", tree[name]) for name in ("W_in", "W_rec", "W_out"))
        inputs = probe("cells.input", "inference", inputs)
        into = partial(external_current, w_in=w_in, bias=tree["b_rec"])
        inputs = gated(probe, "W_in", "inference", inputs)
        end, activity = simulate(self.neuron(tree), inputs, into, w_rec, probe, start)
        y = readout(gated(probe, "W_out", "inference", activity.rate), w_out, tree["b_out"])
        return end, activity, probe("output", "inference", y)

    def feedback(self, tree: Tree) -> jax.Array:
        """Weights of the learning signal ``[neuron, output]``: the readout's own, or fixed random ones."""
        return tree.get("feedback", tree["W_out"])

    def signals(
        self,
        tree: Tree,
        inputs: jax.Array,
        activity: Activity,
        error: jax.Array,
        window: Any,
        probe: Probe,
        target: jax.Array | None = None,
    ) -> dict[str, Any]:
        """Collect what the rule declares that it needs, and nothing else."""
        signals = trial_signals(
            self.neuron(tree),
            inputs,
            activity,
            probe("error", "learning", error),
            tree["W_rec"],
            still(probe)("feedback", "learning", self.feedback(tree)),
            self.membership(inputs.dtype),
            self.names,
            tree["mu"],
            taps=self.taps,
            window=window,
            fixed_type_means=tree.get("type_weights"),
            probe=probe,
        )
        signals |= {"input_weights": tree["W_in"], "current_bias": tree["b_rec"], "target": target}
        return visible(self.rule, signals)

    def window(self, steps: int, dtype: Any) -> jax.Array | None:
        """Where credit may pass from step t+1 to t: the last ``truncation`` recurrent transmissions."""
        if self.truncation is None:
            return None
        return (jnp.arange(steps) + 1 >= steps - self.truncation).astype(dtype)

    def gradient(
        self, tree: Tree, inputs: jax.Array, target: jax.Array, when: jax.Array, probe: Probe = untouched
    ) -> tuple[Tree, jax.Array, jax.Array]:
        """Estimate the gradient of a batch of trials.

        Parameters
        ----------
        tree
            Weights ``W_in``, ``W_rec``, ``b_rec``, ``W_out``, ``b_out``, constants ``keep``, ``threshold``, ``mu``,
            mask ``mask_rec``, and where they are used ``feedback`` and ``type_weights``.
        inputs, target
            ``[time, trial, input]``; ``[time, trial]`` class numbers or ``[time, trial, output]`` values.
        when
            ``[time, trial]``, 1 where the readout counts.

        Returns
        -------
        tuple
            Changes by weight name and the new state of the rule (``"rule.…"``), loss, readout
            ``[time, trial, output]``.
        """
        probe = at(probe, np.arange(len(inputs)))
        _, activity, y = self.run(tree, inputs, probe)
        loss, error = evaluate(self.loss, y, target, when, self.mean)
        window = self.window(inputs.shape[0], inputs.dtype)
        signals = self.signals(tree, inputs, activity, error, window, probe, wanted(target, y))
        state, found = self.rule.update(state_of(tree), signals)
        found = found | readout_changes(activity.rate, error) | in_tree(state)
        return self.masked(tree, found), loss, y

    def masked(self, tree: Tree, found: Tree) -> Tree:
        """Keep changes of synapses that exist."""
        return found | {"W_rec": found["W_rec"] * tree["mask_rec"]}

    def modulator_radius(self, tree: Tree) -> jax.Array:
        """Growth per step of the effect of a modulator: the spectral radius of the mixing matrix K.

        From 1 on it does not die out: take a smaller mu.
        """
        membership = self.membership(tree["W_rec"].dtype)
        means = tree.get("type_weights", cell_types.type_means(tree["W_rec"], membership))
        keep = cell_types.keep_per_type(tree["keep"], membership)
        return cell_types.growth(cell_types.mixing(means, keep, tree["mu"], membership.sum(0)))
