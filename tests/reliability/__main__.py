"""``make reliability``: every kind of trouble in full, one table. ``COUNT`` in the environment makes it smaller.

``python -m tests.reliability kills power_cut`` does these parts only.
"""

import importlib
import os
import sys
import time

from tests.reliability import PARTS, Row


def main(wanted: list[str]) -> int:
    """Print the table, row by row as it comes; 1 if something does not hold."""
    count, status = os.environ.get("COUNT"), 0
    print(f"{'':4}{'what':100}{'asked':>14}{'tried':>10}{'failed':>8}")
    for title, parts in PARTS.items():
        for part in [one for one in parts if not wanted or one in wanted]:
            start = time.monotonic()
            rows = importlib.import_module(f"tests.reliability.{part}").main(*([int(count)] if count else []))
            print(f"{title} ({part}, {time.monotonic() - start:.0f} s)")
            for row in rows:
                print(line(row), flush=True)
                status |= not row.holds
    return status


def line(row: Row) -> str:
    """A row as text."""
    mark = "" if row.holds else "NOT"
    return f"{mark:4}{row.what:100}{row.asked:>14}{row.tried:>10}{row.failed:>8}  {row.note}".rstrip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
