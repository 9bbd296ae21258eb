"""The axes of a trace: dimension scales, shared by the datasets of a group, that may grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np
from biocredit.analysis.trace.labelled import base_name
from biocredit.analysis.trace.schema import COUNTED_AXES, PACKED_AXES, TraceError, axis_of

STRING = h5py.string_dtype()


def make_axes(
    h5: h5py.File, name: str, dims: Sequence[str], shape: Sequence[int | None], coords: Mapping[str, Any] | None
) -> tuple[h5py.Group, list[h5py.Dataset]]:
    """The group of a dataset and the scale of each of its axes, made where they are not there yet."""
    coords = coords or {}
    if unknown := set(coords) - set(dims):
        raise TraceError(f"{name} has no axis {sorted(unknown)[0]!r}; its axes are {', '.join(dims)}")
    if len(set(dims)) < len(dims):
        raise TraceError(f"{name}: every axis needs a name of its own, got {tuple(dims)}")
    group = h5.require_group(name.rpartition("/")[0] or "/")
    return group, [_scale(group, name, dim, size, coords.get(dim)) for dim, size in zip(dims, shape, strict=True)]


def _scale(group: h5py.Group, name: str, dim: str, size: int | None, given: Any) -> h5py.Dataset:
    units, long_name = axis_of(dim)
    if isinstance(given, tuple):
        given, units, long_name = given
    if dim in group:
        return _existing(group, name, dim, size, given)
    if size is None:
        packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if dim in PACKED_AXES else {}
        kind = _growing_type(units)
        scale = group.create_dataset(dim, shape=(0,), maxshape=(None,), chunks=(512,), dtype=kind, **packed)
    else:
        values = _coordinates(group, name, dim, size, given)
        scale = group.create_dataset(dim, data=values, dtype=STRING if values.dtype == object else None)
    return _as_scale(scale, units, long_name)


def _growing_type(units: str) -> str:
    return "f8" if units == "ms" else "i8"


def _existing(group: h5py.Group, name: str, dim: str, size: int | None, given: Any) -> h5py.Dataset:
    scale = group[dim]
    have = None if scale.maxshape[0] is None else scale.shape[0]
    if not scale.is_scale or have != size:
        sizes = ["growing" if n is None else n for n in (have, size)]
        raise TraceError(
            f"axis {dim!r} of {name} has length {sizes[1]}, but {sizes[0]} elsewhere in {group.name}: rename it"
        )
    if given is not None and not np.array_equal(_read(scale), np.asarray(given)):
        raise TraceError(
            f"axis {dim!r} of {name} has other coordinates than elsewhere in {group.name}: give it another name"
        )
    return scale


def _read(scale: h5py.Dataset) -> np.ndarray:
    return scale.asstr()[()] if h5py.check_string_dtype(scale.dtype) else scale[()]


def _coordinates(group: h5py.Group, name: str, dim: str, size: int, given: Any) -> np.ndarray:
    if given is None:
        given = group.file.attrs["seeds"] if dim == "seed" else np.arange(size)
    values = np.asarray(given)
    if values.shape != (size,):
        raise TraceError(f"axis {dim!r} of {name} has length {size}, but {values.size} coordinates")
    return values.astype(object) if values.dtype.kind == "U" else values


def _as_scale(node: h5py.Dataset, units: str, long_name: str) -> h5py.Dataset:
    node.attrs.update(units=units, long_name=long_name)
    node.make_scale(base_name(node))
    return node


def label(node: h5py.Dataset, scales: Sequence[h5py.Dataset], units: str, long_name: str) -> None:
    """Attach the axes of a dataset, and say what it is."""
    node.attrs.update(units=units, long_name=long_name)
    for axis, scale in zip(node.dims, scales, strict=True):
        axis.attach_scale(scale)
        axis.label = base_name(scale)
        companion = COUNTED_AXES.get(base_name(scale))
        if companion and companion != base_name(node) and scale.maxshape == (None,):
            node.attrs["coordinates"] = base_name(_companion(scale, companion))


def _companion(scale: h5py.Dataset, name: str) -> h5py.Dataset:
    """The coordinate that runs along a counted axis, such as ``update`` along ``snapshot``."""
    group = scale.parent
    if name not in group:
        node = group.create_dataset(name, shape=(0,), maxshape=(None,), chunks=(512,), dtype="i8")
        label(node, [scale], *axis_of(name))
    return group[name]


def growing_axis(node: h5py.Dataset) -> int | None:
    """Number of the axis along which a dataset grows, or None."""
    return node.maxshape.index(None) if None in node.maxshape else None


def coordinate(node: h5py.Dataset, axis: int) -> tuple[h5py.Dataset, h5py.Dataset]:
    """The scale of an axis, and the dataset that says where along it the values lie (mostly the scale itself)."""
    scale = node.dims[axis][0]
    companion = COUNTED_AXES.get(base_name(scale))
    return scale, scale.parent[companion] if companion else scale


def extend_axis(node: h5py.Dataset, axis: int, count: int, at: Any) -> np.ndarray:
    """Positions of the places `at` along a growing axis, which is extended by those that it does not have yet."""
    scale, places = coordinate(node, axis)
    at = _checked(node, base_name(places), count, at, places.dtype)
    size = places.shape[0]
    start, old = _end_of(places, at[0])
    new = at[at > old[-1]] if old.size else at
    known = at[: at.size - new.size]
    positions = np.searchsorted(old, known)
    if not np.array_equal(old[positions], known):
        missing = known[old[positions] != known][0]
        raise TraceError(
            f"{node.name[1:]}: {base_name(places)} {missing} is not on the axis and lies before its end, {old[-1]}"
        )
    if new.size:
        places.resize((size + new.size,))
        places[size:] = new
    if scale != places and scale.shape[0] < places.shape[0]:
        scale.resize(places.shape)
        scale[size:] = np.arange(size, places.shape[0])
    return np.concatenate([start + positions, size + np.arange(new.size)])


def _end_of(places: h5py.Dataset, first: float) -> tuple[int, np.ndarray]:
    """The last coordinates of an axis, back to one not larger than `first`, and where they begin: mostly one."""
    size = start = places.shape[0]
    end, step = places[size:], 1
    while start and (not end.size or end[0] > first):
        start, step = max(0, start - step), 4 * step
        end = places[start:]
    return start, end


def _checked(node: h5py.Dataset, name: str, count: int, at: Any, kind: np.dtype) -> np.ndarray:
    given = np.atleast_1d(np.asarray(at))
    places = given.astype(kind)
    if places.shape != (count,) or not np.array_equal(places, given) or np.any(np.diff(places) <= 0):
        kinds = "whole numbers" if kind.kind == "i" else "numbers"
        raise TraceError(
            f"{node.name[1:]}: at= takes {count} increasing {kinds} ({name}), got {np.array2string(given, threshold=8)}"
        )
    return places
