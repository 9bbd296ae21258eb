"""One writer a file, and a counter by which readers notice that the file changes under them.

The lock is an ``flock`` on ``<file>.lock``: the kernel releases it when the process ends, however it ends, and the
file itself stays unlocked, so that a notebook can read a run that is going on. The lock file holds the number of
commits so far and the writer's process id.
"""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

from biocredit.analysis.trace.schema import TraceError


def lock_path(path: Path) -> Path:
    """Where the lock of `path` lies."""
    return path.with_name(path.name + ".lock")


class FileLock:
    """The right to write `path`, held until `release`.

    Raises
    ------
    TraceError
        If another process, or this one, is writing the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = lock_path(path)
        self._stream, self._commits = None, 0
        while self._stream is None:
            self._stream = self._acquire(path)
        self.count()

    def _acquire(self, path: Path) -> io.FileIO | None:
        """The locked stream, or None where the previous holder removed the file between opening and locking."""
        try:
            stream = io.FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        except OSError as error:
            raise TraceError(f"cannot write {path}: {error.strerror}") from None
        if not _try_lock(stream, exclusive=True):
            holder = (stream.read().decode(errors="replace").split() or ["?"])[-1]
            stream.close()
            raise TraceError(f"{path} is being written by process {holder}; wait for it or choose another file")
        if self._path.exists() and os.path.samestat(os.fstat(stream.fileno()), os.stat(self._path)):
            return stream
        stream.close()
        return None

    def count(self) -> None:
        """Tell readers that the file is about to change."""
        self._commits += 1
        self._stream.seek(0)
        self._stream.write(f"{self._commits:020d} {os.getpid():<10d}\n".encode())

    def release(self) -> None:
        """Let others write."""
        if not self._stream.closed:
            with self._stream:
                self._path.unlink(missing_ok=True)


def _try_lock(stream: io.RawIOBase, *, exclusive: bool, tries: int = 3) -> bool:
    """Lock an open file; a few tries, because `is_locked` holds the lock for an instant."""
    import fcntl

    for _ in range(tries):
        try:
            fcntl.flock(stream, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.01)
    return False


def is_locked(path: Path) -> bool:
    """Whether somebody is writing `path` at this moment."""
    try:
        with open(lock_path(path), "rb", buffering=0) as stream:
            return not _try_lock(stream, exclusive=False, tries=1)
    except FileNotFoundError:
        return False


def state_token(path: Path) -> tuple:
    """A value that changes whenever the content of `path` changes."""
    stat = os.stat(path)
    try:
        commits = lock_path(path).read_bytes()
    except FileNotFoundError:
        commits = b""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, commits
