"""The schema of the trace file: one place for its names, versions, units and errors.

A trace is one HDF5 file a run. Every axis of every dataset carries a dimension scale that lies in the same group, and
every dataset has the attributes ``units`` and ``long_name``, so that h5py, xarray (``engine="h5netcdf"``) and MATLAB
open each group without further knowledge.

========================  =============================================================================================
``/`` (attributes)        what was run, with what, and how it ended: see `REQUIRED_ATTRIBUTES`
``/circuit/populations``  one row a population: name, size, kind, blocks (JSON), ...
``/circuit/projections``  one row a projection: name, pre, post, kind, plastic, sign, density, ...
``/learning``             ``(seed, epoch)`` or ``(seed, update)``, grows while the run goes
``/weights/<path>``       ``(snapshot, seed, ...)`` with the coordinate ``update`` along ``snapshot``; masks stored once
``/activity/<group>``     ``(snapshot, seed, trial, time, neuron)`` for a fixed probe set, time in ms
``/activity/<group>/spikes``  spikes as events: ``neuron``, ``time``, ``trial``, ``seed``, ``update`` along the axis
                          ``spike``; beside it ``firing_rate`` ``(snapshot, seed, trial, neuron)``, 0 where a cell is
                          silent
``/events``               one row an intervention or phase change: update, time_ms, kind, phase, description
========================  =============================================================================================
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

FORMAT = "biocredit-trace"
FORMAT_VERSION = 2  # 1: no checkpoint number, no label, no audit, no spikes
STATUSES = ("running", "complete", "stopped", "failed")

REQUIRED_ATTRIBUTES = {
    "format": "the constant 'biocredit-trace'",
    "format_version": "integer, raised when the layout changes",
    "id": "random identifier of the file",
    "status": "running, complete, stopped or failed",
    "created": "time of creation, ISO 8601",
    "experiment": "name of the experiment",
    "citations": "DOI or arXiv identifier of everything the run used",
    "configuration": "JSON, enough to run it again",
    "seeds": "seeds of the run, in the order of every axis called seed",
}
VERSION_PREFIX = "version_"  # root attributes version_jax, version_numpy, ...

COMPANIONS = (".checkpoint", ".journal")  # endings of what lies beside a trace and belongs to it

GROUPS = ("circuit", "learning", "weights", "activity", "events", "audit")

AXES = {  # units and long name of the axes whose meaning never changes
    "seed": ("1", "random seed"),
    "epoch": ("epoch", "training epoch"),
    "update": ("update", "number of weight updates so far"),
    "snapshot": ("1", "running number of the snapshot"),
    "trial": ("1", "trial of the probe set"),
    "time": ("ms", "time since the onset of the trial"),
    "neuron": ("1", "neuron of the group"),
    "event": ("1", "running number of the event"),
    "spike": ("1", "running number of the spike"),
    "population": ("1", "name of the population"),
    "projection": ("1", "name of the projection"),
}
COUNTED_AXES = {"snapshot": "update", "event": None}  # axes numbered 0, 1, ...; the values given go to this coordinate
PACKED_AXES = ("spike",)  # axes so long that their numbers are compressed

POPULATION_COLUMNS = {
    "name": "name of the population",
    "size": "number of neurons",
    "kind": "kind of dynamics",
    "blocks": "neurons of each block (JSON)",
}
PROJECTION_COLUMNS = {
    "name": "name of the projection",
    "pre": "presynaptic population",
    "post": "postsynaptic population",
    "kind": "what the projection carries",
    "plastic": "1 where the weights change",
    "sign": "sign constraint of the weights",
    "density": "fraction of possible synapses that exist",
}
TABLES = {"population": POPULATION_COLUMNS, "projection": PROJECTION_COLUMNS}
COLUMN_UNITS = {"size": "neuron"}

EVENT_COLUMNS = {  # name: (dtype, units, long name)
    "update": ("i8", "update", "number of weight updates when it happened (-1: not known)"),
    "time_ms": ("f8", "ms", "time since the onset of the trial"),
    "kind": ("str", "1", "kind of event"),
    "phase": ("str", "1", "phase of the protocol"),
    "description": ("str", "1", "what happened"),
}

SPIKE_COLUMNS = {  # name: (dtype, units, long name)
    "neuron": ("i4", "1", "neuron of the population that fired"),
    "time": ("f8", "ms", "time since the onset of the trial"),
    "trial": ("i4", "1", "trial of the probe set"),
    "seed": ("i8", "1", "random seed of the network"),
    "update": ("i8", "update", "number of weight updates before the trial"),
}


class TraceError(ValueError):
    """A trace cannot be read or written as asked; the message is one line for the user."""


def axis_of(name: str) -> tuple[str, str]:
    """Units and long name of an axis."""
    return AXES.get(name, ("1", f"index along {name}"))


def nearest(name: str, names: Iterable[str]) -> str:
    """`` (nearest: ...)`` for an error message, or nothing where no name comes near."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" (nearest: {close[0]!r})" if close else ""
