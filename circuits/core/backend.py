"""BrainPy, imported without losing JAX's choice of precision; and every core of the processor as a device.

Importing BrainPy (2.8) switches 64-bit types off even where ``JAX_ENABLE_X64=1`` asked for them. Import ``bp`` and
``bm`` from here and nowhere else.

JAX takes a processor for one device, on which small networks keep one core busy. Here each core is a device (unless
``JAX_NUM_CPU_DEVICES`` or ``XLA_FLAGS`` say otherwise, or JAX has begun already), so that seeds use all of them. The
pool of threads, on which the last bits depend, stays as large as it was.
"""

import contextlib
import os

import jax

_wide = jax.config.jax_enable_x64


def threads() -> int:
    """Return the size of XLA's pool of threads: ``NPROC``, or the cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(os.environ.get("NPROC") or cores)


if jax.config.jax_num_cpu_devices < 1 and "host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", threads())

import brainpy as bp  # noqa: E402
import brainpy.math as bm  # noqa: E402
from brainpy.math.defaults import setting as _DefaultSettings  # noqa: E402

if _wide:
    bm.enable_x64()


def at_home_in_this_thread() -> None:
    """Give this thread BrainPy's default settings, which only the thread that imports it has: a worker's is another."""
    _DefaultSettings()
    if _wide:
        bm.enable_x64()


__all__ = ["at_home_in_this_thread", "bm", "bp", "threads"]
