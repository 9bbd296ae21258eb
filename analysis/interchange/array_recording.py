"""Recordings from arrays whose axes have names: NumPy archives and MATLAB files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.interchange.recording import Recording, RecordingError
from biocredit.analysis.trace.schema import nearest

__all__ = ["AXES", "recording_from_arrays", "recording_from_file"]

AXES = ("condition", "time", "neuron")


def recording_from_arrays(
    rate: np.ndarray, time_ms: np.ndarray, labels: np.ndarray, axes: Sequence[str] = AXES, **more: Any
) -> Recording:
    """Make a recording of rates whose axes lie in any order.

    Parameters
    ----------
    rate
        Rates in Hz with the axes ``axes``.
    time_ms, labels
        Times in ms, and labels of the conditions.
    axes
        Names of the axes of ``rate`` in their order: condition, time, neuron.
    more
        See :class:`~biocredit.analysis.interchange.recording.Recording`; covariates have their axes in the same order,
        components in the place of neurons.

    Raises
    ------
    RecordingError
        If an axis is unknown or missing, and as `Recording` does.

    Examples
    --------
    >>> recording_from_arrays(np.ones((5, 3, 2)), np.arange(3), ["a", "b"], ("neuron", "time", "condition")).rate.shape
    (2, 3, 5)
    """
    if unknown := [name for name in axes if name not in AXES]:
        raise RecordingError(f"unknown axis {unknown[0]!r}{nearest(unknown[0], AXES)}; valid: {', '.join(AXES)}")
    if sorted(axes) != sorted(AXES):
        raise RecordingError(f"axes: wanted each of {', '.join(AXES)} once, got {', '.join(axes)}")
    order = [list(axes).index(name) for name in AXES]
    covariates = {name: _ordered(name, values, order) for name, values in more.pop("covariates", {}).items()}
    rate = _ordered("rate", rate, order)
    return Recording(rate, np.asarray(time_ms, float), np.asarray(labels), covariates=covariates, **more)


def _ordered(name: str, values: Any, order: Sequence[int]) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != len(order) or values.dtype.kind not in "iuf":
        raise RecordingError(
            f"{name}: wanted numbers with {len(order)} axes, got {values.dtype} of shape {values.shape}"
        )
    return values.transpose(order).astype(np.float64)


def recording_from_file(
    path: str | Path,
    array: str,
    time: str,
    condition: str,
    axes: Sequence[str] = AXES,
    covariates: Sequence[str] = (),
    **more: Any,
) -> Recording:
    """Make a recording of named arrays in a NumPy archive (``.npz``) or a MATLAB file (``.mat``, up to version 7).

    Parameters
    ----------
    path
        The file.
    array, time, condition, covariates
        Names in it: rates, times in ms, labels of the conditions, further arrays.
    axes, more
        See :func:`recording_from_arrays`.

    Raises
    ------
    RecordingError
        If the file cannot be read or has no array of a name.
    """
    path = Path(path)
    arrays = _arrays(path)
    found = {name: _named(path, arrays, name) for name in (array, time, condition, *covariates)}
    return recording_from_arrays(
        found[array],
        found[time].ravel(),
        found[condition].ravel(),
        axes,
        condition=condition,
        covariates={name: found[name] for name in covariates},
        **{"title": path.stem, "source": path.name, **more},
    )


def _named(path: Path, arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise RecordingError(
            f"{path.name} holds no array {name!r}{nearest(name, arrays)}; it holds {', '.join(arrays)}"
        )
    return arrays[name]


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise RecordingError(f"no such file: {path}")
    try:
        if path.suffix == ".mat":
            from scipy.io import loadmat

            return {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive) if hasattr(archive, "files") else {"array": archive}
    except Exception as error:  # foreign parsers fail in many ways
        raise RecordingError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
