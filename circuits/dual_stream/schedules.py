"""Optimisers and schedules of the feedback-alignment papers, as optax transformations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import jax
import jax.numpy as jnp
import optax
from biocredit.circuits.core.errors import renamed, require


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

    def value(step: int | jax.Array) -> jax.Array:
        passed = (jnp.where(step >= boundary, factor, 1.0) for boundary in boundaries)  # takes the weights' precision
        return prod(passed, start=start)

    return value


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
    decay = optax.add_decayed_weights(weight_decay) if callable(weight_decay) or weight_decay else optax.identity()
    trace = optax.trace(momentum) if momentum else optax.identity()
    return optax.chain(decay, trace, optax.scale_by_learning_rate(learning_rate))


@renamed(rate="learning_rate")
def keep_factor_sgd(learning_rate: float, keep: float, batch_size: int) -> optax.GradientTransformation:
    """Gradient descent of the weight-mirror authors' program (arXiv 1904.05391).

    Weights of both streams are multiplied by ``keep`` in every update; biases are not, and their change is divided by
    the batch size once more (as that program does).
    """
    require(0 < keep <= 1, f"the keep factor is a fraction above 0, got {keep}")
    groups = {
        "weight": optax.chain(optax.add_decayed_weights((1 - keep) / learning_rate), optax.scale(-learning_rate)),
        "bias": optax.scale(-learning_rate / batch_size),
    }
    return optax.multi_transform(groups, lambda weights: {k: "bias" if k.endswith(".b") else "weight" for k in weights})


@renamed(rate="learning_rate", rate_milestones="learning_rate_milestones", rate_factor="learning_rate_factor")
@dataclass(frozen=True)
class TrainingSchedule:
    """Optimiser settings of one published experiment.

    Parameters
    ----------
    epochs, batch_size
        Length of training, trials in a batch.
    learning_rate, learning_rate_milestones, learning_rate_factor
        Arguments of :func:`learning_rate_steps`.
    decay, decay_milestones, decay_factor
        Arguments of :func:`weight_decay_steps`.
    momentum
        Of :func:`momentum_sgd`.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    learning_rate_milestones: tuple[int, ...]
    learning_rate_factor: float
    decay: float = 1e-4
    decay_milestones: tuple[int, ...] = ()
    decay_factor: float = 1.0
    momentum: float = 0.9

    def learning_rate_schedule(self, batches_per_epoch: int) -> optax.Schedule:
        """Learning rate by update."""
        return learning_rate_steps(
            self.learning_rate, self.learning_rate_milestones, self.learning_rate_factor, batches_per_epoch
        )

    def weight_decay_schedule(self, batches_per_epoch: int) -> optax.Schedule:
        """Weight decay by update."""
        return weight_decay_steps(self.decay, self.decay_milestones, self.decay_factor, batches_per_epoch)

    def optimizer(self, batches_per_epoch: int) -> optax.GradientTransformation:
        """The whole optimiser."""
        schedules = self.learning_rate_schedule(batches_per_epoch), self.weight_decay_schedule(batches_per_epoch)
        return momentum_sgd(schedules[0], self.momentum, schedules[1])


MNIST = TrainingSchedule(40, 64, 0.01, (20, 30), 0.5)
CIFAR = TrainingSchedule(200, 128, 0.1, (100, 150, 200), 0.1)
IMAGENET = TrainingSchedule(75, 256, 0.1, (20, 40, 60), 0.1)

TRAININGS: dict[str, TrainingSchedule] = {
    "paper_mnist_pfa": replace(MNIST, decay=0.03, decay_milestones=(0,), decay_factor=1 / 300),
    "paper_mnist_other": MNIST,
    "paper_cifar_pfa": replace(CIFAR, decay=0.005, decay_milestones=(0,), decay_factor=1 / 50),
    "paper_cifar_other": CIFAR,
    "paper_cifar_dfa": replace(CIFAR, learning_rate=0.001),
    "paper_imagenet_pfa": replace(IMAGENET, decay=0.0005, decay_milestones=(0,), decay_factor=1 / 5),
    "paper_imagenet_other": IMAGENET,
    "released_mnist_pfa": replace(MNIST, learning_rate=0.1, decay=0.01, decay_milestones=(0,), decay_factor=1 / 100),
    "released_cifar_pfa": replace(CIFAR, epochs=250, decay=0.01, decay_milestones=(0, 10), decay_factor=1 / 10),
}
"""Settings of arXiv 2405.20594 (``paper_``) and of its authors' program (``released_``), for PFA and other streams."""
