"""Sample filter: trials that the output already has right do not teach."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

RELEASED = 0.1
"""Threshold of the released program."""


def unsettled(
    output: Float[Array, "trial class"], target: Float[Array, "trial class"], threshold: float
) -> Float[Array, " trial"]:
    """Return 0 for trials whose right class has a probability within ``threshold`` of 1, and 1 for others.

    Parameters
    ----------
    output
        Output before the softmax.
    target
        One-hot rows.
    threshold
        0.1 in the released program, 0.2 in the paper (arXiv 2409.19841); 0 keeps every trial.

    Examples
    --------
    >>> unsettled(jnp.array([[9.0, 0.0], [0.0, 0.0]]), jnp.array([[1.0, 0.0], [1.0, 0.0]]), 0.1)
    Array([0., 1.], dtype=float32)
    """
    right = (jax.nn.softmax(output) * target).sum(-1)
    return (jnp.abs(right - 1) >= threshold).astype(output.dtype)
