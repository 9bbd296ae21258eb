"""Losses of a linear readout y = z O + b, their derivatives, and the learning signal sent back to each neuron.

A loss is summed over time steps (those where ``when`` is 1) and averaged or summed over trials (arXiv 2206.01338,
Eq. 9). Time is the leading axis, then the trial.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.recurrent.leak import per_neuron
from jaxtyping import Array, Float, Num


class Loss(NamedTuple):
    """A loss per trial and step, and its derivative with respect to the readout.

    Attributes
    ----------
    value
        ``value(y, target) -> [..., ]``.
    error
        ``error(y, target) -> [..., output]``: dLoss/dy.
    """

    value: Callable[[jax.Array, jax.Array], jax.Array]
    error: Callable[[jax.Array, jax.Array], jax.Array]


def _one_hot(target: jax.Array, like: jax.Array) -> jax.Array:
    return jax.nn.one_hot(target, like.shape[-1], dtype=like.dtype)


LOSSES: dict[str, Loss] = {
    "squared_error": Loss(lambda y, target: 0.5 * jnp.sum((target - y) ** 2, axis=-1), lambda y, target: y - target),
    "cross_entropy": Loss(
        lambda y, target: -jnp.sum(_one_hot(target, y) * jax.nn.log_softmax(y), axis=-1),
        lambda y, target: jax.nn.softmax(y) - _one_hot(target, y),
    ),
}


def readout(
    rate: Float[Array, "*lead neuron"], w_out: Float[Array, "neuron output"], b_out: Float[Array, " output"]
) -> Float[Array, "*lead output"]:
    """Linear readout of the rates."""
    current = rate @ w_out
    return current + per_neuron(b_out, current.ndim)


def wanted(target: Num[Array, "time trial *output"], y: Float[Array, "time trial output"]) -> jax.Array:
    """Values that the readout should have: a class number stands for 1 at its output and 0 elsewhere."""
    return _one_hot(target, y) if target.ndim < y.ndim else target


def last_step(steps: int, dtype: jnp.dtype) -> Float[Array, " time"]:
    """Time mask of a decision at the last step."""
    return (jnp.arange(steps) == steps - 1).astype(dtype)


def evaluate(
    loss: Loss,
    y: Float[Array, "time trial output"],
    target: Num[Array, "time trial *output"],
    when: Float[Array, "time trial"],
    mean: bool,
) -> tuple[Float[Array, ""], Float[Array, "time trial output"]]:
    """Return the loss and dLoss/dy.

    Parameters
    ----------
    loss, y, target
        Entry of ``LOSSES``, readout, target of every step (class numbers for the cross-entropy).
    when
        1 where the readout counts, 0 elsewhere.
    mean
        Whether trials are averaged rather than summed; the derivative then carries 1/trials.
    """
    weight = when / y.shape[1] if mean else when
    return jnp.sum(weight * loss.value(y, target)), weight[..., None] * loss.error(y, target)


def accuracy(
    y: Float[Array, "time trial output"], target: Num[Array, "time trial"], when: Float[Array, "time trial"]
) -> Float[Array, ""]:
    """Fraction of correct choices (largest readout) over all steps that count."""
    right = (jnp.argmax(y, axis=-1) == target).astype(when.dtype)
    return jnp.sum(when * right) / jnp.sum(when)


def normalised_error(
    y: Float[Array, "time trial output"], target: Float[Array, "time trial output"], when: Float[Array, "time trial"]
) -> Float[Array, ""]:
    """Squared error over squared target where the readout counts (NMSE of a zero-mean target)."""
    return jnp.sum(when[..., None] * (target - y) ** 2) / jnp.sum(when[..., None] * target**2)


def learning_signal(
    error: Float[Array, "*lead output"], feedback: Float[Array, "neuron output"]
) -> Float[Array, "*lead neuron"]:
    """Top-down learning signal L = E B^T; symmetric if ``feedback`` is the readout weight, else random."""
    return error @ feedback.T


def readout_changes(
    rate: Float[Array, "time trial neuron"], error: Float[Array, "time trial output"]
) -> dict[str, jax.Array]:
    """Gradient of the readout weights and bias, the same in every rule."""
    return {"W_out": over_time(rate, error), "b_out": error.sum((0, 1))}


def over_time(pre: Float[Array, "time trial pre"], post: Float[Array, "time trial post"]) -> Float[Array, "pre post"]:
    """Sum outer products over time and trials in one matrix product."""
    return pre.reshape(-1, pre.shape[-1]).T @ post.reshape(-1, post.shape[-1])
