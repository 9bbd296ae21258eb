"""The journal of a commit: the blocks of a file that are about to change in place, stored beside it until they have.

A journal exists completely or not at all (it is written aside and renamed) and carries a digest of itself. It knows the
file that it belongs to by content: a digest of what the commit leaves as it is, and a checksum of every sector that it
changes, each of which must be found as it was before or as it becomes. A journal of another file, or of an
earlier moment of the same file, is refused.

While its blocks are being put in place, the file ends with a mark (:data:`MARK`), by which a copy that was taken
without the journal is recognised.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.storage.durable import read_at, write_aside, write_at

MAGIC, MAGIC_1 = b"BIOCRJ02", b"BIOCRJ01"  # the first version knows no sectors
HEAD = struct.Struct("<8s16sQQQ16s")  # magic, digest of all that follows, old size, new size, number of blocks, witness
BLOCK = struct.Struct("<QQ")  # offset, length
WITNESSED = 64 * 1024  # bytes before the old end that must be the same for a journal to belong to a file
SECTOR = 512  # bytes that a disk writes together
MARK = b"BIOCREDIT: A COMMIT IS UNDER WAY"  # at the end of a file whose journal is being put in place

Blocks = list[tuple[int, bytes]]


class Journal(NamedTuple):
    """An interrupted commit: what the file becomes when all `blocks` are in place.

    Attributes
    ----------
    old_size, new_size : int
        Bytes of the file before and after.
    witness : bytes
        See `witness`.
    blocks : list of (int, bytes)
        Offset and new content of what changes in place.
    before : list of bytes
        See `checksums`, of the old content of each block; empty in a journal of the first version.
    """

    old_size: int
    new_size: int
    witness: bytes
    blocks: Blocks
    before: list[bytes]


def journal_path(path: Path) -> Path:
    """Where the journal of `path` lies."""
    return path.with_name(path.name + ".journal")


def digest(*parts: bytes | bytearray) -> bytes:
    """16 bytes that stand for the parts."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(part)
    return state.digest()


def witness(disk: io.RawIOBase, old_size: int, new_size: int, blocks: Blocks) -> bytes:
    """Digest of what the commit adds and of what it leaves as it is before: the same at any moment of the commit."""
    start = max(0, min(old_size, new_size) - WITNESSED)
    data = read_at(disk, start, new_size - start)
    for offset, block in blocks:
        low, high = (min(max(edge - start, 0), len(data)) for edge in (offset, offset + len(block)))
        data[low:high] = bytes(high - low)
    return digest(data)


def checksums(data: bytes | bytearray) -> bytes:
    """Four bytes for each sector."""
    sums = [zlib.crc32(data[start : start + SECTOR]) for start in range(0, len(data), SECTOR)]
    return np.array(sums, "<u4").tobytes()


def belongs(journal: Journal, disk: io.RawIOBase, size: int) -> bool:
    """Whether a file of `size` bytes is one whose commit this journal holds, at whatever moment it was interrupted."""
    if size < journal.new_size:
        return False
    if witness(disk, journal.old_size, journal.new_size, journal.blocks) != journal.witness:
        return False
    if not journal.before:  # first version
        return True
    found = [checksums(read_at(disk, offset, len(after))) for offset, after in journal.blocks]
    found, before, after = (
        np.frombuffer(b"".join(sums), "<u4")
        for sums in (found, journal.before, [checksums(data) for _, data in journal.blocks])
    )
    if found.size != before.size:
        return False
    old, new = found == before, found == after
    odd = np.flatnonzero(~(old | new))
    # at most one sector is neither: where a kill cut the writing in two, with all before it new and all after it old
    return odd.size == 0 or (odd.size == 1 and bool(np.all(new[: odd[0]]) and np.all(old[odd[0] + 1 :])))


def write_journal(path: Path, journal: Journal) -> Path:
    """Store the blocks that are about to change in place; the commit happens when what is returned gets its name."""
    parts = [BLOCK.pack(offset, len(data)) + data for offset, data in journal.blocks]
    body = b"".join([*parts, *journal.before])
    fields = (journal.old_size, journal.new_size, len(journal.blocks), journal.witness)
    head = HEAD.pack(MAGIC, bytes(16), *fields)[24:]
    content = MAGIC + digest(head, body) + head + body
    return write_aside(journal_path(path), lambda stream: write_at(stream, 0, content))


def read_journal(path: Path) -> Journal | None:
    """The interrupted commit of a file, or None where there is none."""
    try:
        data = journal_path(path).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        if len(journal_path(path).name.encode()) > 255:  # a name under which no journal can lie
            return None
        raise TraceError(f"{journal_path(path)} cannot be read: {error.strerror}") from None
    if len(data) < HEAD.size or data[:8] not in (MAGIC, MAGIC_1) or digest(data[24:]) != data[8:24]:
        raise TraceError(f"{journal_path(path)} is damaged or no journal: move it away")
    _, _, old_size, new_size, count, seen = HEAD.unpack_from(data)
    try:
        blocks, end = _unpack(data, count)
    except struct.error:
        raise TraceError(f"{journal_path(path)} is damaged: move it away") from None
    before = list(_split(data[end:], blocks)) if data[:8] == MAGIC else []
    return Journal(old_size, new_size, seen, blocks, before)


def _unpack(data: bytes, count: int) -> tuple[Blocks, int]:
    position, blocks = HEAD.size, []
    for _ in range(count):
        offset, length = BLOCK.unpack_from(data, position)
        position += BLOCK.size + length
        if position > len(data):
            raise struct.error
        blocks.append((offset, data[position - length : position]))
    return blocks, position


def _split(data: bytes, blocks: Blocks) -> Iterator[bytes]:
    """The checksums that follow the blocks, those of each block."""
    position = 0
    for _, block in blocks:
        length = 4 * -(-len(block) // SECTOR)
        yield data[position : position + length].ljust(length, b"\0")
        position += length
