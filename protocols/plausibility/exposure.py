"""How a circuit is laid open: its plasticity as one pure function of every signal, weight, input and chance event.

Three ways, for three kinds of circuits, and none for a rule: whoever fills a contract is laid open by it. A circuit
that learns from batches (:func:`of_learning`) through its probes; one with a temporal rule (:func:`of_temporal_rule`)
through what the rule is shown; one whose weights change by themselves (:func:`of_one_step`) in one step of its time.
"""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch, Circuit
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.losses import as_target
from biocredit.circuits.core.ports import match, side_by_side
from biocredit.circuits.core.probes import untouched
from biocredit.circuits.microcircuit.phaseless import Phaseless
from biocredit.circuits.recurrent.readout import Goal
from biocredit.circuits.recurrent.temporal_circuit import TemporalCircuit
from biocredit.protocols.plausibility.clamp import Clamp, Source, passages

Values = dict[Source, Any]


class Seen(NamedTuple):
    """What a run shows: the incoming value of everything that can be held, and the change of every plastic array."""

    incoming: Values
    changes: Tree


@dataclass(frozen=True)
class Exposure:
    """The plasticity of a circuit on one batch.

    Parameters
    ----------
    net
        The circuit.
    rule
        What it declares.
    function
        ``function(values, clamp) -> changes``, traced once.
    given
        Values of what is not held but given: arrays, inputs, targets, chance.
    batch
        The trials.
    lead
        Number of leading axes of a signal before the unit (trial; time and trial).
    decides
        Which passages lie before the rule: with these held, changes depend on nothing indirectly.
    """

    net: Circuit
    rule: CreditRule
    function: Callable[[Values, Clamp], Tree]
    given: Values
    batch: Batch
    lead: int = 1
    decides: Callable[[Source], bool] = lambda source: True

    @cached_property
    def weights(self) -> frozenset[str]:
        """Names of arrays, and of weights that are made from others."""
        return frozenset(source.name for source in self.given if source.kind == "array") | set(self.net.derived())

    @cached_property
    def holdable(self) -> list[Source]:
        """Everything that can be held."""

        def whole(probe: Any, given: Values) -> Tree:
            return self.function(given, probe)

        return passages(whole, self.weights, self.given)

    @cached_property
    def _program(self) -> Callable[[Values, Values], Seen]:
        def run(values: Values, held: Values) -> Seen:
            clamp = Clamp(values, held, self.weights)
            changes = self.function({source: values[source] for source in self.given}, clamp)
            return Seen(clamp.incoming, changes)

        return jax.jit(run)

    @cached_property
    def free(self) -> Seen:
        """The run in which nothing is held."""
        names = self.holdable

        def shapes(given: Values) -> Seen:
            clamp = _Watch(names, self.weights)
            return Seen({}, self.function(given, clamp)), clamp.incoming

        blank = jax.eval_shape(shapes, self.given)[1]
        values = self.given | {source: jnp.zeros(one.shape, one.dtype) for source, one in blank.items()}
        return self.run(values, ())

    @cached_property
    def values(self) -> Values:
        """Values of everything in the free run."""
        return self.given | self.free.incoming

    @property
    def deciding(self) -> list[Source]:
        """What is held to measure direct dependences."""
        return [source for source in self.holdable if self.decides(source)]

    def run(self, values: Values, held: Any) -> Seen:
        """Run with some values held; NumPy arrays come back."""
        held = set(held)
        switches = {source: np.array(source in held) for source in self.holdable}
        return jax.tree.map(np.asarray, self._program(values, switches))

    @cached_property
    def operations(self) -> float:
        """Operations of one update, as the compiler counts them."""
        update = jax.jit(lambda given: self.function(given, untouched))
        return float((update.lower(self.given).cost_analysis() or {}).get("flops", np.nan))

    @cached_property
    def clamped(self) -> Seen:
        """The run in which everything is held at the values of the free run."""
        return self.run(self.values, self.deciding)


class _Watch(Clamp):
    """Only watch."""

    def __init__(self, sources: list[Source], weights: frozenset[str]):
        super().__init__({}, dict.fromkeys(sources), weights)

    def hold(self, source: Source, value: jax.Array) -> jax.Array:
        """Note what came in."""
        self.incoming[source] = value
        return value


def expose(net: Circuit, batch: Batch, key: jax.Array, **settings: Any) -> Exposure:
    """Lay a circuit open on one batch.

    Parameters
    ----------
    net
        Any circuit.
    batch
        Trials; a few are enough.
    key
        Of all chance events.
    **settings
        Settings of the phases, as in ``net.learn``.
    """
    if isinstance(net, TemporalCircuit):
        return of_temporal_rule(net, batch)
    if isinstance(net, Phaseless):
        return of_one_step(net, batch, key)
    return of_learning(net, batch, key, **settings)


def rule_of(net: Circuit) -> CreditRule:
    """Return what a circuit declares; of one that declares nothing, an empty declaration."""
    rule = net.network.rule if isinstance(net, TemporalCircuit) else getattr(net, "rule", None)
    return rule if isinstance(rule, CreditRule) else CreditRule(name=type(net).__name__)


def _given(tree: Mapping[str, Any], batch: Batch, key: jax.Array | None) -> Values:
    chance = {} if key is None else {Source("chance", "key"): jax.random.key_data(key)}
    return (
        {Source("array", name): jnp.asarray(value) for name, value in tree.items()}
        | {Source("input", name): jnp.asarray(value) for name, value in batch.inputs.items()}
        | {Source("target", name): jnp.asarray(value) for name, value in batch.targets.items()}
        | chance
    )


def _of(values: Values, kind: str) -> dict[str, Any]:
    return {source.name: value for source, value in values.items() if source.kind == kind}


def of_learning(net: Circuit, batch: Batch, key: jax.Array, **settings: Any) -> Exposure:
    """Lay open a circuit that learns from whole batches; feedback that it changes by itself counts as a change."""
    trials = batch.trials

    def learn(values: Values, clamp: Any) -> Tree:
        tree = _of(values, "array")
        shown = Batch(_of(values, "input"), _of(values, "target"), trials)
        chance = jax.random.wrap_key_data(values[Source("chance", "key")])
        outcome = net.learn(tree, shown, chance, clamp, **settings)
        own = {name: outcome.tree[name] - tree[name] for name in net.synapses if name in outcome.tree}
        return own | outcome.changes

    return Exposure(net, rule_of(net), learn, _given(net.read(), batch, key), batch)


def of_temporal_rule(net: TemporalCircuit, batch: Batch) -> Exposure:
    """Lay open a temporal rule: what it is shown can be held, and nothing that happens inside of it."""
    _, *aims = net.arrange(batch)
    goal = aims[0] if isinstance(aims[0], Mapping) else {name: aims[0] for name in net.readouts}
    when = aims[1] if isinstance(aims[1], Mapping) else {name: aims[1] for name in net.readouts}
    rule = net.network.rule

    def learn(values: Values, clamp: Any) -> Tree:
        changed: Tree = {}

        def update(state: Tree, signals: Mapping[str, Any]) -> tuple[Tree, Tree]:
            after, changes = rule.update(_held(clamp, "memory", state), _held(clamp, "rule", signals))
            changed.update(changes)
            return after, changes

        network = replace(net.network, rule=_watched(rule, update))
        shown = Batch(_of(values, "input"), batch.targets, batch.trials)
        x, *_ = net.arrange(shown)
        network.gradient(_of(values, "array"), x, Goal(dict(goal), dict(when)), clamp)
        return dict(changed)

    given = {source: value for source, value in _given(net.read(), batch, None).items() if source.kind != "target"}
    chemicals = set(net.signals())
    decides = lambda source: source.phase in ("rule", "memory") or source.name in chemicals  # noqa: E731
    return Exposure(net, rule, learn, given, batch, lead=2, decides=decides)


def _watched(rule: Any, update: Callable) -> Any:
    """Return a copy of a rule with another update, whatever the rule makes of its settings when it is built."""
    watched = copy(rule)
    object.__setattr__(watched, "update", update)
    return watched


def _held(clamp: Any, phase: str, signals: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule is shown, or remembers, each array through the clamp; cells, names and windows as they are."""

    def one(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: one(f"{name}.{key}", part) for key, part in value.items()}
        numeric = isinstance(value, jax.Array) and value.ndim > 0
        return clamp(name, phase, value) if numeric else value

    return {name: one(name, value) for name, value in signals.items()}


#: Steps after which a circuit that changes by itself is looked at.
AFTER = 6


def of_one_step(net: Phaseless, batch: Batch, key: jax.Array) -> Exposure:
    """Lay open one step of a circuit whose weights change by themselves, with activity under way."""
    x = side_by_side(batch.inputs, net.inputs, net.dtype)
    (target,) = match(batch.targets, {net.readout: net.sizes[-1]}, "target").values()
    start = net.rest(len(x))
    target = as_target(jnp.asarray(target), net.output(start), net.loss)
    tree = net.read()

    def warm(tree: Tree) -> tuple[Any, Any]:
        carry = net.weights(tree), start

        def step(number: jax.Array, carry: tuple) -> tuple:
            return net.advance(*carry, x, target, jax.random.fold_in(key, number), untouched)

        carry = jax.lax.fori_loop(0, AFTER, step, carry)
        return net.arrays(carry[0]), net.readings(carry[1])

    arrays, readings = jax.jit(warm)(tree)

    def learn(values: Values, clamp: Any) -> Tree:
        tree = _of(values, "array")
        before = {name: clamp(name, "before", value) for name, value in _of(values, "state").items()}
        seen = tree | {name: clamp(name, "inference", tree[name]) for name in net.synapses}
        chance = jax.random.wrap_key_data(values[Source("chance", "key")])
        shown, wanted = values[Source("input", "input")], values[Source("target", "target")]
        weights, _ = net.advance(net.weights(seen), net.state(before), shown, wanted, chance, clamp)
        after = net.arrays(weights)
        return {name: after[name] - seen[name] for name in net.synapses}

    given = {Source("array", name): value for name, value in (tree | arrays).items()}
    given |= {Source("state", name): value for name, value in readings.items()}
    given |= {Source("input", "input"): x, Source("target", "target"): target}
    return Exposure(net, net.rule, learn, given | {Source("chance", "key"): jax.random.key_data(key)}, batch)
