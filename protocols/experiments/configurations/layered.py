"""Configurations of layered networks: dual streams, and equilibrium propagation."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from biocredit.protocols.experiments.experiment import Configuration
from biocredit.protocols.experiments.parts import Images, Optimizer

if TYPE_CHECKING:
    from biocredit.protocols.training.protocol import Protocol


@dataclass(frozen=True)
class Perceptron:
    """A fully connected ascending stream with a descending one, see :class:`biocredit.circuits.DualStream`.

    Parameters
    ----------
    hidden
        Units of the hidden layers.
    descending
        Name of a descending stream: ``"transposed"`` (back-propagation), ``"random"`` (feedback alignment), ...
    transfer
        Transfer function of the hidden layers.
    """

    hidden: tuple[int, ...] = (256, 256)
    descending: str = "transposed"
    transfer: str = "tanh"


@dataclass(frozen=True, kw_only=True)
class PerceptronOnImages(Configuration):
    """A fully connected dual stream classifies images."""

    task: Images = Images()  # noqa: RUF009  (frozen)
    circuit: Perceptron = Perceptron()
    optimizer: Optimizer = Optimizer()  # noqa: RUF009  (frozen)

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits import DualStream

        task = self.task.load()
        (inputs,), (classes,) = task.inputs.values(), task.readouts.values()
        sizes = (inputs, *self.circuit.hidden, classes)
        net = DualStream.mlp(sizes, self.circuit.descending, activation=self.circuit.transfer, seed=self.run.seed)
        return two_phase(self, net, task)


@dataclass(frozen=True)
class Relaxing:
    """A layered energy model, see :class:`biocredit.circuits.EquilibriumPropagation`.

    Parameters
    ----------
    hidden
        Units of the hidden layers.
    iterations, beta, estimator
        Settings of the phases.
    """

    hidden: tuple[int, ...] = (256, 256)
    iterations: tuple[int, int] = (30, 10)
    beta: float = 0.5
    estimator: Literal["one_sided", "random_sign", "symmetric"] = "symmetric"


@dataclass(frozen=True, kw_only=True)
class EquilibriumOnImages(Configuration):
    """Equilibrium propagation classifies images."""

    task: Images = Images()  # noqa: RUF009  (frozen)
    circuit: Relaxing = Relaxing()
    optimizer: Optimizer = Optimizer()  # noqa: RUF009  (frozen)

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits import EquilibriumPropagation
        from biocredit.circuits.energy_based import FixedPointIteration

        task, circuit = self.task.load(), self.circuit
        net = EquilibriumPropagation.chain(
            task, hidden=circuit.hidden, dynamics=FixedPointIteration(), loss="half_squared_error", seed=self.run.seed
        )
        phases = {"iterations": circuit.iterations, "beta": circuit.beta, "estimator": circuit.estimator}
        return two_phase(self, net, task, **phases)


def two_phase(configuration: Configuration, net: object, task: object, **phases: object) -> "Protocol":
    """Let a network learn as configured."""
    from biocredit.protocols import TwoPhase

    run = configuration.run
    return TwoPhase(
        net,
        task,
        optimizer=configuration.optimizer.make(),
        seeds=run.seeds,
        batch_size=min(run.batch_size, task.n_train),
        shuffle=run.shuffle,
        **phases,
    )
