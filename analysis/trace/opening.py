"""From a path to an open trace, or to the one line that says why it cannot be opened."""

from __future__ import annotations

from pathlib import Path

import h5py
from biocredit.analysis.trace.first_look import require_sound
from biocredit.analysis.trace.labelled import plain
from biocredit.analysis.trace.schema import FORMAT, FORMAT_VERSION, TraceError, nearest
from biocredit.analysis.trace.storage.file_lock import is_locked
from biocredit.analysis.trace.storage.recovered_file import RecoveredFile
from biocredit.analysis.trace.storage.seal import Damaged
from biocredit.analysis.trace.structure import foreign_parts

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def open_h5(path: Path, token: tuple) -> tuple[RecoveredFile, h5py.File]:
    """Open a trace as it is after its last commit, or say in one line why that cannot be.

    A file that is neither sealed nor being written is looked at in a process of its own first, once in each state.
    """
    if path.is_dir():
        raise TraceError(f"{path} is a directory, not a trace file")
    stream = RecoveredFile(path)
    try:
        if stream.read(len(SIGNATURE)) != SIGNATURE:
            raise TraceError(f"{path} is not an HDF5 file")
        if not (stream.sealed or is_locked(path)):
            require_sound(path, token)
        return stream, _verified(path, stream)
    except BaseException:
        stream.close()
        raise


def _verified(path: Path, stream: RecoveredFile) -> h5py.File:
    try:
        h5 = h5py.File(stream, "r")
    except Exception as error:
        what = "truncated" if "truncated" in str(error) else "damaged"
        why = error if isinstance(error, Damaged) else "HDF5 cannot open it"
        raise TraceError(f"{path} is {what}: {why}") from None
    try:
        _check_format(path, h5)
        for problem in foreign_parts(h5):
            raise TraceError(f"{path} is no trace to be read: {problem}")
    except BaseException:
        h5.close()
        raise
    return h5


def _check_format(path: Path, h5: h5py.File) -> None:
    if plain(h5.attrs.get("format")) != FORMAT:
        raise TraceError(f"{path} is an HDF5 file, but no biocredit trace")
    version = plain(h5.attrs.get("format_version", 0))
    if not isinstance(version, int):
        raise TraceError(f"{path}: format_version is {str(version)[:40]!r}, wanted a whole number")
    if version > FORMAT_VERSION:
        raise TraceError(
            f"{path} has format version {version}; this biocredit reads up to {FORMAT_VERSION}: upgrade it"
        )


def nearest_file(path: Path) -> str:
    """Hint at a trace beside a path that does not exist."""
    return nearest(path.name, (other.name for other in path.parent.glob("*.h5"))) if path.parent.is_dir() else ""


def release(h5: h5py.File, stream: RecoveredFile) -> None:
    """Close both; at the latest when Python exits, because HDF5 cannot call the stream later."""
    h5.close()
    stream.close()
