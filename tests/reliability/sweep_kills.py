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

from tests.unit.execution_case import jobs, same

RUNS, EPOCHS, WORKERS = 12, 400, 2


def main(count: int = 30) -> list[tuple[str, str, str, bool]]:
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
        whole = sum(one.state == "complete" for one in outcomes)
        alike = sum(same(one.path, other.path) for one, other in zip(quiet, troubled, strict=True))
        kills = int((Path(folder) / "troubled" / "kills").read_text())
    seen = f"{whole} complete, {alike} equal, {kills} kills"
    return [
        (f"kill -9 of {count} workers in a sweep of {RUNS}", str(RUNS), seen, whole == alike == RUNS and kills == count)
    ]


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
