"""Several jobs, one after the other or by any executor; what is done is left alone, what was begun goes on.

Whatever has ``submit(function, *arguments) -> Future`` can do the work: a process pool, Dask, MPI, Parsl.
"""

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import active_children
from typing import Any

from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.analysis.trace.storage.durable import WriteError
from biocredit.circuits.core.backend import at_home_in_this_thread
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.execution.board import Board, board_for
from biocredit.protocols.execution.job import Job
from biocredit.protocols.execution.pool import under_way
from biocredit.protocols.training.checkpoint import RunError
from biocredit.protocols.training.stopping import StopRequest, stop_request

CTRL_C = "Ctrl-C"
#: Seconds between two looks at the jobs that are running.
PATIENCE = 0.3
#: How often in a row a job is begun again without getting further.
FRUITLESS = 3


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


def attempt(plain: Mapping[str, Any], progress: bool = False) -> Outcome:
    """Run a job that is given as JSON, from its checkpoint if it has one."""
    path = str(plain["path"])
    with stop_request() as told:
        if told.made:
            return Outcome(path, "stopped", _why(told))
        try:
            under_way.add(path)
            at_home_in_this_thread()
            job = Job.from_plain(plain)
            state = job.state()
            if state == "new":
                job.start(progress=progress)
            elif state != "complete":
                job.go_on(progress=progress)
            return Outcome(path, "complete" if open_trace(path).status == "complete" else "stopped")
        except (KeyboardInterrupt, SystemExit):
            return Outcome(path, "stopped", _why(told))
        except TraceError as failure:
            return Outcome(path, "busy" if "being written" in str(failure) else "failed", _line(failure))
        except (RunError, WriteError) as failure:
            return Outcome(path, "failed", _line(failure))
        except CircuitError as refusal:
            return Outcome(path, "refused", _line(refusal))
        except Exception as failure:
            return Outcome(path, "failed", f"{type(failure).__name__}: {_line(failure)}")
        finally:
            under_way.discard(path)


def _why(told: StopRequest) -> str:
    return CTRL_C if told.by == signal.SIGINT else "told to stop"


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
    done = {str(job.path): Outcome(str(job.path), "complete") for job in jobs if job.state() == "complete"}
    if done:
        say(f"{len(done)} of {len(jobs)} are complete already")
    due = [job for job in jobs if str(job.path) not in done]
    board = board_for([job.path for job in due], say, together=executor is not None)
    with stop_request("stopping all runs after their present stretch") as told:
        finished = _in_turn(due, say) if executor is None else _by(executor, due, told, board)
        with board:
            for outcome in finished:
                done[outcome.path] = outcome
                board.done(outcome.path, outcome.state, outcome.reason)
    return [done.get(str(job.path), Outcome(str(job.path), "stopped", _why(told))) for job in jobs]


def _in_turn(jobs: list[Job], say: Callable[[str], None]) -> Iterator[Outcome]:
    for number, job in enumerate(jobs, start=1):
        say(f"[{number}/{len(jobs)}] {job.path}")
        outcome = attempt(job.plain(), progress=True)
        yield outcome
        if outcome.state == "stopped":
            return


def _by(executor: Executor, jobs: list[Job], told: StopRequest, board: Board) -> Iterator[Outcome]:
    """Hand out jobs and take what comes of them; those whose worker died are begun again."""
    others, restarts = set(active_children()), {job.path: Restarts(job) for job in jobs}
    running: dict[Future, Job] = {executor.submit(attempt, job.plain()): job for job in jobs}
    try:
        while running:
            for future in wait(running, timeout=PATIENCE, return_when=FIRST_COMPLETED)[0]:
                job = running.pop(future)
                lost = not future.cancelled() and isinstance(future.exception(), BrokenExecutor)
                if lost and not told.made and restarts[job.path].worth_another():
                    with suppress(BrokenExecutor):
                        running[executor.submit(attempt, job.plain())] = job
                        continue
                outcome = _outcome(future, job, told)
                yield replace(outcome, reason=_why(told)) if told.made and outcome.state == "stopped" else outcome
            board.look()
            if told.made:
                for future in [one for one in running if one.cancel()]:
                    yield _outcome(future, running.pop(future), told)
                for child in set(active_children()) - others:
                    others.add(child)
                    child.terminate()
    except BaseException:
        for child in set(active_children()) - others:
            child.kill()
        raise


def _outcome(future: Future, job: Job, told: StopRequest) -> Outcome:
    failure = None if future.cancelled() else future.exception()
    if told.made and (future.cancelled() or isinstance(failure, BrokenExecutor)):
        return Outcome(str(job.path), "stopped", _why(told))
    if future.cancelled():
        return Outcome(str(job.path), "failed", "its engine let go of it: the scheduler or the last worker has gone")
    if failure is None:
        return future.result()
    return Outcome(str(job.path), "failed", f"its worker ended: {type(failure).__name__}: {_line(failure)}")


class Restarts:
    """How often a job was begun again without getting further.

    Parameters
    ----------
    job
        The job.
    fruitless
        Restarts since it last got further.
    """

    def __init__(self, job: Job, fruitless: int = 0):
        self.job, self.fruitless, self.reached = job, fruitless, job.reached()

    def worth_another(self) -> bool:
        """Whether to begin it once more, now that it ended early: not after :data:`FRUITLESS` restarts in a row."""
        before, self.reached = self.reached, self.job.reached()
        self.fruitless = 1 if self.reached > before else self.fruitless + 1
        return self.fruitless <= FRUITLESS
