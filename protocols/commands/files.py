"""Commands about trace files: inspect, export, copy, move."""

import shutil
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from biocredit.analysis.trace import first_look
from biocredit.analysis.trace.schema import COMPANIONS, TraceError
from biocredit.analysis.trace.storage.atomic_file import repair
from biocredit.analysis.trace.storage.durable import put_in_place, resolved, sync_folder, write_aside
from biocredit.analysis.trace.storage.file_lock import FileLock, state_token
from biocredit.circuits.core.errors import CircuitError


def traces(names: Iterable[str]) -> list[Path]:
    """Expand folders to the traces in them.

    Raises
    ------
    CircuitError
        If a folder holds none.
    """
    found: list[Path] = []
    for name in map(Path, names):
        inside = sorted(name.glob("*.h5")) if name.is_dir() else [name]
        if not inside:
            raise CircuitError(f"{name} holds no trace (*.h5)")
        found += inside
    return found


def inspect_command(given: Namespace) -> int:
    """Describe traces, check them, or put pending commits in place."""
    if given.repair:
        for path in traces(given.traces):
            print(repaired(path))
        return 0
    return max([_looked_at("--check" if given.check else "--summary", traces(given.traces))])


def _looked_at(how: str, paths: list[Path]) -> int:
    """Look at files in a process of its own; one by one, where one of them ends that process."""
    outcome = first_look.apart(how, paths)
    if outcome is None and len(paths) > 1:
        return max(_looked_at(how, [path]) for path in paths)
    if outcome is None:
        raise TraceError(f"{paths[0]} is damaged: HDF5 crashes or never comes back on it")
    print(outcome.stdout, end="")
    sys.stderr.write("".join(f"biocredit inspect: {line}\n" for line in outcome.stderr.splitlines()))
    return outcome.returncode


def require_sound(paths: Iterable[Path]) -> None:
    """Refuse traces that cannot be read, before anything of this process touches them.

    Raises
    ------
    TraceError
        In one line.
    """
    for path in paths:
        if not path.exists():
            raise TraceError(f"no such file: {path}")
        first_look.require_sound(path, state_token(resolved(path)))


def repaired(path: Path) -> str:
    """Put a pending commit of a file in place, if nobody writes it, and say so."""
    path = resolved(path)
    if not path.exists():
        raise TraceError(f"no such file: {path}")
    lock = FileLock(path)
    try:
        return repair(path)
    finally:
        lock.release()


# -- copy and move ----------------------------------------------------------------------------------------------


def copy_command(given: Namespace) -> int:
    """Copy a run: the trace, its checkpoint, and what a killed program left half done."""
    print(copied(Path(given.trace), Path(given.place), overwrite=given.overwrite))
    return 0


def move_command(given: Namespace) -> int:
    """Move a run, whole."""
    print(moved(Path(given.trace), Path(given.place), overwrite=given.overwrite))
    return 0


def copied(source: Path, target: Path, *, overwrite: bool = False) -> str:
    """Copy a run to a folder or a new name; say what was copied."""
    return _transferred(source, target, overwrite=overwrite, keep=True)


def moved(source: Path, target: Path, *, overwrite: bool = False) -> str:
    """Move a run to a folder or a new name; say what was moved."""
    return _transferred(source, target, overwrite=overwrite, keep=False)


def _transferred(source: Path, target: Path, *, overwrite: bool, keep: bool) -> str:
    """Copy a run under lock; the trace comes last and goes first, so that at no moment it lacks its checkpoint."""
    source = resolved(source)
    target = resolved(target / source.name if target.is_dir() else target)
    if not source.is_file():
        raise TraceError(f"no such file: {source}")
    if source == target:
        raise TraceError(f"{source} is there already")
    if target.exists() and not overwrite:
        raise TraceError(f"{target} exists already; choose another name or allow --overwrite")
    if not target.parent.is_dir():
        raise TraceError(f"there is no folder {target.parent}")
    locks = []
    try:
        locks = [FileLock(source)]
        locks.append(FileLock(target))
        repair(source)
        (done := _all_of_it(source, target)).append(target.name)
        if not keep:
            source.unlink()
            sync_folder(source)
            for beside in _companions(source):
                beside.unlink(missing_ok=True)
    finally:
        for lock in locks:
            lock.release()
    return f"{', '.join(done)} {'copied' if keep else 'moved'} to {target.parent}"


def _companions(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in COMPANIONS]


def _all_of_it(source: Path, target: Path) -> list[str]:
    done = []
    for old, new in [*zip(_companions(source), _companions(target), strict=True), (source, target)]:
        if old.exists():
            with open(old, "rb") as stream:
                put_in_place(write_aside(new, lambda to, stream=stream: shutil.copyfileobj(stream, to)), new)
            done.append(new.name)
        else:
            new.unlink(missing_ok=True)  # of a run that is replaced
    return done[:-1]


# -- export -----------------------------------------------------------------------------------------------------


def export_command(given: Namespace) -> int:
    """Write a trace for another program."""
    from biocredit.analysis.interchange.export import ENDINGS, export
    from biocredit.protocols.commands import recordings

    path = Path(given.trace)
    require_sound([path])
    if given.to == "nwb":
        return recordings.export(given)
    target = Path(given.output or path.with_suffix(ENDINGS[given.to]).name)
    print(export(path, given.to, target, overwrite=given.overwrite))
    return 0
