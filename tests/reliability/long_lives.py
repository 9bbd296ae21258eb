"""Long lives: many epochs of small runs in one process, a trace of millions of updates. Ratios, never times.

Measured late and early: memory, open files, bytes that pass between HDF5 and the file for an append, time of a commit.
"""

from __future__ import annotations

import gc
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.storage.atomic_file import AtomicFile
from biocredit.analysis.trace.writer import TraceWriter

from tests.reliability import Row

GROWTH, SLOWDOWN = 1.1, 1.5  # of memory; of the median time of a commit, on a machine that does other things, too
EPOCHS_A_RUN = 1000


def main(count: int = 200_000) -> list[Row]:
    """`count` epochs of small runs, and twenty-five times that in updates of one trace."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*_long_axis(folder / "long.h5", 25 * count), *_small_runs(folder, count)]


def constant(what: str, tried: int, early: float, late: float, limit: float) -> Row:
    """A row about a ratio that must not exceed a limit."""
    ratio = late / early
    return Row(
        f"{what}: late over early", f"< {limit:g}", tried, int(ratio >= limit), f"{ratio:.3f} ({early:g}, {late:g})"
    )


def memory() -> int:
    """Pages that this process holds in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1])


def files() -> int:
    """Open files of this process."""
    return len(os.listdir("/proc/self/fd"))


# -- one trace --------------------------------------------------------------------------------------------------


def _long_axis(path: Path, count: int) -> list[Row]:
    """A thousand updates a commit; measured around the first tenth and at the end."""
    moved: list[int] = []
    times, bytes_read, held = [], [], []
    real = AtomicFile.readinto
    settings = {"experiment": "long", "configuration": {}, "citations": [], "seeds": [0, 1]}
    with (
        mock.patch.object(AtomicFile, "readinto", lambda self, b: moved.append(len(b)) or real(self, b)),
        TraceWriter.create(path, **settings) as writer,
    ):
        writer.declare("learning/loss", ("seed", "update"), (2, None), units="nat", long_name="loss")
        commits = max(20, count // 1000)
        for number in range(commits):
            moved.clear()
            start = time.perf_counter()
            writer.append("learning/loss", np.full((2, 1000), number), at=np.arange(1000 * number, 1000 * (number + 1)))
            writer.commit()
            times.append(time.perf_counter() - start)
            bytes_read.append(sum(moved))
            if number in (commits // 10, commits - 1):
                held.append((memory(), files()))
        tenth = commits // 10
    with open_trace(path) as trace:
        whole = trace.read("learning/loss", update=slice(-1000, None)).values
    wrong = [] if trace and (whole == commits - 1).all() else ["the end is not what was written"]
    what = f"one trace of {1000 * commits} updates"
    early, late = (statistics.median(part) for part in (times[tenth : 2 * tenth], times[-tenth:]))
    first, last = (statistics.median(part) for part in (bytes_read[tenth : 2 * tenth], bytes_read[-tenth:]))
    return [
        Row.of(f"{what}: what was written last is not there", commits, wrong),
        constant(f"{what}: time of a commit (median)", commits, early, late, SLOWDOWN),
        constant(f"{what}: bytes read for an append", commits, first + 4096, last + 4096, SLOWDOWN),
        constant(f"{what}: memory", commits, *(one for one, _ in held), GROWTH),
        constant(f"{what}: open files", commits, *(one for _, one in held), 1.001),
    ]


# -- many small runs --------------------------------------------------------------------------------------------


def _small_runs(folder: Path, count: int) -> list[Row]:
    """Runs of a thousand epochs of a real protocol, recorded, one after the other in this process."""
    from biocredit import DualStream, TwoPhase, tasks

    task = tasks.digits(train=20, test=10)
    runs, held, paces = max(4, count // EPOCHS_A_RUN), [], []
    epochs = min(EPOCHS_A_RUN, max(5, count // runs))
    for number in range(runs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net = DualStream.mlp((64, 4, 10), "transposed")
            run = TwoPhase(net, task, batch_size=20, optimizer=1e-4)
            start = time.perf_counter()
            run.train(epochs, record=folder / "run.h5", progress=False, overwrite=True)
        paces.append(time.perf_counter() - start)
        if number in (max(1, runs // 10), runs - 1):
            held.append((memory(), files()))
    with open_trace(folder / "run.h5") as trace:
        wrong = [] if trace["learning/loss"].shape == (1, epochs) else [str(trace["learning/loss"].shape)]
    what, tried = f"{runs * epochs} epochs of {runs} small runs", runs * epochs
    tenth = max(1, runs // 10)
    early, late = (statistics.median(part) for part in (paces[tenth : 2 * tenth], paces[-tenth:]))
    return [
        Row.of(f"{what}: not complete", runs, wrong),
        constant(f"{what}: time of a run (median)", tried, early, late, SLOWDOWN),
        constant(f"{what}: memory", tried, *(one for one, _ in held), GROWTH),
        constant(f"{what}: open files", tried, *(one for _, one in held), 1.001),
    ]
