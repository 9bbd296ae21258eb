"""Command line of the conformance harness: ``python -m tests.conformance FILE.npz ...``."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.harness import ConformanceError, Report, is_curve_file, replay_file


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay every file; 0 if all arrays of all files pass, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description="Replay reference cases.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.npz")
    parser.add_argument("--quiet", action="store_true", help="print failures and summaries only")
    options = parser.parse_args(arguments)
    cases = [path for path in options.files if not is_curve_file(path)]
    for path in sorted(set(options.files) - set(cases)):
        print(f"note  {path.name}: stored curves, no reference case; left out")
    passed = [_run(path, options.quiet) for path in cases]
    print(f"{sum(passed)} of {len(passed)} files pass")
    return 0 if all(passed) else 1


def _run(path: Path, quiet: bool) -> bool:
    try:
        report = replay_file(path)
    except ConformanceError as error:
        print(f"FAIL  {error}")
        return False
    except Exception as error:  # an adapter may fail in any way, and the other files still have to be replayed
        print(f"FAIL  {path.name}: {type(error).__name__}: {error}")
        traceback.print_exception(error, limit=-3, file=sys.stderr)
        return False
    _print(report, quiet)
    return report.passed


def _print(report: Report, quiet: bool) -> None:
    print(report)
    for outcome in report.failures if quiet else report.outcomes:
        print(outcome)
    if report.unused and not quiet:
        print(f"  note  neither read nor checked: {', '.join(report.unused)}")


if __name__ == "__main__":
    sys.exit(main())
