"""Sizes that a user gives: whole numbers, and arrays that this machine can hold."""

import contextlib
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
    """Refuse an array of double precision, as weights are drawn, that is larger than the memory that is free.

    Raises
    ------
    CircuitError
        With the memory that it would need, and the memory that is free.
    """
    needed, free = 8 * math.prod(map(int, shape)), free_memory()
    if needed > free:
        size = " x ".join(f"{one:,}" for one in shape)
        gibibytes = f"{needed / 2**30:,.0f} GiB, {free / 2**30:,.0f} are free"
        raise CircuitError(f"{what} of {size} need {gibibytes}: take fewer, or several regions or layers")


def free_memory() -> float:
    """Return how many bytes this process may still take; without limit where the system does not say."""
    free = math.inf
    with contextlib.suppress(AttributeError, ValueError, OSError):
        free = float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, KeyError, ValueError), open("/proc/meminfo", encoding="ascii") as file:
        lines = dict(line.split(":", 1) for line in file)
        free = max(0 if free == math.inf else free, 1024.0 * int(lines["MemAvailable"].split()[0]))
    return free
