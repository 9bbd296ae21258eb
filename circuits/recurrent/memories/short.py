"""Online rules that remember the trace, the last step, or the last S steps."""

from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.probes import from_before
from biocredit.circuits.recurrent import eligibility as traces
from biocredit.circuits.recurrent.memories.pairing import paired
from biocredit.circuits.recurrent.rules import FAMILY


class Local:
    """The trace is all there is to remember (three-factor rules)."""

    @staticmethod
    def start(network: Any, tree: Tree, trials: int, width: int, trace: jax.Array) -> Tree:
        """Return an empty memory."""
        return {}

    @staticmethod
    def learn(
        network: Any, memory: Tree, trace: jax.Array, presynaptic: jax.Array, signals: Tree
    ) -> tuple[jax.Array, Tree]:
        """Pair credit with traces."""
        credit = FAMILY[network.rule.name].state_credit(signals)
        return paired(presynaptic, trace, credit, signals["neuron"].keep), memory


class PreviousStep:
    """Credit reaches one step back (MDGL): remember the gains of the last step."""

    @staticmethod
    def start(network: Any, tree: Tree, trials: int, width: int, trace: jax.Array) -> Tree:
        """Return silent cells."""
        return {"gain": jnp.zeros((trials, len(network.type_id)), trace.dtype)}

    @staticmethod
    def learn(
        network: Any, memory: Tree, trace: jax.Array, presynaptic: jax.Array, signals: Tree
    ) -> tuple[jax.Array, Tree]:
        """Pair credit with traces; the first step also credits the step before the stretch."""
        gain = jnp.concatenate([memory["gain"][None], signals["gain"]])
        nothing = jnp.zeros_like(signals["learning_signal"][:1])
        signal = jnp.concatenate([nothing, signals["learning_signal"]])
        seen = {**signals, "gain": gain, "learning_signal": signal, "probe": from_before(signals["probe"], 1)}
        credit = FAMILY[network.rule.name].state_credit(seen)
        within = paired(presynaptic, trace, credit[1:], signals["neuron"].keep)
        before = (trace * credit[0][:, None, :]).sum(0)
        return within + before, {"gain": signals["gain"][-1]}


class History:
    """Credit reaches S steps back along the synapses: remember gains and presynaptic activity of the last S steps.

    With receptor taps each step is credited over exactly S lags; rules without taps (BPTT) look back to the start of
    the history, between S and S + k - 1 steps (Williams & Peng 1990, doi:10.1162/neco.1990.2.4.490).
    """

    @staticmethod
    def start(network: Any, tree: Tree, trials: int, width: int, trace: jax.Array) -> Tree:
        """Return an empty history.

        Raises
        ------
        CircuitError
            If neither ``taps`` nor ``truncation`` says how long it is.
        """
        steps = network.taps or network.truncation
        require(
            steps is not None,
            f"rule {network.rule.name!r} needs to know how far it looks back online: give taps or truncation",
        )
        gain = jnp.zeros((steps, trials, len(network.type_id)), trace.dtype)
        return {"gain": gain, "presynaptic": jnp.zeros((steps, trials, width), trace.dtype), "trace": trace}

    @staticmethod
    def learn(
        network: Any, memory: Tree, trace: jax.Array, presynaptic: jax.Array, signals: Tree
    ) -> tuple[jax.Array, Tree]:
        """Apply the per-trial form to history and stretch together; only the stretch has learning signals."""
        steps, keep = presynaptic.shape[0], signals["neuron"].keep
        gain = jnp.concatenate([memory["gain"], signals["gain"]])
        past = jnp.concatenate([memory["presynaptic"], presynaptic])
        signal = jnp.concatenate([jnp.zeros_like(memory["gain"]), signals["learning_signal"]])
        probe = from_before(signals["probe"], len(memory["gain"]))
        seen = {**signals, "gain": gain, "learning_signal": signal, "probe": probe}
        if "mean_gain" in signals:
            seen["mean_gain"] = gain.mean(0, keepdims=True)
        credit = FAMILY[network.rule.name].state_credit(seen)
        gradient = paired(past, memory["trace"], credit, keep)
        first = jax.lax.scan(lambda old, now: (traces.advance(old, now, keep), None), memory["trace"], past[:steps])[0]
        return gradient, {"gain": gain[steps:], "presynaptic": past[steps:], "trace": first}
