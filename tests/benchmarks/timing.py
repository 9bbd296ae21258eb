"""Timing by ratios: the median of interleaved measurements in one run."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental.compilation_cache import compilation_cache


def interleaved(functions: Mapping[str, Callable[[], Any]], rounds: int = 15) -> dict[str, float]:
    """Time several functions in turn, so that a change of the machine's load meets all of them.

    Parameters
    ----------
    functions
        Called without arguments; what they return is waited for.
    rounds
        Rounds after one warm-up.

    Returns
    -------
    dict
        Median seconds of each.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(rounds + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            jax.block_until_ready(function())
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) for name, values in times.items()}


@contextlib.contextmanager
def without_cache() -> Iterator[None]:
    """Compile everything anew inside the block."""
    folder = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    try:
        yield
    finally:
        jax.config.update("jax_compilation_cache_dir", folder)
        compilation_cache.reset_cache()


def exponent(sizes: list[float], seconds: list[float]) -> float:
    """Fit the growth exponent of a cost: the slope of log seconds against log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def row(what: str, ratio: float, target: str = "") -> str:
    """Format one line of a benchmark."""
    return f"  {what:<72} {ratio:8.3f}  {target}"
