"""A file as it is after its last commit, for reading: an interrupted commit is completed in memory, not on the disk."""

from __future__ import annotations

import io
import os
from pathlib import Path

from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.storage.durable import WriteError, read_at
from biocredit.analysis.trace.storage.journal import MARK, Journal, belongs, journal_path, read_journal
from biocredit.analysis.trace.storage.seal import Seal

PAGE = 4096


class RecoveredFile(io.RawIOBase):
    """A file as it is after its last commit, read only; an interrupted commit is completed in memory.

    Parameters
    ----------
    path : Path
        An existing file.

    Raises
    ------
    TraceError
        If a journal lies beside the file that is damaged or belongs to another file, or is missing.

    Attributes
    ----------
    pending : bool
        Whether an interrupted commit was completed.
    """

    mode = "rb"

    def __init__(self, path: Path) -> None:
        journal, self._path = read_journal(path), path
        self._disk = io.FileIO(path, self.mode)
        self._base = self._size = self._disk.seek(0, os.SEEK_END)
        self._position = 0
        self._pages: dict[int, bytearray] = {}  # changed pages below the end of the file on disk
        self._tail = bytearray()  # everything beyond it
        self.pending = journal is not None
        self._seal = None if journal else Seal.of(self._disk, self._base)
        if journal:
            self._recover(path, journal)
        elif self._seal:
            self._size = self._seal.size
        elif read_at(self._disk, max(0, self._base - len(MARK)), len(MARK)) == MARK:
            self._disk.close()
            raise TraceError(
                f"{path} was copied in the middle of a commit without {journal_path(path).name}: copy that file along"
            )

    @property
    def sealed(self) -> bool:
        """Whether what is read is compared with checksums."""
        return self._seal is not None

    def _recover(self, path: Path, journal: Journal) -> None:
        if not belongs(journal, self._disk, self._base):
            self._disk.close()
            raise TraceError(f"{journal_path(path)} does not belong to {path.name}: move it away")
        for offset, data in journal.blocks:
            self._put(offset, data)
        self._put(journal.new_size, bytes(self._base - journal.new_size))  # the mark, and what a later commit had begun
        self._size = journal.new_size

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Position of the next read or write."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position."""
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill a buffer from the disk and from what lies over it."""
        view = memoryview(buffer).cast("B")
        start, stop = self._position, min(self._position + len(view), self._size)
        if stop <= start:
            return 0
        below = max(0, min(stop, self._base) - start)
        if below:
            data = self._read_base(start, below)
            if len(data) < below:
                raise WriteError(f"{self._path} was cut short by another program while it was open")
            view[:below] = data
        if start + below < stop:
            view[below : stop - start] = self._tail[start + below - self._base : stop - self._base]
        self._position = stop
        return stop - start

    def _read_base(self, start: int, length: int) -> bytearray:
        """Bytes below the end of the file on disk, with the changed pages laid over them."""
        data = self._seal.read(self._disk, start, length) if self._seal else read_at(self._disk, start, length)
        for number in range(start // PAGE, (start + length - 1) // PAGE + 1):
            page = self._pages.get(number)
            if page is not None:
                low, high = max(start, number * PAGE), min(start + length, number * PAGE + len(page))
                data[low - start : high - start] = page[low - number * PAGE : high - number * PAGE]
        return data

    def _put(self, offset: int, data: bytes | memoryview) -> None:
        """Keep a change in memory."""
        below = max(0, min(len(data), self._base - offset))
        for start in range(offset - offset % PAGE, offset + below, PAGE) if below else ():
            page = self._page(start // PAGE)
            low, high = max(offset, start), min(offset + below, start + len(page))
            page[low - start : high - start] = data[low - offset : high - offset]
        if below < len(data):
            first, end = offset + below - self._base, offset + len(data) - self._base
            self._tail.extend(bytes(max(0, first - len(self._tail))))
            self._tail[first:end] = data[below:]
        self._size = max(self._size, offset + len(data))

    def _page(self, number: int) -> bytearray:
        if number not in self._pages:
            self._pages[number] = read_at(self._disk, number * PAGE, min(PAGE, self._base - number * PAGE))
        return self._pages[number]

    def close(self) -> None:
        """Close the file on the disk; what was not committed is dropped."""
        if hasattr(self, "_disk"):
            self._disk.close()
        super().close()
