"""Sizes that a user gives: whole numbers, and arrays that this machine can hold."""

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from biocredit.circuits.core.errors import CircuitError, require


def count(value: Any, what: str, least: int = 1) -> int:
    """Return a whole number that counts something.

    Raises
    ------
    CircuitError
        If it is none, or less than ``least``.

    Examples
    --------
    >>> count(3, "neurons"), count(np.int32(0), "hidden layers", least=0)
    (3, 0)
    """
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    require(whole and value >= least, f"{what}: wanted a whole number, {least} or more, got {value!r}")
    return int(value)


def fits(shape: Sequence[int], what: str) -> None:
    """Refuse an array of double precision, as weights are drawn, that is larger than this machine's memory.

    Raises
    ------
    CircuitError
        With the memory that it would need, and the memory there is.
    """
    needed, there = 8 * math.prod(map(int, shape)), memory()
    if needed > there:
        size = " x ".join(f"{one:,}" for one in shape)
        gibibytes = f"{needed / 2**30:,.0f} GiB, this machine has {there / 2**30:,.0f}"
        raise CircuitError(f"{what} of {size} need {gibibytes}: take fewer, or several regions or layers")


def memory() -> float:
    """Bytes of memory of this machine; without limit where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf
