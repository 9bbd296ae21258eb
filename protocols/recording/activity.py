"""How recorded activity lies in a trace: time courses, and spikes as events."""

from collections.abc import Mapping, Sequence

import numpy as np
from biocredit.analysis.trace.schema import SPIKE_COLUMNS
from biocredit.analysis.trace.writer import TraceWriter
from biocredit.circuits.core.circuit import Circuit
from biocredit.protocols.recording.record import Cut, Record
from biocredit.protocols.recording.view import RunView

Axes = dict[str, tuple[np.ndarray, str, str]]
"""Coordinates, units and meaning of axes by name."""


def write_activity(
    writer: TraceWriter, view: RunView, record: Record, kept: np.ndarray, trials: Mapping[str, np.ndarray]
) -> None:
    """Write the activity of one look at the networks, and once what its axes mean.

    Parameters
    ----------
    writer, view, record
        Where it goes, of which run, as which record.
    kept
        The part of the course that is kept, ``[seed, trial, time, neuron]``.
    trials
        The trial table.
    """
    population, _, variable = record.of.rpartition(".")
    cut, group = record.cut(view.circuit, view.settings[0]), f"activity/{record.group}"
    axes: Axes = {"time": times(view.circuit, cut.start or 0, cut.every, kept.shape[2])}
    if cut.neurons is not None:
        axes["neuron"] = (np.array(cut.neurons), "1", f"number of the neuron in {population or variable}")
    write = write_spikes if record.of in view.circuit.spikes() else write_course
    write(writer, group, record.of, kept, axes, view)
    _write_axes(writer, group, view, population, cut, kept.shape, axes)
    units = view.task.trial_units
    for name, values in trials.items():
        writer.constant(f"{group}/{name}", values, ("trial",), units.get(name, "1"), f"{name} of each trial")


def write_course(writer: TraceWriter, group: str, of: str, kept: np.ndarray, axes: Axes, view: RunView) -> None:
    """Write a time course."""
    population, _, variable = of.rpartition(".")
    writer.declare(
        f"{group}/{variable}",
        ("snapshot", "seed", "trial", "time", "neuron"),
        (None, *kept.shape),
        units="1",
        long_name=f"{variable} of {population}" if population else variable,
        dtype=kept.dtype.str,
        coords=axes,
    )
    writer.append(f"{group}/{variable}", kept[None], at=[view.update])


def write_spikes(writer: TraceWriter, group: str, of: str, kept: np.ndarray, axes: Axes, view: RunView) -> None:
    """Write spikes as events, and how often each cell fired: a look without spikes leaves a trace, too."""
    seed, trial, step, neuron = np.nonzero(kept)
    time = axes["time"][0]
    columns = {"neuron": axes["neuron"][0][neuron] if "neuron" in axes else neuron, "time": time[step], "trial": trial}
    columns |= {"seed": np.asarray(view.seeds)[seed], "update": np.full(len(seed), view.update)}
    for name, (dtype, units, long_name) in SPIKE_COLUMNS.items():
        path = f"{group}/spikes/{name}"
        writer.declare(path, ("spike",), (None,), units=units, long_name=long_name, dtype=dtype, compression="gzip")
    writer.append_rows(f"{group}/spikes", columns)
    seconds = kept.shape[2] * view.circuit.dt / 1000
    rates = np.float32(kept.sum(2) / seconds)
    writer.declare(
        f"{group}/firing_rate",
        ("snapshot", "seed", "trial", "neuron"),
        (None, *rates.shape),
        units="Hz",
        long_name=f"firing rate of {of.rpartition('.')[0]}",
        dtype="f4",
        coords={name: value for name, value in axes.items() if name == "neuron"},
    )
    writer.append(f"{group}/firing_rate", rates[None], at=[view.update])


def _write_axes(
    writer: TraceWriter,
    group: str,
    view: RunView,
    population: str,
    cut: Cut,
    shape: tuple[int, ...],
    axes: Axes,
) -> None:
    """Write what steps and neurons are."""
    steps = (cut.start or 0) + cut.every * np.arange(shape[2])
    when = phases(view.circuit.schedule(**view.settings[0]), population, steps)
    time = {"time": axes["time"]}
    writer.constant(f"{group}/phase", when, ("time",), "1", "phase in which the population evolves", time)
    parts = blocks(view.circuit, population, cut.neurons or range(shape[-1]))
    writer.constant(f"{group}/block", parts, ("neuron",), "1", "blocks of each neuron")


def times(circuit: Circuit, first: int, every: int, count: int) -> tuple[np.ndarray, str, str]:
    """Coordinates of the time axis: values, units, meaning."""
    steps, dt = first + every * np.arange(count), getattr(circuit, "dt", None)
    return (steps * dt, "ms", "time in the trial") if dt else (steps, "iteration", "iteration in the trial")


def phases(schedule: Sequence[tuple[str, str, int, int]], population: str, steps: np.ndarray) -> np.ndarray:
    """Name the phase in which a population evolves at these time steps, empty while it waits."""
    names = np.full(len(steps), "", dtype=object)
    for phase, who, first, end in schedule:
        if who == population:
            names[(steps >= first) & (steps < end)] = phase
    return names


def blocks(circuit: Circuit, population: str, chosen: Sequence[int]) -> np.ndarray:
    """Name the blocks of chosen neurons of a population, joined by ``+``; what is no population has none."""
    found = next((one for one in circuit.populations() if one.name == population), None)
    names: dict[int, list[str]] = {neuron: [] for neuron in chosen}
    for block, neurons in found.blocks.items() if found else ():
        for neuron in neurons:
            if int(neuron) in names:
                names[int(neuron)].append(block)
    return np.array(["+".join(parts) for parts in names.values()], dtype=object)
