"""Circuits: what exists. Populations, projections, dynamics and local plasticity."""

import jax

_wide = jax.config.jax_enable_x64
import brainpy  # noqa: E402, F401  (its import switches JAX to 32 bits, whatever the user chose)

jax.config.update("jax_enable_x64", _wide)
