"""Progress of long work: a bar in a terminal or notebook, otherwise a plain line every few seconds."""

import contextlib
import sys
import time
from typing import Any

from tqdm.auto import tqdm

#: Seconds between plain lines where there is no terminal.
LINE_EVERY = 10.0


class Bar:
    """A tqdm bar."""

    def __init__(self, total: int, what: str):
        self._bar = tqdm(total=total, desc=what, unit="update", leave=True)

    def advance(self, count: int, **values: Any) -> None:
        """Count updates and show the latest values."""
        self._bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()}, refresh=False)
        with contextlib.suppress(OSError):  # the terminal is gone
            self._bar.update(count)

    def close(self) -> None:
        """End the bar."""
        with contextlib.suppress(OSError):
            self._bar.close()


class Lines:
    """A plain line to standard error, at most one every :data:`LINE_EVERY` seconds."""

    def __init__(self, total: int, what: str):
        self._total, self._what, self._done = total, what, 0
        self._start = self._last = time.monotonic()

    def advance(self, count: int, **values: Any) -> None:
        """Count updates; say the latest values and the time left when a line is due."""
        self._done += count
        now = time.monotonic()
        if now - self._last >= LINE_EVERY or self._done == self._total:
            self._last = now
            left = (now - self._start) / self._done * (self._total - self._done)
            shown = " ".join(f"{name} {value:.4g}" for name, value in values.items())
            line = f"{self._what}: {self._done}/{self._total} updates, about {left:.0f} s left; {shown}"
            with contextlib.suppress(OSError):  # the terminal is gone
                print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to end."""


class Silent:
    """No progress at all."""

    def advance(self, count: int, **values: Any) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def meter(total: int, what: str, wanted: bool = True) -> Bar | Lines | Silent:
    """Choose the meter that suits where standard error goes."""
    if not wanted:
        return Silent()
    interactive = sys.stderr.isatty() or "ipykernel" in sys.modules
    return Bar(total, what) if interactive else Lines(total, what)
