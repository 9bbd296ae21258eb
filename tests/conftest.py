"""Strict numerics for every test, 64-bit types and no silent promotion of ranks; quick, cached compilation."""

import contextlib
import ctypes
import gc
import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path

os.environ["JAX_ENABLE_X64"] = "1"
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "1")  # several are for test_devices: programs for them compile longer
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # compiling is most of the time of these tests
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).resolve().parent.parent / ".cache" / "jax"))

import jax
import numpy as np
import pytest
from biocredit.analysis.trace import first_look
from biocredit.circuits.core import backend  # noqa: F401  (BrainPy first: its import would switch 64-bit types off)

first_look.known = None  # files of tests are read here, not in a process of their own first
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


# Tests send signals, to themselves and to what they start: in the background, or under nohup, they would ignore some.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(number, usual)

#: From so many bytes on a test process lets go of its compiled programs, then again at each quarter more.
FULL, keep = 2 * 2**30, [0.0]


def resident() -> float:
    """Bytes of memory of this process; infinitely many where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return math.inf


@pytest.fixture(autouse=True)
def _forgotten_programs() -> Iterator[None]:
    """Let go of what was compiled before it fills gigabytes; the C library gives freed memory back when asked."""
    yield
    if resident() > max(FULL, keep[0]):
        jax.clear_caches()
        gc.collect()
        with contextlib.suppress(AttributeError, OSError):
            ctypes.CDLL(None).malloc_trim(0)
        keep[0] = resident() + FULL / 4


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A random generator that depends on the name of the test alone."""
    return np.random.default_rng(list(request.node.name.encode()))


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name parameters without memory addresses, so that all test processes agree on the names."""
    if callable(val):
        return getattr(val, "__name__", type(val).__name__)
    if isinstance(val, tuple):
        return "-".join(str(pytest_make_parametrize_id(config, part, argname) or part) for part in val)
    return None
