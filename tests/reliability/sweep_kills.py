"""kill -9: random workers of a sweep, at random moments; every run must end as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
from pathlib import Path

from biocredit.analysis.trace.storage.file_lock import is_locked, lock_path
from biocredit.protocols.execution.perform import perform
from biocredit.protocols.execution.pool import Pool
from biocredit.protocols.training.checkpoint import path_beside, reached

from tests.reliability import Row
from tests.unit.execution_case import jobs, same

RUNS, EPOCHS, WORKERS = 12, 400, 2


def main(count: int = 30) -> list[Row]:
    """Kill `count` workers; the row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        quiet, troubled = (jobs(Path(folder) / name, RUNS, **{"run.epochs": EPOCHS}) for name in ("quiet", "troubled"))
        for made in (quiet, troubled):
            over = threading.Event()
            killer = threading.Thread(target=_kill, args=([job.path for job in made], count, over), daemon=True)
            with Pool(WORKERS) as pool:
                if made is troubled:
                    killer.start()
                outcomes = perform(made, pool, say=lambda line: None)
            over.set()
        killer.join()
        kills = int((Path(folder) / "troubled" / "kills").read_text())
        faults = [f"{one.path}: {one.state}: {one.reason}" for one in outcomes if one.state != "complete"]
        pairs = zip(quiet, troubled, strict=True) if not faults else ()
        faults += [f"{other.path} differs" for one, other in pairs if not same(one.path, other.path)]
    return [Row.of(f"kill -9 of workers in a sweep of {RUNS}: not complete, not bit for bit", kills, faults)]


def _kill(paths: list[Path], count: int, over: threading.Event) -> None:
    """Kill workers whose run has got further since it was killed last."""
    chance, killed_at, done = random.Random(0), {}, 0
    while done < count and not over.is_set():
        over.wait(chance.uniform(0.2, 2))
        path = chance.choice(paths)
        try:
            further = reached(path_beside(path)) > killed_at.get(path, (0, 0))
            if further and is_locked(path):
                killed_at[path] = reached(path_beside(path))
                os.kill(int(lock_path(path).read_text().split()[1]), signal.SIGKILL)
                done += 1
        except (OSError, IndexError, ValueError):
            continue  # the run has ended in between
    (paths[0].parent / "kills").write_text(str(done))
