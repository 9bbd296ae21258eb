"""How far the runs of a folder are: read from their traces, which are believed, not from a scheduler."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.analysis.trace.storage.file_lock import is_locked
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.execution.job import epochs_in

COLUMNS = ("run", "state", "epoch", "left", "why")


def table(folder: Path) -> list[tuple[str, ...]]:
    """Describe every run of a folder: what jobs were written there, and what traces there are.

    Raises
    ------
    CircuitError
        If there is neither.
    """
    planned = folder / "jobs.json"
    jobs = [Path(one["path"]) for one in json.loads(planned.read_text())] if planned.is_file() else []
    paths = list(dict.fromkeys([*jobs, *(path.resolve() for path in sorted(folder.glob("*.h5")))]))
    if not paths:
        raise CircuitError(f"{folder} holds no runs: neither jobs.json nor traces (*.h5)")
    return [COLUMNS, *(_row(path) for path in paths)]


def _row(path: Path) -> tuple[str, ...]:
    if not path.exists():
        return path.stem, "new", "", "", ""
    try:
        with open_trace(path) as trace:
            epochs = trace.configuration.get("settings", {}).get("run", {}).get("epochs", 0)
            done, status, about = epochs_in(trace), trace.status, dict(trace.attributes)
        writing = is_locked(path)
        state = {"running": "running" if writing else "killed"}.get(status, status)
        left = _left(about, done, epochs) if state == "running" else ""
    except (TraceError, TypeError, AttributeError, LookupError, ArithmeticError) as failure:
        return path.stem, "unreadable", "", "", " ".join(str(failure).split())
    return path.stem, state, f"{done}/{epochs}" if epochs else str(done), left, str(about.get("failure", ""))


def _left(about: dict[str, Any], done: int, epochs: int) -> str:
    """Estimate the time left from the pace so far."""
    if not done or epochs <= done:
        return ""
    begun = datetime.fromisoformat(str(about["created"]))
    begun = begun if begun.tzinfo else begun.replace(tzinfo=UTC)
    pace = (datetime.now(UTC) - begun) / done
    return str(timedelta(seconds=round((pace * (epochs - done)).total_seconds())))
