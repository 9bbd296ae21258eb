"""Traces for other programs: xarray, MATLAB, CSV.

MATLAB and xarray also open a trace file itself (``h5read``; ``engine="h5netcdf"``). xarray and SciPy are imported when
they are used; xarray is an extra (``pip install biocredit[xarray]``).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from biocredit.analysis.trace.labelled import LabelledArray
from biocredit.analysis.trace.reader import Group, Trace
from biocredit.analysis.trace.schema import COUNTED_AXES, TraceError

if TYPE_CHECKING:
    import xarray


def to_xarray(source: Group | LabelledArray) -> xarray.Dataset:
    """A group whose datasets share their axes, or one array, as an ``xarray.Dataset`` in memory.

    Parameters
    ----------
    source : Group or LabelledArray
        For example ``trace.learning``, ``trace.activity["V1"]`` or ``trace["learning/loss"]``.

    Returns
    -------
    xarray.Dataset
        One variable an array, with coordinates, units and long names.

    Raises
    ------
    TraceError
        If axes of one name have different coordinates, as in a group of groups: convert its parts.
    """
    import xarray

    arrays = _arrays(source)
    coords: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for array in arrays.values():
        for name, values in array.coords.items():
            if not np.array_equal(coords.setdefault(name, (_axes_of(name, array), values))[1], values):
                raise TraceError(f"{array.name} has other coordinates along {name!r} than the rest: convert the parts")
    texts = {name: {"units": array.units, "long_name": array.long_name} for name, array in arrays.items()}
    return xarray.Dataset({name: (array.dims, array.values, texts[name]) for name, array in arrays.items()}, coords)


def to_matlab(trace: Trace, path: str | Path) -> None:
    """Write everything as one MATLAB file (version 5): a structure for each group, arrays with their coordinates.

    Parameters
    ----------
    trace : Trace
        The trace.
    path : str or Path
        The file to be written; names that MATLAB does not allow get an underscore in place of the other characters.

    Examples
    --------
    In MATLAB: ``load run.mat; plot(learning.loss.epoch, learning.loss.values')``
    """
    from scipy.io import savemat

    tree: dict[str, Any] = {"attributes": {_identifier(name): value for name, value in trace.attributes.items()}}
    for name, array in trace.items():
        *groups, last = map(_identifier, name.split("/"))
        node = tree
        for group in groups:
            node = node.setdefault(group, {})
        coords = {_identifier(axis): values for axis, values in array.coords.items()}
        text = {"dims": list(array.dims), "units": array.units, "long_name": array.long_name}
        node[last] = {"values": array.values, **coords, **text}
    savemat(path, tree, long_field_names=True, oned_as="column")


def to_csv(source: Group | LabelledArray, path: str | Path) -> None:
    """Write arrays as one long table: a column for each axis and coordinate, one for each array, a row for each value.

    Parameters
    ----------
    source : Group or LabelledArray
        An array, or a group all of whose arrays have the same axes (``trace.learning``, ``trace.events``).
    path : str or Path
        The file to be written.

    Raises
    ------
    TraceError
        If the arrays have different axes: write them one by one.
    """
    arrays = _arrays(source)
    shapes = {name: tuple(zip(array.dims, array.shape, strict=True)) for name, array in arrays.items()}
    if len(set(shapes.values())) != 1:
        axes = "; ".join(f"{name} ({', '.join(dim for dim, _ in shape)})" for name, shape in shapes.items())
        raise TraceError(f"one table needs arrays with the same axes, got {axes or 'none'}")
    first = next(iter(arrays.values()))
    columns = {name: _spread(name, first).ravel() for name in first.coords}
    columns |= {name: array.values.ravel() for name, array in arrays.items()}
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def _arrays(source: Group | LabelledArray) -> Mapping[str, LabelledArray]:
    return {source.name.rpartition("/")[2]: source} if isinstance(source, LabelledArray) else dict(source)


def _axes_of(name: str, array: LabelledArray) -> tuple[str, ...]:
    """Axes along which a coordinate runs: its own, or for a companion (``update``) the counted one."""
    if name in array.dims:
        return (name,)
    length = array.coords[name].shape
    return tuple(dim for dim in array.dims if COUNTED_AXES.get(dim) == name) if length else ()


def _spread(name: str, array: LabelledArray) -> np.ndarray:
    """A coordinate repeated over the whole array."""
    shape = [1] * len(array.dims)
    for dim in _axes_of(name, array):
        shape[array.dims.index(dim)] = -1
    return np.broadcast_to(array.coords[name].reshape(shape), array.shape)


def _identifier(name: str) -> str:
    text = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name)
    return text if text[:1].isalpha() else f"x{text}"
