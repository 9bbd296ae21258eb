"""Ctrl-C, SIGTERM and SIGHUP ask a run to stop after the present stretch, and end the program when all is saved."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from biocredit.analysis.trace.storage.uninterrupted import SIGNALS
from biocredit.protocols.training.checkpoint import RunError

#: What happens after a run was stopped by a signal and saved.
ON_INTERRUPT = ("raise", "return")

#: Exit status of a program that was ended by SIGTERM or SIGHUP after saving: try again later (EX_TEMPFAIL).
TRY_AGAIN = 75


class StopRequest:
    """Whether somebody asked for the end; a second Ctrl-C does not wait.

    Attributes
    ----------
    by
        The signal; None before one came.
    """

    def __init__(self) -> None:
        self.by: int | None = None

    @property
    def made(self) -> bool:
        """Whether the run should stop."""
        return self.by is not None

    def __call__(self, number: int, frame: object) -> None:
        """Handle the signal."""
        if self.made and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.made:
            again = " (a second Ctrl-C stops at once)" if number == signal.SIGINT else ""
            with contextlib.suppress(OSError):  # the terminal is gone
                sys.stderr.write(f"\nstopping after this stretch{again}\n")
                sys.stderr.flush()
        self.by = number

    def act(self, on_interrupt: str, message: str) -> None:
        """End the program as the signal wants it, now that everything is saved.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C.
        SystemExit
            After SIGTERM and SIGHUP, with status :data:`TRY_AGAIN`.
        """
        if self.made and on_interrupt == "raise":
            raise KeyboardInterrupt(message) if self.by == signal.SIGINT else SystemExit(TRY_AGAIN)


def check_interrupt(word: str) -> None:
    """Refuse an unknown way to end."""
    if word not in ON_INTERRUPT:
        raise RunError(f"unknown on_interrupt {word!r}: valid are {', '.join(map(repr, ON_INTERRUPT))}")


@contextlib.contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Listen for stop signals (in the main thread; elsewhere there is nothing to listen to)."""
    request = StopRequest()
    with listening(request):
        yield request


@contextlib.contextmanager
def listening(handler: Callable[[int, Any], object]) -> Iterator[None]:
    """Handle stop signals, in the main thread; those that the program ignores (``nohup``) stay ignored."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
