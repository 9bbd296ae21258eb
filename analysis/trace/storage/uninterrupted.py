"""Ctrl-C, SIGTERM, SIGHUP and the user's signals wait until a step that must not be cut in two is done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Signals that ask for the end: Ctrl-C, the system, a terminal that was closed, a cluster.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back the signals that Python handles until the ``with`` block (or the decorated function) is left.

    An exception raised by a handler, such as KeyboardInterrupt, would otherwise surface inside HDF5. Signals without a
    Python handler do what they always do. Python runs handlers in the main thread only, so other threads need nothing.

    Examples
    --------
    >>> handler = signal.signal(signal.SIGINT, lambda *_: print("then the handler"))
    >>> with uninterrupted():
    ...     signal.raise_signal(signal.SIGINT)
    ...     print("first the step")
    first the step
    then the handler
    >>> _ = signal.signal(signal.SIGINT, handler)
    """
    held: list[int] = []
    handlers = {}
    try:
        for number in SIGNALS if threading.current_thread() is threading.main_thread() else ():
            if callable(handler := signal.getsignal(number)):
                handlers[number] = handler
                signal.signal(number, lambda number, frame: held.append(number))
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in held:
            signal.raise_signal(number)
