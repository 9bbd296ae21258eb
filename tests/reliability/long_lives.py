"""Long lives: thousands of commits in one process, long axes, readers that look on. Ratios, never times."""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.storage import atomic_file
from biocredit.analysis.trace.writer import TraceWriter

Rows = list[tuple[str, str, str, bool]]


def main(count: int = 5_000_000) -> Rows:
    """`count` updates in one trace, and a thousandth of that in commits."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return [*_long_axis(place / "long.h5", count), *_many_commits(place / "many.h5", max(20, count // 1000))]


def _start(path: Path) -> TraceWriter:
    writer = TraceWriter.create(path, experiment="long", configuration={}, citations=[], seeds=[0, 1])
    writer.declare("learning/loss", ("seed", "update"), (2, None), units="nat", long_name="loss")
    return writer


def _long_axis(path: Path, count: int) -> Rows:
    """Bytes that pass between HDF5 and the file for twenty appends, at a thousandth of the length and at the end."""
    moved: list[int] = []
    real = atomic_file.AtomicFile.readinto
    with mock.patch.object(atomic_file.AtomicFile, "readinto", lambda self, b: moved.append(len(b)) or real(self, b)):
        writer, costs, done = _start(path), [], 0
        for length in (max(1000, count // 1000), count):
            for start in range(done, length, 100_000):
                stop = min(length, start + 100_000)
                writer.append("learning/loss", np.zeros((2, stop - start)), at=np.arange(start, stop))
                writer.commit()
            done = length
            moved.clear()
            for _ in range(20):
                writer.append("learning/loss", np.zeros((2, 1)), at=[done])
                done += 1
            writer.commit()
            costs.append(sum(moved))
        writer.close()
    early, late = (cost // 20 for cost in costs)  # the whole axis would be 8 bytes an update
    what = f"bytes read for an append at {count} updates (at a thousandth: {early})"
    return [(what, "< 100000", str(late), late < 100_000)]


def _many_commits(path: Path, count: int) -> Rows:
    """Memory and descriptors of a process that commits again and again, while a reader looks on."""
    writer, chance, seen, torn = _start(path), random.Random(0), [], 0
    trace = open_trace(path)
    for number in range(count):
        writer.append("learning/loss", np.full((2, 1), number), at=[number])
        writer.event(kind="phase", description=str(number), update=number)
        writer.commit()
        if chance.random() < 0.05:
            with trace:
                events, loss = trace.events.rows(), trace["learning/loss"].values
            torn += len(events) != loss.shape[1] or loss[0, -1] != loss.shape[1] - 1
        if number in (count // 2, count - 1):
            seen.append((_memory(), len(os.listdir("/proc/self/fd"))))
    writer.close()
    (memory, files), (memory_after, files_after) = seen
    ratio = memory_after / memory
    return [
        (f"memory after {count} commits over that after half of them", "< 1.1", f"{ratio:.3f}", ratio < 1.1),
        ("open files after all commits, and after half", "equal", f"{files_after}, {files}", files == files_after),
        ("looks at the growing file whose parts did not agree", "0", str(torn), torn == 0),
    ]


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])
