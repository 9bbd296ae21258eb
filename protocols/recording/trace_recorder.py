"""From a running protocol to the trace file, safely."""

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.writer import TraceWriter
from biocredit.circuits.core.circuit import Circuit
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.record import Record
from biocredit.protocols.training import checkpoint

if TYPE_CHECKING:
    from biocredit.protocols.training.protocol import Protocol

PACKAGES = ("jax", "jaxlib", "brainpy", "brainstate", "optax", "biocredit")


class Recorder:
    """Writes what a protocol asks to record; one commit and one checkpoint per epoch.

    Parameters
    ----------
    writer
        The open trace.
    path
        Where it is.
    number
        Number of the checkpoints so far.
    """

    def __init__(self, writer: TraceWriter, path: str | Path, number: int = 0):
        self.writer, self.path, self.number = writer, Path(path), number

    @classmethod
    def create(
        cls, run: "Protocol", path: str | Path, experiment: str, configuration: Mapping[str, Any], overwrite: bool
    ) -> "Recorder":
        """Begin a trace, and record what is there before learning."""
        writer = TraceWriter.create(
            path,
            experiment=experiment or f"{type(run).__name__} of {run.task.name}",
            configuration=configuration,
            citations=run.citations,
            seeds=run.seeds,
            attributes=surroundings(),
            overwrite=overwrite,
        )
        recorder = cls(writer, path)
        writer.populations([population_row(one) for one in run.circuit.populations()])
        writer.projections(run.circuit.projections())
        for one in run.interventions:
            phase = one.window.phase or ""
            writer.event(kind="intervention", description=one.describe(), update=one.window.start, phase=phase)
        recorder._snapshots(run)
        writer.commit()
        return recorder

    @classmethod
    def resume(cls, run: "Protocol", path: str | Path, done: Mapping[str, Any]) -> "Recorder":
        """Go on with a trace, cut back to what its checkpoint says was done."""
        return cls(TraceWriter.resume(path, lengths=done["lengths"]), path, done.get("checkpoint", 0))

    def epoch(self, run: "Protocol", logs: Sequence[Mapping[str, np.ndarray]]) -> None:
        """Write the averages and scores of the epoch that is just over, its loss by update, and snapshots."""
        for name, value in run.last.items():
            self._series(name, value[:, None], "epoch", [run.epoch])
        loss = np.concatenate([log["loss"] for log in logs], axis=1)
        self._series("loss_by_update", loss, "update", np.arange(run.updates - loss.shape[1], run.updates))
        self._snapshots(run)

    def checkpoint(self, run: "Protocol", epochs: int, logs: Sequence[Mapping[str, np.ndarray]]) -> None:
        """Commit the trace, then the checkpoint that belongs to it."""
        self.number += 1
        self.writer.set(checkpoint=self.number)
        self.writer.commit()
        partial = [{name: value.tolist() for name, value in log.items()} for log in logs]
        progress = {"epoch": run.epoch, "epochs": epochs, "lengths": self.writer.lengths(), "logs": partial}
        progress |= {"trace": self.writer.id, "checkpoint": self.number}
        progress["first_loss"] = run.first_loss.tolist()
        checkpoint.save(checkpoint.path_beside(self.path), run.state, progress)

    def close(self, run: "Protocol", epochs: int, logs: Sequence[Mapping[str, np.ndarray]]) -> None:
        """End the trace: complete, or stopped and ready to be resumed."""
        if run.epoch >= epochs:
            for measure in run.measures:
                if measure.every is None:
                    self._measure(run, measure)
            self.writer.close("complete")
            checkpoint.path_beside(self.path).unlink(missing_ok=True)
            return
        self.checkpoint(run, epochs, logs)
        self.writer.close("stopped")

    def fail(self, failure: BaseException) -> None:
        """End the trace of a run that went wrong or was interrupted; what cannot be written any more is dropped."""
        with contextlib.suppress(TraceError):
            self.writer.close("stopped" if isinstance(failure, KeyboardInterrupt) else "failed")

    # -- what goes where ----------------------------------------------------------------------------------

    def _series(self, name: str, values: np.ndarray, axis: str, at: Any) -> None:
        units, meaning = describe(name)
        extra = tuple(f"{name}_{k}" for k in range(values.ndim - 2))
        shape = (values.shape[0], None, *values.shape[2:])
        self.writer.declare(f"learning/{name}", ("seed", axis, *extra), shape, units=units, long_name=meaning)
        self.writer.append(f"learning/{name}", values, at=at)

    def _measure(self, run: "Protocol", measure: Measure) -> None:
        for name, values in measure.of(run).items():
            dims, (units, meaning) = ("seed", *measure.axes), describe(name)
            meaning = f"{measure.meaning}: {meaning}"
            self.writer.constant(f"learning/{name}", values, dims, units, meaning, coords=measure.axes)

    def _measure_again(self, run: "Protocol", measure: Measure) -> None:
        axis = f"every_{measure.every}_epochs"
        for name, values in measure.of(run).items():
            dims, (units, meaning) = ("seed", axis, *measure.axes), describe(name)
            shape, meaning = (len(values), None, *values.shape[1:]), f"{measure.meaning}: {meaning}"
            path = f"learning/{name}"
            self.writer.declare(path, dims, shape, units=units, long_name=meaning, coords=measure.axes)
            self.writer.append(path, values[:, None], at=[run.epoch])

    def _snapshots(self, run: "Protocol") -> None:
        for measure in run.measures:
            if measure.every and run.epoch % measure.every == 0:
                self._measure_again(run, measure)
        due = [record for record in run.records if run.epoch % record.every == 0]
        for record in due:
            if run._kinds[record.label] == "weights":
                self._weights(run, record)
        if any(run._kinds[record.label] == "activity" for record in due):
            courses, trials = run.activity()
            for record in due:
                if run._kinds[record.label] == "activity":
                    self._activity(run, record, courses[record.of], trials)

    def _weights(self, run: "Protocol", record: Record) -> None:
        name, values = record.of, np.asarray(run.tree[record.of])[None]
        entry = run.circuit.synapses.get(name)
        axes = tuple(f"{name}:{axis}" for axis in run.circuit.weight_axes[: values.ndim - 2])
        dims, shape = ("snapshot", "seed", *axes), (None, *values.shape[1:])
        meaning = f"weights of {name}" if entry is None else f"{entry.kind} weights from {entry.pre} to {entry.post}"
        path = f"weights/{name}"
        self.writer.declare(path, dims, shape, units="1", long_name=meaning, dtype=values.dtype.str)
        self.writer.append(path, values, at=[run.updates])
        if entry is not None and entry.mask:
            mask = np.asarray(run.tree[entry.mask])
            self.writer.constant(f"weights/{entry.mask}", mask, ("seed", *axes), "1", f"existing synapses of {name}")

    def _activity(self, run: "Protocol", record: Record, course: np.ndarray, trials: Mapping[str, np.ndarray]) -> None:
        population, _, variable = record.of.rpartition(".")
        kept = course[:, :, run.circuit.stretch(record.when, **run.settings[0])][None]
        group = f"activity/{population or record.of}"
        time = np.arange(course.shape[2])[run.circuit.stretch(record.when, **run.settings[0])]
        step = getattr(run.circuit, "dt", None)
        scale = (time * step, "ms", "time in the trial") if step else (time, "iteration", "iteration in the trial")
        dims = ("snapshot", "seed", "trial", "time", "neuron")
        self.writer.declare(
            f"{group}/{variable}",
            dims,
            (None, *kept.shape[1:]),
            units="1",
            long_name=f"{variable} of {population}" if population else variable,
            dtype=kept.dtype.str,
            coords={"time": scale},
        )
        self.writer.append(f"{group}/{variable}", kept, at=[run.updates])
        units = run.task.trial_units
        for name, values in trials.items():
            self.writer.constant(f"{group}/{name}", values, ("trial",), units.get(name, "1"), f"{name} of each trial")
        when = phases(run.circuit.schedule(**run.settings[0]), population, course.shape[2])
        kept_when = when[run.circuit.stretch(record.when, **run.settings[0])]
        self.writer.constant(f"{group}/phase", kept_when, ("time",), "1", "phase in which the population evolves")
        parts = blocks(run.circuit, population, course.shape[-1])
        self.writer.constant(f"{group}/block", parts, ("neuron",), "1", "blocks of each neuron")


def phases(schedule: Sequence[tuple[str, str, int, int]], population: str, steps: int) -> np.ndarray:
    """Name the phase in which a population evolves at each time step, empty while it waits."""
    names = np.full(steps, "", dtype=object)
    for phase, who, first, end in schedule:
        if who == population:
            names[first:end] = phase
    return names


def blocks(circuit: Circuit, population: str, size: int) -> np.ndarray:
    """Name the blocks of every neuron of a population, joined by ``+``; what is no population has none."""
    found = next((one for one in circuit.populations() if one.name == population), None)
    names = [[] for _ in range(size)]
    for block, neurons in found.blocks.items() if found else ():
        for neuron in neurons:
            names[neuron].append(block)
    return np.array(["+".join(parts) for parts in names], dtype=object)


def population_row(population: Any) -> dict[str, Any]:
    """Describe a population for the trace."""
    types = list(dict.fromkeys(population.cell_type))
    sizes = {name: len(neurons) for name, neurons in population.blocks.items()}
    row = {"name": population.name, "size": population.size, "kind": population.kind}
    return row | {"blocks": sizes, "cell_types": {name: population.cell_type.count(name) for name in types}}


def describe(name: str) -> tuple[str, str]:
    """Return units and meaning of a series of /learning."""
    part = "test " if name.startswith("test_") else "training " if name.startswith("train_") else ""
    for word, units, meaning in (
        ("loss", "nat", "loss, mean over trials"),
        ("accuracy", "1", "fraction of trials answered correctly"),
        ("amplitude", "1", "mean absolute value over trials and neurons"),
        ("angle", "degree", f"angle, {name}"),
    ):
        if word in name:
            return units, part + meaning
    return "1", part + name


def surroundings() -> dict[str, Any]:
    """Describe the machine and the programs for the trace."""
    found = {f"version_{package}": version(package) for package in PACKAGES}
    device = jax.devices()[0]
    return found | {"device": device.device_kind, "host_cores": os.cpu_count() or 1, "git_commit": commit()}


def commit() -> str:
    """Return the git commit of the source tree, empty where there is none."""
    where = Path(__file__).resolve().parent
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=where, capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else ""
