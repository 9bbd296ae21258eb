"""What a case may take: a gigabyte more than the process has, and twenty seconds."""

import contextlib
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

MEMORY, SECONDS = 1_000_000_000, 20


def memory_used() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


@contextlib.contextmanager
def limited_memory() -> Iterator[None]:
    """Let this process have a gigabyte more than now."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_used() + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextlib.contextmanager
def limited_time() -> Iterator[None]:
    """Turn a hang into an error."""

    def late(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)
