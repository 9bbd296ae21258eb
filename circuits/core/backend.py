"""BrainPy, imported without losing JAX's choice of precision.

Importing BrainPy (2.8) switches 64-bit types off even where ``JAX_ENABLE_X64=1`` asked for them. Import ``bp`` and
``bm`` from here and nowhere else.
"""

import jax

_wide = jax.config.jax_enable_x64

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


__all__ = ["at_home_in_this_thread", "bm", "bp"]
