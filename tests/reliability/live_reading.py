"""Reading a run that goes on: every ``with open_trace(...)`` is one look, also at events, in tables and in parts."""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from biocredit.analysis.interchange.export import export, to_csv
from biocredit.analysis.trace.reader import Trace, open_trace
from biocredit.analysis.trace.schema import TraceError

from tests.reliability import Row
from tests.reliability.kills import PROGRAM

READERS = 4


def main(count: int = 1000) -> list[Row]:
    """`count` looks by several readers at a file that another process changes as fast as it can."""
    looks = {"arrays and events": _arrays, "CSV of events": _events, "whole export to CSV": _export}
    faults: dict[str, list[str]] = {name: [] for name in looks}
    each = max(1, count // READERS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "run.h5"
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path), "0"], stdout=subprocess.PIPE, text=True)
        try:
            process.stdout.readline()
            threading.Thread(target=process.stdout.read, daemon=True).start()
            threads = [
                threading.Thread(target=_look, args=(path, folder / str(number), each, looks, faults))
                for number in range(READERS)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            process.kill()
            process.wait()
    tried = READERS * each // len(looks)
    what = "a run that is written meanwhile, by {} readers: {} that do not agree"
    return [Row.of(what.format(READERS, name), tried, found) for name, found in faults.items()]


def _look(path: Path, folder: Path, count: int, looks: dict, faults: dict[str, list[str]]) -> None:
    """One reader: the same open trace again and again, every kind of look in turn."""
    folder.mkdir()
    trace = open_trace(path)
    for number in range(count):
        name = list(looks)[number % len(looks)]
        try:
            with trace:
                looks[name](trace, folder)
        except (AssertionError, TraceError, ValueError, OSError) as fault:
            faults[name].append(f"{type(fault).__name__}: {fault}")


def _arrays(trace: Trace, folder: Path) -> None:
    loss, weights = trace["learning/loss"].values, trace["weights/W"]
    rows, epochs = trace.events.rows(), loss.shape[1]
    assert len(rows) == epochs == weights.shape[0] == len(weights.coords["update"]), f"{len(rows)}, {epochs}"
    assert rows[-1]["description"] == f"epoch {epochs}"
    assert loss[0].tolist() == list(range(1, epochs + 1))


def _events(trace: Trace, folder: Path) -> None:
    to_csv(trace.events, folder / "events.csv", overwrite=True)
    with open(folder / "events.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == trace["learning/loss"].shape[1]
    assert [int(row["update"]) for row in rows] == list(range(1, len(rows) + 1))


def _export(trace: Trace, folder: Path) -> None:
    export(trace, "csv", folder / "csv", overwrite=True)
    lengths = set()
    for table in ("events-event.csv", "learning-seed-epoch.csv"):
        with open(folder / "csv" / table, newline="") as stream:
            lengths.add((len(list(csv.reader(stream))) - 1) // (2 if "seed" in table else 1))
    assert lengths == {trace["learning/loss"].shape[1]}, f"{lengths}"
