"""Tables as CSV, also for people who open them in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

#: What a formula begins with, in one spreadsheet or another.
FORMULAS = ("=", "+", "-", "@", "|", "%")


def write_csv(stream: TextIO, head: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a table; every CSV file of this program passes here.

    Parameters
    ----------
    stream : text file
        Opened with ``newline=""``.
    head : sequence of str
        Names of the columns.
    rows : iterable
        Cells of each row: text, numbers, nothing.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(harmless, head))
    writer.writerows(map(harmless, row) for row in rows)


def harmless(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: text that begins like one gets an apostrophe before it.

    Examples
    --------
    >>> harmless("=HYPERLINK(1)"), harmless(-1.5), harmless("V1"), harmless("-2e-3")
    ("'=HYPERLINK(1)", -1.5, 'V1', '-2e-3')
    """
    if not isinstance(cell, str) or cell.lstrip()[:1] not in FORMULAS:
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
