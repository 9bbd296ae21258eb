"""How far the runs of a folder are: read from their traces, which are believed, not from a scheduler."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from biocredit.analysis.trace.reader import Trace, TraceError, open_trace
from biocredit.analysis.trace.storage.file_lock import is_locked
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.execution import slurm
from biocredit.protocols.execution.folder import JOBS, planned
from biocredit.protocols.execution.job import epochs_in

COLUMNS = ("run", "state", "epoch", "left", "why")


def table(folder: Path) -> list[tuple[str, ...]]:
    """Describe every run of a folder: what jobs were written there, and what traces there are.

    Raises
    ------
    CircuitError
        If there is neither.
    """
    jobs = planned(folder)
    paths = list(dict.fromkeys([*jobs, *(path.resolve() for path in sorted(folder.glob("*.h5")))]))
    if not paths:
        raise CircuitError(f"{folder} holds no runs: neither {JOBS} nor traces (*.h5)")
    waiting = slurm.waiting(folder)
    held = is_locked(folder / JOBS)
    rows = []
    for number, path in enumerate(paths):
        one = row(path)
        if one[1] not in ("complete", "running") and number < len(jobs) and (held or waiting.get(number)):
            one = (one[0], "queued", *one[2:])
        elif one[1] == "new" and number < len(jobs) and number not in waiting:
            one = _by_log(one, folder / f"{number}.log")
        rows.append(one)
    return [COLUMNS, *rows]


def row(path: Path) -> tuple[str, str, str, str, str]:
    """Describe a run: its name, its state, epochs done, time left, and why it ended if it failed."""
    if not path.exists():
        return path.stem, "new", "", "", ""
    try:
        with open_trace(path) as trace:
            epochs, done, status = _epochs_of(trace), epochs_in(trace), trace.status
            about = dict(trace.attributes)
        writing = is_locked(path)
        state = {"running": "running" if writing else "killed"}.get(status, status)
        left = _left(about, done, epochs) if state == "running" else ""
    except (TraceError, TypeError, AttributeError, LookupError, ArithmeticError) as failure:
        return path.stem, "unreadable", "", "", " ".join(str(failure).split())
    return path.stem, state, f"{done}/{epochs}" if epochs else str(done), left, str(about.get("failure", ""))


def _epochs_of(trace: Trace) -> int:
    """Epochs of the whole run."""
    return trace.configuration.get("settings", {}).get("run", {}).get("epochs", 0)


def _by_log(one: tuple[str, str, str, str, str], log: Path) -> tuple[str, str, str, str, str]:
    """Say why a task of an array ended before there was a trace: the last line of its log."""
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    said = [line for line in lines if line.strip()]
    return (one[0], "failed", "", "", said[-1]) if said else one


def _left(about: Mapping[str, Any], done: int, epochs: int) -> str:
    """Estimate the time left from the pace since the run began or was resumed."""
    if epochs <= done or done <= int(about.get("resumed_epoch", 0)):
        return ""
    begun = datetime.fromisoformat(str(about.get("resumed", about["created"])))
    begun = begun if begun.tzinfo else begun.replace(tzinfo=UTC)
    pace = (datetime.now(UTC) - begun) / (done - int(about.get("resumed_epoch", 0)))
    return str(timedelta(seconds=round((pace * (epochs - done)).total_seconds())))
