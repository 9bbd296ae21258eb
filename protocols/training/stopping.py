"""Ctrl-C and SIGTERM ask a run to stop at the end of the present chunk."""

import contextlib
import signal
import threading
from collections.abc import Iterator


class StopRequest:
    """Whether somebody asked for the end; a second Ctrl-C does not wait."""

    def __init__(self) -> None:
        self.made = False

    def __call__(self, number: int, frame: object) -> None:
        """Handle the signal."""
        if self.made and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.made = True


@contextlib.contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Listen for stop signals (in the main thread; elsewhere there is nothing to listen to)."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
