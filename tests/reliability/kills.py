"""kill -9: at every call that changes the disk, of a run and of its resumption; at random moments; of whole runs."""

from __future__ import annotations

import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from biocredit.analysis.trace import first_look
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.writer import TraceWriter
from biocredit.protocols.training import checkpoint

from tests.end_to_end import test_kill as whole_runs
from tests.reliability import Row

UNIT = Path(__file__).parents[1] / "unit"
EPOCHS, SIZE = 4, 60


def main(count: int = 300) -> list[Row]:
    """`count` resumed runs killed again, as many random moments, and a fifteenth of that in whole runs."""
    return [*at_every_call(count), at_random_moments(count), of_whole_runs(max(1, count // 15))]


# -- at every call ----------------------------------------------------------------------------------------------


def advance(state: np.ndarray) -> np.ndarray:
    """One epoch of something chaotic: a single lost bit shows."""
    return 3.9 * state * (1 - state)


def go(path: Path, say: Callable[[int], object] = lambda epoch: None) -> None:
    """Run from where the checkpoint is, or from the beginning, to the end."""
    beside = checkpoint.path_beside(path)
    if beside.exists():
        (state,), done = checkpoint.read(beside)
        writer = TraceWriter.resume(path, lengths=done["lengths"])
    else:
        state, done = np.linspace(0.1, 0.9, SIZE), {"epoch": 0}
        settings: dict[str, Any] = {"experiment": "killed", "configuration": {}, "citations": [], "seeds": [0]}
        writer = TraceWriter.create(path, **settings, overwrite=True)
    writer.declare("learning/loss", ("seed", "epoch"), (1, None), units="nat", long_name="loss")
    writer.declare("weights/W", ("snapshot", "seed", "n"), (None, 1, SIZE), units="1", long_name="weights")
    for epoch in range(done["epoch"] + 1, EPOCHS + 1):
        state = advance(state)
        writer.append("learning/loss", state[None, :1], at=[epoch])
        writer.append("weights/W", state[None, None], at=[epoch])
        writer.event(kind="phase", description=f"epoch {epoch}", update=epoch)
        writer.set(checkpoint=epoch)
        writer.commit()
        progress = {"trace": writer.id, "checkpoint": epoch, "epoch": epoch, "lengths": writer.lengths()}
        checkpoint.save(beside, {"state": state}, progress)
        say(epoch)
    writer.close()


@contextlib.contextmanager
def fatal(number: int) -> Any:
    """Let the call of this number that changes the disk be the last of the process: half done, then SIGKILL."""
    left = [number]

    def falls(half: Callable[[], object] = lambda: None) -> None:
        left[0] -= 1
        if not left[0]:
            half()
            os.kill(os.getpid(), signal.SIGKILL)

    class Fatal(io.FileIO):
        def write(self, data: Any) -> int:
            falls(lambda: super(Fatal, self).write(bytes(data)[: len(bytes(data)) // 2]))
            return super().write(data)

        def truncate(self, size: int | None = None) -> int:
            falls()
            return super().truncate(size)

    def guarded(operation: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given, **named: (falls(), operation(*given, **named))[1]

    with (
        mock.patch.object(io, "FileIO", Fatal),
        mock.patch.object(os, "fsync", guarded(os.fsync)),
        mock.patch.object(os, "replace", guarded(os.replace)),
        mock.patch.object(Path, "unlink", guarded(Path.unlink)),
    ):
        yield


def killed(path: Path, number: int) -> tuple[bool, int]:
    """Run in a process that is killed at a call: whether it was, and the last epoch that it reported."""
    end, beginning = os.pipe()
    process = os.fork()
    if not process:
        with contextlib.suppress(BaseException), fatal(number):
            go(path, lambda epoch: os.write(beginning, bytes([epoch])))
            os._exit(0)
        os._exit(1)
    os.close(beginning)
    with open(end, "rb") as said:
        reported = said.read()
    status = os.waitpid(process, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"the run failed at call {number}"
    return os.WIFSIGNALED(status), max(reported, default=0)


def lost(path: Path, reported: int) -> str:
    """What is missing from a file that was killed after it had reported so many epochs."""
    held = 0
    if path.exists():
        with open_trace(path) as trace:
            held = trace["learning/loss"].shape[1] if "learning/loss" in trace else 0
            whole = held == len(trace.events.rows()) == (trace["weights/W"].shape[0] if held else 0)
        if not whole:
            return f"torn at epoch {held}"
    return "" if reported <= held <= reported + 2 else f"holds {held} epochs, {reported} were reported"


def differs(path: Path, undisturbed: Path) -> str:
    """In what a finished run differs from the undisturbed one."""
    if problems := check(path):
        return problems[0]
    with open_trace(path) as one, open_trace(undisturbed) as other:
        names = [name for name in other if one[name].values.tobytes() != other[name].values.tobytes()]
        return f"differs in {names}" if names or list(one) != list(other) else ""


def at_every_call(count: int) -> list[Row]:
    """A run killed at each of its calls, then at one of those of its resumption, then finished."""
    chance, losses, others, tried = random.Random(0), [], [], 0
    with tempfile.TemporaryDirectory() as name, mock.patch.object(first_look, "known", None):
        folder = Path(name)
        go(undisturbed := folder / "undisturbed.h5")
        calls = 0
        while killed(folder / "counted.h5", calls + 1)[0]:
            calls += 1
            for file in folder.glob("counted*"):
                file.unlink()
        for first in [*range(1, calls + 1), *(chance.randint(1, calls) for _ in range(count - calls))]:
            path, tried = folder / f"{tried}.h5", tried + 1
            reported = killed(path, first)[1]
            if what := lost(path, reported):
                losses.append(f"killed at call {first}: {what}")
            second = chance.randint(1, calls)
            again = killed(path, second)
            if what := lost(path, again[1] or max(reported - 1, 0)):  # a resumed run is cut back to its checkpoint
                losses.append(f"killed at calls {first} and {second}: {what}")
            go(path)
            if what := differs(path, undisturbed):
                others.append(f"killed at calls {first} and {second}: {what}")
            for file in folder.glob(f"{path.name}*"):
                file.unlink()
    what = f"kill -9 at each of the {calls} writes, fsyncs, renames, unlinks, and again during resume"
    return [
        Row.of(f"{what}: epochs lost or torn", 2 * tried, losses),
        Row.of("the same runs resumed and finished: not bit-identical to the undisturbed", tried, others),
    ]


# -- at random moments ------------------------------------------------------------------------------------------

PROGRAM = f"""
import sys
sys.path.insert(0, {str(UNIT)!r})
from pathlib import Path
from trace_crash_case import *
path, done = Path(sys.argv[1]), int(sys.argv[2])
growing = ("learning/loss", "weights/W", "activity/V1/rate")
names = lambda: dict.fromkeys((*growing, *(f"events/{{column}}" for column in open_trace(path).events)), done)
writer = TraceWriter.resume(path, lengths=names()) if done else start(path)
declare(writer)
for number in range(done + 1, 10**6):
    epoch(writer, number)
    writer.commit()
    print(number, flush=True)
"""


def at_random_moments(count: int) -> Row:
    """A writer that commits as fast as it can, each time resumed from what it had reported."""
    sys.path.insert(0, str(UNIT))
    from trace_crash_case import holds

    chance, done, faults = random.Random(0), 0, []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.h5"
        for _ in range(count):
            command = [sys.executable, "-c", PROGRAM, str(path), str(done)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            done = int(process.stdout.readline())
            time.sleep(chance.uniform(0, 0.05))
            process.kill()
            reported = process.stdout.read().split()
            process.wait()
            done = int(reported[-1]) if reported else done
            if not done <= (held := holds(path)) <= done + 1:
                faults.append(f"holds {held} epochs, {done} were reported")
    return Row.of("kill -9 of a writer at random moments: epochs lost or torn", count, faults)


def of_whole_runs(count: int) -> Row:
    """A run with JAX, records and interventions, killed again and again, beside an undisturbed one."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            whole_runs.killed_and_undisturbed(Path(folder), np.random.default_rng(0), count)
        except AssertionError as fault:
            return Row.of(
                "whole runs killed at random moments, resumed: lost, torn or other numbers", count, [str(fault)]
            )
    return Row.of("whole runs killed at random moments, resumed: lost, torn or other numbers", count, [])
