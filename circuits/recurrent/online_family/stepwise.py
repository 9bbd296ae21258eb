"""Online rules as credit rules of the rate network: over whole trials, or over stretches of running time.

What a rule learns about credit, and the source of its chance, outlive a trial: they are the rule's state in the
network's tree. Traces begin anew with every trial; on running time they are carried from stretch to stretch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Rule, Tree
from biocredit.circuits.recurrent.dynamics import Neuron
from biocredit.circuits.recurrent.online_family.local_signals import (
    Point,
    advance,
    at_rest,
    local_signals,
    point_at,
    split,
    start,
)
from biocredit.circuits.recurrent.online_family.online_rule import OnlineRule
from biocredit.circuits.recurrent.signals import transmission

DYNAMICS = ("input", "state", "rate", "gain", "learning_signal", "recurrent_weights", "neuron", "probe")
#: What the network has to show besides for a signal of a single step.
NEEDED_FOR = {"advance": ("input_weights", "current_bias"), "target": ("target",)}


@dataclass(frozen=True)
class StepwiseRule(Rule):
    """A rule of the rate network that runs an online rule in every trial.

    Parameters
    ----------
    each_step
        The online rule.
    """

    each_step: OnlineRule | None = None


def stepwise(rule: OnlineRule) -> StepwiseRule:
    """Make an online rule a credit rule that a rate network takes by name.

    Examples
    --------
    >>> from biocredit.circuits.recurrent.online_family import uoro
    >>> stepwise(uoro()).name
    'uoro'
    """
    extra = [name for signal, names in NEEDED_FOR.items() if signal in rule.signals for name in names]
    return StepwiseRule(
        rule.name,
        partial(trial_changes, rule),
        init=partial(lasting_state, rule),
        signals=(*DYNAMICS, *extra),
        exact=rule.exact,
        exact_when=rule.exact_when,
        memory=rule.memory,
        operations=rule.operations.replace("O(", "O(T "),
        citation=rule.citation,
        each_step=rule,
    )


def lasting_state(rule: OnlineRule, weights: Mapping[str, Any]) -> Tree:
    """What outlives a trial: what is learned, and for a random rule ``key`` and the number of steps taken.

    ``weights`` are those of the network, with the leak ``keep`` and the ``seed`` they were drawn from.
    """
    fresh = start(rule, weights, weights["keep"])
    state = {name: fresh[name] for name in rule.learned}
    if "noise" in rule.signals:
        state |= {"key": jax.random.key_data(jax.random.key(weights["seed"])), "steps": jnp.zeros((), jnp.uint32)}
    return state


def trial_changes(rule: OnlineRule, state: Tree, signals: Mapping[str, Any]) -> tuple[Tree, Tree]:
    """Run the rule through a batch of trials from rest, with frozen weights; sum its changes."""
    steps, trials, neurons = signals["gain"].shape
    outputs = signals["target"].shape[-1] if "target" in signals else 0
    sizes = neurons, neurons + signals["input"].shape[-1] + 1, outputs
    traces = empty_traces(rule, sizes, trials, signals["gain"].dtype)
    changes, traces, state = stretch_changes(rule, state, traces, signals)
    learned = {name: state[name] for name in rule.learned}
    finals, late = jax.vmap(partial(run_out, rule, rule.silent_steps(steps), sizes, learned))(traces)
    state = {**state, **{name: finals[name].mean(0) for name in rule.learned}}
    return state, split(changes + late.sum(0))


def run_out(
    rule: OnlineRule, steps: int, sizes: tuple[int, int, int], learned: Tree, traces: Tree
) -> tuple[Tree, jax.Array]:
    """Let one finished trial run out: nothing moves and nothing is credited any more, the rule gives what is left."""
    neurons, regressors, outputs = sizes
    memory = traces["point"].memory
    shapes = {"state": (neurons,), "jacobian": (neurons, neurons), "gain": (neurons,), "regressor": (regressors,)}
    shapes |= {"credit": (neurons,), "target": (outputs,)}
    silence = {name: jnp.zeros(shape, memory.dtype) for name, shape in shapes.items()} | {"previous": memory}

    def step(carry: tuple[Tree, jax.Array], _: None) -> tuple[tuple[Tree, jax.Array], None]:
        rest, changes = rule.update(carry[0], silence)
        return (rest, carry[1] + changes["incoming"]), None

    begin = {**without_point(traces), **learned}, jnp.zeros((neurons, regressors), memory.dtype)
    return jax.lax.scan(step, begin, length=steps)[0] if steps else begin


def without_point(traces: Tree) -> Tree:
    """Traces of the rule alone."""
    return {name: values for name, values in traces.items() if name != "point"}


def empty_traces(rule: OnlineRule, sizes: tuple[int, int, int], trials: int, dtype: jnp.dtype) -> Tree:
    """Traces at the beginning of ``trials`` trials and the point of rest, with a leading trial axis.

    ``sizes`` are the numbers of neurons, of regressors (neurons, inputs, one for the bias) and of outputs.
    """
    neurons, regressors, outputs = sizes
    zeros = partial(jnp.zeros, dtype=dtype)
    blank = {"incoming": zeros((neurons, regressors)), "readout": zeros((outputs, neurons)), "decay": zeros(neurons)}
    fresh = rule.init(blank)
    one = {"point": at_rest(neurons, dtype), **{name: fresh[name] for name in fresh if name not in rule.learned}}
    return jax.tree.map(lambda values: jnp.broadcast_to(values, (trials, *values.shape)), one)


def stretch_changes(
    rule: OnlineRule, state: Tree, traces: Tree, signals: Mapping[str, Any]
) -> tuple[jax.Array, Tree, Tree]:
    """Run the rule through a stretch of time.

    Parameters
    ----------
    rule
        The rule of a single step.
    state
        Lasting state (:func:`lasting_state`).
    traces
        Of every trial, from :func:`empty_traces` or from the stretch before.
    signals
        Of the whole stretch, ``[time, trial, ...]``; weights; neuron model.

    Returns
    -------
    tuple
        Summed change of ``incoming``, traces, lasting state; what is learned is averaged over the trials.
    """
    series = stretch_series(rule, state, traces["point"], signals)
    learned = {name: state[name] for name in rule.learned}
    finals, changes = jax.vmap(partial(one_trial, rule, signals, learned), in_axes=(0, 1))(traces, series)
    state = {**state, **{name: finals.pop(name).mean(0) for name in rule.learned}}
    if "steps" in state:
        state["steps"] += jnp.uint32(signals["gain"].shape[0])
    return changes.sum(0), finals, state


def stretch_series(rule: OnlineRule, state: Tree, point: Point, signals: Mapping[str, Any]) -> Tree:
    """Everything that varies in time, ``[time, trial, ...]``: where the network was, what came in, the noise."""
    neuron, gain = signals["neuron"], signals["gain"]
    now = Point(signals[neuron.leak.memory], signals["rate"], gain)
    before = jax.tree.map(lambda first, values: jnp.concatenate([first[None], values[:-1]]), point, now)
    credit = neuron.leak.state_credit(signals["learning_signal"], gain)
    credit = signals["probe"]("cells.secretion", "learning", credit)
    target = signals.get("target", jnp.zeros((*gain.shape[:2], 0), gain.dtype))
    moved = {"before": before, "now": now, "input": signals["input"], "transmission": transmission(signals)}
    return moved | {"credit": credit, "target": target, "noise": stretch_noise(rule, state, gain)}


def stretch_noise(rule: OnlineRule, state: Tree, like: jax.Array) -> jax.Array:
    """Noise ``[time, trial, ...]`` that depends on the number of the step alone, not on how time is cut."""
    steps, trials, neurons = like.shape
    if "key" not in state:
        return jnp.zeros((steps, trials, 0), like.dtype)
    key = jax.random.wrap_key_data(state["key"])

    def draw(step: jax.Array, trial: jax.Array) -> jax.Array:
        own = jax.random.fold_in(jax.random.fold_in(key, step), trial)
        return rule.draw(own, 1, neurons, like.dtype)[0]

    each_trial = jax.vmap(draw, in_axes=(None, 0))
    steps_now = state["steps"] + jnp.arange(steps, dtype=jnp.uint32)
    return jax.vmap(each_trial, in_axes=(0, None))(steps_now, jnp.arange(trials))


def one_trial(
    rule: OnlineRule, signals: Mapping[str, Any], learned: Tree, traces: Tree, series: Tree
) -> tuple[Tree, jax.Array]:
    """Scan one trial; return its final traces, what it has learned, and the summed change of ``incoming``."""
    neuron, w_rec = signals["neuron"], signals["recurrent_weights"]
    regressors = w_rec.shape[0] + series["input"].shape[-1] + 1

    def step(carry: tuple[Tree, jax.Array], now: Tree) -> tuple[tuple[Tree, jax.Array], None]:
        weights = w_rec if now["transmission"] is None else w_rec * now["transmission"]
        seen = local_signals(neuron, weights, now["before"], now["now"], now["input"], now["credit"])
        seen |= {"target": now["target"], "noise": now["noise"]}
        seen |= {"advance": twin(neuron, signals, weights, now["input"])}
        memory, changes = rule.update(carry[0], seen)
        return (memory, carry[1] + changes["incoming"]), None

    begin = {**without_point(traces), **learned}, jnp.zeros((w_rec.shape[0], regressors), w_rec.dtype)
    final, total = jax.lax.scan(step, begin, series)[0]
    return {**final, "point": jax.tree.map(lambda values: values[-1], series["now"])}, total


def twin(
    neuron: Neuron, signals: Mapping[str, Any], w_rec: jax.Array, x: jax.Array
) -> Callable[[jax.Array], jax.Array]:
    """The network's own step from another memory, for a rule that perturbs a twin of the network."""

    def advanced(memory: jax.Array) -> jax.Array:
        weights = {"W_rec": w_rec, "W_in": signals["input_weights"], "b_rec": signals["current_bias"]}
        return advance(neuron, weights, point_at(neuron, memory), x).memory

    return advanced
