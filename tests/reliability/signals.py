"""Signals: Ctrl-C, SIGTERM, a closed terminal, of single runs, sweeps and notebooks; all in processes of their own."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.protocols.training.checkpoint import path_beside

from tests.reliability import Row

SMALL = (
    *("adjoint-propagation/demo", "--set", "circuit.neurons=16", "--set", "task.train=100"),
    *("--set", "task.test=50", "--seeds", "1", "--epochs", "1000000"),
)
SWEEP = ("sweep", *SMALL, "--over", "circuit.spectral_radius=0.1,0.5,0.7", "--workers", "2")
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 75, signal.SIGHUP: 75}
LONG = 240  # seconds of the clock that anything may take on a busy machine

NOTEBOOK = """
from biocredit import DualStream, TwoPhase, tasks
task = tasks.digits(train=100, test=50)
run = lambda: TwoPhase(DualStream.mlp((64, 16, 10), "transposed"), task, batch_size=20)
"""


def main(count: int = 3) -> list[Row]:
    """Every signal, at `count` moments of a single run (at most three), and once of each other kind of program."""
    times = min(count, 3)
    return [_single(times), _nohup(), _terminal(), _twice("run"), *_sweeps(), _orphans(), *_notebooks()]


# -- programs and what becomes of them --------------------------------------------------------------------------


@contextlib.contextmanager
def started(arguments: Sequence[str], *before: str, **options: object) -> Iterator[subprocess.Popen]:
    """A command in a process group of its own, which is gone at the end whatever happens."""
    command = [*before, sys.executable, "-m", "biocredit.protocols.cli", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    process = subprocess.Popen(command, **(pipes | options))
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(what: Callable[[], object], process: subprocess.Popen | None = None) -> bool:
    """Whether something happened in time, and while the process was there."""
    until = time.monotonic() + LONG
    while time.monotonic() < until and (process is None or process.poll() is None):
        if what():
            return True
        time.sleep(0.1)
    return bool(what())


def begun(folder: Path, count: int = 1) -> Callable[[], bool]:
    """Whether so many runs of a folder have a checkpoint."""
    return lambda: len(list(folder.glob("*.h5.checkpoint"))) >= count


def resumable(path: Path, statuses: Sequence[str] = ("stopped",)) -> str:
    """Why a run cannot go on, or nothing."""
    try:
        with open_trace(path) as trace:
            status, held = trace.status, trace["learning/loss"].shape[1]
    except TraceError as fault:
        return str(fault)
    if status not in statuses or not held or not path_beside(path).exists():
        return f"{path.name}: status {status}, {held} epochs, checkpoint {path_beside(path).exists()}"
    return "; ".join(check(path))


def children_of(process: subprocess.Popen) -> list[psutil.Process]:
    """All processes below one."""
    return psutil.Process(process.pid).children(recursive=True)


def gone(processes: Sequence[psutil.Process]) -> bool:
    """Whether processes have ended."""
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def wait_for_all(processes: Sequence[psutil.Process]) -> bool:
    """Whether processes end in time."""
    return wait_for(lambda: gone(processes))


# -- single runs ------------------------------------------------------------------------------------------------


def _single(times: int) -> Row:
    faults = []
    for number, status in SIGNALS.items():
        for attempt in range(times):
            with tempfile.TemporaryDirectory() as name, started(["run", *SMALL, "-o", f"{name}/run.h5"]) as process:
                wait_for(begun(Path(name)), process)
                time.sleep(0.07 * attempt)
                process.send_signal(number)
                said = process.communicate(timeout=LONG)[1]
                fault = resumable(Path(name) / "run.h5")
                if process.returncode != status or "Traceback" in said or fault:
                    faults.append(f"{signal.Signals(number).name}: exit {process.returncode}; {fault}; {said[-200:]}")
    return Row.of("Ctrl-C, SIGTERM, SIGHUP of a run: not saved, not resumable, another exit", 3 * times, faults)


def _nohup() -> Row:
    with tempfile.TemporaryDirectory() as name, started(["run", *SMALL, "-o", f"{name}/run.h5"], "nohup") as process:
        wait_for(begun(Path(name)), process)
        process.send_signal(signal.SIGHUP)
        time.sleep(2)
        fault = [] if process.poll() is None else [f"exit {process.returncode}"]
    return Row.of("a run under nohup whose terminal closes: does not go on", 1, fault)


def _terminal() -> Row:
    """A terminal that closes: a hang-up, and every word to it fails from then on."""
    with tempfile.TemporaryDirectory() as name:
        terminal, inside = pty.openpty()
        options = {"stdin": inside, "stdout": inside, "stderr": inside, "start_new_session": True}
        take = (
            "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
        )
        with started(["run", *SMALL, "-o", f"{name}/run.h5"], sys.executable, "-c", take, **options) as process:
            os.close(inside)
            wait_for(begun(Path(name)), process)
            os.close(terminal)
            ended = wait_for(lambda: process.poll() is not None)
            fault = resumable(Path(name) / "run.h5") if ended else "does not end"
            fault = fault or (f"exit {process.returncode}" if process.returncode != 75 else "")
    return Row.of("a run whose terminal closes: not saved, not resumable", 1, [fault] if fault else [])


def _twice(what: str) -> Row:
    """A second Ctrl-C in the middle of a stretch that takes a minute or more."""
    slow = ("--set", "circuit.neurons=2048", "--set", "task.train=1000", "--set", "run.batch_size=1")
    slow += ("--set", "optimizer.learning_rate=1e-9")
    with tempfile.TemporaryDirectory() as name, started(["run", *SMALL, *slow, "-o", f"{name}/run.h5"]) as process:
        wait_for((Path(name) / "run.h5").exists, process)
        time.sleep(10)  # the stretch is under way
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        took = time.monotonic() - start
        fault = [] if process.returncode == 130 else [f"exit {process.returncode} after {took:.1f} s"]
        with contextlib.suppress(TraceError):
            open_trace(Path(name) / "run.h5").close()
    return Row.of(f"a second Ctrl-C in a long stretch of a {what}: it does not end within 10 s", 1, fault)


# -- sweeps -----------------------------------------------------------------------------------------------------


def _sweeps() -> list[Row]:
    faults, second = [], []
    for number, status in SIGNALS.items():
        with tempfile.TemporaryDirectory() as name, started([*SWEEP, "-o", name]) as process:
            wait_for(begun(Path(name), 2), process)
            below = children_of(process)
            os.killpg(process.pid, number) if number != signal.SIGTERM else process.send_signal(number)
            said = process.communicate(timeout=LONG)[1]
            lost = [fault for path in Path(name).glob("*.h5") if (fault := resumable(path))]
            if process.returncode != status or "Traceback" in said or lost or not wait_for_all(below):
                faults.append(f"{signal.Signals(number).name}: exit {process.returncode}; {lost}; {said[-200:]}")
            if len(list(Path(name).glob("*.h5"))) > 2:
                faults.append(f"{signal.Signals(number).name}: the next run began")
    with tempfile.TemporaryDirectory() as name, started([*SWEEP, "-o", name]) as process:
        wait_for(begun(Path(name), 2), process)
        below = children_of(process)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
        process.communicate(timeout=LONG)
        statuses = ("stopped", "running")
        second = [fault for path in Path(name).glob("*.h5") if (fault := resumable(path, statuses))]
        second += [] if wait_for_all(below) else ["workers live on"]
    return [
        Row.of("Ctrl-C (to the whole group), SIGTERM, SIGHUP of a pool: not all stop, not resumable", 3, faults),
        Row.of("a second Ctrl-C of a pool: workers live on, files are not resumable", 1, second),
    ]


def _orphans() -> Row:
    """kill -9 of the parent: its workers save themselves and end."""
    with tempfile.TemporaryDirectory() as name, started([*SWEEP, "-o", name]) as process:
        wait_for(begun(Path(name), 2), process)
        below = children_of(process)
        process.kill()
        process.communicate(timeout=LONG)
        faults = [] if wait_for_all(below) else ["workers live on"]
        faults += [fault for path in Path(name).glob("*.h5") if (fault := resumable(path))]
    return Row.of("kill -9 of the parent of a pool: workers live on, or do not save themselves", 1, faults)


# -- notebooks --------------------------------------------------------------------------------------------------


def _notebooks() -> list[Row]:
    """A real kernel: interrupted (the stop button), shut down, killed, while a cell trains."""
    try:
        from jupyter_client.manager import KernelManager
    except ImportError:
        return [Row.skipped("notebooks", "jupyter_client is not installed")]
    faults = {"interrupt": [], "shut down": [], "kill -9": []}
    for how, found in faults.items():
        with tempfile.TemporaryDirectory() as name:
            kernel = KernelManager(kernel_name="python3")
            kernel.start_kernel()
            path = Path(name) / "run.h5"
            try:
                found += [fault] if (fault := _in_a_notebook(kernel, how, path)) else []
            finally:
                kernel.shutdown_kernel(now=True)
    return [Row.of(f"a notebook whose cell trains, {how}: not resumable", 1, found) for how, found in faults.items()]


def _in_a_notebook(kernel: object, how: str, path: Path) -> str:
    client = kernel.client()
    client.start_channels()
    client.wait_for_ready(timeout=LONG)
    cell = client.execute(NOTEBOOK + f"run().train(10**6, record={str(path)!r}, progress=False)")
    if not wait_for(begun(path.parent)):
        return "the run did not begin"
    if how != "interrupt":
        process = psutil.Process(kernel.provisioner.process.pid)
        process.kill() if how == "kill -9" else process.terminate()
        wait_for(lambda: gone([process]) or resumable(path) == "")
        return resumable(path, ("running",) if how == "kill -9" else ("stopped",))
    kernel.interrupt_kernel()
    reply = _answer(client, cell)
    if reply.get("ename") != "KeyboardInterrupt" or resumable(path):
        return f"{reply.get('ename')}: {resumable(path)}"
    epochs = f"epochs=open_trace({str(path)!r})['learning/loss'].shape[1] + 1"
    cell = client.execute(f"from biocredit import open_trace\nrun().resume({str(path)!r}, {epochs}, progress=False);")
    reply = _answer(client, cell)
    return "" if reply["status"] == "ok" and open_trace(path).status == "complete" else str(reply)[-300:]


def _answer(client: object, cell: str) -> dict:
    """What a kernel says when a cell has come to its end."""
    while (message := client.get_shell_msg(timeout=LONG))["parent_header"].get("msg_id") != cell:
        pass
    return message["content"]
