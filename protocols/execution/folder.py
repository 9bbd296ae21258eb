"""The jobs of a folder: ``jobs.json``, which says what is planned, and who is at work on it."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.storage.file_lock import FileLock
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.execution.job import Job

#: The file of the jobs.
JOBS = "jobs.json"


def write_jobs(folder: Path, jobs: Sequence[Job]) -> list[int]:
    """Write ``jobs.json`` into a folder, after those that are there; return the numbers of these jobs."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / JOBS
    plain = {one["path"]: one for one in (json.loads(file.read_text()) if file.is_file() else [])}
    paths = [str(job.path.resolve()) for job in jobs]
    plain |= {path: {**job.plain(), "path": path} for job, path in zip(jobs, paths, strict=True)}
    file.write_text(json.dumps(list(plain.values()), indent=1))
    places = list(plain)
    return [places.index(path) for path in paths]


def jobs_in(folder: Path) -> list[Job]:
    """Read the jobs of a folder.

    Raises
    ------
    CircuitError
        If none were written there.
    """
    file = folder / JOBS
    if not file.is_file():
        raise CircuitError(f"{folder} holds no {JOBS}: it is no folder of 'biocredit sweep'")
    return [Job.from_plain(one) for one in json.loads(file.read_text())]


def planned(folder: Path) -> list[Path]:
    """Return the traces of the jobs of a folder; none where none were written there."""
    file = folder / JOBS
    return [Path(one["path"]) for one in json.loads(file.read_text())] if file.is_file() else []


@contextmanager
def claimed(folder: Path, jobs: Sequence[Job]) -> Iterator[None]:
    """Write down several jobs, and say as long as this process works on them that those to come are in its queue."""
    with ExitStack() as until_then:
        if len(jobs) > 1:
            write_jobs(folder, jobs)
            with suppress(TraceError):  # another process works on them too
                until_then.callback(FileLock(folder / JOBS).release)
        yield


class Fruitless:
    """How often in a row the job of an array was begun again without getting further: a small file beside its log."""

    def __init__(self, folder: Path, number: int):
        self._file = folder / f"{number}.restarts"

    def read(self) -> int:
        """Return the number; none where there is no such file."""
        return int(self._file.read_text()) if self._file.is_file() else 0

    def write(self, count: int) -> None:
        """Remember the number."""
        self._file.write_text(str(count))
