"""One writer a file, and a counter by which readers notice that the file changes under them.

Two locks. An ``flock`` on ``<file>.lock`` says that the *name* is being written; a lock on the inode itself, far beyond
its end and of the kind that belongs to an open file (Linux), says that the *file* is, by whatever hard link it is
reached. The kernel releases both when the process ends, however it ends. The inode's lock is not the kind that HDF5
itself asks for, so a notebook can read a run that is going on with any program. The lock file holds the number of
commits so far, the writer's process id and its computer.

Where the file system has no locks, or the system no ``fcntl``, a warning says so once a file and the lock file alone
keeps others out; after a crash it is taken over if its process is gone.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import platform
import struct
import sys
import time
import warnings
from pathlib import Path

from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.storage.durable import LONGEST_NAME, WriteError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
REFUSING_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}
RESERVE = 64 * 1024  # bytes that the lock file keeps, to be given up when the disk is full
HEAD = 96  # bytes of the lock file that say something
RANGE = struct.pack("hhqqi4x", 1, 0, 2**62, 1, 0)  # struct flock: write lock, from the start, place, length
FREE = 2  # l_type of a range that nobody has locked


def lock_path(path: Path) -> Path:
    """Where the lock of `path` lies."""
    return path.with_name(path.name + ".lock")


class FileLock:
    """The right to write `path`, held until `release`.

    Parameters
    ----------
    path : Path
        The file, which need not exist.

    Raises
    ------
    TraceError
        If another process, or this one, is writing the file, under this or another name.
    """

    def __init__(self, path: Path) -> None:
        if len(path.name.encode()) > LONGEST_NAME:
            raise TraceError(f"the name {path.name[:20]}... is too long: at most {LONGEST_NAME} bytes leave room")
        self._path = lock_path(path)
        self._stream, self._inode, self._commits = None, None, 0
        while self._stream is None:
            self._stream = self._acquire(path)
        try:
            self.count()
            self.hold(path)
        except BaseException as failure:
            self.release()
            if isinstance(failure, OSError):
                raise WriteError(f"cannot write {path}: {failure.strerror}") from None
            raise
        with contextlib.suppress(OSError, AttributeError):
            os.posix_fallocate(self._stream.fileno(), 0, RESERVE)

    def _acquire(self, path: Path) -> io.FileIO | None:
        """The locked stream, or None where the previous holder removed the file between opening and locking."""
        try:
            stream = io.FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        except OSError as error:
            kind = WriteError if error.errno in REFUSING_DISKS else TraceError
            raise kind(f"cannot write {path}: {error.strerror}") from None
        try:
            locked = _try_lock(stream, exclusive=True)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                stream.close()
                raise WriteError(f"cannot lock {path}: {error.strerror}") from None
            locked = not _holder_lives(stream)
            if locked:
                text = f"no locks where {path} lies: {self._path.name} alone keeps a second writer out"
                warnings.warn(text, stacklevel=5)
        if not locked:
            holder = _holder(stream)[0]
            stream.close()
            raise TraceError(f"{path} is being written by process {holder}; wait for it or choose another file")
        if self._path.exists() and os.path.samestat(os.fstat(stream.fileno()), os.stat(self._path)):
            return stream
        stream.close()
        return None

    def hold(self, path: Path) -> None:
        """Lock the inode that `path` names now, in place of the one before."""
        if self._inode is not None:
            os.close(self._inode)
            self._inode = None
        with contextlib.suppress(OSError):
            self._inode = os.open(path, os.O_RDWR)
        if self._inode is not None and _inode_lock(self._inode, take=True):
            raise TraceError(f"{path} is being written under another name (a hard link); wait or choose another file")

    def count(self) -> None:
        """Tell readers that the file is about to change."""
        self._commits += 1
        text = f"{self._commits:020d} {os.getpid():<10d} {platform.node()[:60]}"
        self._stream.seek(0)
        self._stream.write(text.encode(errors="replace")[: HEAD - 1].ljust(HEAD - 1) + b"\n")

    def spare(self) -> None:
        """Give up the reserved bytes, so that on a full disk a run can still say that it failed."""
        with contextlib.suppress(OSError):
            self._stream.truncate(HEAD)
            os.fsync(self._stream.fileno())

    def release(self) -> None:
        """Let others write."""
        if self._inode is not None:
            os.close(self._inode)
            self._inode = None
        if not self._stream.closed:
            with self._stream, contextlib.suppress(OSError):  # the folder is gone or has become read-only
                self._path.unlink(missing_ok=True)


def _try_lock(stream: io.RawIOBase, *, exclusive: bool, tries: int = 3) -> bool:
    """Lock an open file; a few tries, because `is_locked` holds the lock for an instant."""
    if fcntl is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    for _ in range(tries):
        try:
            fcntl.flock(stream, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.01)
    return False


def _inode_lock(descriptor: int, *, take: bool) -> bool:
    """Whether somebody else holds the inode's lock; if nobody does, it is taken. False where there is no such lock."""
    if fcntl is None or sys.platform != "linux":
        return False
    try:
        if take:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, RANGE)
            return False
        return struct.unpack("h", fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, RANGE)[:2])[0] != FREE
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EACCES)


def _holder(stream: io.RawIOBase) -> tuple[str, str]:
    """Process id and computer in a lock file."""
    stream.seek(0)
    words = (stream.read(HEAD) or b"").decode(errors="replace").split()
    return (words[1] if len(words) > 1 else "?", words[2] if len(words) > 2 else "")


def _holder_lives(stream: io.RawIOBase) -> bool:
    """Whether the process that a lock file names may still be there (another computer's may)."""
    process, node = _holder(stream)
    if not process.isdigit():
        return False
    if node != platform.node()[:60]:
        return True
    try:
        os.kill(int(process), 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True


def is_locked(path: Path) -> bool:
    """Whether somebody is writing `path` at this moment, under whatever name."""
    with contextlib.suppress(OSError), open(path, "rb", buffering=0) as stream:
        if _inode_lock(stream.fileno(), take=False):
            return True
    try:
        with open(lock_path(path), "rb", buffering=0) as stream:
            try:
                return not _try_lock(stream, exclusive=False, tries=1)
            except OSError:
                return _holder_lives(stream)
    except OSError:
        return False


def state_token(path: Path) -> tuple:
    """A value that changes whenever the content of `path` changes."""
    stat = os.stat(path)
    try:
        with open(lock_path(path), "rb", buffering=0) as stream:
            commits = stream.read(HEAD)
    except OSError:
        commits = b""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, commits
