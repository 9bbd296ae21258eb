"""How the released program of counter-current learning trains (arXiv 2409.19841), as optax transformations."""

from dataclasses import dataclass, replace

import optax
from biocredit.circuits.core.errors import renamed, require
from biocredit.circuits.core.optimizers import by_stream, clip_norm, cosine_by_epoch, warm_up
from biocredit.circuits.dual_stream.schedules import momentum_sgd


@renamed(rate="learning_rate")
@dataclass(frozen=True)
class Descent:
    """Gradient descent of one stream.

    Parameters
    ----------
    learning_rate, momentum, decay
        Learning rate, momentum, and weight decay (of biases too); a learning rate of 0 freezes the stream.
    clip
        Largest norm of all changes of the stream together; 0 for no limit.
    """

    learning_rate: float
    momentum: float = 0.0
    decay: float = 0.0
    clip: float = 0.0

    def __post_init__(self):
        require(0 <= self.momentum < 1, f"a momentum is a fraction from 0 up to, not including, 1; got {self.momentum}")


@dataclass(frozen=True)
class TwoStreamTraining:
    """Optimiser settings of both streams.

    Parameters
    ----------
    up, down
        Each stream's own.
    epochs, batch_size
        Length of training, trials in a batch.
    warm_up
        Updates of the warm-up; its factor follows the number of the batch within the epoch.
    centralise
        Whether the mean over a unit's inputs is subtracted from the changes of its weights (not of biases).
    cosine
        Epochs in which the learning rates fall to ``last_rate``; 0 for constant rates.
    last_rate
        Where they end.
    """

    up: Descent
    down: Descent
    epochs: int = 100
    batch_size: int = 256
    warm_up: int = 0
    centralise: bool = False
    cosine: int = 0
    last_rate: float = 0.001

    def steps(self, batches_per_epoch: int) -> dict[str, optax.GradientTransformation]:
        """What happens to the changes, one after the other, by name."""
        streams = {"up": self.up, "down": self.down}
        descents = {
            name: momentum_sgd(self._rate(one, batches_per_epoch), one.momentum, one.decay)
            for name, one in streams.items()
        }
        return {
            "warm_up": warm_up(self.warm_up, batches_per_epoch),
            "centralise": optax.centralize() if self.centralise else optax.identity(),
            "clip": by_stream(**{name: clip_norm(one.clip) for name, one in streams.items()}),
            "descend": by_stream(**descents),
        }

    def optimizer(self, batches_per_epoch: int) -> optax.GradientTransformation:
        """All steps together."""
        return optax.chain(*self.steps(batches_per_epoch).values())

    def _rate(self, one: Descent, batches_per_epoch: int) -> optax.ScalarOrSchedule:
        if not self.cosine:
            return one.learning_rate
        return cosine_by_epoch(one.learning_rate, self.last_rate, self.cosine, batches_per_epoch)


def _both(**settings: float) -> dict[str, Descent]:
    return {"up": Descent(**settings), "down": Descent(**settings)}


_COSINE = {"centralise": True, "cosine": 100}
_CONVOLUTIONAL = TwoStreamTraining(
    **_both(learning_rate=1.0, momentum=0.5, decay=1e-6), batch_size=128, warm_up=100, **_COSINE
)
_BACKPROPAGATION = TwoStreamTraining(**_both(learning_rate=0.03, momentum=0.5, decay=1e-5), warm_up=200, **_COSINE)

TRAININGS: dict[str, TwoStreamTraining] = {
    "dense": TwoStreamTraining(**_both(learning_rate=1.0, clip=1.0)),
    "cifar10_pooling": replace(_CONVOLUTIONAL, **_both(learning_rate=1.0, momentum=0.8, decay=1e-6, clip=0.3)),
    "cifar100_pooling": _CONVOLUTIONAL,
    "stl10_pooling": _CONVOLUTIONAL,
    "cifar_backpropagation": _BACKPROPAGATION,
    "stl10_backpropagation": _BACKPROPAGATION,
    "mnist_strided": TwoStreamTraining(**_both(learning_rate=1.0, clip=1.0), warm_up=100),
    "mnist_strided_backpropagation": TwoStreamTraining(**_both(learning_rate=0.1)),
    "autoencoder": TwoStreamTraining(
        **_both(learning_rate=0.01, momentum=0.9, decay=1e-4, clip=0.2),
        **(_COSINE | {"cosine": 50}),
        epochs=50,
        batch_size=32,
        warm_up=100,
    ),
    "autoencoder_backpropagation": TwoStreamTraining(
        **_both(learning_rate=0.03, momentum=0.5, decay=1e-5, clip=0.2),
        **(_COSINE | {"cosine": 50}),
        epochs=50,
        batch_size=32,
        warm_up=200,
    ),
}
"""Settings that the program ships with."""
