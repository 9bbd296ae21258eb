"""Traces as NWB files, for every program that reads Neurodata Without Borders.

pynwb is an extra (``pip install biocredit[nwb]``). All trials of all snapshots and seeds lie one after the other on one
clock, with a gap of a second; the table of trials says which stretch is which. A variable of a population becomes one
TimeSeries ``[time, neuron]`` called ``population_variable``; spikes become Units with their times; population, cell
type and whatever else the trace says of a neuron stand in the columns of the units, or of the table ``neurons`` where
nothing spikes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.interchange.recording import RecordingError
from biocredit.analysis.metrics.spikes import Spikes, recorded_spikes, spikes_in
from biocredit.analysis.trace.labelled import LabelledArray
from biocredit.analysis.trace.reader import Trace

__all__ = ["SPIKES", "to_nwb"]

SPIKES = ("spike", "spikes")
"""Names of time courses that are 1 where a neuron fires."""

COURSE = ("snapshot", "seed", "trial", "time", "neuron")
GAP_S = 1.0


@dataclass(frozen=True)
class Population:
    """What a trace recorded of one population: time courses, spikes, and columns along trials and neurons.

    ``axes`` are the coordinates of snapshots (``update``), seeds, trials, times and neurons, which all of it shares.
    """

    name: str
    courses: Mapping[str, LabelledArray]
    columns: Mapping[str, Mapping[str, LabelledArray]]
    axes: Mapping[str, np.ndarray]
    spikes: Spikes | None = None

    @property
    def looks(self) -> tuple[int, int, int]:
        """Number of snapshots, seeds and trials."""
        return len(self.axes["update"]), len(self.axes["seed"]), len(self.axes["trial"])


def to_nwb(trace: Trace, path: str | Path) -> None:
    """Write the activity of a trace.

    Parameters
    ----------
    trace
        A trace with recorded activity.
    path
        The file to be written; one that is there is replaced.

    Raises
    ------
    RecordingError
        If the trace holds no activity, its populations were recorded at different times or trials, or pynwb is absent.
    """
    try:
        import pynwb
    except ImportError:
        raise RecordingError("NWB files need pynwb: pip install 'biocredit[nwb]'") from None
    populations = list(_populations(trace))
    if not populations:
        raise RecordingError(f"{trace.path.name} holds no activity: record one, Record('cells.rate')")
    first = populations[0]
    for other in populations[1:]:
        if other.looks != first.looks or not np.array_equal(other.axes["time"], first.axes["time"]):
            raise RecordingError(f"{first.name} and {other.name} were recorded at different times: export one")
    attributes = trace.attributes
    nwb = pynwb.NWBFile(
        session_description=f"{trace.experiment} (biocredit trace)",
        identifier=str(attributes["id"]),
        session_start_time=datetime.fromisoformat(attributes["created"]).astimezone(),
        notes=json.dumps({name: value for name, value in attributes.items() if name != "configuration"}, default=str),
        experiment_description=attributes["configuration"],
        related_publications=list(trace.citations) or None,
    )
    starts = _add_trials(nwb, first)
    _add_courses(nwb, pynwb, populations, starts)
    _add_neurons(nwb, pynwb, populations, starts)
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(nwb)


def _populations(trace: Trace) -> Iterator[Population]:
    arrays: dict[str, dict[str, LabelledArray]] = {}
    for name, array in trace.activity.items():
        group, _, variable = name.rpartition("/")
        arrays.setdefault(group, {})[variable] = array
    for group, found in arrays.items():
        courses = {name: array for name, array in found.items() if array.dims == COURSE}
        columns = {
            dim: {name: array for name, array in found.items() if array.dims == (dim,)} for dim in ("trial", "neuron")
        }
        if group in recorded_spikes(trace):
            spikes = spikes_in(trace, group)
            yield Population(group, courses, columns, _axes_of(found["firing_rate"]) | {"time": spikes.steps}, spikes)
        elif courses:
            first = next(iter(courses.values()))
            fired = next((array for name, array in courses.items() if name in SPIKES), None)
            spikes = None if fired is None else Spikes.of_course(fired.values, fired.coords["time"])
            yield Population(group, courses, columns, _axes_of(first), spikes)


def _axes_of(array: LabelledArray) -> dict[str, np.ndarray]:
    return {"update": np.arange(array.shape[0]), **array.coords}


def _seconds(axes: Mapping[str, np.ndarray], starts: np.ndarray) -> np.ndarray:
    """Time of every sample on the common clock."""
    times = (axes["time"] - axes["time"][0]) / 1000.0
    return (starts[:, None] + times[None]).ravel()


def _add_trials(nwb: Any, population: Population) -> np.ndarray:
    """Add one row for each snapshot, seed and trial; return when each begins, in seconds."""
    axes, table, times = population.axes, population.columns["trial"], population.axes["time"]
    step = (times[1] - times[0]) / 1000.0 if len(times) > 1 else 0.001
    length = (times[-1] - times[0]) / 1000.0 + step
    texts = {
        "update": "number of weight updates before the snapshot",
        "seed": "seed of the network",
        "trial": "trial of the probe set",
        "trial_time_ms": "time within the trial of its first sample, in ms",
    }
    for name, text in texts.items():
        nwb.add_trial_column(name, text)
    for name, array in table.items():
        nwb.add_trial_column(_free(name, texts), f"{array.long_name} ({array.units})")
    starts = np.arange(np.prod(population.looks)) * (length + GAP_S)
    for row, (snapshot, seed, trial) in enumerate(np.ndindex(population.looks)):
        extra = {_free(name, texts): _plain(array.values[trial]) for name, array in table.items()}
        nwb.add_trial(
            start_time=float(starts[row]),
            stop_time=float(starts[row] + length),
            update=int(axes["update"][snapshot]),
            seed=int(axes["seed"][seed]),
            trial=int(axes["trial"][trial]),
            trial_time_ms=float(times[0]),
            **extra,
        )
    return starts


def _free(name: str, taken: Mapping[str, str]) -> str:
    """Return a name that no column has yet."""
    return f"{name}_of_trial" if name in (*taken, "id", "start_time", "stop_time", "tags", "timeseries") else name


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _add_courses(nwb: Any, pynwb: Any, populations: list[Population], starts: np.ndarray) -> None:
    module = nwb.create_processing_module(name="activity", description="time courses of the populations of a network")
    for population in populations:
        for name, course in population.courses.items():
            module.add(
                pynwb.TimeSeries(
                    name=f"{population.name}_{name}".replace("/", "_"),
                    data=course.values.reshape(-1, course.shape[-1]),
                    unit=course.units,
                    timestamps=_seconds(population.axes, starts),
                    description=course.long_name,
                )
            )


def _add_neurons(nwb: Any, pynwb: Any, populations: list[Population], starts: np.ndarray) -> None:
    """Add a row for each neuron: units where they spike, a table of its own where nothing does."""
    spiking = [one for one in populations if one.spikes is not None]
    silent = [one for one in populations if one not in spiking]
    columns = {name: array.long_name for one in populations for name, array in one.columns["neuron"].items()}
    texts = {"population": "name of the population", "neuron": "number in the population", **columns}
    if spiking:
        for name, text in texts.items():
            nwb.add_unit_column(name, text)
        for one in spiking:
            for times, row in zip(_spike_times(one, starts), _rows(one, texts), strict=True):
                nwb.add_unit(spike_times=times, **row)
    if silent:
        from hdmf.common import DynamicTable

        table = DynamicTable(name="neurons", description="neurons, in the order of the columns of their time series")
        for name, text in texts.items():
            table.add_column(name, text)
        for one in silent:
            for row in _rows(one, texts):
                table.add_row(**row)
        nwb.processing["activity"].add(table)


def _rows(population: Population, texts: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    columns = population.columns["neuron"]
    for place, neuron in enumerate(population.axes["neuron"]):
        known = {name: _plain(array.values[place]) for name, array in columns.items()}
        yield {name: known.get(name, "") for name in texts} | {"population": population.name, "neuron": int(neuron)}


def _spike_times(population: Population, starts: np.ndarray) -> list[np.ndarray]:
    """Times of the spikes of each neuron on the common clock, in seconds."""
    spikes = population.spikes
    looks = np.ravel_multi_index([spikes.places(name) for name in ("update", "seed", "trial")], population.looks)
    clock = starts[looks] + (spikes.time - spikes.steps[0]) / 1000.0
    order = np.argsort(clock, kind="stable")
    return [clock[order][spikes.neuron[order] == neuron] for neuron in spikes.neurons]
