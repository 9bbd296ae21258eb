"""What a run needs, told before anything is allocated."""

import os
from math import floor, sqrt

from biocredit.circuits.core.errors import require

#: Copies of every weight at the height of an update: weight, change, two moments, step, and the one being drawn (twice
#: as wide).
COPIES = 7
BYTES = 4


def free_memory() -> int:
    """Return how many bytes this process may still take."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        free = max(free, 1024 * int(lines["MemAvailable"].split()[0]))
    except (OSError, KeyError, ValueError):
        pass
    return free


def check_memory(weights: int, seeds: int) -> None:
    """Refuse networks that do not fit.

    Parameters
    ----------
    weights
        Number of weights of one network.
    seeds
        Number of networks.

    Raises
    ------
    CircuitError
        With what is needed, what is free, and how much smaller a network must be.
    """
    needed, free = weights * seeds * BYTES * COPIES, free_memory()
    smaller = floor(100 * sqrt(free / needed)) if needed else 100
    require(
        needed <= free,
        f"{seeds} x {weights:,} weights need about {shown(needed)} while they learn, and {shown(free)} are free: "
        + (f"networks {smaller} per cent as wide fit" if smaller else "far too wide")
        + (", or fewer seeds" if seeds > 1 else ""),
    )


def shown(size: float) -> str:
    """Return a number of bytes in words.

    Examples
    --------
    >>> shown(2.5e9)
    '2.5 GB'
    """
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} EB"
