"""Ctrl-C, SIGTERM, SIGHUP and the user's signals ask a run to stop after the present stretch, and to save itself.

SIGTERM and the two user's signals are what clusters send before a time limit or a preemption, SIGHUP is a terminal that
was closed.
"""

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from biocredit.analysis.trace.storage.uninterrupted import SIGNALS

#: Exit status of a program that was ended by a signal other than Ctrl-C after saving: try again later (EX_TEMPFAIL).
TRY_AGAIN = 75

#: Seconds that a stretch may take: a cluster gives a run about a minute from the signal to the end.
LONGEST_STRETCH = 20.0


class StopRequest:
    """Whether somebody asked for the end; a second Ctrl-C does not wait.

    Parameters
    ----------
    what
        What is said when the signal comes; nothing if it is empty.

    Attributes
    ----------
    by
        The signal; None before one came.
    """

    def __init__(self, what: str = "stopping after this stretch") -> None:
        self.what, self.by = what, None

    @property
    def made(self) -> bool:
        """Whether the run should stop."""
        return self.by is not None

    def __call__(self, number: int, frame: object) -> None:
        """Handle the signal."""
        if self.made and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.made and self.what:
            again = " (a second Ctrl-C stops at once)" if number == signal.SIGINT else ""
            with contextlib.suppress(OSError):  # the terminal is gone
                sys.stderr.write(f"\n{self.what}{again}\n")
                sys.stderr.flush()
        self.by = self.by or number

    def listen(self) -> dict[int, Any]:
        """Hear the signals from now on (in the main thread), but those that are ignored; return the handlers before."""
        _LISTENING.append(self)
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        return {number: signal.signal(number, self) for number in heard}

    def act(self, on_interrupt: str, message: str) -> None:
        """End the program as the signal wants it, now that everything is saved.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C.
        SystemExit
            After another signal, with status :data:`TRY_AGAIN`.
        """
        if self.made and on_interrupt == "raise":
            raise KeyboardInterrupt(message) if self.by == signal.SIGINT else SystemExit(TRY_AGAIN)


@contextlib.contextmanager
def stop_request(what: str = "stopping after this stretch") -> Iterator[StopRequest]:
    """Listen for stop signals.

    Where somebody listens already (a worker does for all its life), the same request is handed on, also to other
    threads than the main one, which hear nothing themselves.

    Parameters
    ----------
    what
        What is said when one comes.
    """
    if _LISTENING:
        yield _LISTENING[-1]
        return
    request = StopRequest(what)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = request.listen()
    try:
        yield request
    finally:
        _LISTENING.remove(request)
        for number, handler in before.items():
            signal.signal(number, handler)


#: Who hears the signals of this process now.
_LISTENING: list[StopRequest] = []


def shorter(chunk: int, updates: int, took: float) -> int:
    """Return a length of stretches that a stop can wait for, where the last one took too long.

    Parameters
    ----------
    chunk
        Updates of a stretch.
    updates
        Updates of the whole pass; no stretch of it is left with a single update, which is compiled otherwise.
    took
        Seconds of the last stretch.

    Examples
    --------
    >>> shorter(128, 1280, 2.0), shorter(128, 1280, 160.0), shorter(128, 33, 80.0)
    (128, 16, 31)
    """
    if took <= LONGEST_STRETCH:
        return chunk
    wanted = min(chunk, max(2, int(chunk * LONGEST_STRETCH / took)))
    return next((length for length in range(wanted, 1, -1) if updates % length != 1), chunk)
