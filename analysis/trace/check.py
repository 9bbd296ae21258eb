"""Does a file keep to the schema? What ``biocredit inspect FILE`` and ``biocredit inspect FILE --check`` print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from biocredit.analysis.trace.axes import growing_axis
from biocredit.analysis.trace.labelled import base_name, companions, plain
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.schema import (
    EVENT_COLUMNS,
    GROUPS,
    REQUIRED_ATTRIBUTES,
    STATUSES,
    TABLES,
    nearest,
)


def summary(path: str | Path) -> str:
    """What a trace holds, for people.

    Raises
    ------
    TraceError
        If the file is no trace that can be read.
    """
    with open_trace(path) as trace:
        return repr(trace)


def check(path: str | Path) -> list[str]:
    """Everything in which a trace deviates from the schema, one line each; empty if nothing does.

    Raises
    ------
    TraceError
        If the file is no trace that can be read.
    """
    with open_trace(path) as trace:
        return trace.inspect(lambda h5: [*_root(h5), *_groups(h5), *_tables(h5), *_datasets(h5)])


def _root(h5: h5py.File) -> Iterator[str]:
    for name, meaning in REQUIRED_ATTRIBUTES.items():
        if name not in h5.attrs:
            yield f"/: attribute {name!r} is missing ({meaning})"
    status = plain(h5.attrs.get("status"))
    if status is not None and status not in STATUSES:
        yield f"/: status {status!r} is none of {', '.join(STATUSES)}"
    if status not in (None, "running") and "finished" not in h5.attrs:
        yield f"/: status is {status}, but attribute 'finished' is missing"
    try:
        json.loads(plain(h5.attrs.get("configuration", "{}")))
    except ValueError as error:
        yield f"/: configuration is not JSON: {error}"


def _groups(h5: h5py.File) -> Iterator[str]:
    for name in h5:
        if name not in GROUPS:
            yield f"/{name}: is no part of a trace{nearest(name, GROUPS)}"


def _tables(h5: h5py.File) -> Iterator[str]:
    tables = {"events": EVENT_COLUMNS} | {
        f"circuit/{kind}s": columns for kind, columns in TABLES.items() if f"circuit/{kind}s" in h5
    }
    for path, columns in tables.items():
        for name in columns:
            if f"{path}/{name}" not in h5:
                yield f"/{path}: column {name!r} is missing"


def _datasets(h5: h5py.File) -> Iterator[str]:
    found: list[h5py.Dataset] = []
    h5.visititems(lambda name, node: found.append(node) if isinstance(node, h5py.Dataset) else None)
    for node in found:
        for name in ("units", "long_name"):
            if name not in node.attrs:
                yield f"{node.name}: attribute {name!r} is missing"
        yield from _scale(node) if node.is_scale else _axes(node)


def _scale(node: h5py.Dataset) -> Iterator[str]:
    values = node[()] if node.ndim == 1 else None
    if values is None:
        yield f"{node.name}: a dimension scale has one axis, this one has {node.ndim}"
    elif growing_axis(node) is not None and np.any(np.diff(values) <= 0):
        yield f"{node.name}: the coordinates of a growing axis must increase"
    if base_name(node) == "seed" and values is not None and not np.array_equal(values, node.file.attrs.get("seeds")):
        yield f"{node.name}: differs from the seeds of the run"


def _axes(node: h5py.Dataset) -> Iterator[str]:
    for number, (axis, size) in enumerate(zip(node.dims, node.shape, strict=True)):
        if not len(axis):
            yield f"{node.name}: axis {number} has no dimension scale"
        elif axis[0].parent != node.parent:
            yield f"{node.name}: the scale of axis {number} lies in another group, {axis[0].name}"
        elif axis[0].shape != (size,):
            yield f"{node.name}: axis {number} has length {size}, its scale {axis[0].name} {axis[0].shape[0]}"
    for name in companions(node):
        if name not in node.parent:
            yield f"{node.name}: coordinate {name!r} is missing"
    expected = {"learning": "seed", "weights": "seed", "activity": "seed"}.get(node.name.split("/")[1])
    if expected and growing_axis(node) is not None and not _is_coordinate(node) and expected not in _dims(node):
        yield f"{node.name}: what is recorded in the course of a run needs an axis {expected!r}"


def _is_coordinate(node: h5py.Dataset) -> bool:
    others = [other for other in node.parent.values() if isinstance(other, h5py.Dataset)]
    return any(base_name(node) in companions(other) for other in others)


def _dims(node: h5py.Dataset) -> list[str]:
    return [base_name(axis[0]) for axis in node.dims if len(axis)]
