"""A first look at a file that nobody vouches for, in a process of its own: HDF5 may crash or hang on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from biocredit.analysis.trace.schema import TraceError

SECONDS = 10  # of computing, for each file
STARTING, WAITING = 60, 6  # seconds that a process may take to start; by how much waiting may exceed computing

#: Files that were looked at, as they were then; None: this is the process in which HDF5 may crash.
known: set[tuple] | None = set()


def apart(how: str, paths: Sequence[Path]) -> subprocess.CompletedProcess[str] | None:
    """Run ``python -m biocredit.analysis.trace.check`` over files; None if it was ended by HDF5 or by the clock."""
    command = [sys.executable, "-m", "biocredit.analysis.trace.check", how, *map(str, paths)]
    try:
        limit = STARTING + WAITING * SECONDS * len(paths)
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=limit, errors="replace")
    except subprocess.TimeoutExpired:
        return None
    return outcome if outcome.returncode in (0, 2) else None


def require_sound(path: Path, token: tuple = ()) -> None:
    """Refuse a file that HDF5 cannot read, before this process touches it; one look at each state of a file.

    Parameters
    ----------
    path : Path
        The file.
    token : tuple
        Changes whenever the file does.

    Raises
    ------
    TraceError
        In one line.
    """
    if known is None or token in known:
        return
    outcome = apart("--sound", [path])
    if outcome is None:
        raise TraceError(f"{path} is damaged: HDF5 crashes or never comes back on it")
    if outcome.returncode:
        raise TraceError(outcome.stderr.strip().splitlines()[-1])
    known.add(token)
