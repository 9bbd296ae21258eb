"""Print ratios: `python -m tests.benchmarks [NAME ...]`."""

import importlib
import pkgutil
import sys

from tests import benchmarks

HELPERS = {"__main__", "timing"}


def main(wanted: list[str]) -> int:
    """Run the named benchmarks, all by default."""
    known = sorted({module.name for module in pkgutil.iter_modules(benchmarks.__path__)} - HELPERS)
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"unknown benchmark {unknown[0]!r}: valid are {', '.join(known)}", file=sys.stderr)
        return 2
    for name in wanted or known:
        print(f"\n{name}", flush=True)
        for line in importlib.import_module(f"tests.benchmarks.{name}").lines():
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
