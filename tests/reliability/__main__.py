"""``make reliability``: every kind of trouble in full, one table. ``COUNT`` in the environment makes it smaller."""

import importlib
import os
import sys
from pathlib import Path

PARTS = sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py"))


def main() -> int:
    """Print the table, row by row as it comes; 1 if something does not hold."""
    count, status = os.environ.get("COUNT"), 0
    print(f"{'':4}{'what':96}{'asked':>8}  seen")
    for part in sys.argv[1:] or PARTS:
        module = importlib.import_module(f"tests.reliability.{part}")
        for what, asked, seen, holds in module.main(*([int(count)] if count else [])):
            print(f"{'' if holds else 'NOT':4}{what:96}{asked:>8}  {seen}", flush=True)
            status |= not holds
    return status


if __name__ == "__main__":
    sys.exit(main())
