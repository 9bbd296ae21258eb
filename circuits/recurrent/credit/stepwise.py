"""Rules that are told step by step, as temporal rules: over whole trials, or over stretches of running time.

What a rule learns about credit, and the source of its chance, outlive a trial: they are the rule's state in the
network's tree. Traces begin anew with every trial; on running time they are carried from stretch to stretch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.cells.model import Seen
from biocredit.circuits.recurrent.credit.local_signals import (
    Point,
    advance,
    at_rest,
    local_signals,
    rows,
    running_at,
    split,
    start,
)
from biocredit.circuits.recurrent.credit.signals import Neuron, in_tree, state_of, transmission
from biocredit.circuits.recurrent.credit.step_rule import StepRule
from biocredit.circuits.recurrent.credit.temporal_rule import (
    SOMETIMES,
    Beginning,
    Signals,
    TemporalRule,
    needs,
    transported,
)

DYNAMICS = (
    *("input", "state", "rate", "gain", "direction", "learning_signal", "rate_signal"),
    *("recurrent_weights", "neuron", "probe"),
)
#: What the network has to show besides for a signal of a single step.
NEEDED_FOR = {"advance": ("input_weights", "current_bias"), "target": ("target",)}


@dataclass(frozen=True)
class Stepwise:
    """The running form of a rule that is told step by step.

    Attributes
    ----------
    rule
        The rule of a single step.
    """

    rule: StepRule

    def start(self, neuron: Neuron, beginning: Beginning) -> Tree:
        """Return empty traces and the point of rest, for every trial."""
        require(
            neuron.readout is None,
            f"rule {self.rule.name!r} runs on the outputs as they are: while time runs, it needs a readout without "
            "filter (tau_out=None)",
        )
        inputs = beginning.presynaptic - beginning.cells - 1
        seen = neuron.seen("local")
        traces = empty_traces(self.rule, seen, beginning, inputs, beginning.outputs)
        state = {name: beginning.running.state[name] for name in seen.cell.variables}
        slopes = traces["point"].slopes if seen.cell.gated == "output" else seen.slopes(beginning.running.rate, {})
        return traces | {"point": traces["point"]._replace(state=state, rate=beginning.running.rate, slopes=slopes)}

    def learn(self, memory: Tree, presynaptic: jax.Array, signals: Signals) -> tuple[jax.Array, Tree]:
        """Run the rule through the stretch."""
        traces = {name: values for name, values in memory.items() if name not in in_tree(state_of(memory))}
        incoming, traces, state = stretch_changes(self.rule, state_of(memory), traces, signals)
        changes = split(incoming, signals["neuron"].seen("local"))
        gradient = jnp.concatenate([changes["W_rec"], changes["W_in"], changes["b_rec"][None]])
        return gradient, traces | in_tree(state)


def stepwise(rule: StepRule) -> TemporalRule:
    """Make a rule of single steps a temporal rule.

    Examples
    --------
    >>> from biocredit.circuits.recurrent.rules.uoro import uoro
    >>> stepwise(uoro()).name
    'uoro'
    """
    extra = [name for signal, names in NEEDED_FOR.items() if signal in rule.signals for name in names]
    asks = needs(*DYNAMICS, *extra, elsewhere=rule.of_others)
    stateless = not {"previous", "state", "advance"} & set(rule.signals)
    return TemporalRule(
        name=rule.name,
        update=partial(trial_changes, rule),
        init=partial(lasting_state, rule),
        needs=asks,
        transports=transported(asks),
        sometimes=SOMETIMES | ({"state": "rules that see states"} if stateless else {}),
        exact=rule.exact,
        exact_when=rule.exact_when,
        memory=rule.memory,
        operations=rule.operations.replace("O(", "O(T "),
        citation=rule.citation,
        equation=rule.equation,
        settings=rule.settings,
        remade=rule.remade,
        running=Stepwise(rule),
    )


def lasting_state(rule: StepRule, weights: Mapping[str, Any]) -> Tree:
    """What outlives a trial: what is learned, and for a random rule ``key`` and the number of steps taken.

    ``weights`` are those of the network, with its ``neuron`` and the ``seed`` they were drawn from.
    """
    fresh = start(rule, weights["neuron"], weights)
    state = {name: fresh[name] for name in rule.learned}
    if "noise" in rule.signals:
        state |= {"key": jax.random.key_data(jax.random.key(weights["seed"])), "steps": jnp.zeros((), jnp.uint32)}
    return state


@dataclass(frozen=True)
class Sizes:
    """How many trials, presynaptic sources and cells there are, and of which precision."""

    trials: int
    presynaptic: int
    cells: int
    dtype: Any


def trial_changes(rule: StepRule, state: Tree, signals: Signals) -> tuple[Tree, Tree]:
    """Run the rule through a batch of trials from rest, with frozen weights; sum its changes."""
    steps, trials, neurons = signals["gain"].shape
    outputs = signals["target"].shape[-1] if "target" in signals else 0
    seen = signals["neuron"].seen("local")
    sizes = Sizes(trials, neurons + signals["input"].shape[-1] + 1, neurons, signals["gain"].dtype)
    traces = empty_traces(rule, seen, sizes, signals["input"].shape[-1], outputs)
    changes, traces, state = stretch_changes(rule, state, traces, signals)
    learned = {name: state[name] for name in rule.learned}
    run = partial(run_out, rule, seen, rule.silent_steps(steps), (sizes.presynaptic, outputs), learned)
    finals, late = jax.vmap(run)(traces)
    state = {**state, **{name: finals[name].mean(0) for name in rule.learned}}
    return state, split(changes + late.sum(0), seen)


def run_out(
    rule: StepRule, seen: Seen, steps: int, sizes: tuple[int, int], learned: Tree, traces: Tree
) -> tuple[Tree, jax.Array]:
    """Let one finished trial run out: nothing moves and nothing is credited any more, the rule gives what is left."""
    regressors, outputs = sizes
    previous = rows(traces["point"].state, seen)
    states = previous.size
    shapes = {"state": (states,), "jacobian": (states, states), "gain": (states,), "regressor": (regressors,)}
    shapes |= {"credit": (states,), "target": (outputs,)}
    silence = {name: jnp.zeros(shape, previous.dtype) for name, shape in shapes.items()} | {"previous": previous}

    def step(carry: tuple[Tree, jax.Array], _: None) -> tuple[tuple[Tree, jax.Array], None]:
        rest, changes = rule.update(carry[0], silence)
        return (rest, carry[1] + changes["incoming"]), None

    begin = {**without_point(traces), **learned}, jnp.zeros((states, regressors), previous.dtype)
    return jax.lax.scan(step, begin, length=steps)[0] if steps else begin


def without_point(traces: Tree) -> Tree:
    """Traces of the rule alone."""
    return {name: values for name, values in traces.items() if name != "point"}


def empty_traces(rule: StepRule, seen: Seen, sizes: Any, inputs: int, outputs: int) -> Tree:
    """Traces at the beginning of some trials and the point of rest, with a leading trial axis."""
    neurons, dtype = sizes.cells, sizes.dtype
    states, regressors = neurons * len(seen.cell.variables), neurons + inputs + 1
    zeros = partial(jnp.zeros, dtype=dtype)
    blank = {"incoming": zeros((states, regressors)), "readout": zeros((outputs, states)), "decay": zeros(states)}
    fresh = rule.init(blank)
    kept = {name: fresh[name] for name in fresh if name not in rule.learned}
    one = {"point": at_rest(seen, neurons, dtype), **kept}
    return jax.tree.map(lambda values: jnp.broadcast_to(values, (sizes.trials, *values.shape)), one)


def stretch_changes(rule: StepRule, state: Tree, traces: Tree, signals: Signals) -> tuple[jax.Array, Tree, Tree]:
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


def stretch_series(rule: StepRule, state: Tree, point: Point, signals: Signals) -> Tree:
    """Everything that varies in time, ``[time, trial, ...]``: where the network was, what came in, the noise."""
    seen, gain = signals["neuron"].seen("local"), signals["gain"]
    states = {name: signals["state"][name] for name in seen.cell.variables}
    now = Point(states, signals["rate"], seen.slopes(gain, signals["direction"]), gain)
    before = jax.tree.map(lambda first, values: jnp.concatenate([first[None], values[:-1]]), point, now)
    credit = signals["learning_signal"]
    credit = credit if signals["rate_signal"] is None else credit + signals["rate_signal"]
    credit = credit * gain if seen.cell.gated == "output" else credit
    credit = signals["probe"]("cells.secretion", "learning", credit)
    target = signals.get("target", jnp.zeros((*gain.shape[:2], 0), gain.dtype))
    moved = {"before": before, "now": now, "input": signals["input"], "transmission": transmission(signals)}
    width = gain.shape[-1] * len(seen.cell.variables)
    return moved | {"credit": credit, "target": target, "noise": stretch_noise(rule, state, gain, width)}


def stretch_noise(rule: StepRule, state: Tree, like: jax.Array, states: int) -> jax.Array:
    """Noise ``[time, trial, ...]`` that depends on the number of the step alone, not on how time is cut."""
    steps, trials = like.shape[:2]
    if "key" not in state:
        return jnp.zeros((steps, trials, 0), like.dtype)
    key = jax.random.wrap_key_data(state["key"])

    def draw(step: jax.Array, trial: jax.Array) -> jax.Array:
        own = jax.random.fold_in(jax.random.fold_in(key, step), trial)
        return rule.draw(own, step, states, like.dtype)

    each_trial = jax.vmap(draw, in_axes=(None, 0))
    steps_now = state["steps"] + jnp.arange(steps, dtype=jnp.uint32)
    return jax.vmap(each_trial, in_axes=(0, None))(steps_now, jnp.arange(trials))


def one_trial(rule: StepRule, signals: Signals, learned: Tree, traces: Tree, series: Tree) -> tuple[Tree, jax.Array]:
    """Scan one trial; return its final traces, what it has learned, and the summed change of ``incoming``."""
    neuron, w_rec = signals["neuron"], signals["recurrent_weights"]
    seen = neuron.seen("local")
    regressors = w_rec.shape[0] + series["input"].shape[-1] + 1

    def step(carry: tuple[Tree, jax.Array], now: Tree) -> tuple[tuple[Tree, jax.Array], None]:
        weights = w_rec if now["transmission"] is None else w_rec * now["transmission"]
        told = local_signals(seen, weights, now["before"], now["now"], now["input"], now["credit"])
        told |= {"target": now["target"], "noise": now["noise"]}
        told |= {"advance": twin(neuron, signals, weights, now["input"])}
        memory, changes = rule.update(carry[0], told)
        return (memory, carry[1] + changes["incoming"]), None

    states = w_rec.shape[0] * len(seen.cell.variables)
    begin = {**without_point(traces), **learned}, jnp.zeros((states, regressors), w_rec.dtype)
    final, total = jax.lax.scan(step, begin, series)[0]
    return {**final, "point": jax.tree.map(lambda values: values[-1], series["now"])}, total


def twin(neuron: Neuron, signals: Signals, w_rec: jax.Array, x: jax.Array) -> Callable[[jax.Array], jax.Array]:
    """The network's own step from other states, for a rule that perturbs a twin of the network."""

    def advanced(states: jax.Array) -> jax.Array:
        weights = {"W_rec": w_rec, "W_in": signals["input_weights"], "b_rec": signals["current_bias"]}
        after = advance(neuron, weights, running_at(neuron, states), x)
        return rows(after.state, neuron.seen("local"))

    return advanced
