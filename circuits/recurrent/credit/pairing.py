"""Pairing credit with eligibility traces that began before the stretch of time at hand."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import from_before
from biocredit.circuits.recurrent.cells.model import Seen, State
from biocredit.circuits.recurrent.credit.eligibility import Synapses, Traces
from biocredit.circuits.recurrent.credit.returning import filtered_back, nothing, secretion, within_cells
from biocredit.circuits.recurrent.credit.reverse import Credit, Credits
from biocredit.circuits.recurrent.credit.temporal_rule import Beginning, Signals


def begun(rule: Credit, neuron: Any, beginning: Beginning) -> Tree:
    """Synapses without a past, and the gain as the readout filters it: zero."""
    sizes = beginning.trials, beginning.presynaptic, beginning.cells, beginning.dtype
    traces = Synapses(neuron.seen(rule.own), neuron.readout).start(*sizes)
    return {"traces": traces, "gain": jnp.zeros((beginning.trials, beginning.cells), beginning.dtype)}


def advanced(signals: Signals, traces: Traces, presynaptic: jax.Array, rule: Credit) -> Traces:
    """Traces at the end of a stretch of time."""
    synapses = Synapses(signals["neuron"].seen(rule.own), signals["neuron"].readout)
    return synapses.advance(traces, presynaptic, signals["gain"], signals["direction"])


def since(signals: Signals, past: Tree) -> dict[str, Any]:
    """Signals that begin earlier: gains of the past, when no learning signal came."""
    steps = len(past["gain"])
    gain = jnp.concatenate([past["gain"], signals["gain"]])
    found = {**signals, "gain": gain, "probe": from_before(signals["probe"], steps)}
    for name in ("learning_signal", "causal_signal"):
        found[name] = jnp.concatenate([jnp.zeros_like(past["gain"]), signals[name]])
    slopes = past.get("direction", jax.tree.map(lambda values: values[:steps], signals["direction"]))
    found["direction"] = {k: jnp.concatenate([slopes[k], values]) for k, values in signals["direction"].items()}
    return found | ({"mean_gain": gain.mean(0, keepdims=True)} if "mean_gain" in signals else {})


def paired(
    signals: Signals, traces: Traces, presynaptic: jax.Array, found: Credits, rule: Credit, *, each: bool = False
) -> jax.Array:
    """Sum over steps (and trials) of trace times credit for traces that start at ``traces``: one matrix product.

    Parameters
    ----------
    signals
        Gains and slopes of the stretch, and the neuron model.
    traces
        Traces before the first step.
    presynaptic
        ``[time, trial, pre]``.
    found
        Credit of what the readout sees of the cells.
    rule
        The rule whose credit it is.
    each
        Whether trials are kept apart: ``[trial, pre, post]`` in place of their sum ``[pre, post]``.
    """
    neuron, total = signals["neuron"], 0.0
    seen = neuron.seen(rule.own)
    if neuron.readout is not None:
        credit = found.direct if found.received is None else found.direct + found.received
        total = folded(traces.filtered, neuron.readout[0] * filtered_back(credit, neuron.readout[0], 1.0)[0], each)
    q = replace(rule, causal=True).of_output(signals, found)
    first, drives = per_drive(seen, q, found.direct, signals["gain"], signals["direction"])
    total = total + jnp.einsum(f"tbq,tbp->{'b' if each else ''}qp", presynaptic, drives)
    state, own, _ = seen.back(first)
    for name, value in state.items():
        total = total + folded(traces.vector[name], value, each)
    return total + folded(traces.trace, own, each) if seen.returns else total


def folded(trace: jax.Array, credit: jax.Array, each: bool = False) -> jax.Array:
    """Pair traces ``[trial, pre, post or 1]`` with a credit ``[trial, post]``."""
    found = trace * credit[:, None, :]
    return found if each else found.sum(0)


def per_drive(
    seen: Seen, q: jax.Array, signal: jax.Array, gain: jax.Array, direction: State
) -> tuple[State, jax.Array]:
    """Credit of the state at the first step, and of the current of every step."""
    if seen.cell.gated == "input":
        (variable,) = seen.cell.variables
        return {variable: secretion(seen, signal, jnp.ones_like(gain))[0]}, seen.back({variable: q})[2]
    first, following = within_cells(seen, q, gain, direction, nothing(seen, q[0]))
    return first, jnp.concatenate([seen.back(first)[2][None], following[:-1]])
