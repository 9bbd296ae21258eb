"""Losses at the top of a circuit and the error that they send down."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.errors import require
from jaxtyping import Array, Float, Int, Shaped

Loss = Callable[[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
"""``loss(output, target) -> (mean over trials, its derivative with respect to the output)``."""


def cross_entropy(output: Float[Array, "trial c"], target: Float[Array, "trial c"]) -> tuple[jax.Array, jax.Array]:
    """Softmax cross-entropy of logits."""
    loss = optax.softmax_cross_entropy(output, target).mean()
    return loss, (jax.nn.softmax(output) - target) / len(output)


def binary_cross_entropy(
    output: Float[Array, "trial c"], target: Float[Array, "trial c"]
) -> tuple[jax.Array, jax.Array]:
    """Sigmoid cross-entropy of logits, summed over units."""
    loss = optax.sigmoid_binary_cross_entropy(output, target).sum(-1).mean()
    return loss, (jax.nn.sigmoid(output) - target) / len(output)


def mean_binary_cross_entropy(
    output: Float[Array, "trial c"], target: Float[Array, "trial c"]
) -> tuple[jax.Array, jax.Array]:
    """Sigmoid cross-entropy of logits, mean over trials and units."""
    loss = optax.sigmoid_binary_cross_entropy(output, target).mean()
    return loss, (jax.nn.sigmoid(output) - target) / output.size


def squared(output: Float[Array, "trial *unit"], target: Float[Array, "trial *unit"]) -> tuple[jax.Array, jax.Array]:
    """Half the squared distance, summed over units."""
    difference = output - target
    return 0.5 * (difference**2).sum() / len(output), difference / len(output)


def mean_squared(
    output: Float[Array, "trial *unit"], target: Float[Array, "trial *unit"]
) -> tuple[jax.Array, jax.Array]:
    """Squared difference, mean over trials and units (or pixels)."""
    difference = output - target
    return (difference**2).mean(), 2 * difference / difference.size


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "mean_binary_cross_entropy": mean_binary_cross_entropy,
    "squared": squared,
    "mean_squared": mean_squared,
}


def as_target(target: Shaped[Array, "trial ..."], output: jax.Array) -> jax.Array:
    """Targets in the form of the output: integer class labels become one-hot rows.

    Raises
    ------
    CircuitError
        If the target is neither shaped like the output nor made of labels of its classes.

    Examples
    --------
    >>> as_target(jnp.array([1]), jnp.zeros((1, 2)))
    Array([[0., 1.]], dtype=float32)
    """
    if target.shape == output.shape and not jnp.issubdtype(target.dtype, jnp.integer):
        return target.astype(output.dtype)
    labels = jnp.issubdtype(target.dtype, jnp.integer) and target.shape == output.shape[:1] and output.ndim == 2
    wanted = f"float targets of shape {output.shape}" + (" or integer labels" if output.ndim == 2 else "")
    require(labels, f"target: got {target.dtype} of shape {target.shape}, wanted {wanted}")
    check_labels(target, output.shape[-1])
    return jax.nn.one_hot(target, output.shape[-1], dtype=output.dtype)


def check_labels(labels: Int[Array, " trial"], classes: int) -> None:
    """Refuse labels that name no class (where values are known: not while JAX traces)."""
    if not isinstance(labels, jax.core.Tracer):
        known = np.asarray(labels)
        low, high = int(known.min()), int(known.max())
        require(0 <= low <= high < classes, f"labels: got {low} to {high}, wanted classes from 0 to {classes - 1}")


def accuracy(output: Float[Array, "trial c"], target: Float[Array, "trial c"]) -> Float[Array, ""]:
    """Fraction of trials whose largest output is the largest target."""
    hits: Int[Array, " trial"] = output.argmax(-1) == target.argmax(-1)
    return hits.mean(dtype=output.dtype)
