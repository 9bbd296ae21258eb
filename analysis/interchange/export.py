"""Traces for other programs: xarray, MATLAB, CSV.

MATLAB and xarray also open a trace file itself (``h5read``; ``engine="h5netcdf"``). xarray and SciPy are imported when
they are used; xarray is an extra (``pip install biocredit[xarray]``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from biocredit.analysis.trace.labelled import LabelledArray
from biocredit.analysis.trace.reader import Group, Trace, open_trace
from biocredit.analysis.trace.schema import COUNTED_AXES, TraceError, nearest
from biocredit.analysis.trace.spreadsheet import write_csv

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
    return _dataset(_arrays(source))


def _dataset(arrays: Mapping[str, LabelledArray]) -> xarray.Dataset:
    import xarray

    coords: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for array in arrays.values():
        for name, values in array.coords.items():
            if not np.array_equal(coords.setdefault(name, (_axes_of(name, array), values))[1], values):
                raise TraceError(f"{array.name} has other coordinates along {name!r} than the rest: convert the parts")
    texts = {name: {"units": array.units, "long_name": array.long_name} for name, array in arrays.items()}
    return xarray.Dataset({name: (array.dims, array.values, texts[name]) for name, array in arrays.items()}, coords)


def to_matlab(
    trace: Trace, path: str | Path, more: Mapping[str, Any] | None = None, *, overwrite: bool = False
) -> None:
    """Write everything as one MATLAB file (version 5): a structure for each group, arrays with their coordinates.

    Text becomes cell arrays.

    Parameters
    ----------
    trace : Trace
        The trace.
    path : str or Path
        The file to be written; names that MATLAB does not allow get an underscore in place of the other characters.
    more : mapping, optional
        Further arrays (or texts, or mappings of them) by name, which become variables beside those of the trace.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    TraceError
        If the file is there, or a further name is one of the trace's.

    Examples
    --------
    In MATLAB: ``load run.mat; plot(learning.loss.epoch, learning.loss.values')``
    """
    from scipy.io import savemat

    _require_free(path, overwrite)
    tree: dict[str, Any] = {"attributes": _cells(trace.attributes)}
    for name, array in trace.arrays().items():
        *groups, last = map(_identifier, name.split("/"))
        node = tree
        for group in groups:
            node = node.setdefault(group, {})
        node[last] = _cells({"values": array.values, **array.coords})
        node[last] |= {"dims": _cells(list(array.dims)), "units": array.units, "long_name": array.long_name}
    added = _cells(more or {})
    if twice := set(added) & set(tree):
        raise TraceError(f"{sorted(twice)[0]!r} is a name of the trace: give the array another one")
    savemat(path, tree | added, long_field_names=True, oned_as="column")


def _cells(value: Any) -> Any:
    """A value as SciPy stores it best: several texts as a cell array, mappings as structures."""
    if isinstance(value, Mapping):
        return {_identifier(name): _cells(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, LabelledArray):
        return _cells(value.values)
    if isinstance(value, (list, tuple)) and not all(isinstance(one, (int, float)) for one in value):
        value = np.array([str(one) for one in value], dtype=object)
    if isinstance(value, np.ndarray) and value.dtype.kind in "US":
        return value.astype(str).astype(object)
    return value


def to_csv(
    source: Group | LabelledArray, path: str | Path, more: Mapping[str, Any] | None = None, *, overwrite: bool = False
) -> None:
    """Write arrays as one long table: a column for each axis and coordinate, one for each array, a row for each value.

    Parameters
    ----------
    source : Group or LabelledArray
        An array, or a group all of whose arrays have the same axes (``trace.learning``, ``trace.events``).
    path : str or Path
        The file to be written.
    more : mapping, optional
        Further arrays of the same shape, by name.
    overwrite : bool
        Replace a file that is there.

    Raises
    ------
    TraceError
        If the file is there, or the arrays have different axes: write them one by one.
    """
    _require_free(path, overwrite)
    _table(_arrays(source), Path(path), more or {})


def _table(arrays: Mapping[str, LabelledArray], path: Path, more: Mapping[str, Any] = MappingProxyType({})) -> None:
    shapes = {name: tuple(zip(array.dims, array.shape, strict=True)) for name, array in arrays.items()}
    if len(set(shapes.values())) != 1:
        axes = "; ".join(f"{name} ({', '.join(dim for dim, _ in shape)})" for name, shape in shapes.items())
        raise TraceError(f"one table needs arrays with the same axes, got {axes or 'none'}")
    first = next(iter(arrays.values()))
    columns = {name: _spread(name, first).ravel() for name in first.coords}
    columns |= {name: array.values.ravel() for name, array in arrays.items()}
    for name, values in more.items():
        if np.shape(values) != first.shape:
            raise TraceError(f"{name!r} has shape {np.shape(values)}, the arrays of the table have {first.shape}")
        columns[name] = np.ravel(values)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        write_csv(stream, list(columns), zip(*(column.tolist() for column in columns.values()), strict=True))


def _require_free(path: str | Path, overwrite: bool) -> None:
    if Path(path).exists() and not overwrite:
        raise TraceError(f"{path} exists already: choose another name, or allow it to be overwritten")


# -- whole traces -----------------------------------------------------------------------------------------------

ENDINGS = {"matlab": ".mat", "csv": "", "xarray": ".nc"}
"""What the file of each form ends in; CSV is a folder with a table for each set of axes."""


def export(trace: Trace | str | Path, form: str, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a whole trace in another form.

    Parameters
    ----------
    trace
        A trace or its file name.
    form
        ``"matlab"``, ``"csv"`` (a folder, one table for each set of axes of each group) or ``"xarray"`` (NetCDF).
    path
        File or folder to be written.
    overwrite
        Replace what is there.

    Raises
    ------
    TraceError
        If it is there, or the form is unknown.
    """
    path = Path(path)
    if form not in ENDINGS:
        raise TraceError(f"no form {form!r}: wanted {', '.join(ENDINGS)}{nearest(form, ENDINGS)}")
    _require_free(path, overwrite)
    with trace if isinstance(trace, Trace) else open_trace(trace) as opened:
        if form == "matlab":
            to_matlab(opened, path, overwrite=overwrite)
        elif form == "csv":
            path.mkdir(exist_ok=True)
            for name, arrays in _alike(opened).items():
                _table(arrays, path / f"{name}.csv")
        else:
            _to_netcdf(opened, path)
    return path


def _alike(trace: Trace) -> dict[str, dict[str, LabelledArray]]:
    """The arrays of each group that have the same axes, by the name of the group and of the axes."""
    tables: dict[str, dict[str, LabelledArray]] = {}
    for name, array in trace.arrays().items():
        group, _, last = name.rpartition("/")
        tables.setdefault("-".join([group.replace("/", "."), *array.dims]), {})[last] = array
    return tables


def _to_netcdf(trace: Trace, path: Path) -> None:
    path.unlink(missing_ok=True)
    groups: dict[str, dict[str, LabelledArray]] = {}
    for name, array in trace.arrays().items():
        groups.setdefault(name.rpartition("/")[0], {})[name.rpartition("/")[2]] = array
    for group, arrays in groups.items():
        _dataset(arrays).to_netcdf(path, mode="a" if path.exists() else "w", group=group, engine="h5netcdf")


def _arrays(source: Group | LabelledArray) -> Mapping[str, LabelledArray]:
    return {source.name.rpartition("/")[2]: source} if isinstance(source, LabelledArray) else source.arrays()


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
