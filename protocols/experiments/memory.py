"""What a run needs, told before anything is allocated."""

from math import floor, sqrt

from biocredit.circuits.core.errors import require
from biocredit.circuits.core.sizes import free_memory

#: Copies of every weight at the height of an update: weight, change, two moments, step, and the one being drawn (twice
#: as wide).
COPIES = 7
BYTES = 4


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
