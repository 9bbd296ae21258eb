"""What it takes until a change has reached the disk: the bytes of a file, and the name under which it is found.

A file's content is safe after an fsync of the file, its name (made, renamed) after an fsync of the folder. Everything
that this program must not lose (traces, journals, checkpoints) is written through these few functions.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from biocredit.analysis.trace.schema import TraceError

NO_FOLDERS = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}  # where a folder cannot be synchronised
ASIDE = ".new"  # appended to a name while the future content is being written
LONGEST_NAME = 255 - len(".checkpoint") - len(ASIDE)  # bytes that leave room for what lies beside a trace


class WriteError(TraceError):
    """The disk refuses: full, read-only, gone, or the file is no longer what was written."""


def write_at(stream: io.RawIOBase, offset: int, data: bytes | memoryview) -> None:
    """Write all of `data` at `offset`."""
    stream.seek(offset)
    done = 0
    with memoryview(data) as whole:  # let go of at once: what holds the data may change its size
        while done < len(whole):
            with whole[done:] as part:
                done += stream.write(part)


def read_at(stream: io.RawIOBase, offset: int, length: int) -> bytearray:
    """The bytes from `offset` on, `length` of them or as many as there are."""
    stream.seek(offset)
    data = bytearray(length)
    done = 0
    while done < length and (got := stream.readinto(memoryview(data)[done:])):
        done += got
    return data[:done]


def write_aside(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Let `write` write the future content of `path` under another name, and return that; a failure leaves nothing."""
    aside = path.with_name(path.name + ASIDE)
    try:
        with io.BufferedWriter(io.FileIO(aside, "wb")) as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
    return aside


def put_in_place(aside: Path, path: Path) -> None:
    """Give what was written aside its name; when this returns, the name is on the disk too."""
    os.replace(aside, path)
    sync_folder(path)


def sync_folder(path: Path) -> None:
    """Bring the names in the folder of `path` to the disk, where the system can do that."""
    try:
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError:  # Windows, and folders that may be written but not read
        return
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in NO_FOLDERS:
            raise
    finally:
        os.close(folder)


def resolved(path: str | Path) -> Path:
    """The file that a path means, all links followed; it need not exist.

    Raises
    ------
    TraceError
        If the path is no name of a file, or its links go round in circles.
    """
    try:
        return Path(path).resolve()
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise TraceError(f"{path!s} is no name of a file: {error}") from None
