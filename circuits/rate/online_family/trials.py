"""Online rules as temporal credit rules of the rate network: run through every trial, summed over time and trials."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from circuits.rate.online_family.local_signals import Point, advance, local_signals, point_at, split
from circuits.rate.online_family.online_rule import OnlineRule
from circuits.rule import Rule, Tree

DYNAMICS = ("input", "memory", "rate", "gain", "learning_signal", "recurrent_weights", "neuron", "tap")
#: What the network has to show for a signal of a single step.
NEEDED_FOR = {"advance": ("input_weights", "current_bias"), "target": ("target",), "noise": ("key",)}


def over_trials(rule: OnlineRule) -> Rule:
    """Make an online rule one of the rules that a rate network takes by name.

    Every trial starts with empty traces; what the rule ``learned`` about credit goes on from the mean over the trials
    of the batch. The weights do not change within a trial.
    """
    extra = [name for signal, names in NEEDED_FOR.items() if signal in rule.signals for name in names]
    return Rule(
        rule.name,
        partial(trial_changes, rule),
        init=partial(learned_state, rule),
        signals=(*DYNAMICS, *extra),
        exact=rule.exact,
        exact_when=rule.exact_when,
        memory=rule.memory,
        operations=rule.operations.replace("O(", "O(T "),
        citation=rule.citation,
    )


def learned_state(rule: OnlineRule, weights: Mapping[str, jax.Array]) -> Tree:
    """What outlives a trial of a rule's state."""
    return {name: rule.init(weights)[name] for name in rule.learned}


def trial_changes(rule: OnlineRule, state: Tree, signals: Mapping[str, Any]) -> tuple[Tree, Tree]:
    """Run the rule through a batch of trials.

    Parameters
    ----------
    rule
        The rule of a single step.
    state
        What it has learned about credit in earlier trials.
    signals
        Signals of whole trials: ``[time, trial, ...]`` series, weights, neuron model.
    """
    series = trial_series(rule, signals)
    one = partial(one_trial, rule, state, {name: value for name, value in signals.items() if name not in series})
    finals, changes = jax.vmap(one, in_axes=1)(series)
    learned = {name: finals[name].mean(0) for name in rule.learned}
    return learned, split(changes.sum(0))


def trial_series(rule: OnlineRule, signals: Mapping[str, Any]) -> Tree:
    """Everything that varies in time, ``[time, trial, ...]``, the noise included."""
    series = {name: signals[name] for name in ("input", "memory", "rate", "gain", "target") if name in signals}
    series["learning_signal"] = signals["tap"]("cells.secretion", "learning", signals["learning_signal"])
    steps, trials, neurons = signals["gain"].shape
    keys = jax.random.split(signals["key"], trials) if "key" in signals else jnp.zeros(trials)
    draw = partial(rule.draw, steps=steps, neurons=neurons, dtype=signals["gain"].dtype)
    return {**series, "noise": jax.vmap(draw, out_axes=1)(keys)}


def one_trial(rule: OnlineRule, state: Tree, constant: Mapping[str, Any], series: Tree) -> tuple[Tree, jax.Array]:
    """Scan one trial; return the rule's final state and the summed change of ``incoming``."""
    neuron, w_rec = constant["neuron"], constant["recurrent_weights"]
