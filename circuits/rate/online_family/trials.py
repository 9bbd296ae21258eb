"""Online rules as temporal credit rules of the rate network: run through every trial, summed over time and trials."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from circuits.rate.dynamics import Neuron
from circuits.rate.online_family.local_signals import Point, advance, local_signals, point_at, split, start
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
    """What outlives a trial of a rule's state; ``weights`` holds the leak ``keep``, too."""
    fresh = start(rule, weights, weights["keep"])
    return {name: fresh[name] for name in rule.learned}


def trial_changes(rule: OnlineRule, state: Tree, signals: Mapping[str, Any]) -> tuple[Tree, Tree]:
    """Run the rule through a batch of trials.

    Parameters
    ----------
    rule
        The rule of a single step.
    state
        What it has learned about credit in earlier trials.
    signals
        Signals of whole trials, ``[time, trial, ...]``; weights; neuron model; ``key`` for the rule's chance.
    """
    series = trial_series(rule, signals)
    finals, changes = jax.vmap(partial(one_trial, rule, state, signals), in_axes=1)(series)
    return {name: finals[name].mean(0) for name in rule.learned}, split(changes.sum(0))


def trial_series(rule: OnlineRule, signals: Mapping[str, Any]) -> Tree:
    """Everything that varies in time, ``[time, trial, ...]``: the points the network was at, and what came in."""
    points = Point(signals["memory"], signals["rate"], signals["gain"])
    before = Point(*[jnp.concatenate([jnp.zeros_like(values[:1]), values[:-1]]) for values in points])
    credit = signals["neuron"].leak.state_credit(signals["learning_signal"], signals["gain"])
    credit = signals["tap"]("cells.secretion", "learning", credit)
    steps, trials, neurons = credit.shape
    keys = jax.random.split(signals.get("key", jax.random.key(0)), trials)
    noise = jax.vmap(lambda key: rule.draw(key, steps, neurons, credit.dtype), out_axes=1)(keys)
    target = signals.get("target", jnp.zeros((steps, trials, 0), credit.dtype))
    return {
        "before": before,
        "now": points,
        "input": signals["input"],
        "credit": credit,
        "noise": noise,
        "target": target,
    }


def one_trial(rule: OnlineRule, state: Tree, signals: Mapping[str, Any], series: Tree) -> tuple[Tree, jax.Array]:
    """Scan one trial; return the rule's final state and the summed change of ``incoming``."""
    neuron, w_rec = signals["neuron"], signals["recurrent_weights"]
    neurons, inputs, outputs = (series[name].shape[-1] for name in ("credit", "input", "target"))
    zeros = partial(jnp.zeros, dtype=w_rec.dtype)
    blank = {"incoming": zeros((neurons, neurons + inputs + 1)), "readout": zeros((outputs, neurons))}
    fresh = rule.init({**blank, "decay": jnp.broadcast_to(neuron.keep, (neurons,))})

    def step(carry: tuple[Tree, jax.Array], now: Tree) -> tuple[tuple[Tree, jax.Array], None]:
        seen = local_signals(neuron, w_rec, now["before"], now["now"], now["input"], now["credit"])
        seen |= {"target": now["target"], "noise": now["noise"], "advance": twin(neuron, signals, now["input"])}
        memory, changes = rule.update(carry[0], seen)
        return (memory, carry[1] + changes["incoming"]), None

    return jax.lax.scan(step, ({**fresh, **state}, blank["incoming"]), series)[0]


def twin(neuron: Neuron, signals: Mapping[str, Any], x: jax.Array) -> Callable[[jax.Array], jax.Array]:
    """The network's own step from another memory, for a rule that perturbs a twin of the network."""
    names = {"W_rec": "recurrent_weights", "W_in": "input_weights", "b_rec": "current_bias"}

    def advanced(memory: jax.Array) -> jax.Array:
        weights = {own: signals[name] for own, name in names.items()}
        return advance(neuron, weights, point_at(neuron, memory), x).memory

    return advanced
