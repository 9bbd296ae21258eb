"""Strangers' files: traces, checkpoints and journals with something changed, through everything that reads them.

Three kinds of change: bytes on the disk (flipped, cut, moved, filled), the structure (attributes, groups, links and
datasets put in place of others with h5py), and whole files of other kinds. A case is good if what reads it answers or
refuses in one line: no traceback, no hang, no death, and no "keeps to the schema" of a structure that does not. Cases
run in processes of their own, under limits of memory and time.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from biocredit.analysis.interchange.export import export
from biocredit.analysis.reports.bibliography import cite
from biocredit.analysis.reports.report import write_report
from biocredit.analysis.trace import check as checking
from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.analysis.trace.schema import REQUIRED_ATTRIBUTES
from biocredit.analysis.trace.storage.journal import journal_path
from biocredit.analysis.trace.storage.seal import END
from biocredit.analysis.trace.writer import TraceWriter
from biocredit.protocols.commands.door import guarded
from biocredit.protocols.commands.files import copied, repaired
from biocredit.protocols.execution.job import Job
from biocredit.protocols.execution.merge import merge
from biocredit.protocols.execution.status import table
from biocredit.protocols.training import checkpoint
from biocredit.protocols.training.checkpoint import RunError
from biocredit.protocols.training.protocol import Protocol

from tests.reliability import Row
from tests.reliability.limits import MEMORY, SECONDS, memory_used

WAITING = 600  # seconds of the clock, for a case


# -- what is changed --------------------------------------------------------------------------------------------


def example(folder: Path) -> Path:
    """A small trace with a checkpoint and, in a second folder, one with a pending journal."""
    path = folder / "run.h5"
    settings = {"experiment": "mutated", "configuration": {"settings": {"a": 1}}, "citations": ["10.1000/x"]}
    writer = TraceWriter.create(path, **settings, seeds=[3, 4])
    blocks = {"RI": 2, "RE": 2}
    writer.populations([{"name": "V1", "size": 4, "kind": "rate", "blocks": blocks}])
    writer.projections(
        [{"name": "in", "pre": "eye", "post": "V1", "kind": "up", "plastic": True, "sign": "mixed", "density": 1.0}]
    )
    for name, units in (("loss", "nat"), ("test_accuracy", "1")):
        writer.declare(f"learning/{name}", ("seed", "epoch"), (2, None), units=units, long_name=name)
    writer.declare("weights/W", ("snapshot", "seed", "pre"), (None, 2, 4), units="1", long_name="weights")
    for number in (1, 2, 3):
        for name in ("loss", "test_accuracy"):
            writer.append(f"learning/{name}", np.full((2, 1), 1 / number), at=[number])
        writer.append("weights/W", np.full((1, 2, 4), number), at=[number])
        writer.event(kind="phase", description=f"epoch {number}", update=number)
        writer.set(checkpoint=number)
        writer.commit()
    lengths = writer.lengths()
    progress = {"epoch": 3, "epochs": 5, "lengths": lengths, "logs": [], "trace": writer.id, "checkpoint": 3}
    checkpoint.save(checkpoint.path_beside(path), {"w": np.arange(8.0)}, progress)
    writer.close("stopped")
    return path


def mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    """Flip, overwrite, move, cut or lengthen."""
    changed = bytearray(data)
    how = chance.choice(("flip", "flip", "flip", "fill", "move", "cut", "grow"))
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        place, length = chance.randrange(max(1, len(changed))), chance.choice((1, 2, 4, 8, 64, 512))
        if how == "flip":
            changed[place : place + 1] = bytes([chance.randrange(256)])
        elif how == "fill":
            changed[place : place + length] = bytes([chance.choice((0, 255))]) * len(changed[place : place + length])
        elif how == "move":
            other = chance.randrange(len(changed))
            piece = changed[other : other + length]
            changed[place : place + len(piece)] = piece
    if how == "cut":
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed) + (os.urandom(0) + bytes(chance.randrange(5000)) if how == "grow" else b"")


def mutate_structure(path: Path, chance: random.Random) -> None:
    """Put something else in the place of a part of the trace; what results breaks the schema."""
    with h5py.File(path, "r+") as h5:
        names: list[str] = []
        h5.visit(names.append)
        name, how = chance.choice(names), chance.choice(STRUCTURES)
        how(h5, name, chance)


def _odd_attribute(h5: h5py.File, name: str, chance: random.Random) -> None:
    attribute = chance.choice([*REQUIRED_ATTRIBUTES])
    wrong = [2.5, np.nan, np.arange(3.0), h5py.Empty("f8"), np.bool_(True), np.void(b"\xff\xfe")]
    h5.attrs[attribute] = chance.choice(wrong)


def _lost_attribute(h5: h5py.File, name: str, chance: random.Random) -> None:
    del h5.attrs[chance.choice([*REQUIRED_ATTRIBUTES])]


def _odd_units(h5: h5py.File, name: str, chance: random.Random) -> None:
    h5["learning/loss"].attrs[chance.choice(("units", "long_name"))] = chance.choice(
        (1.5, np.arange(4), h5py.Empty("i4"))
    )


def _replaced(h5: h5py.File, name: str, chance: random.Random) -> None:
    node = h5[name]
    group, last = node.parent, name.rpartition("/")[2]
    del group[last]
    new = (
        lambda: group.create_group(last),
        lambda: group.__setitem__(last, h5py.SoftLink("/nowhere")),
        lambda: group.__setitem__(last, h5py.SoftLink("/")),
        lambda: group.__setitem__(last, h5py.ExternalLink("/etc/passwd", "/")),
        lambda: group.__setitem__(last, h5["/"]),
        lambda: group.__setitem__(last, np.dtype("f8")),
        lambda: group.create_dataset(last, shape=(10,), dtype="u1", external=[("/etc/passwd", 0, 10)]),
        lambda: group.create_dataset(last, data=np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])),
        lambda: group.create_dataset(last, shape=(2**27, 6), dtype="f8", chunks=(2**16, 1)),
        lambda: group.create_dataset(last, data="text"),
        lambda: group.create_dataset(last, data=h5py.Empty("f8")),
        lambda: group.create_dataset(last, data=np.zeros((2, 0, 3))),
    )
    chance.choice(new)()


STRUCTURES: tuple[Callable[[h5py.File, str, random.Random], None], ...] = (
    _odd_attribute,
    _lost_attribute,
    _odd_units,
    _replaced,
    _replaced,
    _replaced,
)


# -- what reads it ----------------------------------------------------------------------------------------------


def read_everything(path: Path, folder: Path) -> None:
    """All reader functions and the commands' work, each of which may refuse in one line."""
    for work in READERS:
        try:
            work(path, folder)
        except (TraceError, RunError, FileNotFoundError) as refusal:
            if "\n" in str(refusal):
                raise AssertionError(f"more than one line: {refusal}") from refusal


def _look_at_all(path: Path, folder: Path) -> None:
    with open_trace(path) as trace:
        _ = (trace.status, trace.experiment, trace.configuration, trace.seeds, trace.versions, trace.interrupted)
        for name in trace:
            repr(trace[name])
        trace.events.rows()
        checking.check(path)


def _export(path: Path, folder: Path) -> None:
    export(path, "csv", folder / "csv", overwrite=True)
    export(path, "matlab", folder / "run.mat", overwrite=True)
    export(path, "xarray", folder / "run.nc", overwrite=True)


def _report(path: Path, folder: Path) -> None:
    _through_the_door(lambda: write_report([path], folder / "report.md"), path)


def _merge(path: Path, folder: Path) -> None:
    _through_the_door(lambda: merge([path], folder / "merged.h5", overwrite=True), path)


def _status(path: Path, folder: Path) -> None:
    table(path.parent)


def _copy(path: Path, folder: Path) -> None:
    copied(path, folder / "copy.h5", overwrite=True)
    repaired(path)


def _start(path: Path, folder: Path) -> None:
    _through_the_door(lambda: Protocol.from_trace(path), path)


def _resume(path: Path, folder: Path) -> None:
    _, progress = checkpoint.read(checkpoint.path_beside(path))
    TraceWriter.resume(path, lengths=progress["lengths"]).close("stopped")
    _through_the_door(lambda: Job.of(path), path)


READERS: tuple[Callable[[Path, Path], object], ...] = (
    lambda path, folder: checking.summary(path),
    lambda path, folder: checking.sound(path),
    lambda path, folder: cite(path),
    _look_at_all,
    _export,
    _report,
    _merge,
    _status,
    _start,
    _copy,
    _resume,
)


def _through_the_door(work: Callable[[], object], path: Path) -> None:
    """What a command does around its work; its answer is one line."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        guarded(lambda: len([work()]), "mutated", (str(path),))
    if said.getvalue().count("\n") > 1 or "a defect of biocredit" in said.getvalue():
        raise AssertionError(said.getvalue())


# -- the cases --------------------------------------------------------------------------------------------------


KINDS = ("bytes", "bytes", "structure", "structure", "structure", "checkpoint", "journal", "other")


def kind_of(seed: int) -> str:
    """What kind of change a case is."""
    return random.Random(seed).choice(KINDS)


def prepared(seed: int, original: Path, folder: Path) -> tuple[Path, str]:
    """The files of one case, and what kind of change it is."""
    chance = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = folder / original.name
    for file in original.parent.glob(original.name + "*"):
        shutil.copy(file, folder)
    kind = chance.choice(KINDS)
    if kind == "structure":
        mutate_structure(path, chance)
    elif kind == "bytes":
        sealed = path.read_bytes()
        path.write_bytes(mutate_bytes(sealed[: chance.choice((None, None, -END.size))], chance))
    elif kind == "checkpoint":
        beside = checkpoint.path_beside(path)
        beside.write_bytes(mutate_bytes(beside.read_bytes(), chance))
    elif kind == "journal":
        data = chance.choice((os.urandom(0), path.read_bytes()[:300], b"BIOCRJ02" + bytes(200)))
        journal_path(path).write_bytes(mutate_bytes(data or b"x", chance))
    else:
        other = (
            b"",
            b"\x89HDF\r\n\x1a\n",
            b"\x89HDF\r\n\x1a\n" + bytes(2000),
            json.dumps({"a": 1}).encode(),
            b"PK\3\4",
        )
        path.write_bytes(chance.choice(other))
    return path, kind


def attempt(seed: int, original: str, folder: str) -> str:
    """What went wrong with one case, or nothing."""
    place = Path(folder) / str(os.getpid())
    path, kind = prepared(seed, Path(original), place)
    try:
        if kind in ("structure", "other"):
            try:
                wrong = not checking.check(path)
            except TraceError:
                wrong = False
            if wrong:
                return f"case {seed}: a broken structure 'keeps to the schema'"
        read_everything(path, place)
    except MemoryError:
        return f"case {seed}: out of memory"
    except BaseException:
        return f"case {seed}: {' '.join(traceback.format_exc().split())[-300:]}"
    return ""


def worker(seeds: list[int], original: str, folder: str, say: Any) -> None:
    """Work through cases; the number of a case is said before it begins, so that a death has a name."""
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        read_everything(Path(original), Path(folder))  # all is imported before memory is counted
    limit = memory_used() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for seed in seeds:
        say.send((seed, None))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of computing; then the process ends
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            outcome = attempt(seed, original, folder)
        say.send((seed, outcome))
    say.send((None, None))


def run(seeds: list[int], original: Path, folder: Path) -> list[str]:
    """All faults of the cases; a worker that dies or hangs is replaced, and the case counted."""
    faults, left = [], list(seeds)
    while left:
        here, there = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=worker, args=(left, str(original), str(folder), there))
        process.start()
        there.close()
        current: int | None = None
        try:
            while here.poll(WAITING):
                seed, outcome = here.recv()
                if seed is None:
                    left = []
                    break
                current = seed if outcome is None else current
                if outcome is not None:
                    left.remove(seed)
                    faults += [outcome] if outcome else []
            else:
                raise EOFError
        except EOFError:
            faults.append(f"case {current}: the process died or hung")
            left = [seed for seed in left if seed != current]
            process.kill()
        process.join()
    return faults


def main(count: int = 5000) -> list[Row]:
    """Try `count` cases; a row for each kind of change."""
    with tempfile.TemporaryDirectory() as folder:
        (original := Path(folder) / "original").mkdir()
        faults = run(list(range(count)), example(original), Path(folder))
    rows = []
    for kind in dict.fromkeys(KINDS):
        seeds = [seed for seed in range(count) if kind_of(seed) == kind]
        mine = [fault for fault in faults if any(fault.startswith(f"case {seed}:") for seed in seeds)]
        what = f"changed {kind}: tracebacks, hangs, deaths, out of memory, wrong praise"
        rows.append(Row.of(what, len(seeds), mine))
    return rows
