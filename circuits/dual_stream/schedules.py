"""Optimisers and schedules of the feedback-alignment papers, as optax transformations."""

from collections.abc import Sequence

import optax

from circuits.errors import require


def learning_rate_steps(
    start: float, milestones: Sequence[int], factor: float, batches_per_epoch: int
) -> optax.Schedule:
    """Learning rate that is multiplied by ``factor`` *at the beginning* of every milestone epoch.

    Parameters
    ----------
    start
        Value in epoch 0.
    milestones
        Epochs, counted from 0.
    factor
        Multiplies the value at each milestone.
    batches_per_epoch
        Updates in one epoch.

    Examples
    --------
    >>> schedule = learning_rate_steps(0.1, [1], 0.5, batches_per_epoch=10)
    >>> [round(float(schedule(step)), 3) for step in (0, 9, 10)]
    [0.1, 0.1, 0.05]
    """
    return _steps(start, [m * batches_per_epoch for m in milestones], factor)


def weight_decay_steps(
    start: float, milestones: Sequence[int], factor: float, batches_per_epoch: int
) -> optax.Schedule:
    """Weight decay that is multiplied by ``factor`` *at the end* of every milestone epoch.

    Milestone 0 means "from the second epoch on": one epoch later than in :func:`learning_rate_steps`, which takes
    the same arguments.

    Examples
    --------
    >>> schedule = weight_decay_steps(0.03, [0], 0.1, batches_per_epoch=10)
    >>> [round(float(schedule(step)), 4) for step in (0, 9, 10)]
    [0.03, 0.03, 0.003]
    """
    return _steps(start, [(m + 1) * batches_per_epoch for m in milestones], factor)


def _steps(start: float, boundaries: Sequence[int], factor: float) -> optax.Schedule:
    require(start >= 0 and factor >= 0, f"a schedule cannot be negative, got start {start}, factor {factor}")
    return optax.piecewise_constant_schedule(start, dict.fromkeys(boundaries, factor))


def momentum_sgd(
    learning_rate: optax.ScalarOrSchedule, momentum: float = 0.9, weight_decay: optax.ScalarOrSchedule = 0.0
) -> optax.GradientTransformation:
    """Gradient descent with momentum and coupled weight decay.

    ``g = change + decay * weight``, ``v = momentum * v + g``, ``weight -= rate * v``. The decay acts on every
    plastic weight that the transformation is given; groups with other settings are made with
    ``optax.multi_transform``.
    """
    for name, value in (("learning rate", learning_rate), ("momentum", momentum), ("weight decay", weight_decay)):
        require(callable(value) or value >= 0, f"{name} cannot be negative, got {value}")
    return optax.chain(
        optax.add_decayed_weights(weight_decay), optax.trace(momentum), optax.scale_by_learning_rate(learning_rate)
    )
