"""Online rules whose credit is there at once, or comes from the next step: the trace is all there is to remember."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.credit.pairing import advanced, begun, folded, paired, since
from biocredit.circuits.recurrent.credit.reverse import Credit, Credits, filtered_gain
from biocredit.circuits.recurrent.credit.temporal_rule import Beginning, Signals


@dataclass(frozen=True)
class Local:
    """Pair credit with traces; a message from the first step of a stretch meets the traces of the step before it.

    Attributes
    ----------
    rule
        The rule; its messages pass at most one synapse.
    """

    rule: Credit

    def start(self, neuron: Any, beginning: Beginning) -> Tree:
        """Return synapses without a past."""
        return begun(self.rule, neuron, beginning)

    def learn(self, memory: Tree, presynaptic: jax.Array, signals: Signals) -> tuple[jax.Array, Tree]:
        """Return the change of a stretch, and the memory at its end."""
        rule, traces = self.rule, memory["traces"]
        gain, last = filtered_gain(signals, memory["gain"])
        if rule.route is None:
            total = paired(signals, traces, presynaptic, rule.credits(signals, gain), rule)
        else:
            silence = jnp.zeros_like(gain[:1])
            found = rule.credits(since(signals, {"gain": silence}), jnp.concatenate([silence, gain]))
            total = paired(signals, traces, presynaptic, Credits(*(values[1:] for values in found)), rule)
            total = total + folded(traces.credited, found.received[0])
        return total, {"traces": advanced(signals, traces, presynaptic, rule), "gain": last}
