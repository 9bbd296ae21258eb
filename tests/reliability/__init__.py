"""What happens to files and settings when everything that can go wrong does: ``make reliability`` prints one table.

Every part has a ``main(count)`` that tries up to `count` cases and returns rows; small fixed subsets of the same cases
run among the unit tests. `PARTS` has them in the order of what can go wrong.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self


class Row(NamedTuple):
    """One row of the table: what went wrong how often, and what is asked."""

    what: str
    asked: str
    tried: int
    failed: int
    note: str = ""

    @classmethod
    def of(cls, what: str, tried: int, faults: Sequence[str], note: str = "") -> Self:
        """A row of cases none of which may fail; the first that does is told."""
        first = f"first: {' '.join(faults[0].split())[:300]}" if faults else note
        return cls(what, "0", tried, len(faults), first)

    @classmethod
    def skipped(cls, what: str, reason: str) -> Self:
        """A row that cannot be tried here."""
        return cls(what, "0", 0, 0, f"skipped: {reason}")

    @property
    def holds(self) -> bool:
        """Whether nothing failed."""
        return not self.failed


#: Modules of this folder, one or more for each row of the table.
PARTS = {
    "kill -9 at every call": ("kills",),
    "power cut": ("power_cut",),
    "companions, names, links": ("identities",),
    "disks that refuse": ("disks",),
    "signals": ("signals", "sweep_kills"),
    "odd files and settings": ("mutated_files", "settings", "data_files"),
    "security": ("security",),
    "long lives": ("long_lives",),
    "live reading": ("live_reading",),
}
