"""How interventions are done: as a probe on the signals of one update, and as a cut in the steps of frozen weights.

What acts on whole trials changes a signal wherever it passes. What acts in a part of the trial, or takes time, must
know the step: circuits whose trials have time say it (:func:`biocredit.circuits.core.probes.at`), and with plasticity
while time runs the protocol says when the present stretch began and keeps what is under way between stretches.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core import probes
from biocredit.circuits.core.circuit import Batch, Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.protocols.interventions.declare import (
    Delay,
    Freeze,
    Intervention,
    OfRates,
    Silence,
    parts,
)


def probe(
    interventions: Iterable[Intervention],
    circuit: Circuit,
    update: jax.Array,
    key: jax.Array,
    since: int | jax.Array = 0,
    under_way: Tree | None = None,
) -> probes.Probe:
    """Return the probe that does these interventions at one update.

    Parameters
    ----------
    interventions, circuit
        What is done to whom.
    update, key
        Number of the update, random key of the noise.
    since, under_way
        Step of the trial at which the stretch of time begins, and what :func:`nothing_under_way` returns, or the probe
        of the stretch before had left.
    """
    acting = _acting(interventions, circuit)
    return _probe(acting, circuit, [one.window.on(update) for one in acting], key, since, under_way)


def _acting(interventions: Iterable[Intervention], circuit: Circuit) -> list[Intervention]:
    """Those that act through a probe: weights that only an optimiser changes are frozen there."""
    return [one for one in interventions if circuit.self_changing or not isinstance(one, Freeze)]


def _probe(
    acting: list[Intervention],
    circuit: Circuit,
    on: list[Any],
    key: jax.Array,
    since: int | jax.Array = 0,
    under_way: Tree | None = None,
) -> probes.Probe:
    if not acting:
        return probes.untouched
    if any(map(_needs_time, acting)):
        return TimedSurgery(acting, circuit, on, key, since=since, under_way=under_way or {})
    return Surgery(acting, circuit, on, key)


def idle(
    interventions: Iterable[Intervention],
    circuit: Circuit,
    tree: Tree,
    batch: Batch,
    key: jax.Array,
    **settings: Any,
) -> list[Intervention]:
    """List the interventions that change nothing on these trials: what they act on is zero wherever they act.

    Each is done alone, at its place and time of the trial, whatever the updates of its window.

    Parameters
    ----------
    interventions, circuit
        What is done to whom.
    tree, batch, key
        Weights, trials, and the random key of the update.
    **settings
        Settings of the phases.
    """
    acting = _acting(interventions, circuit)

    def outcome(on: jax.Array) -> Any:
        surgery = _probe(acting, circuit, list(on), key)
        learned = circuit.learn(tree, batch, key, surgery, **settings)
        return learned, circuit.respond(tree, batch.inputs, surgery, **settings)

    alone = jnp.concatenate([jnp.zeros((1, len(acting)), bool), jnp.eye(len(acting), dtype=bool)])
    found = jax.tree.leaves(jax.jit(partial(jax.lax.map, outcome))(alone)) if acting else []
    same = [np.array_equal(values[0], values[n], equal_nan=True) for n in range(1, len(alone)) for values in found]
    each = np.reshape(same, (len(acting), -1)).all(1) if acting else []
    return [one for one, nothing in zip(acting, each, strict=True) if nothing]


def _needs_time(one: Intervention) -> bool:
    return one.window.within_trial or isinstance(one, Delay)


class Surgery:
    """The probe of interventions on whole trials.

    Parameters
    ----------
    acting, circuit, key
        As in :func:`probe`.
    on
        Whether each is on at this update.
    """

    def __init__(self, acting: list[Intervention], circuit: Circuit, on: list[Any], key: jax.Array):
        self.acting, self.circuit, self.on, self.key = acting, circuit, on, key
        self.where = parts(circuit)
        self.targets = [frozenset(one.names(circuit)) for one in acting]

    def __call__(self, name: str, phase: str, value: jax.Array) -> jax.Array:
        """Do what acts on whole trials."""
        for number, one in enumerate(self.acting):
            if not _needs_time(one):
                value = self.done(number, name, phase, value)
        return value

    def done(self, number: int, name: str, phase: str, value: jax.Array, on: Any = True) -> jax.Array:
        """Do one intervention where ``on``, if it is about this signal."""
        one = self.acting[number]
        meant = one.window.phase in (None, phase) and isinstance(one, Freeze) == (phase == "plasticity")
        changed = self.changed(number, name, value) if meant else None
        return value if changed is None else jnp.where(self.on[number] & on, changed, value)

    def changed(self, number: int, name: str, value: jax.Array) -> jax.Array | None:
        """Return the changed signal, or None where the intervention is about something else."""
        one, key = self.acting[number], jax.random.fold_in(self.key, number)
        if isinstance(one, OfRates):
            return _changed_rates(one, name, value, self.where, key)
        return one.change(value, key) if name in self.targets[number] else None


class TimedSurgery(Surgery):
    """The probe of interventions of which some act in a part of the trial, or take time.

    Attributes
    ----------
    left
        What is under way at the end of the stretch, once the circuit has run.
    """

    def __init__(self, *common: Any, since: int | jax.Array, under_way: Tree):
        super().__init__(*common)
        self.since, self.under_way, self.left = since, under_way, dict(under_way)

    def at(self, steps: Any) -> probes.Probe:
        """Return the probe for signals of these steps, see :class:`biocredit.circuits.core.probes.AtSteps`."""

        def all_of_them(name: str, phase: str, value: jax.Array) -> jax.Array:
            for number, one in enumerate(self.acting):
                if isinstance(one, Delay):
                    value = self.delayed(number, name, steps, value)
                else:
                    value = self.done(number, name, phase, value, self.open(one, steps, value.ndim))
            return value

        return all_of_them

    def open(self, one: Intervention, steps: Any, ndim: int) -> Any:
        """Say at which steps an intervention is on."""
        if not one.window.within_trial:
            return True
        return probes.along_time(one.window.open(self.since + jnp.asarray(steps), self.circuit.dt), ndim)

    def gain(self, name: str, phase: str, steps: Any, dtype: Any) -> jax.Array | None:
        """Time course that acts on something constant in a part of the trial; None where nothing does."""
        course = jnp.ones(len(steps), dtype)
        hit = [
            number
            for number, one in enumerate(self.acting)
            if one.window.within_trial and self.changed(number, name, course) is not None
        ]
        for number in hit:
            course = self.done(number, name, phase, course, self.open(self.acting[number], steps, 1))
        return course if hit else None

    def delayed(self, number: int, name: str, steps: np.ndarray, value: jax.Array) -> jax.Array:
        """Let a modulator ``[time, trial]`` arrive later; steps before 0 belong to stretches that are done with."""
        one = self.acting[number]
        if name not in self.targets[number]:
            return value
        inside = f"cannot {one.describe()}: inside a loop over time its past is not at hand"
        require(np.ndim(steps) > 0, inside)
        past, label = int((np.asarray(steps) < 0).sum()), _label(number, name)
        before = self.under_way.get(label, jnp.zeros((one.steps(self.circuit.dt), *value.shape[1:]), value.dtype))
        course = jnp.concatenate([before, value[past:]])
        self.left[label] = course[len(course) - len(before) :]
        late = jnp.concatenate([value[:past], course[: len(value) - past]])
        return jnp.where(self.on[number], late, value)


def nothing_under_way(interventions: Iterable[Intervention], circuit: Circuit, trials: int) -> Tree:
    """What is under way at the beginning of a trial: as many empty steps as each modulator is late."""
    acting = [one for one in interventions if not isinstance(one, Freeze)]
    return {
        _label(number, name): jnp.zeros((one.steps(circuit.dt), trials), circuit.dtype)
        for number, one in enumerate(acting)
        if isinstance(one, Delay)
        for name in one.names(circuit)
    }


def _label(number: int, name: str) -> str:
    return f"{number} {name}"


def _changed_rates(one: Any, name: str, value: jax.Array, where: Mapping[str, Any], key: jax.Array) -> Any:
    """Return changed rates, or None where the intervention is about something else."""
    population, _, variable = name.rpartition(".")
    if variable != "rate":
        return None
    hit = [neurons for part, (owner, neurons) in where.items() if owner == population and one.matches(part)]
    if not hit:
        return None
    neurons, cells = np.unique(np.concatenate(hit)), _as_cells(value, len(where[population][1]))
    if isinstance(one, Silence):
        return cells.at[..., neurons].set(0).reshape(value.shape)
    noise = one.sd * jax.random.normal(key, (*cells.shape[:-1], len(neurons)), value.dtype)
    return cells.at[..., neurons].add(noise).reshape(value.shape)


def _as_cells(value: jax.Array, size: int) -> jax.Array:
    """Give rates of ``size`` neurons one axis for all of them: feature maps row by row, the channel fastest."""
    first = next(axis for axis in reversed(range(value.ndim)) if np.prod(value.shape[axis:]) == size)
    return value.reshape(*value.shape[:first], size)


def freeze(
    interventions: Iterable[Intervention], update: jax.Array, steps: dict[str, jax.Array]
) -> dict[str, jax.Array]:
    """Cancel the steps of frozen weights at one update."""
    for one in interventions:
        if isinstance(one, Freeze):
            hit = {name: step for name, step in steps.items() if one.matches(name)}
            steps = steps | {name: jnp.where(one.window.on(update), 0, step) for name, step in hit.items()}
    return steps
