"""Online rules that are told step by step (UORO, KF-RTRL, KeRNL, DNI, windows of BPTT)."""

from typing import Any

import jax
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.online_family.stepwise import empty_traces, stretch_changes
from biocredit.circuits.recurrent.signals import in_tree, state_of


class Stepwise:
    """Remember the rule's traces of every trial; what outlives a trial passes through, named as in the tree."""

    @staticmethod
    def start(network: Any, tree: Tree, trials: int, width: int, trace: jax.Array) -> Tree:
        """Return empty traces."""
        neurons, outputs = tree["W_out"].shape
        return empty_traces(network.rule.each_step, (neurons, width, outputs), trials, trace.dtype)

    @staticmethod
    def learn(
        network: Any, memory: Tree, trace: jax.Array, presynaptic: jax.Array, signals: Tree
    ) -> tuple[jax.Array, Tree]:
        """Run the rule through the stretch."""
        state = state_of(memory)
        traces = {name: values for name, values in memory.items() if name not in in_tree(state)}
        gradient, traces, state = stretch_changes(network.rule.each_step, state, traces, signals)
        return gradient.T, traces | in_tree(state)
