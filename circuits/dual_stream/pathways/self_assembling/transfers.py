"""What descending cells do with what they receive: rate and slope, which may depend on both streams.

Only ``identity`` and ``upstream_jacobian`` are the paper's (arXiv 2412.20018); of the others it says that the choice
should not matter. One-sided rates (``relu``) make the product of ascending and descending rates positive whatever the
error is, so that lateral synapses grow without limit: measured, not claimed by the paper.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.activations import activation


class Received(NamedTuple):
    """What the descending cells of one level can feel.

    Attributes
    ----------
    potential
        Drive from the level above in the descending stream, ``[trial, descending unit]``.
    ascending_slope
        Slope of the ascending cells' transfer function, ``[trial, ascending unit]``.
    current
        Current from the ascending cells of the level, ``[trial, descending unit]``.
    """

    potential: jax.Array
    ascending_slope: jax.Array
    current: jax.Array


DescendingTransfer = Callable[[Received], tuple[jax.Array, jax.Array]]
"""From what is received to ``(rate, slope)``, both ``[trial, descending unit]``."""


def identity(received: Received) -> tuple[jax.Array, jax.Array]:
    """Linear cells."""
    return received.potential, jnp.ones_like(received.potential)


def relu(received: Received) -> tuple[jax.Array, jax.Array]:
    """Rectified cells."""
    slope = activation("relu").slope(received.potential)
    return received.potential * slope, slope


def tanh(received: Received) -> tuple[jax.Array, jax.Array]:
    """Cells that saturate on both sides."""
    return jnp.tanh(received.potential), activation("tanh").slope(received.potential)


def upstream_jacobian(received: Received) -> tuple[jax.Array, jax.Array]:
    """Linear cells, each multiplied by the slope of its ascending partner: as many cells as there are partners."""
    return received.potential * received.ascending_slope, received.ascending_slope


def lateral_gate(received: Received) -> tuple[jax.Array, jax.Array]:
    """Linear cells that are open while the ascending current is positive."""
    slope = activation("relu").slope(received.current)
    return received.potential * slope, slope


TRANSFERS: dict[str, DescendingTransfer] = {
    "identity": identity,
    "relu": relu,
    "tanh": tanh,
    "upstream_jacobian": upstream_jacobian,
    "lateral_gate": lateral_gate,
}
"""Descending transfer functions by name."""
