"""Standardisation by the statistics of the present batch alone, in training and in testing."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from biocredit.circuits.core.errors import require
from biocredit.circuits.dual_stream.ascending.operations import Operation
from biocredit.circuits.dual_stream.ascending.stages import Weights, spread


@dataclass(frozen=True)
class Standardise(Operation):
    """``(h - mean) / (deviation + margin)`` of every unit or channel over the batch (and positions).

    There is no scale, no shift and no running average: what a trial evokes depends on the trials beside it. The
    deviation has the divisor ``n - 1``. A unit that is constant over the batch is silent and passes no error.
    Released program of arXiv 2212.10352.

    Parameters
    ----------
    margin
        Added to the deviation.

    Examples
    --------
    >>> Standardise()(jnp.array([[1.0, 5.0], [3.0, 5.0]])).round(3)
    Array([[-0.707,  0.   ],
           [ 0.707,  0.   ]], dtype=float32)
    """

    margin: float = 1e-12

    def __call__(self, h: jax.Array) -> jax.Array:
        """Standardise."""
        return self.forward({}, h, True)[0]

    def forward(self, parameters: Weights, h: jax.Array, training: bool) -> tuple[jax.Array, tuple, Weights]:
        """Return rates, and as memory the centred potentials with their deviations."""
        axes, values = tuple(range(h.ndim - 1)), h.size // h.shape[-1]
        require(values > 1, f"standardisation needs several values a unit, got activity of shape {h.shape}")
        centred = h - spread(h.mean(axes), h)
        deviation = jnp.sqrt((centred**2).sum(axes) / (values - 1))
        return centred / spread(deviation + self.margin, h), (centred, deviation), {}

    def transposed(self, memory: tuple[jax.Array, jax.Array], error: jax.Array) -> tuple[jax.Array, Weights]:
        """Exact derivative through mean and deviation."""
        centred, deviation = memory
        axes, values = tuple(range(error.ndim - 1)), error.size // error.shape[-1]
        varies = deviation > 0
        width = jnp.where(varies, deviation + self.margin, jnp.inf)
        along = (error * centred).sum(axes) / ((values - 1) * jnp.where(varies, deviation, 1))
        shifted = error - spread(error.mean(axes), error)
        return shifted / spread(width, error) - centred * spread(along / width**2, error), {}
