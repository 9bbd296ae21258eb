"""Power cuts: every prefix of the calls that a run makes, in every order in which a file system may have kept them.

A run (new trace, commits, checkpoints, a resumed stretch, an overwritten file) is recorded call by call: files made,
written, cut, renamed, removed, synchronised. Then the disk is put together as it may look after the power fails:

* strict POSIX: what no fsync has confirmed may or may not be there, each change for itself;
* like ext4: names and lengths in the order of their changes, and all of them with any fsync; contents as above.

What is torn may be torn at any sector. The recording is complete: played to its end it gives the files as they are.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import numpy as np
from biocredit.analysis.trace import first_look
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.storage.journal import journal_path
from biocredit.analysis.trace.writer import TraceWriter
from biocredit.protocols.training import checkpoint

from tests.reliability import Row

SECTOR = 512
SIZE = 40  # values an epoch
Call = tuple[Any, ...]


# -- the run and what it promises -------------------------------------------------------------------------------


class Run:
    """A run whose every epoch is a function of its number; `promises` says what a power cut must leave."""

    def __init__(self, path: Path, calls: list[Call]) -> None:
        self.path, self.calls = path, calls
        self.promises: list[tuple[int, set]] = [(0, {None})]  # from this call on, one of these is found

    def promise(self, held: object, coming: object) -> None:
        """From the next call on either of the two is there."""
        self.promises.append((len(self.calls), {held, coming}))

    def stretch(self, writer: TraceWriter, run: int, first: int, last: int) -> None:
        """Commit epochs, each with its checkpoint."""
        _declare(writer)
        for number in range(first, last + 1):
            values = run + number + np.linspace(0, 0.5, SIZE)
            writer.append("learning/loss", values[:1, None], at=[number])
            writer.append("weights/W", values[None, None], at=[number])
            writer.set(checkpoint=number)
            self.promise((run, number - 1), (run, number))
            writer.commit()
            self.promise((run, number), (run, number))
            progress = {"trace": writer.id, "checkpoint": number, "lengths": writer.lengths()}
            checkpoint.save(checkpoint.path_beside(self.path), {"state": np.arange(number)}, progress)

    def go(self) -> None:
        """Begin, go on from a checkpoint, begin anew over the old file."""
        self.promise(None, (0, 0))
        writer = _create(self.path)
        self.stretch(writer, 0, 1, 2)
        lengths = writer.lengths()
        self.promise((0, 2), (0, 2))
        writer.close("stopped")
        writer = TraceWriter.resume(self.path, lengths=lengths)
        self.stretch(writer, 0, 3, 3)
        writer.close("complete")
        self.promise((0, 3), (10, 0))
        writer = _create(self.path, overwrite=True)
        self.stretch(writer, 10, 1, 1)
        writer.close("complete")


def _create(path: Path, **more: Any) -> TraceWriter:
    return TraceWriter.create(path, experiment="cut", configuration={}, citations=[], seeds=[0], **more)


def _declare(writer: TraceWriter) -> None:
    writer.declare("learning/loss", ("seed", "epoch"), (1, None), units="nat", long_name="loss")
    writer.declare("weights/W", ("snapshot", "seed", "n"), (None, 1, SIZE), units="1", long_name="weights")


def found(path: Path, *, plain: bool = False) -> object:
    """Which run and how many epochs a file holds, or None where there is none; AssertionError if they are torn."""
    if not path.exists():
        return None
    if plain:
        with h5py.File(path) as h5:
            loss, weights = (h5[name][()] if name in h5 else None for name in ("learning/loss", "weights/W"))
    else:
        with open_trace(path) as trace:
            loss, weights = (trace[name].values if name in trace else None for name in ("learning/loss", "weights/W"))
    if loss is None or not loss.size:
        return "empty"
    run = 10 if loss[0, 0] > 10 else 0
    numbers = run + np.arange(1, loss.shape[1] + 1)
    np.testing.assert_array_equal(loss[0], numbers)
    np.testing.assert_array_equal(weights[:, 0], numbers[:, None] + np.linspace(0, 0.5, SIZE))
    return run, loss.shape[1]


def matches(held: object, allowed: set) -> bool:
    """Whether what was found is what was promised; a trace without epochs may be that of either run."""
    return held in allowed or (held == "empty" and any(one in allowed for one in ((0, 0), (10, 0))))


# -- the recording ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def recorded(folder: Path) -> Iterator[list[Call]]:
    """Everything that happens to the files of a folder, lock files left out."""
    calls: list[Call] = []
    names: dict[str, int] = {}
    numbers: dict[int, int] = {}  # of open files, by descriptor
    inside = str(folder) + os.sep

    def name(path: Any) -> str | None:
        text = os.fspath(path)
        return text.removeprefix(inside) if text.startswith(inside) and not text.endswith(".lock") else None

    class Traced(io.FileIO):
        def __init__(self, path: Any, mode: str = "rb") -> None:
            super().__init__(path, mode)
            if not isinstance(path, int) and (inner := name(path)):
                if "w" in mode:
                    names[inner] = len(calls)
                    calls.append(("make", inner, names[inner]))
                numbers[self.fileno()] = names.get(inner, -1)

        def write(self, data: Any) -> int:
            if (number := numbers.get(self.fileno())) is not None:
                calls.append(("write", number, self.tell(), bytes(data)))
            return super().write(data)

        def truncate(self, size: int | None = None) -> int:
            if (number := numbers.get(self.fileno())) is not None:
                calls.append(("cut", number, self.tell() if size is None else size))
            return super().truncate(size)

        def close(self) -> None:
            if not self.closed:
                numbers.pop(self.fileno(), None)
            super().close()

    def fsync(descriptor: int, real: Any = os.fsync) -> None:
        if descriptor in numbers:
            calls.append(("sync", numbers[descriptor]))
        elif os.path.isdir(f"/proc/self/fd/{descriptor}"):
            calls.append(("sync names",))

    def replace(old: Any, new: Any, real: Any = os.replace) -> None:
        if name(new):
            names[name(new)] = names.pop(name(old))
            calls.append(("rename", name(old), name(new), names[name(new)]))
        real(old, new)

    def unlink(path: Path, missing_ok: bool = False, real: Any = Path.unlink) -> None:
        if (inner := name(path)) and path.exists():
            names.pop(inner, None)
            calls.append(("remove", inner))
        real(path, missing_ok=missing_ok)

    with (
        mock.patch.object(io, "FileIO", Traced),
        mock.patch.object(os, "fsync", fsync),
        mock.patch.object(os, "replace", replace),
        mock.patch.object(Path, "unlink", unlink),
    ):
        yield calls


# -- the disk after the cut -------------------------------------------------------------------------------------


def played(calls: list[Call], kept: dict[int, float]) -> dict[str, bytes]:
    """The files that result when only some calls were kept; a fraction below 1 of a write keeps its first sectors."""
    names: dict[str, int] = {}
    contents: dict[int, bytearray] = {}
    for index, share in sorted(kept.items()):
        kind, *what = calls[index]
        if kind == "make":
            names[what[0]] = what[1]
        elif kind == "rename":
            names.pop(what[0], None)
            names[what[1]] = what[2]
        elif kind == "remove":
            names.pop(what[0], None)
        elif kind in ("write", "cut"):
            data = contents.setdefault(what[0], bytearray())
            _change(data, kind, what, share)
    return {name: bytes(contents.get(number, b"")) for name, number in names.items()}


def _change(data: bytearray, kind: str, what: list, share: float) -> None:
    size = what[1]
    data.extend(bytes(max(0, size - len(data))))
    if kind == "cut":
        del data[size:]
        return
    written = what[2] if share == 1 else what[2][: int(share * len(what[2])) // SECTOR * SECTOR]
    data[size : size + len(written)] = written


def confirmed(calls: list[Call], count: int, ext4: bool) -> set[int]:
    """Which of the first `count` calls an fsync has confirmed."""
    sure: set[int] = set()
    for index, (kind, *what) in enumerate(calls[:count]):
        if kind == "sync":
            sure |= {i for i in range(index) if calls[i][0] in ("write", "cut") and calls[i][1] == what[0]}
        if kind == "sync names" or (ext4 and kind == "sync"):
            sure |= {i for i in range(index) if calls[i][0] in ("make", "rename", "remove")}
            sure |= {i for i in range(index) if ext4 and calls[i][0] == "cut"}
    return sure


def orders(calls: list[Call], count: int, ext4: bool, chance: random.Random) -> Iterator[dict[int, float]]:
    """What may have been kept of the first `count` calls."""
    sure = confirmed(calls, count, ext4)
    open_calls = [i for i in range(count) if i not in sure and not calls[i][0].startswith("sync")]
    subsets = [set(), set(open_calls), *({i} for i in open_calls), *(set(open_calls) - {i} for i in open_calls)]
    subsets += [{i for i in open_calls if chance.random() < 0.5} for _ in range(3)]
    for number, subset in enumerate(subsets):
        if ext4:
            ordered = [i for i in open_calls if calls[i][0] != "write"]
            first = next((i for i in ordered if i not in subset), count)
            subset -= {i for i in ordered if i > first}
        torn = {i: chance.random() for i in subset if calls[i][0] == "write" and number > 1 and chance.random() < 0.3}
        yield dict.fromkeys(sure | subset, 1.0) | torn


def states(calls: list[Call], ext4: bool, seed: int = 0) -> Iterator[tuple[int, dict[str, bytes]]]:
    """Every disk that differs from the ones before, and after how many calls it may be found."""
    chance = random.Random(seed)
    for count in range(len(calls) + 1):
        seen = set()
        for kept in orders(calls, count, ext4, chance):
            disk = played(calls, kept)
            key = hash(tuple(sorted(disk.items())))
            if key not in seen:
                seen.add(key)
                yield count, disk


def fault(disk: dict[str, bytes], folder: Path, allowed: set) -> str:
    """What is wrong with a disk, or nothing: the trace, the plain file where no journal lies, the checkpoint."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, content in disk.items():
        (folder / name).write_bytes(content)
    path = folder / "run.h5"
    try:
        held = found(path)
        if not matches(held, allowed):
            return f"holds {held}, promised {allowed}"
        if not journal_path(path).exists() and found(path, plain=True) != held:
            return "the file alone holds something else"
        beside = checkpoint.path_beside(path)
        if path.exists() and beside.exists():
            with np.load(beside) as archive:
                size = archive["leaf_0"].size
            progress = checkpoint.read(beside)[1]
            if any(length > size for length in progress["lengths"].values()):
                return "the checkpoint is ahead of itself"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main(count: int | None = None, *, folder: Path | None = None) -> list[Row]:
    """Cut the power `count` times for each kind of file system (None: at every state); rows for the table."""
    rows = []
    with tempfile.TemporaryDirectory(dir=folder) as place, mock.patch.object(first_look, "known", None):
        folder = Path(place)
        with recorded(folder) as calls:
            run = Run(folder / "run.h5", calls)
            run.go()
        whole = played(calls, dict.fromkeys(range(len(calls)), 1.0))
        there = {file.name: file.read_bytes() for file in folder.iterdir() if file.suffix != ".lock"}
        assert whole == there, "a call was not recorded"
        for ext4 in (True, False):
            cuts = list(states(calls, ext4))
            if count is not None and count < len(cuts):
                cuts = random.Random(1).sample(cuts, count)
            torn = []
            for calls_done, disk in cuts:
                allowed = next(promise for start, promise in reversed(run.promises) if start <= calls_done)
                if problem := fault(disk, folder / "cut", allowed):
                    torn.append(f"after call {calls_done}: {problem}")
            kind = "like ext4" if ext4 else "strict POSIX"
            rows.append(Row.of(f"power cut, {kind}: torn states after any of {len(calls)} calls", len(cuts), torn))
    return rows
