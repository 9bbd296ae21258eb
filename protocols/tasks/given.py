"""Arrays that somebody hands over: as they are, scaled by their type, labels as class numbers; or refused in a line."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from biocredit.circuits.core.errors import CircuitError, require

#: So many different labels a message shows.
SHOWN = 12
#: Unsigned bytes up to this number are no pixels of 0 to 255: masks, and the 17 grey levels of some digits.
FEW = 16


def as_array(value: Any, what: str) -> np.ndarray:
    """Return numbers (or names) as an array.

    Raises
    ------
    CircuitError
        For rows of different length, and for what is neither numbers nor names.
    """
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise CircuitError(f"{what}: rows differ in length; pad them, and say when= they count") from error
    require(array.dtype.kind in "biufUS", f"{what}: got {array.dtype}, wanted numbers")
    require(array.ndim > 0 and len(array) > 0, f"{what}: got shape {array.shape}, wanted (trials, ...)")
    return array


def scale_of(array: np.ndarray, scale: float | None, what: str) -> float:
    """Return the factor that takes stored pixels to inputs: by the range of unsigned bytes and words, else as given.

    Examples
    --------
    >>> scale_of(np.zeros(3, np.uint16), None, "images") == 1 / 65535
    True
    """
    if scale is not None:
        require(np.isfinite(scale) and scale != 0, f"{what}: scale must be a finite factor, got {scale}")
        return float(scale)
    if array.dtype in (np.uint8, np.uint16):
        top = int(array.max())
        few = f"{what}: {array.dtype} from 0 to {top} fill no range of pixels: say scale=, for example 1/{max(top, 1)}"
        require(not 1 <= top <= FEW, few)
        return 1.0 / np.iinfo(array.dtype).max
    whole = np.issubdtype(array.dtype, np.integer)
    require(
        not whole, f"{what}: {array.dtype} from {array.min()} to {array.max()} have no range of their own: say scale="
    )
    return 1.0


def class_numbers(labels: Any, classes: int | Sequence[Any] | None, what: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels as class numbers from 0, and the names of the classes.

    Parameters
    ----------
    labels
        Whole numbers or names, ``[trial]``, ``[trial, 1]`` or ``[trial, time]``.
    classes
        How many there are (labels are class numbers); or all labels in the order of their class numbers, or names for
        class numbers; or what is found.

    Raises
    ------
    CircuitError
        For labels that are not whole numbers, or out of range; the line says which were seen.

    Examples
    --------
    >>> class_numbers(["left", "right", "left"], ("left", "right"), "labels")
    (array([0, 1, 0], dtype=int32), ('left', 'right'))
    """
    labels = as_array(labels, what)
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.dtype.kind == "f":
        broken = labels[labels != np.round(labels)]
        require(not broken.size, f"{what}: got {_some(broken)}, wanted whole class numbers (values: kind='values')")
        labels = labels.astype(np.int64)
    seen = np.unique(labels)
    if classes is not None and not isinstance(classes, int | np.integer):
        table = {str(name): number for number, name in enumerate(classes)}
        require(len(table) == len(classes), f"{what}: classes= names one class twice: {', '.join(map(str, classes))}")
        if all(str(one) in table for one in seen):
            numbers = np.array([table[str(one)] for one in seen], np.int32)
            return numbers[np.searchsorted(seen, labels)], tuple(table)
        names: tuple[str, ...] = tuple(table)
    elif labels.dtype.kind in "US":
        numbers = np.searchsorted(seen, labels).astype(np.int32)
        require(classes is None or classes == len(seen), f"{what}: {len(seen)} names seen, {classes} classes wanted")
        return numbers, tuple(map(str, seen))
    else:
        names = tuple(map(str, range(int(classes) if classes is not None else len(seen))))
    in_range = labels.dtype.kind in "biu" and seen[0] >= 0 and seen[-1] < len(names)
    hint = "" if classes is not None else ", or say classes="
    require(bool(in_range), f"{what}: labels {_some(seen)} seen, 0..{len(names) - 1} wanted{hint}")
    return labels.astype(np.int32), names


def demand_finite(values: np.ndarray, what: str) -> None:
    """Refuse NaN and infinite values; the line says how many there are, and in which trial the first is."""
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        raise CircuitError(f"{what}: {len(bad)} values are NaN or infinite, the first in trial {bad[0][0]}")


def zeros_and_ones(labels: np.ndarray, what: str) -> np.ndarray:
    """Return several labels a trial as bytes ``[trial, ..., label]``; other numbers than 0 and 1 are refused."""
    others = labels[(labels != 0) & (labels != 1)]
    require(not others.size, f"{what}: got {_some(np.unique(others))}, wanted zeros and ones")
    return labels.astype(np.int8)


def _some(values: np.ndarray) -> str:
    shown = ", ".join(str(value) for value in values[:SHOWN].tolist())
    return shown + ", ..." * (len(values) > SHOWN)
