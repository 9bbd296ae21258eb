"""The signals of a trial from which a temporal credit rule may choose."""

from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Rule, Tree
from biocredit.circuits.core.probes import Probe, gain, gated, still, untouched
from biocredit.circuits.recurrent.cell_types import type_means
from biocredit.circuits.recurrent.dynamics import Activity, Neuron
from biocredit.circuits.recurrent.readout import learning_signal


def trial_signals(
    neuron: Neuron,
    inputs: jax.Array,
    activity: Activity,
    error: jax.Array,
    w_rec: jax.Array,
    feedback: jax.Array,
    membership: jax.Array,
    types: tuple[str, ...],
    mu: jax.Array,
    *,
    taps: int | None = None,
    window: jax.Array | None = None,
    fixed_type_means: jax.Array | None = None,
    probe: Probe = untouched,
) -> dict[str, Any]:
    """Collect what a network exposes in one batch of trials; time is the leading axis, then the trial.

    Parameters
    ----------
    neuron, inputs, activity
        Neuron model, external inputs ``[time, trial, input]``, what the network did.
    error
        dLoss/dy ``[time, trial, output]``.
    w_rec, feedback
        Effective recurrent weights, and the weights ``[neuron, output]`` of the learning signal.
    membership, types
        One-hot ``[neuron, type]``, names of the types.
    mu
        Average gain.
    taps
        Number S of receptor taps; all lags if ``None``.
    window
        ``[time]``, 1 where credit may pass from step t+1 to step t; everywhere if ``None``.
    fixed_type_means
        Given type weights ``[pre type, post type]``, for the rule that does not compute them.

    Returns
    -------
    dict
        Signals by name; a rule gets those it declares (:func:`visible`).
    """
    sent = gated(probe, "feedback", "learning", error)
    return {
        "input": inputs,
        "presynaptic_rate": activity.previous_rate,
        "state": activity.state,
        "rate": activity.rate,
        "gain": activity.gain,
        "mean_gain": activity.gain.mean(0, keepdims=True),
        "learning_signal": probe("cells.learning_signal", "learning", learning_signal(sent, feedback)),
        "recurrent_weights": still(probe)("W_rec", "learning", w_rec),
        "membership": membership,
        "types": types,
        "type_means": type_means(w_rec, membership),
        "fixed_type_means": fixed_type_means,
        "neuron": neuron,
        "mu": mu,
        "taps": taps,
        "window": window,
        "probe": probe,
    }


#: Names in the tree of what a rule keeps from trial to trial begin like this.
STATE = "rule."


def state_of(tree: Tree) -> Tree:
    """What a rule keeps from trial to trial, by the rule's own names."""
    return {name.removeprefix(STATE): value for name, value in tree.items() if name.startswith(STATE)}


def in_tree(state: Tree) -> Tree:
    """Name what a rule keeps as the tree does."""
    return {STATE + name: value for name, value in state.items()}


def visible(rule: Rule, signals: dict[str, Any]) -> dict[str, Any]:
    """Keep what the rule declares: locality holds by construction."""
    return {name: signals[name] for name in rule.signals}


def transmission(signals: dict[str, Any]) -> jax.Array | None:
    """Gain of the recurrent synapses ``[time, trial]`` where it changes within the trial."""
    course = gain(signals["probe"], "W_rec", "learning", signals["gain"].dtype)
    return None if course is None else jnp.broadcast_to(course[:, None], signals["gain"].shape[:2])
