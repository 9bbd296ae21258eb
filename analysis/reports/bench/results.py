"""The folder of a bench: which runs there are, and the numbers in their traces."""

import csv
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.trace.reader import Trace, open_trace
from biocredit.analysis.trace.schema import TraceError

Row = dict[str, str]


class Results:
    """What lies in the folder of a bench.

    Parameters
    ----------
    folder
        Where ``biocredit bench`` wrote ``bench.csv``, ``runs.csv``, ``grid.csv``, ``rules.csv`` and traces.

    Attributes
    ----------
    about
        What the bench says of itself.
    runs, grid, rules
        Rows of its tables.

    Raises
    ------
    TraceError
        If it is no such folder.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        if not (self.folder / "bench.csv").is_file():
            raise TraceError(f"{folder}: holds no bench (bench.csv): wanted the folder of 'biocredit bench'")
        (self.about,) = self._read("bench.csv")
        self.runs, self.grid, self.rules = (self._read(f"{name}.csv") for name in ("runs", "grid", "rules"))
        for number, row in enumerate(self.runs):
            row["number"] = str(number)

    def _read(self, name: str) -> list[Row]:
        with (self.folder / name).open(encoding="utf-8", newline="") as table:
            return list(csv.DictReader(table))

    @property
    def reference(self) -> str:
        """The rule with which the others are compared."""
        return self.about["reference"]

    @cached_property
    def tasks(self) -> list[str]:
        """Tasks, in the order of the bench."""
        return list(dict.fromkeys(row["task"] for row in self.runs))

    @cached_property
    def labels(self) -> list[str]:
        """Rules, in the order of the bench."""
        return [row["rule"] for row in self.rules]

    def find(self, rule: str, task: str, kind: str = "final", what: str = "") -> Row | None:
        """Return the row of a run; nothing if there is none."""
        wanted = {"rule": rule, "task": task, "kind": kind, "what": what}
        return next((row for row in self.runs if wanted.items() <= row.items()), None)

    def trace(self, row: Row | None) -> Trace | None:
        """Return the trace of a run that was completed."""
        done = row is not None and row["state"] == "complete"
        return open_trace(self.folder / row["trace"]) if done else None

    def variants(self) -> list[str]:
        """What was done besides, in the order of the bench."""
        return list(dict.fromkeys(row["what"] for row in self.runs if row["kind"] == "variant"))

    def series(self, row: Row | None, name: str) -> Any:
        """Return a series of a run as ``[seed, ...]`` with its coordinates; nothing if it is not there."""
        trace = self.trace(row)
        return trace.learning[name] if trace is not None and name in trace.learning else None

    def score(self, row: Row | None) -> np.ndarray:
        """Return the test score of every network at the end of a run; empty if there is none."""
        found = self.curve(row)
        return np.empty(0) if found is None else found.values[:, -1]

    def curve(self, row: Row | None) -> Any:
        """Return the test score of every network after every epoch."""
        return None if row is None else self.series(row, f"test_{row['score']}")

    def updates(self, row: Row) -> int:
        """Updates of a run in an epoch."""
        trace = self.trace(row)
        return len(trace.learning["loss_by_update"].coords["update"]) // len(trace.learning["loss"].coords["epoch"])

    def cost(self, row: Row | None, name: str) -> float:
        """Cost of one update of a run, ``"operations"``, ``"bytes"`` or ``"seconds"``; NaN if it was not measured."""
        found = self.series(row, f"cost.{name}")
        return float("nan") if found is None else float(np.ravel(found.values)[0])

    def angles(self, row: Row | None) -> dict[str, Any]:
        """Angle to the gradient by weight array, ``[seed, epoch]``."""
        trace = self.trace(row)
        names = [] if trace is None else [name for name in trace.learning if name.startswith("angle_to_gradient.")]
        return {name.partition(".")[2]: trace.learning[name] for name in names}


def write_table(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows with the same columns as CSV; numbers with six digits."""
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()} for row in rows
        )
