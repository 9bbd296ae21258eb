"""Disks that refuse: full, over a quota, read-only, gone, without locks, with a clock that goes back, with long names.

Real file systems of their own are mounted where this process may do that (root on Linux); quotas, locks and clocks are
those that the system calls report.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from biocredit.analysis.trace import first_look
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.storage import file_lock
from biocredit.analysis.trace.storage.durable import LONGEST_NAME
from biocredit.analysis.trace.writer import TraceWriter
from biocredit.protocols.commands import files

from tests.reliability import Row

SHUT_DOWN = 0x8004587D  # ioctl of ext4: every write fails from now on
RUN = (
    *("run", "adjoint-propagation/demo", "--set", "circuit.neurons=16", "--set", "task.train=100"),
    *("--set", "task.test=50", "--seeds", "1", "--epochs", "1000000"),
)


def main(count: int = 60) -> list[Row]:
    """`count` full disks of different sizes, and one of every other kind."""
    with mock.patch.object(first_look, "known", None):
        return [
            _on_small_disks(count),
            *_whole_runs(),
            _refused("over a quota (EDQUOT), at each write and fsync in turn", errno.EDQUOT, count),
            _refused("an error of the device (EIO), at each write and fsync in turn", errno.EIO, count),
            _read_only(),
            _without_locks(),
            _clock(),
            _names(),
        ]


# -- a run that goes on until it cannot -------------------------------------------------------------------------


def write(path: Path, epochs: int, happened: Callable[[int], object] = lambda epoch: None) -> int:
    """Write a trace epoch by epoch; the last one that was committed."""
    done = 0
    settings: dict[str, Any] = {"experiment": "disk", "configuration": {}, "citations": [], "seeds": [0]}
    with TraceWriter.create(path, **settings) as writer:
        writer.declare("learning/loss", ("seed", "epoch"), (1, None), units="nat", long_name="loss")
        writer.declare("activity/V1/rate", ("snapshot", "seed", "n"), (None, 1, 300), units="1", long_name="rate")
        for epoch in range(1, epochs + 1):
            writer.append("learning/loss", [[epoch]], at=[epoch])
            writer.append("activity/V1/rate", np.full((1, 1, 300), epoch), at=[epoch])
            try:
                writer.commit()
            except TraceError:
                with contextlib.suppress(TraceError):
                    writer.close("failed")
                raise
            done = epoch
            happened(epoch)
    return done


def fault_of(path: Path, done: int, statuses: tuple[str, ...] = ("failed", "stopped")) -> str:
    """What is wrong with a trace whose writer was refused after so many epochs."""
    with open_trace(path) as trace:
        held = trace["learning/loss"].values[0].tolist() if "learning/loss" in trace else []
        rate = trace["activity/V1/rate"].values[:, 0, 0].tolist() if held else []
        if held != list(range(1, len(held) + 1)) or rate != held or not done <= len(held) <= done + 1:
            return f"holds {len(held)} epochs, {done} were committed"
        if trace.status not in statuses:
            return f"its status is {trace.status}"
    return "; ".join(check(path))


def one_line(work: Callable[[], object]) -> str:
    """Do what must be refused in one line: what is wrong with the refusal, or nothing."""
    try:
        work()
    except TraceError as refusal:
        return "" if "\n" not in str(refusal) else f"more than one line: {refusal}"
    except Exception as failure:
        return f"{type(failure).__name__}: {failure}"
    return "was not refused"


def attempt(path: Path, patch: Any = None, statuses: tuple[str, ...] = ("failed",)) -> str:
    """Write until the disk refuses: what is wrong, or nothing."""
    epochs = [0]
    with patch or contextlib.nullcontext():
        said = one_line(lambda: write(path, 10_000, epochs.append))
    return said or (fault_of(path, epochs[-1], statuses) if path.exists() else "")


# -- mounted ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def mounted(kind: str, megabytes: float) -> Iterator[Path | None]:
    """A small file system of its own, None where this process may not mount one."""
    with tempfile.TemporaryDirectory() as name:
        place, image = Path(name) / "disk", Path(name) / "image"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={int(megabytes * 1024)}k", "none", str(place)]
        if kind == "ext4":
            image.write_bytes(b"")
            os.truncate(image, int(megabytes * 2**20))
            subprocess.run(["mkfs.ext4", "-q", str(image)], capture_output=True)
            command = ["mount", "-o", "loop", str(image), str(place)]
        tools = all(shutil.which(one) for one in ("mount", "umount", "mkfs.ext4"))
        if not tools or subprocess.run(command, capture_output=True).returncode:
            yield None
            return
        try:
            yield place
        finally:
            subprocess.run(["umount", "-l", str(place)], capture_output=True)


NO_MOUNT = "this process may not mount a file system"


def _on_small_disks(count: int) -> Row:
    what = "a real full disk (tmpfs of growing size): not one line, status not failed, epochs lost"
    faults = []
    for number in range(count):
        with mounted("tmpfs", 0.2 + 0.02 * number) as place:
            if place is None:
                return Row.skipped(what, NO_MOUNT)
            if fault := attempt(place / "run.h5"):
                faults.append(f"{0.2 + 0.02 * number:.2f} MB: {fault}")
    return Row.of(what, count, faults)


def _whole_runs() -> list[Row]:
    """``biocredit run`` on a disk that fills up, that goes away, and that is read-only."""
    rows = []
    for kind, what in (("tmpfs", "fills up"), ("ext4", "fails (ext4 shut down)"), ("tmpfs", "is read-only")):
        title = f"biocredit run on a disk that {what}: not one line, exit not 1, epochs lost"
        with mounted(kind, 8) as place:
            if place is None:
                rows.append(Row.skipped(title, NO_MOUNT))
                continue
            if what == "is read-only":
                subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
            rows.append(Row.of(title, 1, [fault] if (fault := _whole_run(place, what)) else []))
    return rows


def _whole_run(place: Path, what: str) -> str:
    path = place / "run.h5"
    command = [sys.executable, "-m", "biocredit.protocols.cli", *RUN, "-o", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    copy = None
    if what != "is read-only":
        while process.poll() is None and not Path(f"{path}.checkpoint").exists():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        if what == "fills up":
            with contextlib.suppress(OSError), open(place / "filler", "wb", buffering=0) as filler:
                while filler.write(bytes(4096)):
                    pass
        else:
            copy = _shut_down(place)
    said = process.communicate(timeout=300)[1]
    lines = [line for line in said.splitlines() if "updates, about" not in line and line.strip()]
    if process.returncode != 1 or len(lines) != 1:
        return f"exit {process.returncode}: {said[-300:]}"
    if what == "is read-only":
        return "a trace is there" if path.exists() else ""
    if copy is not None:
        return "" if copy else "no trace was left"
    with open_trace(path) as trace:
        return "" if trace.status == "failed" and trace["learning/loss"].shape[1] else f"status {trace.status}"


def _shut_down(place: Path) -> bool:
    """Let every write fail from now on; whether a trace is there."""
    folder = os.open(place, os.O_RDONLY)
    try:
        fcntl.ioctl(folder, SHUT_DOWN, (2).to_bytes(4, "little"))
    finally:
        os.close(folder)
    return True


# -- as the system calls report ---------------------------------------------------------------------------------


@contextlib.contextmanager
def refusing(code: int, number: int) -> Iterator[None]:
    """Let the write, fsync or truncation of this number, and all after it, fail."""
    left = [number]

    def check_left() -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise OSError(code, os.strerror(code))

    class Refusing(io.FileIO):
        def write(self, data: Any) -> int:
            check_left()
            return super().write(data)

    def fsync(descriptor: int, real: Callable[[int], None] = os.fsync) -> None:
        check_left()
        real(descriptor)

    with mock.patch.object(io, "FileIO", Refusing), mock.patch.object(os, "fsync", fsync):
        yield


def _refused(what: str, code: int, count: int) -> Row:
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, count + 1):
            path = Path(folder) / f"{number}.h5"
            if fault := attempt(path, refusing(code, number), ("failed", "running")):
                faults.append(f"at {number}: {fault}")
    return Row.of(f"{what}: not one line, epochs lost", count, faults)


def _read_only() -> Row:
    what = "a folder and a file that become read-only (a real remount): not one line, or something is lost"
    with mounted("tmpfs", 4) as place:
        if place is None:
            return Row.skipped(what, NO_MOUNT)
        path = place / "run.h5"
        done = write(path, 3)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        works = {
            "resume": lambda: TraceWriter.resume(path, lengths={}),
            "overwrite": lambda: TraceWriter.create(
                path, experiment="x", configuration={}, citations=[], seeds=[0], overwrite=True
            ),
            "a new trace": lambda: write(place / "new.h5", 1),
            "move": lambda: files.moved(path, place / "moved.h5"),
            "copy": lambda: files.copied(path, place / "copied.h5"),
        }
        faults = [f"{name}: {fault}" for name, work in works.items() if (fault := one_line(work))]
        faults += [fault_of(path, done, ("complete",))] if fault_of(path, done, ("complete",)) else []
    return Row.of(what, len(works), faults)


def _without_locks() -> Row:
    def refuse(code: int) -> Callable[..., None]:
        def flock(*arguments: Any) -> None:
            raise OSError(code, os.strerror(code))

        return flock

    patches = {
        "ENOLCK": mock.patch.object(fcntl, "flock", refuse(errno.ENOLCK)),
        "ENOSYS": mock.patch.object(fcntl, "flock", refuse(errno.ENOSYS)),
        "ENOTSUP": mock.patch.object(fcntl, "flock", refuse(errno.ENOTSUP)),
        "no fcntl": mock.patch.object(file_lock, "fcntl", None),
    }
    faults = []
    for name, patch in patches.items():
        with tempfile.TemporaryDirectory() as folder, patch, warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            path = Path(folder) / "run.h5"
            second: list[str] = []
            done = write(
                path, 3, lambda epoch, path=path, second=second: second.append(one_line(lambda: write(path, 1)))
            )
            told = [one for one in heard if "no locks where" in str(one.message)]
            fault = fault_of(path, done, ("complete",)) or next(filter(None, second), "")
            faults += [f"{name}: {fault or 'not said'}"] if fault or not told else []
            faults += [f"{name}: files stay: {os.listdir(folder)}"] if os.listdir(folder) != ["run.h5"] else []
    return Row.of("no locks, no fcntl: not said, a second writer gets in, something stays", len(patches), faults)


def _clock() -> Row:
    """The time of the file goes back at every commit, or stands still; a reader still sees each epoch."""
    faults, count = [], 50
    for seconds in (-3600, 0):
        seen: list[int] = []
        with tempfile.TemporaryDirectory() as folder:
            path, traces = Path(folder) / "run.h5", []

            def look(
                epoch: int, path: Path = path, traces: list = traces, seen: list = seen, by: int = seconds
            ) -> None:
                os.utime(path, (2e9 + by * epoch,) * 2)
                traces[:] = traces or [open_trace(path)]
                seen.append(traces[0]["learning/loss"].shape[1])

            with mock.patch("biocredit.analysis.trace.writer.now", return_value="1999-01-01T00:00:00+00:00"):
                done = write(path, count, look)
            faults += [fault] if (fault := fault_of(path, done, ("complete",))) else []
        faults += [
            f"{seconds} s an epoch: {held} seen, not {number}" for number, held in enumerate(seen, 1) if number != held
        ]
    return Row.of("clock backwards, clock that stands still: an epoch unseen or lost", 2 * count, faults)


def _names() -> Row:
    """Names of up to 255 bytes: written, or refused in one line; read, checked, copied, moved, repaired."""
    faults, lengths = [], (1, 100, LONGEST_NAME, LONGEST_NAME + 1, 254, 255)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "good.h5", 2)
        for length in lengths:
            path = folder / ("x" * length)
            if length <= LONGEST_NAME:
                write(path, 2)
            else:
                faults += [f"{length}, write: {fault}"] if (fault := one_line(lambda path=path: write(path, 2))) else []
                shutil.copy(folder / "good.h5", path)
            faults += [f"{length}, read: {fault}"] if (fault := fault_of(path, 2, ("complete",))) else []
            for work in (files.repaired, lambda path: files.copied(path, folder / "copy.h5", overwrite=True)):
                fault = one_line(lambda work=work, path=path: work(path))
                faults += [f"{length}: {fault}"] if fault not in ("", "was not refused") else []
        fault = one_line(lambda: write(folder / ("y" * 256), 1))
        faults += [f"256: {fault}"] if fault else []
    return Row.of("names of 1 to 256 characters: neither done nor refused in one line", len(lengths) + 1, faults)
