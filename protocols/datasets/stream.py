"""Images that are decoded by threads ahead of whoever reads them, or mapped into memory; in bounded memory."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from biocredit.protocols.datasets.folders import ImageFolder
from biocredit.protocols.datasets.formats import DataError
from jaxtyping import Int, Int32, UInt8

#: Bytes of decoded images that are held ready at most.
MEMORY = 512_000_000


@dataclass(frozen=True)
class Row:
    """A batch of images that is being decoded."""

    images: np.ndarray
    parts: tuple[Future, ...]

    def whole(self) -> np.ndarray:
        """Wait for the last image; what went wrong with one is raised here."""
        wait(self.parts)
        for part in self.parts:
            part.result()
        return self.images


class Stream:
    """Batches of the images of a folder.

    Who knows which batches come next says so with :meth:`expect`; they are decoded in that order while earlier ones
    are in use. A batch that is expected several times (seeds of equal order) is decoded once where memory allows.
    Other batches are decoded when they are read.

    Parameters
    ----------
    folder
        The images.
    size
        Rows and columns of a decoded image.
    workers
        Threads (Pillow decodes outside of Python's lock); by default one for each core.
    memory
        Bytes of decoded images to hold ready at most.
    """

    def __init__(self, folder: ImageFolder, size: int, *, workers: int | None = None, memory: int = MEMORY):
        self.folder, self.size, self.memory = folder, size, memory
        self._pool = ThreadPoolExecutor(workers or os.cpu_count(), "images")
        self._lock = threading.Lock()
        self._ready: dict[bytes, Row] = {}
        self._coming: deque[bytes] = deque()
        self._wanted: Counter[bytes] = Counter()
        self.decoded = 0

    @property
    def held(self) -> int:
        """Bytes of decoded images that are held ready, or on the way."""
        return sum(row.images.nbytes for row in self._ready.values())

    def expect(self, rows: Iterable[Int[np.ndarray, " trial"]]) -> None:
        """Say which batches will be read next, in order; what was expected before and is not named again is let go."""
        keys = [_key(row) for row in rows]
        with self._lock:
            self._wanted = Counter(keys)
            self._ready = {key: row for key, row in self._ready.items() if key in self._wanted}
            self._coming = deque(key for key in dict.fromkeys(keys) if key not in self._ready)
            self._begin()

    def read(self, row: Int[np.ndarray, " trial"]) -> UInt8[np.ndarray, "trial size size 3"]:
        """Return the images with these numbers.

        Raises
        ------
        DataError
            If a file is no readable image, with its name.
        """
        key = _key(row)
        with self._lock:
            found = self._ready.get(key)
            if found is None:
                found = self._submit(key)
                if key in self._coming:
                    self._coming.remove(key)
            self._wanted[key] -= 1
            if self._wanted[key] <= 0:
                del self._wanted[key]
                self._ready.pop(key, None)
            self._begin()
        return found.whole()

    def _begin(self) -> None:
        """Begin to decode what comes next, as far as memory allows."""
        while self._coming and self.held + self._bytes(self._coming[0]) <= self.memory:
            key = self._coming.popleft()
            self._ready[key] = self._submit(key)

    def _submit(self, key: bytes) -> Row:
        numbers = np.frombuffer(key, np.int64)
        images = np.empty((len(numbers), self.size, self.size, 3), np.uint8)
        self.decoded += len(numbers)

        def one(place: int) -> None:
            images[place] = self.folder.read([numbers[place]], self.size)[0]

        return Row(images, tuple(self._pool.submit(one, place) for place in range(len(numbers))))

    def _bytes(self, key: bytes) -> int:
        return len(key) // 8 * self.size**2 * 3


class Mapped:
    """Images of a NumPy file that is mapped into memory: the computer reads, and lets go of, what it needs.

    Parameters
    ----------
    path
        File of bytes ``[n, row, column, colour]``.

    Raises
    ------
    DataError
        If it holds something else.
    """

    def __init__(self, path: Path):
        self.images = _mapped(path)
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            found = f"{self.images.dtype} of shape {self.images.shape}"
            raise DataError(f"{path}: wanted bytes [n, row, column, colour], got {found}")

    def expect(self, rows: Iterable[Int[np.ndarray, " trial"]]) -> None:
        """Nothing to make ready: the computer reads ahead."""

    def read(self, row: Int[np.ndarray, " trial"]) -> UInt8[np.ndarray, "trial y x colour"]:
        """Return the images with these numbers; the file is read in order."""
        order = np.argsort(row)
        images = np.empty((len(row), *self.images.shape[1:]), np.uint8)
        images[order] = self.images[np.asarray(row)[order]]
        return images


def numbers(path: Path, count: int) -> Int32[np.ndarray, " n"]:
    """Read the class numbers of so many images from a NumPy file."""
    found = _mapped(path)
    if found.shape != (count,) or found.dtype.kind not in "iu" or found.min() < 0:
        raise DataError(f"{path}: wanted {count} class numbers from 0 on, got {found.dtype} of shape {found.shape}")
    return np.array(found, np.int32)


def _mapped(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as failure:
        raise DataError(f"{path}: no NumPy file ({' '.join(str(failure).split())})") from None


def _key(row: np.ndarray) -> bytes:
    return np.asarray(row, np.int64).tobytes()
