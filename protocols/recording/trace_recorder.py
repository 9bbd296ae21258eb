"""From a running protocol to the trace file, safely."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.trace.attributes import now
from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.writer import TraceWriter
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.interventions.declare import Intervention
from biocredit.protocols.recording.activity import write_activity
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.record import Record
from biocredit.protocols.recording.surroundings import arithmetic, surroundings
from biocredit.protocols.recording.view import RunView


@dataclass(frozen=True)
class About:
    """What a trace says about its run.

    Parameters
    ----------
    experiment, label
        Names: of the experiment, and of what was run, ``circuit/rule/task``.
    configuration
        Everything with which it was built.
    citations
        DOI or arXiv identifiers.
    devices
        Number of devices over which the seeds are spread.
    """

    experiment: str
    label: str
    configuration: Mapping[str, Any]
    citations: Sequence[str]
    devices: int = 1


class Recorder:
    """Writes what a protocol asks to record; one commit per epoch.

    Parameters
    ----------
    writer
        The open trace.
    records, interventions
        What is recorded and what is done.

    Attributes
    ----------
    number
        Number of the checkpoints so far.
    """

    def __init__(self, writer: TraceWriter, records: Sequence[Record], interventions: Sequence[Intervention]):
        self.writer, self.records, self.interventions = writer, tuple(records), tuple(interventions)
        self.number = 0
        self._begun: int | None = None

    @classmethod
    def create(
        cls,
        path: str | Path,
        view: RunView,
        about: About,
        *,
        records: Sequence[Record],
        interventions: Sequence[Intervention],
        overwrite: bool,
    ) -> "Recorder":
        """Begin a trace: what there is, and what is planned."""
        writer = TraceWriter.create(
            path,
            experiment=about.experiment,
            configuration=about.configuration,
            citations=about.citations,
            seeds=view.seeds,
            attributes={**surroundings(), **arithmetic(), "devices": about.devices, "label": about.label},
            overwrite=overwrite,
        )
        recorder = cls(writer, records, interventions)
        try:
            recorder._begin(view)
        except BaseException as failure:
            recorder.fail(failure)
            raise
        return recorder

    def _begin(self, view: RunView) -> None:
        self.writer.populations([population_row(one) for one in view.circuit.populations()])
        self.writer.projections(view.circuit.projections())
        for one in self.interventions:
            self.event("planned", one.describe(), one.window.start, one.window.phase)
        self._begun = view.update
        for one in self.interventions:
            if one.acts(view.update, view.update + 1):
                self.event("intervention", one.describe(), view.update, one.window.phase)
        self.writer.commit()

    @classmethod
    def resume(
        cls,
        path: str | Path,
        done: Mapping[str, Any],
        records: Sequence[Record],
        interventions: Sequence[Intervention],
    ) -> "Recorder":
        """Go on with a trace, cut back to what its checkpoint says was done."""
        recorder = cls(TraceWriter.resume(path, lengths=done["lengths"]), records, interventions)
        recorder.number = done.get("checkpoint", 0)
        recorder.writer.set(failure="", resumed=now(), resumed_epoch=done["epoch"])
        return recorder

    def event(self, kind: str, description: str, update: int, phase: str | None = None) -> None:
        """Note that something was planned, or happened, at an update."""
        self.writer.event(kind=kind, description=description, update=update, phase=phase or "")

    def happened(self, first: int, end: int) -> None:
        """Note which interventions began and ended in the updates ``first`` .. ``end - 1``."""
        for one in self.interventions:
            start, stop = one.window.start, one.window.stop
            if first <= start < end and first != self._begun:
                self.event("intervention", one.describe(), start, one.window.phase)
            if stop is not None and first < stop <= end:
                self.event("intervention ended", one.describe(), stop, one.window.phase)

    def epoch(self, view: RunView, averages: Mapping[str, np.ndarray], loss: np.ndarray | None = None) -> None:
        """Write averages and scores, ``[seed]`` by name, and the loss by update ``[seed, update]``."""
        functions = {record.label: record for record in self.records if callable(record.of)}
        loss_unit = view.circuit.loss_unit
        for name, value in averages.items():
            own = functions.get(name, Record("")).units
            units = (own, name) if own != "1" else describe(name, loss_unit)
            self.series(name, value[:, None], "epoch", [view.epoch], units)
        if loss is not None:
            updates = np.arange(view.update - loss.shape[1], view.update)
            self.series("loss_by_update", loss, "update", updates, describe("loss_by_update", loss_unit))

    def series(self, name: str, values: np.ndarray, axis: str, at: Any, units: tuple[str, str]) -> None:
        """Append values ``[seed, place, ...]`` to a series of ``/learning``."""
        extra = tuple(f"{name}_{k}" for k in range(values.ndim - 2))
        shape = (values.shape[0], None, *values.shape[2:])
        self.writer.declare(f"learning/{name}", ("seed", axis, *extra), shape, units=units[0], long_name=units[1])
        self.writer.append(f"learning/{name}", values, at=at)

    def commit(self) -> None:
        """Bring everything to the disk."""
        self.writer.commit()

    def checkpoint(self) -> dict[str, Any]:
        """Bring everything to the disk; return what the checkpoint that belongs to it must remember of the trace."""
        self.number += 1
        self.writer.set(checkpoint=self.number)
        self.writer.commit()
        return {"trace": self.writer.id, "checkpoint": self.number, "lengths": self.writer.lengths()}

    def close(self, status: str) -> None:
        """End the trace."""
        self.writer.close(status)

    def fail(self, failure: BaseException) -> None:
        """End the trace of a run that went wrong or was interrupted; what cannot be written any more is dropped."""
        interrupted = isinstance(failure, KeyboardInterrupt)
        with contextlib.suppress(TraceError):
            self.writer.set(failure="" if interrupted else " ".join(f"{type(failure).__name__}: {failure}".split()))
            self.writer.close("stopped" if interrupted else "failed")

    # -- what goes where ----------------------------------------------------------------------------------

    def measured(self, view: RunView, measure: Measure, found: Mapping[str, np.ndarray]) -> None:
        """Write what was measured, ``[seed, ...]`` by name."""
        for name, values in found.items():
            units, meaning = describe(name, view.circuit.loss_unit)
            meaning, path = f"{measure.meaning}: {meaning}", f"learning/{name}"
            if measure.every is None:
                axes = measure.axes
                self.writer.constant(path, values, ("seed", *axes), units, meaning, coords=axes, replace=True)
                continue
            dims = ("seed", f"every_{measure.every}_epochs", *measure.axes)
            shape = (len(values), None, *values.shape[1:])
            self.writer.declare(path, dims, shape, units=units, long_name=meaning, coords=measure.axes)
            self.writer.append(path, values[:, None], at=[view.epoch])

    def snapshots(self, view: RunView, last: bool = False) -> None:
        """Write the weights and the activity that are due; at the end of a run those that are not there yet."""
        kept = [record for record in self.records if not callable(record.of)]
        here = [record for record in kept if (view.epoch % record.every == 0) != last]
        kinds = {record.label: record.kind(view.circuit) for record in here}
        for record in here:
            if kinds[record.label] == "weights":
                self._weights(view, record)
        active = [record for record in here if kinds[record.label] == "activity"]
        cuts = {key_of(record): record.cut(view.circuit, view.settings[0]) for record in active}
        courses, trials = view.observe(cuts) if cuts else ({}, {})
        for record in active:
            write_activity(self.writer, view, record, courses[key_of(record)], trials)

    def _weights(self, view: RunView, record: Record) -> None:
        name, values = record.of, np.asarray(view.tree[record.of])[None]
        entry = view.circuit.synapses.get(name)
        axes = tuple(f"{name}:{axis}" for axis in view.circuit.weight_axes[: values.ndim - 2])
        dims, shape = ("snapshot", "seed", *axes), (None, *values.shape[1:])
        meaning = f"weights of {name}" if entry is None else f"{entry.kind} weights from {entry.pre} to {entry.post}"
        path = f"weights/{name}"
        self.writer.declare(path, dims, shape, units="1", long_name=meaning, dtype=values.dtype.str)
        self.writer.append(path, values, at=[view.update])
        if entry is not None and entry.mask:
            mask = np.asarray(view.tree[entry.mask])
            self.writer.constant(f"weights/{entry.mask}", mask, ("seed", *axes), "1", f"existing synapses of {name}")


def key_of(record: Record) -> str:
    """Where a record of activity goes: group and variable."""
    return f"{record.group}/{record.of}"


def check_records(records: Sequence[Record], circuit: Circuit, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind of every record, by its label.

    Raises
    ------
    CircuitError
        For what the circuit does not have, a neuron or phase that does not exist, two records that would go to the
        same place of the trace, or different parts of a trial in one group.
    """
    groups: dict[str, Any] = {}
    found: dict[str, str] = {}
    sizes = {population.name: population.size for population in circuit.populations()}
    for record in records:
        kind = record.kind(circuit)
        place = key_of(record) if kind == "activity" else record.label
        if place in found:
            raise CircuitError(f"two records of {record.label!r}: give one of them a name")
        found[place] = kind
        if kind != "activity":
            continue
        cut = record.cut(circuit, settings)
        size = sizes.get(record.of.rpartition(".")[0], np.inf)
        if cut.neurons is not None and cut.neurons[-1] >= size:
            raise CircuitError(f"{record.of!r} has neurons 0 to {size - 1}, cannot record {cut.neurons[-1]}")
        axes = (cut.start, cut.stop, cut.every, cut.neurons)
        if groups.setdefault(record.group, axes) != axes:
            raise CircuitError(f"{record.of!r} and another record of {record.group!r} keep different parts: name one")
    return {record.label: record.kind(circuit) for record in records}


def population_row(population: Any) -> dict[str, Any]:
    """Describe a population for the trace."""
    types = list(dict.fromkeys(population.cell_type))
    sizes = {name: len(neurons) for name, neurons in population.blocks.items()}
    row = {"name": population.name, "size": population.size, "kind": population.kind}
    return row | {"blocks": sizes, "cell_types": {name: population.cell_type.count(name) for name in types}}


def describe(name: str, loss_unit: str) -> tuple[str, str]:
    """Return units and meaning of a series of /learning."""
    part = "test " if name.startswith("test_") else "training " if name.startswith("train_") else ""
    for word, units, meaning in (
        ("loss", loss_unit or "1", "loss, mean over trials"),
        ("accuracy", "1", "fraction of trials answered correctly"),
        ("amplitude", "1", "mean absolute value over trials and neurons"),
        ("angle", "degree", f"angle, {name}"),
    ):
        if word in name:
            return units, part + meaning
    return "1", part + name
