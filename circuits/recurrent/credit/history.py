"""Online rules that look a finite number of steps back."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.credit.pairing import advanced, begun, paired, since
from biocredit.circuits.recurrent.credit.reverse import Credit, filtered_gain
from biocredit.circuits.recurrent.credit.temporal_rule import Beginning, Signals


@dataclass(frozen=True)
class History:
    """Credit reaches S steps back along the synapses: remember gains and presynaptic activity of the last S steps.

    With receptor taps each step is credited over exactly S lags; rules without taps (BPTT) look back to the start of
    the history, between S and S + k - 1 steps (Williams & Peng 1990, doi:10.1162/neco.1990.2.4.490).

    Attributes
    ----------
    rule
        The rule.
    """

    rule: Credit

    def start(self, neuron: Any, beginning: Beginning) -> Tree:
        """Return an empty history."""
        memory, lead = begun(self.rule, neuron, beginning), (beginning.reach, beginning.trials)
        silence = jnp.zeros((*lead, beginning.cells), beginning.dtype)
        past = {
            "gain": silence,
            "direction": dict.fromkeys(neuron.cell.varying, silence),
            "presynaptic": jnp.zeros((*lead, beginning.presynaptic), beginning.dtype),
        }
        return {**memory, "past": past}

    def learn(self, memory: Tree, presynaptic: jax.Array, signals: Signals) -> tuple[jax.Array, Tree]:
        """Apply the per-trial form to history and stretch together; only the stretch has learning signals."""
        rule, past, steps = self.rule, memory["past"], presynaptic.shape[0]
        seen_gain, last = filtered_gain(signals, memory["gain"])
        whole = since(signals, past)
        arrived = jnp.concatenate([past["presynaptic"], presynaptic])
        found = rule.credits(whole, jnp.concatenate([jnp.zeros_like(past["gain"]), seen_gain]))
        total = paired(whole, memory["traces"], arrived, found, rule)
        old = {"gain": whole["gain"], "direction": whole["direction"], "presynaptic": arrived}
        leaving = {
            **whole,
            "gain": whole["gain"][:steps],
            "direction": jax.tree.map(lambda v: v[:steps], whole["direction"]),
        }
        traces = advanced(leaving, memory["traces"], arrived[:steps], rule)
        return total, {"traces": traces, "gain": last, "past": jax.tree.map(lambda v: v[steps:], old)}
