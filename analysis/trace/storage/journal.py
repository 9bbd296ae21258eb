"""The journal of a commit: the blocks of a file that are about to change in place, stored beside it until they have.

A journal exists completely or not at all (it is written aside and renamed), carries a digest of itself, and a digest
of what the commit leaves as it is in the file, by which a stray journal is recognised.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from biocredit.analysis.trace.schema import TraceError

MAGIC = b"BIOCRJ01"
HEAD = struct.Struct("<8s16sQQQ16s")  # magic, digest of all that follows, old size, new size, number of blocks, witness
BLOCK = struct.Struct("<QQ")  # offset, length
WITNESSED = 64 * 1024  # bytes before the old end that must be the same for a journal to belong to a file

Blocks = list[tuple[int, bytes]]


class Journal(NamedTuple):
    """An interrupted commit: what the file becomes when all `blocks` are in place."""

    old_size: int
    new_size: int
    witness: bytes
    blocks: Blocks


def journal_path(path: Path) -> Path:
    """Where the journal of `path` lies."""
    return path.with_name(path.name + ".journal")


def write_at(stream: io.RawIOBase, offset: int, data: bytes | memoryview) -> None:
    """Write all of `data` at `offset`."""
    stream.seek(offset)
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def read_at(stream: io.RawIOBase, offset: int, length: int) -> bytearray:
    """The bytes from `offset` on, `length` of them or as many as there are."""
    stream.seek(offset)
    data = bytearray(length)
    done = 0
    while done < length and (got := stream.readinto(memoryview(data)[done:])):
        done += got
    return data[:done]


def write_aside(path: Path, data: bytes | bytearray) -> Path:
    """Write the future content of `path` under another name, and return that; a failure leaves nothing behind."""
    aside = path.with_name(path.name + ".new")
    try:
        with open(aside, "wb", buffering=0) as stream:
            write_at(stream, 0, data)
            os.fsync(stream.fileno())
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    return aside


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


def write_journal(path: Path, journal: Journal) -> None:
    """Store the blocks that are about to change in place."""
    body = b"".join(BLOCK.pack(offset, len(data)) + data for offset, data in journal.blocks)
    fields = (journal.old_size, journal.new_size, len(journal.blocks), journal.witness)
    head = HEAD.pack(MAGIC, bytes(16), *fields)[24:]
    target = journal_path(path)
    os.replace(write_aside(target, MAGIC + digest(head, body) + head + body), target)


def read_journal(path: Path) -> Journal | None:
    """The interrupted commit of a file, or None where there is none."""
    try:
        data = journal_path(path).read_bytes()
    except FileNotFoundError:
        return None
    if len(data) < HEAD.size or data[:8] != MAGIC or digest(data[24:]) != data[8:24]:
        raise TraceError(f"{journal_path(path)} is damaged or no journal: move it away")
    _, _, old_size, new_size, count, seen = HEAD.unpack_from(data)
    return Journal(old_size, new_size, seen, list(_unpack(data, count)))


def _unpack(data: bytes, count: int) -> Iterator[tuple[int, bytes]]:
    position = HEAD.size
    for _ in range(count):
        offset, length = BLOCK.unpack_from(data, position)
        position += BLOCK.size + length
        yield offset, data[position - length : position]
