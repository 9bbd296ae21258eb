"""The wiring of plasticity: with everything clamped, which signals and weights move the change of which synapses.

A value is disturbed by noise of its own standard deviation, first as a whole, then unit by unit. Which elements of a
change move says where the value is, seen from a synapse: one presynaptic line moves, one postsynaptic line, a single
element, or more: then it is a broadcast if it has as many values as there are outputs, types or one, and non-local if
it is the value of single cells or synapses elsewhere.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cached_property
from typing import Any

import jax
import numpy as np
from biocredit.analysis.metrics.audited import Dependence, Property
from biocredit.circuits.recurrent.temporal_circuit import TemporalCircuit
from biocredit.protocols.plausibility.clamp import Source
from biocredit.protocols.plausibility.exposure import Exposure, Seen, Values

#: A source with more single values than this is disturbed at this many of them, drawn at random.
MOST = 24
#: Relative change from which on something has moved: rounding is below, in double and in single precision.
ROUNDING = {8: 1e-11, 4: 3e-6}


@dataclass(frozen=True)
class Wiring:
    """Measures the direct dependences of a circuit laid open.

    Parameters
    ----------
    exposed
        The circuit, laid open.
    seed
        Of the noise.
    """

    exposed: Exposure
    seed: int = 0

    # -- the sources ----------------------------------------------------------------------------------------

    @cached_property
    def sources(self) -> list[Source]:
        """Everything that can be disturbed: what is held, and what is given."""
        return [*self.exposed.deciding, *self.exposed.given]

    @cached_property
    def trials(self) -> int:
        """Number of trials."""
        return next(len(value) for source, value in self.exposed.given.items() if source.kind == "input")

    def is_signal(self, source: Source) -> bool:
        """Whether a value has a row for every trial, rather than being a weight, a constant or a table."""
        shape, lead = np.shape(self.exposed.values[source]), self.exposed.lead
        if source.phase in ("rule", "memory"):
            return len(shape) > lead and shape[lead - 1] == self.trials
        return source.kind in ("signal", "state", "input", "target")

    def places(self, source: Source) -> list[tuple]:
        """Index of every single value: a unit at all trials and times, or one synapse."""
        shape = np.shape(self.exposed.values[source])
        if source.kind == "chance" or not shape:
            return []
        if self.is_signal(source):
            alone = len(shape) <= self.exposed.lead
            return [(...,)] if alone else self._some([(..., unit) for unit in range(shape[-1])])
        return self._some([(*entry, ...) for entry in np.ndindex(shape[:2])])

    def units(self, source: Source) -> int:
        """How many single values there are."""
        shape = np.shape(self.exposed.values[source])
        if self.is_signal(source):
            return int(shape[-1]) if len(shape) > self.exposed.lead else 1
        return int(np.prod(shape, dtype=int))

    def _some(self, places: list[tuple]) -> list[tuple]:
        if len(places) <= MOST:
            return places
        drawn = np.random.default_rng(self.seed).choice(len(places), MOST, replace=False)
        own = [place for place in places if len(place) == 3 and place[0] == place[1]][:2]
        return [*own, *(places[number] for number in sorted(drawn) if places[number] not in own)]

    # -- disturbing -----------------------------------------------------------------------------------------

    def disturbed(self, source: Source, place: Any = ..., values: Values | None = None) -> Values:
        """Return all values with one source, or part of it, disturbed."""
        values = self.exposed.values if values is None else values
        value = np.array(values[source])
        random = np.random.default_rng([self.seed, *str((source.kind, source.name)).encode()])
        if not np.issubdtype(value.dtype, np.floating):
            moved = value ^ np.uint32(1) if value.dtype.kind == "u" else (value + 1) % (int(value.max()) + 1)
        else:
            moved = value + (np.std(self.exposed.values[source]) or 1.0) * random.normal(size=value.shape)
        value[place] = moved[place] if value.ndim else moved
        return {**values, source: value}

    def run(self, source: Source, place: Any = ..., values: Values | None = None) -> Seen:
        """Run with everything held and one source, or part of it, disturbed."""
        return self.exposed.run(self.disturbed(source, place, values), self.exposed.deciding)

    def moved(self, new: np.ndarray, old: np.ndarray, grain: float = 0.0) -> np.ndarray:
        """Which elements have moved by more than rounding."""
        if not np.issubdtype(old.dtype, np.floating):
            return new != old
        scale = max(np.abs(old).max(initial=0) or np.abs(new).max(initial=0), grain)
        return np.abs(new - old) > ROUNDING.get(old.dtype.itemsize, 1e-5) * scale

    def grain(self, array: str) -> float:
        """Size of an array whose change is the difference of old and new, so that the change is rounded like it."""
        value = self.exposed.values.get(Source("array", array), 0.0) if self.exposed.net.self_changing else 0.0
        return 1e-2 * float(np.abs(value).max(initial=0))

    def strength(self, new: np.ndarray, old: np.ndarray) -> float:
        """Largest relative change."""
        return float(np.abs(new - old).max(initial=0) / (np.abs(old).max(initial=0) or 1.0))

    # -- what is found --------------------------------------------------------------------------------------

    @cached_property
    def dependences(self) -> tuple[Dependence, ...]:
        """What the change of every plastic array depends on directly."""
        return tuple(row for row, _ in self._found if row.of in self.exposed.clamped.changes)

    @cached_property
    def signals(self) -> tuple[Dependence, ...]:
        """What every teaching signal depends on directly that reaches a change."""
        rows = [row for row, _ in self._found if row.of not in self.exposed.clamped.changes]
        used, more = set(), {row.on for row in self.dependences if row.kind == "signal"}
        while more:
            used |= more
            more = {row.on for row in rows if row.of in used and row.kind == "signal"} - used
        rows = [row for row in rows if row.of in used]
        far = [row for row in rows if row.place != "post" and row.kind not in ("weight", "array")]
        others = {row.of for row in far if row.units not in self.outputs}
        only = [row for row in far if row.of not in others]
        reached = Counter(row.on for row in only)
        return tuple(replace(row, place="broadcast") if row in only and reached[row.on] > 1 else row for row in rows)

    @cached_property
    def _found(self) -> list[tuple[Dependence, Source]]:
        return [(row, source) for source in self.sources for row in self._of(source)]

    @cached_property
    def teaching(self) -> list[Source]:
        """Signals of the later phases: what teaches, and what it is made of."""
        signals = [one for one in self.exposed.deciding if one.kind == "signal" and one.phase in LATER]
        return [one for one in signals if np.ndim(self.exposed.values[one]) > self.exposed.lead]

    def _of(self, source: Source) -> Iterator[Dependence]:
        still, whole = self.exposed.clamped, self.run(source)
        arrays = {name for name in still.changes if self.changed(name, whole).any()}
        signals = [one for one in self.teaching if self._feels(one, source, whole)]
        if not arrays and not signals:
            return
        single = [(place, self.run(source, place)) for place in self.places(source)]
        times = self.times(source)
        for name in sorted(arrays):
            masks = [(p, self.changed(name, one)) for p, one in single]
            strength = self.strength(whole.changes[name], still.changes[name])
            yield self._row(name, source, *self.place(name, source, masks), strength, times)
        for one in signals:
            masks = [(p, self.moved(seen.incoming[one], still.incoming[one])) for p, seen in single]
            strength = self.strength(whole.incoming[one], still.incoming[one])
            yield self._row(one.name, source, self.place_of_cell(one, source, masks), "", strength)

    def changed(self, array: str, seen: Seen) -> np.ndarray:
        """Which synapses of an array change otherwise than in the clamped run."""
        return self.moved(seen.changes[array], self.exposed.clamped.changes[array], self.grain(array))

    def _feels(self, signal: Source, source: Source, whole: Seen) -> bool:
        return signal != source and self.moved(whole.incoming[signal], self.exposed.clamped.incoming[signal]).any()

    def _row(
        self, of: str, source: Source, place: str, note: str, strength: float, times: tuple[str, ...] = ()
    ) -> Dependence:
        table = source.phase == "rule" and not self.is_signal(source)
        kind = "weight" if table else source.kind
        return Dependence(of, source.name, kind, source.phase, place, self.units(source), strength, times, note)

    # -- when it is -----------------------------------------------------------------------------------------

    @cached_property
    def _one_lesson(self) -> tuple[Values, int]:
        """All values of a temporal circuit, with its learning signals silent but for one step, and that step."""
        values = dict(self.exposed.values)
        teaching = [one for one in values if one.phase == "rule" and one.name in TEACHING]
        teaching += [one for one in values if one.name.startswith("modulator.")]
        taught = (
            np.abs(self.exposed.values[teaching[0]]).reshape(len(values[teaching[0]]), -1).max(1) if teaching else [1]
        )
        step = len(taught) // 2 if taught[len(taught) // 2] else int(np.argmax(taught))
        for one in teaching:
            values[one] = np.zeros_like(values[one])
            values[one][step] = self.exposed.values[one][step]
        return values, step

    def times(self, source: Source) -> tuple[str, ...]:
        """When a signal is read, seen from the learning signal of a step; empty where trials have no time."""
        if self.exposed.lead < 2 or not self.is_signal(source) or source.phase != "rule":
            return ()
        if source.name in TEACHING or len(self.exposed.values[source]) < 2:
            return ()
        values, step = self._one_lesson
        still = self.exposed.run(values, self.exposed.deciding)
        spans = {"past": slice(0, step), "present": slice(step, step + 1), "future": slice(step + 1, None)}
        late = 1 if source.name == "presynaptic_rate" else 0  # entry t is the rate of step t - 1
        spans = {"past": slice(0, step + late), "future": slice(step + 1 + late, None)} if late else spans
        seen = {when: self.run(source, span, values) for when, span in spans.items()}
        return tuple(w for w, one in seen.items() if any(self.moved(one.changes[k], still.changes[k]).any()
                                                         for k in still.changes))  # fmt: skip

    # -- where it is ----------------------------------------------------------------------------------------

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Number of cells of every population."""
        return {one.name: one.size for one in self.exposed.net.populations()}

    @cached_property
    def outputs(self) -> set[int]:
        """Numbers of values that a broadcast can have: one, one an output, one (or a pair) of types."""
        net, given = self.exposed.net, self.exposed.given
        inputs = {source.name: value for source, value in given.items() if source.kind == "input"}
        answers = jax.eval_shape(net.respond, net.read(), inputs)
        types = len(net.network.names) if isinstance(net, TemporalCircuit) else 1
        return {1, types, types**2, *(answer.shape[-1] for answer in answers.values())}

    def axes(self, array: str) -> tuple[int | None, int]:
        """Which axes of an array are the presynaptic and the postsynaptic one."""
        value = self.exposed.values.get(Source("array", array))
        shape = np.shape(self.exposed.clamped.changes[array] if value is None else value)
        if len(shape) < 2:
            return None, 0
        usual = (1, 0) if self.exposed.net.weight_axes[0] == "post" else (0, 1)
        row = self.exposed.net.synapses.get(array)
        ends = [self.sizes.get(name) for name in (row.pre, row.post)] if row else [None, None]
        for axes in (usual, usual[::-1]):
            if [shape[axis] for axis in axes] == ends:
                return axes
        return usual

    def place(self, array: str, source: Source, masks: list[tuple[tuple, np.ndarray]]) -> tuple[str, str]:
        """Where a source is, seen from a synapse of the array, and a note."""
        if self.exposed.values[source].dtype.kind == "u":
            return "broadcast", "chance"
        if not self.is_signal(source) and self._is_constant(source):
            return "constant", ""
        pre, post = self.axes(array)
        hit = [(place, mask.any(tuple(range(2, mask.ndim)))) for place, mask in masks if mask.any()]
        if not hit:
            shared = source.kind in ("chance", "target") or self.units(source) == 1
            return ("broadcast" if shared else "nonlocal"), ""
        kinds = {self._line(pre, post, mask) for _, mask in hit}
        found = _joined(kinds)
        if self.is_signal(source) or found == "wide":
            if found != "wide":
                return (found, "") if self._is_same_cell(array, source, hit, found) else ("nonlocal", "of another cell")
            return ("broadcast" if self.units(source) in self.outputs else "nonlocal"), ""
        return self._weight_place(array, source, hit, found)

    def _is_same_cell(self, array: str, source: Source, hit: list, found: str) -> bool:
        """Whether the synapses that move are those of the very cell that was disturbed, where both are numbered."""
        (pre, post), units = self.axes(array), self.units(source)
        axis = {"pre": pre, "post": post}.get(found)
        if axis is None or units == 1 or units != np.shape(hit[0][1])[axis]:
            return True
        lines = [np.argwhere(mask)[0][axis] for _, mask in hit]
        return all(line == place[-1] for line, (place, _) in zip(lines, hit, strict=True))

    def _is_constant(self, source: Source) -> bool:
        """Whether this is a constant of cells, or a table of who is of which type: nothing that learns."""
        shape, net = np.shape(self.exposed.values[source]), self.exposed.net
        learned = source.name in net.synapses or any(source.name.startswith(f"{name}_") for name in net.synapses)
        known = self.exposed.rule.needs.get(source.name) == "constant"
        return known or (source.kind == "array" and not learned and len(shape) < 2)

    def _line(self, pre: int | None, post: int, mask: np.ndarray) -> str:
        """Which line of synapses moves."""
        if pre is None:
            return "post" if mask.sum() == 1 else "wide"
        rows, columns = mask.any(post), mask.any(pre)
        if rows.sum() == 1 and columns.sum() == 1:
            return "synapse"
        if rows.sum() == 1 or columns.sum() == 1:
            return "pre" if rows.sum() == 1 else "post"
        table = mask if pre == 0 else mask.T
        cross = any(not np.delete(np.delete(table, a, 0), b, 1).any() for a in _few(table, 1) for b in _few(table, 0))
        return "both ends" if cross else "wide"

    def _weight_place(self, array: str, source: Source, hit: list, found: str) -> tuple[str, str]:
        """A synapse knows its own weight; a cell those that it receives; no weight of another cell."""
        pre, _ = self.axes(array)
        shape = np.shape(self.exposed.values[source])
        same = [tuple(np.argwhere(mask)[0]) == tuple(place[:-1])[: mask.ndim] for place, mask in hit]
        if found == "synapse" and all(same):
            return "synapse", "its own weight" if source.name == array else ""
        if found == "post" and len(shape) == 1:
            return "post", ""
        if found == "post":
            columns = [int(np.argwhere(mask if pre is None else mask.any(pre))[0, 0]) for _, mask in hit]
            axes = self.axes(source.name) if source.name in self.exposed.net.synapses else (0, 1)
            if all(column == place[axes[1]] for column, (place, _) in zip(columns, hit, strict=True)):
                return "post", "weights that the cell receives"
            if all(column == place[axes[0]] for column, (place, _) in zip(columns, hit, strict=True)):
                return "nonlocal", "weights of the cell's outgoing synapses"
        turned = [tuple(np.argwhere(mask)[0]) == tuple(place[:-1])[::-1] for place, mask in hit]
        if found == "synapse" and all(turned):
            return "nonlocal", "the transposed weight"
        return "nonlocal", "weights of other synapses"

    def place_of_cell(self, signal: Source, source: Source, masks: list[tuple[tuple, np.ndarray]]) -> str:
        """Where a source is, seen from a cell that has a teaching signal."""
        lead = self.exposed.lead
        hit = [(place, mask.any(tuple(range(lead)))) for place, mask in masks if mask.any()]
        if source.kind in ("weight", "array"):
            return "through synapses"
        if source.kind == "chance":
            return "post"  # the cell's own noise
        width = np.shape(self.exposed.values[signal])[-1]
        own = self.units(source) == width and all(
            mask.reshape(-1, width).any(0).nonzero()[0].tolist() == [place[-1]] for place, mask in hit
        )
        if hit and own:
            return "post"
        if self.units(source) in self.outputs and width in self.outputs:
            return "post"  # the loss itself
        if signal in self._weighted:
            return "through synapses"
        return "broadcast" if self.units(source) in self.outputs else "nonlocal"

    @cached_property
    def _weighted(self) -> set[Source]:
        """Teaching signals on which weights act directly."""
        weights = [one for one in self.sources if one.kind in ("weight", "array")]
        runs = [(one, self.run(one)) for one in weights]
        return {signal for signal in self.teaching if any(self._feels(signal, *pair) for pair in runs)}

    @cached_property
    def unresolved(self) -> set[str]:
        """Plastic arrays that learn from signals which pass no probe, as the rule says."""
        names, patterns = self.exposed.clamped.changes, self.exposed.rule.unprobed
        return {name for name in names if any(fnmatch(name, pattern) for pattern in patterns)}

    @property
    def teaching_names(self) -> set[str]:
        """Names of the teaching signals that reach a change."""
        return {row.on for row in (*self.dependences, *self.signals) if row.kind == "signal" and row.phase in LATER}


#: What a temporal rule is taught by.
TEACHING = ("learning_signal", "causal_signal")
#: Phases in which something teaches.
TAUGHT = ("learning", "feedback", "modulation")
#: Phases after the first one: these, and those in which feedback hears noise.
LATER = (*TAUGHT, "mirror")


def _few(table: np.ndarray, axis: int) -> Sequence[int]:
    """Return the line with the most entries: the only one that a cross can have, or either of two."""
    counts = table.sum(axis)
    return np.argsort(counts)[::-1][:2]


def _joined(kinds: set[str]) -> str:
    """Sum up what single values move."""
    if "wide" in kinds:
        return "wide"
    kinds = kinds - {"synapse"} or kinds
    return next(iter(kinds)) if len(kinds) == 1 else "both ends"


def judged(yes: bool, value: float, how: str) -> Property:
    """Return a verdict of two values."""
    return Property("yes" if yes else "no", float(value), how)
