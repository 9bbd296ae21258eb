"""Processes on this machine, each of which does one job at a time; one that is killed disturbs no other."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from biocredit.protocols.training.stopping import TRY_AGAIN, StopRequest

#: Seconds that a worker whose parent has gone gets for the end of its stretch.
GRACE = 120.0


class Pool(Executor):
    """An executor whose processes are begun anew when they die; the job that was lost raises ``BrokenExecutor``.

    A thread for each process hands it the jobs, so that a dead one breaks nothing but its own job.

    Parameters
    ----------
    workers
        Processes at a time.
    """

    def __init__(self, workers: int):
        self._threads = ThreadPoolExecutor(workers, "pool")
        self._mine = threading.local()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """Let the next process that is free do ``fn(*args, **kwargs)``."""
        return self._threads.submit(self._by_process, fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes when their jobs are done."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)

    def _by_process(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        process = getattr(self._mine, "process", None)
        if process is None:
            process = self._mine.process = _one_process()
        try:
            with without_ctrl_c():
                future = process.submit(fn, *args, **kwargs)
            return future.result()
        except BrokenExecutor:
            self._mine.process = None
            process.shutdown(wait=False)
            raise


def _one_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=_begin_worker, initargs=(os.getpid(),))


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Begin processes that leave Ctrl-C to this one (they inherit which signals are blocked)."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker(parent: int) -> None:
    """Remember stop signals, between jobs too, and end when the parent has gone."""
    StopRequest("").listen()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Tell the run in progress that the parent has gone, and end when it has saved itself."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(1)
    os.kill(os.getpid(), signal.SIGTERM)
    until = time.monotonic() + GRACE
    while under_way and time.monotonic() < until:
        pause.wait(0.2)
    os._exit(TRY_AGAIN)


#: Traces of the jobs that this process does now.
under_way: set[str] = set()
