"""A file whose changes reach the disk all together or not at all, however the process ends.

HDF5 changes a file in place, so a program killed in the middle of a flush leaves a file that cannot be opened.
`AtomicFile` stands between HDF5 and the disk (``h5py.File(atomic_file)``): every write stays in memory until
`AtomicFile.commit`, which

1. writes what lies beyond the old end of the file (nothing refers to it yet),
2. writes the blocks that change in place to ``<file>.journal`` (aside, then renamed: the commit has happened),
3. marks the end of the file, writes the same blocks in place, takes the mark away, and
4. removes the journal.

Before each step the one before has reached the disk, also the name of the journal (`durable.put_in_place`): a power cut
is survived like a kill. A journal that is found on opening is a commit that was interrupted in step 3. `RecoveredFile`
lays it over the file in memory and never writes; `AtomicFile` does the same and writes it in place with its next commit
(`repair` does only that). The journal knows the file that it belongs to by its content, so that a stray one is refused;
a file that bears the mark and has no journal was copied without it. A file that does not exist yet is written aside and
renamed, so that it appears whole. A file that is complete gets checksums of all that is in it (`seal`).
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.storage import recovered_file
from biocredit.analysis.trace.storage.durable import (
    WriteError,
    put_in_place,
    read_at,
    sync_folder,
    write_aside,
    write_at,
)
from biocredit.analysis.trace.storage.journal import (
    MARK,
    Blocks,
    Journal,
    checksums,
    journal_path,
    witness,
    write_journal,
)
from biocredit.analysis.trace.storage.recovered_file import RecoveredFile
from biocredit.analysis.trace.storage.seal import put_seal


class AtomicFile(RecoveredFile):
    """A file object for ``h5py.File`` that writes to the disk only in `commit`.

    Parameters
    ----------
    path : Path
        The file; made by the first commit if `new`.
    new : bool
        Start from nothing; the first commit replaces a file that is there.
    announce : callable
        Called when a commit has become certain and is about to change the file in place.
    """

    mode = "r+b"

    def __init__(self, path: Path, *, new: bool, announce: Callable[[], None]) -> None:
        self._path, self._new, self._announce = path, new, announce
        if new:
            self._disk, self._base, self._size, self._position = io.BytesIO(), 0, 0, 0
            self._pages, self._tail, self.pending, self._seal = {}, bytearray(), False, None
        else:
            super().__init__(path)
            if self._seal:  # it goes with the first commit
                self._put(self._seal.size, bytes(self._base - self._seal.size))
                self._size = self._seal.size
        self._due: tuple[int, Blocks] | None = None  # size and blocks of a commit that is certain and not in place

    def fileno(self) -> int:
        """Descriptor of the file on the disk, for a lock on it; OSError before the first commit of a new file."""
        return self._disk.fileno()

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: bytes | memoryview) -> int:
        """Keep a change in memory."""
        view = memoryview(data).cast("B")
        self._put(self._position, view)
        self._position += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the size that the file has after the next commit."""
        size = self._position if size is None else size
        if size < self._size:
            del self._tail[max(0, size - self._base) :]
        elif size > max(self._size, self._base):
            self._tail.extend(bytes(size - self._base - len(self._tail)))
        self._size = size
        return size

    def commit(self) -> None:
        """Bring every change since the last commit to the disk, all or nothing.

        Raises
        ------
        TraceError
            If the disk refuses (full, read-only, gone). The file stays as it was after the last commit, the changes
            stay in memory, and `commit` may be called again.
        """
        try:
            self._publish() if self._new else self._update()
        except OSError as error:
            raise WriteError(
                f"cannot write {self._path}: {error.strerror or error}; it keeps what was committed before"
            ) from error
        self._pages, self._tail, self._base, self.pending, self._seal = {}, bytearray(), self._size, False, None

    def seal(self) -> None:
        """Add the checksums of a file that is complete as it was committed, if there is room for them."""
        with contextlib.suppress(OSError):
            put_seal(self._disk, self._base)

    def require_same_file(self) -> None:
        """Refuse to go on with a file that is no longer the one that was opened, or no longer as it was left.

        Raises
        ------
        WriteError
            In one line.
        """
        try:
            there, mine = os.stat(self._path), os.fstat(self._disk.fileno())
        except FileNotFoundError:
            raise WriteError(f"{self._path} was deleted, moved or renamed while it was being written") from None
        if not os.path.samestat(there, mine):
            raise WriteError(f"{self._path} was replaced by another file while it was being written")
        if mine.st_size < min(self._base, self._size):
            raise WriteError(f"{self._path} was cut short by another program while it was open")

    def _publish(self) -> None:
        aside = write_aside(self._path, lambda stream: write_at(stream, 0, self._tail))
        if journal_path(self._path).exists():  # of the file that is replaced
            journal_path(self._path).unlink()
            sync_folder(self._path)
        put_in_place(aside, self._path)
        self._disk, self._new = io.FileIO(self._path, self.mode), False

    def _update(self) -> None:
        self.require_same_file()
        if self._due is not None:
            sync_folder(self._path)
            self._put_in_place(*self._due)
        if self.pending:  # a block that is in place needs no journal only if it has reached the disk
            os.fsync(self._disk.fileno())
        blocks = list(self._changed())
        if not blocks and self._size == self._base and not self.pending:
            return
        if self._tail:
            self._append()
        seen = witness(self._disk, self._base, self._size, blocks)
        before = [checksums(read_at(self._disk, offset, len(data))) for offset, data in blocks]
        aside = write_journal(self._path, Journal(self._base, self._size, seen, blocks, before))
        try:
            put_in_place(aside, journal_path(self._path))
        finally:
            if not aside.exists():
                self._certain(blocks)
        self._announce()
        self._put_in_place(self._size, blocks)

    def _certain(self, blocks: Blocks) -> None:
        """The commit has happened: whatever fails from here on, its blocks come before anything else."""
        self._due, self._base, self._tail, self.pending = (self._size, blocks), self._size, bytearray(), False
        for number, page in self._pages.items():
            whole = min(recovered_file.PAGE, max(0, self._base - number * recovered_file.PAGE))
            page += read_at(self._disk, number * recovered_file.PAGE + len(page), max(0, whole - len(page)))
            del page[whole:]

    def _put_in_place(self, size: int, blocks: Blocks) -> None:
        with contextlib.suppress(OSError):  # no room for a mark: the journal is what counts
            write_at(self._disk, self._disk.seek(0, os.SEEK_END), MARK)
        for offset, data in blocks:
            write_at(self._disk, offset, data)
        self._disk.truncate(size)
        os.fsync(self._disk.fileno())
        journal_path(self._path).unlink(missing_ok=True)
        self._due = None

    def _append(self) -> None:
        try:
            write_at(self._disk, self._base, self._tail)
            os.fsync(self._disk.fileno())
        except OSError:
            self._disk.truncate(self._base)
            raise

    def _changed(self) -> Iterator[tuple[int, bytes]]:
        """Runs of neighbouring pages that differ from the disk."""
        start, run = 0, bytearray()
        for number in sorted(self._pages):
            offset = number * recovered_file.PAGE
            page = self._pages[number][: max(0, self._size - offset)]
            if not page or page == read_at(self._disk, offset, len(page)):
                continue
            if run and start + len(run) != offset:
                yield start, bytes(run)
                run = bytearray()
            start = start if run else offset
            run += page
        if run:
            yield start, bytes(run)


def repair(path: Path) -> str:
    """Put the pending journal of a file that nobody writes in place, and say what was done.

    Parameters
    ----------
    path : Path
        The file.
    """
    if not path.exists():
        raise TraceError(f"no such file: {path}")
    with AtomicFile(path, new=False, announce=lambda: None) as stream:
        if not stream.pending:
            return f"{path}: no commit is pending, nothing to repair"
        stream.commit()
    return f"{path}: the commit that {journal_path(path).name} held is in place"
