"""Does a file keep to the schema? What ``biocredit inspect FILE`` and ``biocredit inspect FILE --check`` print.

``python -m biocredit.analysis.trace.check [--check | --sound] FILES`` does it in a process of its own: HDF5 itself may
crash, or never come back, on a file that somebody has damaged.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
from biocredit.analysis.trace import first_look
from biocredit.analysis.trace.axes import growing_axis
from biocredit.analysis.trace.labelled import base_name, companions, plain
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.schema import (
    EVENT_COLUMNS,
    GROUPS,
    REQUIRED_ATTRIBUTES,
    STATUSES,
    TABLES,
    TraceError,
    nearest,
)
from biocredit.analysis.trace.structure import any_part, one_line

WHOLE = 2**20  # values of a dataset up to which all of it is read for `sound`


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


def sound(path: str | Path) -> str:
    """Read a trace, of large datasets the first and the last part, and say nothing.

    Raises
    ------
    TraceError
        If something in it cannot be read.
    """
    with open_trace(path) as trace:
        trace.inspect(_read_all)
    return ""


def _read_all(h5: h5py.File) -> None:
    nodes: list[h5py.Dataset] = []
    h5.visititems(lambda name, node: nodes.append(node) if isinstance(node, h5py.Dataset) else None)
    hurry = time.process_time() + first_look.SECONDS / 2
    for node in nodes:
        dict(node.attrs)
        if not node.ndim or (node.size <= WHOLE and time.process_time() < hurry):
            node[()]
        elif node.shape[0]:
            for start in (0, node.shape[0] - 1):
                node[(start, *(slice(0, 1024),) * (node.ndim - 1))]


# -- the root ---------------------------------------------------------------------------------------------------


def _root(h5: h5py.File) -> Iterator[str]:
    for name, meaning in REQUIRED_ATTRIBUTES.items():
        if name not in h5.attrs:
            yield f"/: attribute {name!r} is missing ({meaning})"
        elif not _is_kind(value := plain(h5.attrs[name]), name):
            yield f"/: attribute {name!r} is {str(value)[:40]!r}, wanted {meaning}"
    status = plain(h5.attrs.get("status"))
    if isinstance(status, str) and status not in STATUSES:
        yield f"/: status {status!r} is none of {', '.join(STATUSES)}"
    if isinstance(status, str) and status != "running" and not isinstance(plain(h5.attrs.get("finished")), str):
        yield f"/: status is {status}, but attribute 'finished' is missing or no text"
    try:
        settings = json.loads(plain(h5.attrs.get("configuration", "{}")))
        if not isinstance(settings, dict):
            yield "/: configuration is JSON, but no mapping"
    except (ValueError, TypeError, RecursionError) as error:
        yield f"/: configuration is not JSON: {error}"


def _is_kind(value: object, name: str) -> bool:
    if name == "format_version":
        return isinstance(value, int)
    if name == "seeds":
        return isinstance(value, list) and all(isinstance(one, int) for one in value)
    if name == "citations":
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, str)


def _groups(h5: h5py.File) -> Iterator[str]:
    for name, node in h5.items():
        if name not in GROUPS:
            yield f"/{name}: is no part of a trace{nearest(name, GROUPS)}"
        elif not isinstance(node, h5py.Group):
            yield f"/{name}: is a dataset, wanted a group"


def _tables(h5: h5py.File) -> Iterator[str]:
    tables = {"events": {name: kind[0] for name, kind in EVENT_COLUMNS.items()}} | {
        f"circuit/{kind}s": dict.fromkeys(columns) for kind, columns in TABLES.items() if f"circuit/{kind}s" in h5
    }
    for path, columns in tables.items():
        lengths = set()
        for name, kind in columns.items():
            node = h5.get(f"{path}/{name}")
            if node is None:
                yield f"/{path}: column {name!r} is missing"
            elif not isinstance(node, h5py.Dataset) or node.ndim != 1:
                yield f"/{path}/{name}: is no column"
            else:
                lengths.add(node.shape[0])
                if kind and (kind == "str") != (h5py.check_string_dtype(node.dtype) is not None):
                    yield f"/{path}/{name}: is of type {node.dtype}, wanted {kind}"
        if len(lengths) > 1:
            yield f"/{path}: columns of different lengths, {sorted(lengths)}"


# -- datasets ---------------------------------------------------------------------------------------------------


def _datasets(h5: h5py.File) -> Iterator[str]:
    found: list[h5py.Dataset] = []
    h5.visititems(lambda name, node: found.append(node) if isinstance(node, h5py.Dataset) else None)
    for node in found:
        for name in ("units", "long_name"):
            if name not in node.attrs:
                yield f"{node.name}: attribute {name!r} is missing"
            elif not isinstance(plain(node.attrs[name]), str):
                yield f"{node.name}: attribute {name!r} is no text"
        if node.name.startswith("/learning/") and not node.is_scale and h5py.check_string_dtype(node.dtype):
            yield f"{node.name}: holds text, wanted numbers"
        yield from _scale(node) if node.is_scale else _axes(node)


def _scale(node: h5py.Dataset) -> Iterator[str]:
    if node.ndim != 1:
        yield f"{node.name}: a dimension scale has one axis, this one has {node.ndim}"
        return
    if growing_axis(node) is not None:
        if h5py.check_string_dtype(node.dtype):
            yield f"{node.name}: the coordinates of a growing axis are numbers, these are text"
        elif any_part(node, lambda part: bool(np.any(~(np.diff(part.astype("f8")) > 0)))):
            yield f"{node.name}: the coordinates of a growing axis must increase"
    if base_name(node) == "seed" and not _same(node, node.file.attrs.get("seeds")):
        yield f"{node.name}: differs from the seeds of the run"


def _same(node: h5py.Dataset, seeds: object) -> bool:
    wanted = np.asarray(seeds)
    return node.shape == wanted.shape and np.array_equal(node[()], wanted)


def _axes(node: h5py.Dataset) -> Iterator[str]:
    for number, (axis, size) in enumerate(zip(node.dims, node.shape, strict=True)):
        if not len(axis):
            yield f"{node.name}: axis {number} has no dimension scale"
        elif not isinstance(axis[0], h5py.Dataset) or not axis[0].is_scale:
            yield f"{node.name}: what is attached to axis {number} is no dimension scale"
        elif axis[0].parent != node.parent:
            yield f"{node.name}: the scale of axis {number} lies in another group, {axis[0].name}"
        elif axis[0].shape != (size,):
            have = axis[0].shape[0] if axis[0].shape else "no length"
            yield f"{node.name}: axis {number} has length {size}, its scale {axis[0].name} {have}"
    for name in companions(node):
        if not isinstance(node.parent.get(name), h5py.Dataset):
            yield f"{node.name}: coordinate {name!r} is missing"
    expected = {"learning": "seed", "weights": "seed", "activity": "seed"}.get(node.name.split("/")[1])
    grows = growing_axis(node) is not None and not _is_coordinate(node)
    if expected and grows and not {expected, "spike"} & set(_dims(node)):
        yield f"{node.name}: what is recorded in the course of a run needs an axis {expected!r}"


def _is_coordinate(node: h5py.Dataset) -> bool:
    others = [other for other in node.parent.values() if isinstance(other, h5py.Dataset)]
    return any(base_name(node) in companions(other) for other in others)


def _dims(node: h5py.Dataset) -> list[str]:
    return [base_name(axis[0]) for axis in node.dims if len(axis)]


# -- in a process of its own ------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Print what was asked about every file; 2 if one cannot be read or deviates."""
    how, *paths = arguments
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (first_look.SECONDS * len(paths), -1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    status = 0
    for path in paths:
        try:
            with one_line(Path(path)):
                text = _answer(how, path)
        except (TraceError, FileNotFoundError) as refusal:
            text, status = "", 2
            print(" ".join(str(refusal).split()), file=sys.stderr)
        status = 2 if how == "--check" and not text.endswith("keeps to the schema") else status
        if text:
            print(text)
    return status


def _answer(how: str, path: str) -> str:
    if how == "--check":
        return "\n".join(f"{path}: {line}" for line in check(path)) or f"{path}: keeps to the schema"
    return sound(path) if how == "--sound" else summary(path)


if __name__ == "__main__":
    first_look.known = None  # this is the process of the first look
    sys.exit(main(sys.argv[1:]))
