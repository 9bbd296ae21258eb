"""From an HDF5 dataset with dimension scales to an array that knows its axes, coordinates and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.structure import require_room


class UnknownName(TraceError, KeyError):
    """The trace holds no dataset of this name."""

    __str__ = ValueError.__str__


@dataclass(frozen=True, repr=False)
class LabelledArray:
    """Values with the names, coordinates and units that say what they are; ``numpy.asarray`` gives the bare values.

    Attributes
    ----------
    name : str
        Path in the trace, such as ``learning/loss``.
    values : ndarray
        One axis for each of `dims`.
    dims : tuple of str
        Names of the axes.
    coords : dict
        One array for each axis, and further ones that run along an axis (``update`` along ``snapshot``).
    units, long_name : str
        Units and meaning of the values.
    """

    name: str
    values: np.ndarray
    dims: tuple[str, ...]
    units: str
    long_name: str
    coords: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.values.shape

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> Any:
        return self.values[index]

    def __repr__(self) -> str:
        axes = ", ".join(f"{dim}: {size}" for dim, size in zip(self.dims, self.shape, strict=True))
        return f"{self.name} ({axes}) in {self.units}: {self.long_name}\n{self.values!r}"


def base_name(node: h5py.Dataset) -> str:
    """Last part of the path of a dataset."""
    return node.name.rpartition("/")[2]


def dims_of(node: h5py.Dataset) -> tuple[str, ...]:
    """Names of the axes: those of their scales (a scale is its own axis)."""
    if node.is_scale:
        return (base_name(node),)
    return tuple(base_name(axis[0]) if len(axis) else f"axis{i}" for i, axis in enumerate(node.dims))


def companions(node: h5py.Dataset) -> list[str]:
    """Names of further coordinates, such as ``update`` along ``snapshot``."""
    return str(plain(node.attrs.get("coordinates", ""))).split()


def variables(h5: h5py.Group) -> list[str]:
    """Paths of all datasets below a group that are neither scales nor coordinates."""
    found: dict[str, h5py.Dataset] = {}
    h5.visititems(lambda name, node: found.update({name: node}) if isinstance(node, h5py.Dataset) else None)
    along = {
        f"{name.rpartition('/')[0]}/{other}".lstrip("/") for name, node in found.items() for other in companions(node)
    }
    return [name for name, node in found.items() if not node.is_scale and name not in along]


def read_labelled(
    node: h5py.Dataset, selection: dict[str, int | slice], shapes: Mapping[str, tuple[int, ...]] | None = None
) -> LabelledArray:
    """Read what `selection` keeps, by position along named axes, and the coordinates that go with it.

    Parameters
    ----------
    node
        The dataset.
    selection
        Positions or slices by axis.
    shapes
        Shapes of the datasets at an earlier moment, by name: what came later is left out.
    """
    shape = (shapes or {}).get(node.name, node.shape)
    dims = dims_of(node)
    if unknown := [dim for dim in selection if dim not in dims]:
        raise TraceError(f"{node.name[1:]} has no axis {unknown[0]!r}; its axes are {', '.join(dims)}")
    index = {dim: _index(selection.get(dim, slice(None)), size, dim) for dim, size in zip(dims, shape, strict=True)}
    names = [name for name in (*dims, *companions(node)) if name in node.parent]
    coords = {name: node.parent[name] for name in names}
    return LabelledArray(
        name=node.name[1:],
        values=_values(node, tuple(index.values())),
        dims=tuple(dim for dim in dims if isinstance(index[dim], slice)),
        units=text_of(node, "units"),
        long_name=text_of(node, "long_name"),
        coords={name: _values(scale, tuple(index[dim] for dim in dims_of(scale))) for name, scale in coords.items()},
    )


def _index(wanted: int | slice, size: int, dim: str) -> int | slice:
    if isinstance(wanted, slice):
        return slice(*wanted.indices(size))
    if not -size <= wanted < size:
        raise TraceError(f"position {wanted} along {dim!r} does not exist: its length is {size}")
    return wanted % size


def _values(node: h5py.Dataset, index: tuple[int | slice, ...]) -> np.ndarray:
    sizes = [len(range(*one.indices(size))) for one, size in zip(index, node.shape, strict=True) if type(one) is slice]
    require_room(node, tuple(sizes))
    if h5py.check_string_dtype(node.dtype):
        return np.asarray(node.asstr()[index], dtype=str)
    return np.asarray(node[index])


def text_of(node: h5py.Dataset, attribute: str) -> str:
    """An attribute that is a text, empty where it is none."""
    value = plain(node.attrs.get(attribute))
    return value if isinstance(value, str) else ""


def plain(value: Any) -> Any:
    """An attribute as Python numbers, strings and lists."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, h5py.Empty):
        return None
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
