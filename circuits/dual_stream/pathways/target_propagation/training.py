"""Published settings of the target family: streams, optimisers, lengths of training."""

from dataclasses import dataclass

import optax
from biocredit.circuits.core.errors import renamed
from biocredit.circuits.core.optimizers import by_stream, cosine_by_epoch
from biocredit.circuits.dual_stream.pathways.target_propagation.ernoult import LocalDifferenceReconstructionErnoult
from biocredit.circuits.dual_stream.pathways.target_propagation.meulemans import (
    DifferenceReconstructionMeulemans,
    DifferenceTargetMeulemans,
)
from biocredit.circuits.dual_stream.schedules import momentum_sgd


@renamed(rate="learning_rate")
@dataclass(frozen=True)
class Adam:
    """Constants of one stream's Adam."""

    learning_rate: float
    b1: float
    b2: float
    eps: float
    decay: float = 0.0

    def optimizer(self, stepsize: float = 1.0) -> optax.GradientTransformation:
        """Adam with coupled decay; the rate is divided by the step of the output's target."""
        adam = optax.adam(self.learning_rate / stepsize, self.b1, self.b2, self.eps)
        return optax.chain(optax.add_decayed_weights(self.decay), adam)


@dataclass(frozen=True)
class Meulemans:
    """A configuration of Meulemans et al. 2020 (arXiv 2006.14331), for batches of 128 and 100 epochs.

    Parameters
    ----------
    stream
        The descending stream.
    up, down
        Optimisers of the two streams.
    rehearsal
        Epochs in which the feedback alone learns before training, and after every epoch: train with
        ``by_stream(up=optax.set_to_zero(), down=...)``.
    """

    stream: DifferenceTargetMeulemans
    up: Adam
    down: Adam
    rehearsal: tuple[int, int] = (0, 0)

    def optimizer(self) -> optax.GradientTransformation:
        """Both optimisers."""
        return by_stream(up=self.up.optimizer(self.stream.stepsize), down=self.down.optimizer())


_DTP, _DRL = DifferenceTargetMeulemans, DifferenceReconstructionMeulemans

MEULEMANS: dict[str, Meulemans] = {
    "mnist_dtp": Meulemans(
        _DTP(stepsize=0.2195, noise=0.08372),
        Adam(6.185e-5, 0.9, 0.999, 1.017e-8),
        Adam(1.958e-3, 0.9, 0.999, 7.541e-6),
    ),
    "mnist_drl": Meulemans(
        _DRL(stepsize=0.06859, noise=0.05688),
        Adam(2.969e-5, 0.9, 0.99, 1.001e-8),
        Adam(2.012e-5, 0.99, 0.999, 5.084e-8, 5.385e-6),
        (6, 1),
    ),
    "fashion_mnist_dtp": Meulemans(
        _DTP(stepsize=0.2413, noise=0.2675),
        Adam(6.265e-5, 0.9, 0.99, 3.175e-8),
        Adam(3.660e-4, 0.99, 0.999, 1.361e-6),
    ),
    "fashion_mnist_drl": Meulemans(
        _DRL(stepsize=0.08657, noise=0.08433),
        Adam(7.102e-5, 0.99, 0.999, 1.641e-8),
        Adam(9.698e-5, 0.99, 0.9, 2.268e-5, 2.139e-5),
        (6, 1),
    ),
    "cifar10_dtp": Meulemans(
        _DTP(stepsize=0.07273, noise=0.2408),
        Adam(8.083e-6, 0.999, 0.99, 4.205e-6),
        Adam(2.131e-3, 0.9, 0.9, 9.921e-5),
    ),
    "cifar10_drl": Meulemans(
        _DRL(stepsize=0.02621, noise=0.09923),
        Adam(1.412e-5, 0.9, 0.99, 5.372e-7),
        Adam(1.518e-4, 0.99, 0.999, 9.668e-6, 1.256e-5),
        (10, 2),
    ),
}
"""By data set and rule; dense networks of ``dense_with_biases``."""


@renamed(rates="learning_rates")
def ernoult(
    *,
    iterations: tuple[int, ...] = (20, 30, 35, 55, 20),
    noise: tuple[float, ...] = (0.4, 0.4, 0.2, 0.2, 0.08),
    learning_rates: tuple[float, ...] = (1e-4, 3.5e-4, 8e-3, 8e-3, 0.18),
    momentum: float = 0.9,
    stepsize: float = 0.7,
) -> LocalDifferenceReconstructionErnoult:
    """L-DRL for CIFAR-10 and the stack ``pooling`` (arXiv 2201.13415).

    Parameters
    ----------
    iterations, noise, learning_rates
        By level, from the lowest with feedback.
    momentum, stepsize
        Of the feedback's descent, of the output's target.
    """
    optimizers = tuple(momentum_sgd(rate, momentum) for rate in learning_rates)
    return LocalDifferenceReconstructionErnoult(
        stepsize=stepsize, noise=noise, iterations=iterations, optimizer=optimizers
    )


@renamed(rate="learning_rate")
def ernoult_forward(
    batches_per_epoch: int, learning_rate: float = 0.08, epochs: int = 85
) -> optax.GradientTransformation:
    """Optimiser of the ascending stream beside :func:`ernoult`, for batches of 128 and 90 epochs."""
    return momentum_sgd(cosine_by_epoch(learning_rate, 1e-5, epochs, batches_per_epoch), 0.9, 1e-4)


@renamed(rate="learning_rate")
def frenkel(learning_rate: float = 1e-4, momentum: float = 0.9) -> optax.GradientTransformation:
    """Nesterov's descent of the program of direct random target projection, for batches of 100 (arXiv 1909.01311).

    Its loss is ``"mean_binary_cross_entropy"`` and its images lie between 0 and 1.
    """
    return optax.sgd(learning_rate, momentum, nesterov=True)
