"""Checkpoints: everything that a run needs to go on as if nothing had happened.

One NumPy archive beside the trace (``run.h5.checkpoint``), written aside and renamed into place. It names the trace
that it belongs to and its own number, so that a checkpoint of another run, or an old one, is not taken for the last.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.storage.durable import put_in_place, resolved, write_aside
from biocredit.circuits.core.errors import CircuitError

#: Raised when the layout of a checkpoint changes.
CHECKPOINT_VERSION = 1

#: Seconds between checkpoints within an epoch, where signals may not come through.
CHECKPOINT_EVERY = 600.0


class RunError(CircuitError):
    """A run cannot start, go on or be resumed."""


class RunWarning(UserWarning):
    """A run goes on, but not quite as one might think."""


def path_beside(trace: str | Path) -> Path:
    """Return where the checkpoint of a trace lies."""
    return Path(f"{resolved(trace)}.checkpoint")


def save(path: str | Path, state: Any, progress: Mapping[str, Any]) -> None:
    """Write state (any pytree of arrays) and progress (representable in JSON).

    Raises
    ------
    RunError
        If it cannot be written; the checkpoint of before stays.
    """
    leaves = {f"leaf_{number}": np.asarray(leaf) for number, leaf in enumerate(jax.tree.leaves(state))}
    text = json.dumps({**progress, "version": CHECKPOINT_VERSION})
    content = {"progress": np.frombuffer(text.encode(), np.uint8), **leaves}
    try:
        put_in_place(write_aside(Path(path), lambda file: np.savez(file, **content)), Path(path))
    except OSError as failure:
        raise RunError(f"cannot write the checkpoint {path}: {failure.strerror or failure}") from None


def read(path: str | Path) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Read a checkpoint: the arrays of the state in their order, and the progress.

    Raises
    ------
    RunError
        If it is missing, damaged, of another version, or belongs to another run.
    """
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            progress = dict(json.loads(archive["progress"].tobytes().decode()))
            found = [archive[f"leaf_{number}"] for number in range(len(archive.files) - 1)]
    except FileNotFoundError:
        raise RunError(f"nothing to resume: there is no checkpoint {path}") from None
    except Exception as failure:
        raise RunError(f"the checkpoint {path} cannot be read: {failure}") from None
    version = progress.pop("version", None)
    if version != CHECKPOINT_VERSION:
        raise RunError(f"the checkpoint {path} has version {version}, this program reads {CHECKPOINT_VERSION}")
    _require_own(Path(path), progress)
    return found, progress


def reached(path: str | Path) -> tuple[int, int]:
    """Return how far a checkpoint is: epochs, and updates of the present one; ``(0, 0)`` where there is none."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            progress = json.loads(archive["progress"].tobytes().decode())
    except Exception:
        return 0, 0
    return progress["epoch"], sum(len(log["loss"][0]) for log in progress["logs"])


def fitted(found: list[np.ndarray], like: Any, path: str | Path) -> Any:
    """Give the arrays of a checkpoint the structure of ``like``.

    Raises
    ------
    RunError
        If they belong to another circuit, optimiser or number of seeds.
    """
    wanted, structure = jax.tree.flatten(like)
    same = len(found) == len(wanted) and all(
        a.shape == np.shape(b) and a.dtype == np.asarray(b).dtype for a, b in zip(found, wanted, strict=False)
    )
    if not same:
        raise RunError(f"the checkpoint {path} belongs to another circuit, optimiser or number of seeds")
    return jax.tree.unflatten(structure, found)


def _require_own(path: Path, progress: Mapping[str, Any]) -> None:
    """Refuse the checkpoint of another trace, and one that is older than the last or last but one of this trace."""
    trace = Path(str(path).removesuffix(".checkpoint"))
    if trace == path or not trace.exists():
        return
    about = open_trace(trace).attributes
    last, number = about.get("checkpoint"), progress.get("checkpoint")
    if progress.get("trace", about.get("id")) != about.get("id") or (number is None) != (last is None):
        raise RunError(f"the checkpoint {path} belongs to another run than {trace.name}: copy the right one along")
    if number is not None and not (isinstance(number, int) and isinstance(last, int) and 0 <= last - number <= 1):
        raise RunError(f"the checkpoint {path} is number {number}, but {trace.name} went on to {last}: an old copy")
