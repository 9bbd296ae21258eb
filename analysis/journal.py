"""The journal of a commit: the blocks of a file that are about to change in place, stored beside it until they have.

A journal exists completely or not at all (it is written aside and renamed), carries a digest, and names the file that
it belongs to.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from analysis.trace_schema import TraceError

MAGIC = b"BIOCRJ01"
HEAD = struct.Struct("<8s16sQQ32s")  # magic, digest of all that follows, size of the file, number of blocks, identity
BLOCK = struct.Struct("<QQ")  # offset, length

Blocks = list[tuple[int, bytes]]


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


def write_journal(path: Path, size: int, identity: bytes, blocks: Blocks) -> None:
    """Store the blocks that are about to change in place."""
    body = b"".join(BLOCK.pack(offset, len(data)) + data for offset, data in blocks)
    fields = (size, len(blocks), identity)
    digest = hashlib.blake2b(struct.pack("<QQ32s", *fields) + body, digest_size=16).digest()
    journal = journal_path(path)
    os.replace(write_aside(journal, HEAD.pack(MAGIC, digest, *fields) + body), journal)


def read_journal(path: Path) -> tuple[int, bytes, Blocks] | None:
    """Size, identity and blocks of an interrupted commit, or None where there is none."""
    try:
        data = journal_path(path).read_bytes()
    except FileNotFoundError:
        return None
    if len(data) < HEAD.size or data[:8] != MAGIC or hashlib.blake2b(data[24:], digest_size=16).digest() != data[8:24]:
        raise TraceError(f"{journal_path(path)} is damaged: it is no journal of {path.name}")
    _, _, size, count, identity = HEAD.unpack_from(data)
    return size, identity.rstrip(b"\0"), list(_unpack(data, count))


def _unpack(data: bytes, count: int) -> Iterator[tuple[int, bytes]]:
    position = HEAD.size
    for _ in range(count):
        offset, length = BLOCK.unpack_from(data, position)
        position += BLOCK.size + length
        yield offset, data[position - length : position]
