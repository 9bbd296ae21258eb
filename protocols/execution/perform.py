"""Several jobs, one after the other or by any executor; what is done is left alone, what was begun goes on.

Whatever has ``submit(function, *arguments) -> Future`` can do the work: a process pool, Dask, MPI, Parsl.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.analysis.trace.storage.uninterrupted import SIGNALS
from biocredit.circuits.core.backend import at_home_in_this_thread
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.execution.job import Job
from biocredit.protocols.training.checkpoint import RunError
from biocredit.protocols.training.stopping import listening

CTRL_C = "Ctrl-C"
#: Seconds between two looks at the jobs that are running.
PATIENCE = 0.3


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Parameters
    ----------
    path
        Its trace.
    state
        ``"complete"``, ``"stopped"`` (by a signal; it can go on), ``"busy"`` (another process writes it), ``"failed"``
        (it diverged, or its file cannot be written) or ``"refused"`` (its settings cannot be).
    reason
        Why, in one line.
    """

    path: str
    state: str
    reason: str = ""


class _Told:
    """Whether this process was told to stop between two jobs."""

    stop = False


def attempt(plain: Mapping[str, Any], progress: bool = False) -> Outcome:
    """Run a job that is given as JSON, from its checkpoint if it has one."""
    path = str(plain["path"])
    if _Told.stop:
        return Outcome(path, "stopped")
    try:
        at_home_in_this_thread()
        job = Job.from_plain(plain)
        state = job.state()
        if state == "new":
            job.start(progress=progress)
        elif state != "complete":
            job.go_on(progress=progress)
        return Outcome(path, "complete" if open_trace(path).status == "complete" else "stopped")
    except (KeyboardInterrupt, SystemExit) as end:
        _Told.stop = True
        return Outcome(path, "stopped", CTRL_C if isinstance(end, KeyboardInterrupt) else "told to stop")
    except TraceError as failure:
        return Outcome(path, "busy" if "being written" in str(failure) else "failed", _line(failure))
    except RunError as failure:
        return Outcome(path, "failed", _line(failure))
    except CircuitError as refusal:
        return Outcome(path, "refused", _line(refusal))
    except Exception as failure:
        return Outcome(path, "failed", f"{type(failure).__name__}: {_line(failure)}")


def _line(failure: BaseException) -> str:
    return " ".join(str(failure).split())


def perform(
    jobs: Iterable[Job], executor: Executor | None = None, *, say: Callable[[str], None] = print
) -> list[Outcome]:
    """Do several jobs.

    Parameters
    ----------
    executor
        Any :class:`concurrent.futures.Executor`; this process, one job after the other, by default.
    say
        Called with a line for every job that is done.

    Returns
    -------
    list of Outcome
        One for each job, in their order. After Ctrl-C, SIGTERM or SIGHUP, jobs that were not begun are ``"stopped"``.
    """
    jobs = list(jobs)
    complete = {job.path for job in jobs if job.state() == "complete"}
    if complete:
        say(f"{len(complete)} of {len(jobs)} are complete already")
    due = [job for job in jobs if job.path not in complete]
    done = {str(path): Outcome(str(path), "complete") for path in complete}
    finished = _in_turn(due, say) if executor is None else _by(executor, due)
    for number, outcome in enumerate(finished, start=1):
        done[outcome.path] = outcome
        say(f"[{number}/{len(due)}] {outcome.path}: {outcome.state}" + (f": {outcome.reason}" * bool(outcome.reason)))
    return [done.get(str(job.path), Outcome(str(job.path), "stopped")) for job in jobs]


def _in_turn(jobs: list[Job], say: Callable[[str], None]) -> Iterator[Outcome]:
    for number, job in enumerate(jobs, start=1):
        say(f"[{number}/{len(jobs)}] {job.path}")
        outcome = attempt(job.plain(), progress=True)
        yield outcome
        if outcome.state == "stopped":
            return


def _by(executor: Executor, jobs: list[Job]) -> Iterator[Outcome]:
    running: dict[Future, Job] = {executor.submit(attempt, job.plain()): job for job in jobs}
    with _asked_to_stop() as asked:
        while running:
            done, _ = wait(running, timeout=PATIENCE, return_when=FIRST_COMPLETED)
            why = CTRL_C if asked[:1] == [signal.SIGINT] else "told to stop"
            for future in done:
                outcome = _outcome(future, running.pop(future))
                yield replace(outcome, reason=why) if asked and outcome.state == "stopped" else outcome
            for future in [one for one in running if asked and one.cancel()]:
                yield Outcome(str(running.pop(future).path), "stopped", why)


def _outcome(future: Future, job: Job) -> Outcome:
    failure = future.exception()
    if failure is None:
        return future.result()
    return Outcome(str(job.path), "failed", f"its worker ended: {type(failure).__name__}: {_line(failure)}")


@contextmanager
def _asked_to_stop() -> Iterator[list[int]]:
    """Collect stop signals and hand them on to the processes of a pool; a second Ctrl-C ends them at once."""
    asked: list[int] = []

    def hear(number: int, frame: object) -> None:
        asked.append(number)
        with suppress(OSError):  # the terminal is gone
            sys.stderr.write("\nstopping all runs after their present stretch (a second Ctrl-C stops at once)\n")
        for child in multiprocessing.active_children():
            child.kill() if len(asked) > 1 else child.terminate()
        if len(asked) > 1:
            raise KeyboardInterrupt

    with listening(hear):
        yield asked


def pool(workers: int) -> ProcessPoolExecutor:
    """Make a pool of processes that end with this one; each stops its run after the present stretch when told to."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker, initargs=(os.getpid(),))


def _begin_worker(parent: int) -> None:
    """Leave Ctrl-C and a closed terminal to the parent, remember SIGTERM, and get one when the parent ends."""
    for number in set(SIGNALS) - {signal.SIGTERM}:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: setattr(_Told, "stop", True))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End an idle worker whose parent has gone; a run in progress has heard SIGTERM and saves itself first."""
    gone = threading.Event()
    while not gone.wait(2):
        if os.getppid() != parent:
            _Told.stop = True
            os.kill(os.getpid(), signal.SIGTERM)
            gone.wait(60)
            os._exit(75)
