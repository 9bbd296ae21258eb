"""The seal of a finished file: checksums of all its parts, behind its end, where HDF5 does not look.

HDF5 may crash, or never come back, on bytes that a disk or a transfer has changed. A sealed file is checked part by
part as it is read, before HDF5 sees the bytes; what has been changed is then said in one line, damaged numbers
included. The seal is put there when a run ends, and goes when the file is written again, by whatever program.
"""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
from biocredit.analysis.trace.storage.durable import read_at, write_at

MAGIC = b"BIOCREDIT SEAL 1"
PART = 64 * 1024  # bytes with one checksum
END = struct.Struct("<QI16s")  # bytes that are sealed, checksum of the checksums, magic: the last bytes of the file


class Damaged(ValueError):
    """Bytes are not what was written."""


class Seal:
    """Checksums of the parts of a file.

    Parameters
    ----------
    size : int
        Bytes that are sealed.
    sums : ndarray
        CRC-32 of each part.
    """

    def __init__(self, size: int, sums: np.ndarray) -> None:
        self.size, self._sums = size, sums
        self._seen = np.zeros(len(sums), bool)

    @classmethod
    def of(cls, disk: io.RawIOBase, end: int) -> Seal | None:
        """The seal of a file that ends at `end`, or None where there is none, or none that fits."""
        found = read_at(disk, max(0, end - END.size), END.size)
        if len(found) < END.size or not found.endswith(MAGIC):
            return None
        size, check, _ = END.unpack(found)
        length = 4 * -(-size // PART)
        if size + length + END.size != end or zlib.crc32(table := read_at(disk, size, length)) != check:
            return None
        return cls(size, np.frombuffer(table, "<u4"))

    def read(self, disk: io.RawIOBase, start: int, length: int) -> bytearray:
        """Bytes of the file, each of whose parts is compared with its checksum when it is read first.

        Raises
        ------
        Damaged
            If they are not what was written.
        """
        first, last = start // PART, (start + length - 1) // PART
        if self._seen[first : last + 1].all():
            return read_at(disk, start, length)
        low = first * PART
        data = read_at(disk, low, min((last + 1) * PART, self.size) - low)
        for number in range(first, last + 1):
            part = memoryview(data)[(number - first) * PART : (number - first + 1) * PART]
            if zlib.crc32(part) != self._sums[number]:
                raise Damaged(f"bytes {number * PART} to {number * PART + len(part) - 1} are not what was written")
            self._seen[number] = True
        return data[start - low : start - low + length]


def put_seal(disk: io.RawIOBase, size: int) -> None:
    """Seal a file of `size` bytes that nobody writes any more."""
    parts = (read_at(disk, start, min(PART, size - start)) for start in range(0, size, PART))
    table = np.array([zlib.crc32(part) for part in parts], "<u4").tobytes()
    write_at(disk, size, table + END.pack(size, zlib.crc32(table), MAGIC))
    os.fsync(disk.fileno())
