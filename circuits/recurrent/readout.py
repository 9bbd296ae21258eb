"""Losses and scores of a linear readout y = z O + b, and the learning signal sent back to each neuron.

A loss of :mod:`biocredit.circuits.core.losses` is summed over time steps (those where ``when`` is 1) and averaged or
summed over trials (arXiv 2206.01338, Eq. 9). Time is the leading axis, then the trial.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.losses import Loss
from biocredit.circuits.recurrent.ports import Ports
from jaxtyping import Array, Float, Num


def last_step(steps: int, dtype: jnp.dtype) -> Float[Array, " time"]:
    """Time mask of a decision at the last step."""
    return (jnp.arange(steps) == steps - 1).astype(dtype)


class Goal(NamedTuple):
    """What the readouts should be, and when, by port; time first.

    Attributes
    ----------
    target
        Class numbers ``[time, trial]`` or values ``[time, trial, output]``; where a readout does not count, the value
        is 0 and means nothing.
    when
        Weight of each step ``[time, trial]``, 0 where the readout does not count.
    """

    target: dict[str, jax.Array]
    when: dict[str, jax.Array]

    def wanted(self, ports: Ports) -> jax.Array:
        """Values that all outputs should have: a class number stands for 1 at its output and 0 elsewhere."""
        values = []
        for name, size in ports.sizes.items():
            target, when = self.target[name], self.when[name]
            values.append(jax.nn.one_hot(target, size, dtype=when.dtype) if target.ndim < 3 else target)
        return values[0] if len(values) == 1 else jnp.concatenate(values, axis=-1)


def evaluate(
    loss: Loss, y: Float[Array, "time trial output"], goal: Goal, ports: Ports, mean: bool
) -> tuple[Float[Array, ""], Float[Array, "time trial output"]]:
    """Return the loss, summed over readouts, and dLoss/dy.

    Parameters
    ----------
    loss, y, goal, ports
        Loss, readouts side by side, targets and where they count, ports.
    mean
        Whether trials are averaged rather than summed; the derivative then carries 1/trials.
    """
    total, errors = jnp.zeros((), y.dtype), []
    for name, output in ports.apart(y).items():
        target, weight = goal.target[name], goal.when[name]
        weight = weight / y.shape[1] if mean else weight
        counts = weight != 0
        target = jax.nn.one_hot(target, output.shape[-1], dtype=output.dtype) if target.ndim < 3 else target
        value, error = (loss.of_trials(part, output, target) for part in (loss.value, loss.error))
        total = total + jnp.sum(jnp.where(counts, weight * value, 0))
        errors.append(jnp.where(counts[..., None], weight[..., None] * error, 0))
    return total, errors[0] if len(errors) == 1 else jnp.concatenate(errors, axis=-1)


def accuracy(
    y: Float[Array, "time trial output"], target: Num[Array, "time trial"], when: Float[Array, "time trial"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Count correct choices (largest readout) over all steps that count, and these steps."""
    counts = when != 0
    right = (jnp.argmax(y, axis=-1) == target) & counts
    return jnp.sum(right, dtype=when.dtype), jnp.sum(counts, dtype=when.dtype)


def labels_right(
    predicted: Float[Array, "time trial output"],
    target: Float[Array, "time trial output"],
    when: Float[Array, "time trial"],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Count labels that are told right over all steps that count, and all labels of these steps."""
    counts = jnp.broadcast_to((when != 0)[..., None], target.shape)
    right = ((predicted > 0.5) == (target > 0.5)) & counts
    return jnp.sum(right, dtype=when.dtype), jnp.sum(counts, dtype=when.dtype)


def decided(y: jax.Array, target: jax.Array, when: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """One decision a trial, by the readout's mean over the steps that count: readout, label and weight, time first."""
    last = jnp.argmax(jnp.where(when != 0, jnp.arange(len(when))[:, None], -1), axis=0)
    label = jnp.take_along_axis(target, last[None], axis=0)
    return (when[..., None] * y).sum(0, keepdims=True), label, when.max(0, keepdims=True)


def squared_error(
    y: Float[Array, "time trial output"], target: Float[Array, "time trial output"], when: Float[Array, "time trial"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Squared error and squared target where the readout counts; their ratio is the NMSE of a zero-mean target."""
    return jnp.sum(when[..., None] * (target - y) ** 2), jnp.sum(when[..., None] * target**2)


def filtered(
    values: Float[Array, "time *rest"], keep: jax.Array, gain: jax.Array, before: jax.Array | None = None
) -> tuple[Float[Array, "time *rest"], Float[Array, "*rest"]]:
    """Filter forward in time, f_t = keep f_{t-1} + gain v_t; return the series and its last value."""

    def step(old: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        new = keep * old + gain * now
        return new, new

    last, series = jax.lax.scan(step, jnp.zeros_like(values[0]) if before is None else before, values)
    return series, last


def learning_signal(
    error: Float[Array, "*lead output"], feedback: Float[Array, "neuron output"]
) -> Float[Array, "*lead neuron"]:
    """Top-down learning signal L = E B^T; symmetric if ``feedback`` is the readout weight, else random."""
    return error @ feedback.T


def over_time(pre: Float[Array, "time trial pre"], post: Float[Array, "time trial post"]) -> Float[Array, "pre post"]:
    """Sum outer products over time and trials in one matrix product."""
    return pre.reshape(-1, pre.shape[-1]).T @ post.reshape(-1, post.shape[-1])
