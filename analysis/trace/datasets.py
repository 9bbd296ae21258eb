"""The datasets of a trace: declared, appended to, brought to one length, cut back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np
from biocredit.analysis.trace.axes import (
    STRING,
    coordinate,
    extend_axis,
    growing_axis,
    label,
    make_axes,
)
from biocredit.analysis.trace.labelled import base_name, variables
from biocredit.analysis.trace.schema import COLUMN_UNITS, TABLES, TraceError, nearest

CHUNK_SMALL, CHUNK_LARGE = 4 * 1024, 1024 * 1024  # bytes
COMPRESSIONS = (None, "gzip", "none")


def declare(
    h5: h5py.File,
    name: str,
    dims: Sequence[str],
    shape: Sequence[int | None],
    units: str,
    long_name: str,
    dtype: str,
    coords: Mapping[str, Any] | None,
    compression: str | None,
) -> None:
    """Make a dataset that grows along the axis whose length is None, or see that the one that is there is equal."""
    if list(shape).count(None) != 1 or len(dims) != len(shape):
        raise TraceError(
            f"{name}: shape {tuple(shape)} must give a length for each of {tuple(dims)}, None where it grows"
        )
    kind = STRING if dtype == "str" else np.dtype(dtype)
    filters = _filters(name, kind, compression)
    group, scales = make_axes(h5, name, dims, shape, coords)
    if name in h5:
        return _require_equal(h5[name], scales, kind)
    node = group.create_dataset(
        name.rpartition("/")[2],
        shape=[size or 0 for size in shape],
        maxshape=tuple(shape),
        dtype=kind,
        chunks=chunk_shape(shape, kind.itemsize),
        fillvalue=np.nan if kind.kind == "f" else None,
        **filters,
    )
    label(node, scales, units, long_name)


def _require_equal(node: h5py.Dataset, scales: Sequence[h5py.Dataset], kind: np.dtype) -> None:
    axes = [axis[0] for axis in node.dims]
    if node.dtype != kind or axes != list(scales):
        have = ", ".join(map(base_name, axes))
        raise TraceError(f"{node.name[1:]} exists already with axes ({have}) and type {node.dtype}")


def chunk_shape(shape: Sequence[int | None], itemsize: int) -> tuple[int, ...]:
    """Chunks of about 4 KiB for small rows, one row for larger ones, and at most 1 MiB by halving the longest axis."""
    fixed = [1 if size is None else max(size, 1) for size in shape]
    growth = max(1, CHUNK_SMALL // (int(np.prod(fixed)) * itemsize))
    chunk = [growth if size is None else n for size, n in zip(shape, fixed, strict=True)]
    while int(np.prod(chunk)) * itemsize > CHUNK_LARGE:
        longest = int(np.argmax(chunk))
        chunk[longest] = -(-chunk[longest] // 2)
    return tuple(chunk)


def _filters(name: str, kind: np.dtype, compression: str | None) -> dict[str, Any]:
    if compression not in COMPRESSIONS:
        raise TraceError(f"{name}: compression {compression!r} is none of {', '.join(map(repr, COMPRESSIONS))}")
    by_default = "gzip" if kind.kind in "iu" or (name.startswith("weights/") and kind.kind == "f") else "none"
    return (
        {"compression": "gzip", "compression_opts": 1, "shuffle": True} if (compression or by_default) == "gzip" else {}
    )


def append(h5: h5py.File, name: str, values: Any, at: Any) -> None:
    """Add values at new places of the growing axis."""
    if name not in h5:
        raise TraceError(f"{name} has not been declared{nearest(name, growing(h5))}")
    node, values = h5[name], np.asarray(values)
    axis = growing_axis(node)
    _check_shape(node, axis, values)
    count = values.shape[axis]
    if not count:
        return
    positions = extend_axis(node, axis, count, at)
    if positions[0] < node.shape[axis]:
        raise TraceError(f"{name} has a value already at {np.ravel(at)[0]}")
    if node.dtype.kind != "f" and positions[-1] != node.shape[axis] + count - 1:
        raise TraceError(f"{name} holds no floats, so it cannot have gaps: give it a growing axis of its own")
    node.resize(int(positions[-1]) + 1, axis=axis)
    contiguous = positions[-1] - positions[0] == count - 1
    node[(slice(None),) * axis + (slice(positions[0], positions[-1] + 1) if contiguous else positions,)] = values


def append_rows(h5: h5py.File, group: str, columns: Mapping[str, Any]) -> None:
    """Add rows to a table of declared columns that share one growing axis, numbered 0, 1, ..."""
    first = f"{group}/{next(iter(columns))}"
    number = h5[first].shape[0] if first in h5 else 0
    for name, values in columns.items():
        values = np.asarray(values)
        append(h5, f"{group}/{name}", values, np.arange(number, number + len(values)))


def _check_shape(node: h5py.Dataset, axis: int | None, values: np.ndarray) -> None:
    if axis is None:
        raise TraceError(f"{node.name[1:]} is stored once and does not grow")
    wanted = tuple("k" if i == axis else size for i, size in enumerate(node.shape))
    if values.ndim != node.ndim or any(w not in ("k", n) for w, n in zip(wanted, values.shape, strict=True)):
        raise TraceError(f"{node.name[1:]} takes values of shape ({', '.join(map(str, wanted))}), got {values.shape}")


def constant(
    h5: h5py.File,
    name: str,
    array: Any,
    dims: Sequence[str],
    units: str,
    long_name: str,
    coords: Mapping | None,
    replace: bool = False,
) -> None:
    """Store an array once, or see that the one that is there is equal (or replace its values)."""
    values = np.asarray(array)
    values = values.astype({"b": "u1", "U": object}.get(values.dtype.kind, values.dtype))
    kind = STRING if values.dtype == object else values.dtype
    if len(dims) != values.ndim:
        raise TraceError(f"{name} has {values.ndim} axes, but {len(dims)} names for them: {tuple(dims)}")
    group, scales = make_axes(h5, name, dims, values.shape, coords)
    if name in h5:
        stored = h5[name].asstr()[()] if kind is STRING else h5[name][()]
        if not np.array_equal(stored, values, equal_nan=values.dtype.kind == "f"):
            if not replace or stored.shape != values.shape:
                raise TraceError(f"{name} exists already with other values")
            h5[name][...] = values
        return
    filters = _filters(name, kind, None) if values.size > 1 and values.ndim else {}
    label(group.create_dataset(name.rpartition("/")[2], data=values, dtype=kind, **filters), scales, units, long_name)


def table(h5: h5py.File, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store the populations or projections of the circuit, one mapping a row, as one dataset a column."""
    known = TABLES[kind]
    for row in rows:
        if missing := [name for name in known if name not in row]:
            raise TraceError(f"{kind} {row.get('name', '?')!r} lacks {', '.join(missing)}")
    coords = {kind: [row["name"] for row in rows]}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = _column([row.get(name, "") for row in rows])
        units, long_name = COLUMN_UNITS.get(name, "1"), known.get(name, name.replace("_", " "))
        constant(h5, f"circuit/{kind}s/{name}", values, (kind,), units, long_name, coords)


def _column(values: Sequence[Any]) -> np.ndarray:
    """Numbers as numbers, text as text, everything else as JSON."""
    if all(isinstance(value, (bool, int, float, np.generic)) for value in values):
        return np.asarray(values)
    texts = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return np.array(texts, dtype=object)


def growing(h5: h5py.File) -> dict[str, int]:
    """Every dataset that grows, and along which axis."""
    return {name: axis for name in variables(h5) if (axis := growing_axis(h5[name])) is not None}


def level(h5: h5py.File) -> None:
    """Bring the datasets that share a growing axis to its length; what has no value holds NaN."""
    for name, axis in growing(h5).items():
        node = h5[name]
        length = node.dims[axis][0].shape[0]
        if node.shape[axis] < length and node.dtype.kind != "f":
            raise TraceError(
                f"{name} ends at {node.shape[axis]} of {length} places of its axis and holds no floats: no gaps"
            )
        if node.shape[axis] != length:
            node.resize(length, axis=axis)


def truncate(h5: h5py.File, lengths: Mapping[str, int]) -> None:
    """Cut every growing dataset, and its axis, back to the given length, and to nothing where none is given."""
    axes = growing(h5)
    if unknown := [name for name in lengths if name not in axes]:
        raise TraceError(f"{h5.attrs['experiment']}: no growing dataset {unknown[0]!r}{nearest(unknown[0], axes)}")
    kept: dict[h5py.Dataset, int] = {}
    for name, axis in axes.items():
        node, length = h5[name], lengths.get(name, 0)
        if length > node.shape[axis]:
            raise TraceError(
                f"{name} holds {node.shape[axis]} places, the checkpoint says {length}: it belongs to another file"
            )
        node.resize(length, axis=axis)
        for shared in coordinate(node, axis):
            kept[shared] = max(length, kept.get(shared, 0))
    for shared, length in kept.items():
        shared.resize((length,))
