"""Configurations of the target family beside counter-current learning (table 1 of arXiv 2409.19841)."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from biocredit.protocols.experiments.configurations.counter_current import RUN
from biocredit.protocols.experiments.experiment import Configuration
from biocredit.protocols.experiments.parts import Images, Run

if TYPE_CHECKING:
    from biocredit.protocols.training.protocol import Protocol


@dataclass(frozen=True)
class Targets:
    """Target propagation as in the released program of fixed-weight DTP (arXiv 2212.10352).

    Parameters
    ----------
    hidden
        Units of the hidden layers.
    descending
        Which of the family.
    standardised
        Which populations are standardised over the batch.
    stepsize
        Of the output's target.
    feedback_rate
        Learning rate of feedback that learns.
    """

    hidden: tuple[int, ...] = (256,) * 5
    descending: Literal[
        "difference_target",
        "difference_reconstruction",
        "local_difference_reconstruction",
        "fixed_difference_target",
    ] = "difference_target"
    standardised: Literal["nowhere", "hidden", "output", "everywhere"] = "nowhere"
    stepsize: float = 0.1
    feedback_rate: float = 1e-3

    def stream(self) -> Any:
        """Make the descending stream."""
        import optax
        from biocredit.circuits.dual_stream import PATHWAYS

        learns = self.descending != "fixed_difference_target"
        own = {"optimizer": optax.sgd(self.feedback_rate)} if learns else {}
        return PATHWAYS[self.descending](stepsize=self.stepsize, **own)


@dataclass(frozen=True, kw_only=True)
class TargetsOnImages(Configuration):
    """Target propagation classifies images."""

    task: Images = Images("mnist", "global", 54000)  # noqa: RUF009  (frozen)
    circuit: Targets = Targets()
    rate: float = 1.0
    run: Run = RUN

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        import optax
        from biocredit.circuits import DualStream
        from biocredit.circuits.dual_stream.pathways.target_propagation import architectures

        task = self.task.load()
        (inputs,), (classes,) = task.inputs.values(), task.readouts.values()
        sizes = (inputs, *self.circuit.hidden, classes)
        nodes = architectures.dense(sizes, standardised=self.circuit.standardised)
        net = DualStream(*nodes, self.circuit.stream(), seed=self.run.seed)
        return protocol(self, net, task, optax.sgd(self.rate))


@dataclass(frozen=True)
class DirectTargets:
    """Hidden units of a network that receives the target through fixed random projections (arXiv 1909.01311)."""

    hidden: tuple[int, ...] = (256,) * 5


@dataclass(frozen=True, kw_only=True)
class DirectTargetsOnImages(Configuration):
    """Direct random target projection classifies images."""

    task: Images = Images("mnist", None, 54000)  # noqa: RUF009  (frozen)
    circuit: DirectTargets = DirectTargets()
    rate: float = 1e-3
    run: Run = replace(RUN, batch_size=100)  # noqa: RUF009  (frozen)

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits import DualStream
        from biocredit.circuits.core.initializers import fan_in_uniform_biases
        from biocredit.circuits.dual_stream.pathways.target_propagation import architectures
        from biocredit.circuits.dual_stream.pathways.target_propagation.training import frenkel

        task = self.task.load()
        (inputs,), (classes,) = task.inputs.values(), task.readouts.values()
        nodes = architectures.dense(
            (inputs, *self.circuit.hidden, classes), bias=True, initializer=fan_in_uniform_biases
        )
        options = {"loss": "mean_binary_cross_entropy", "seed": self.run.seed}
        return protocol(self, DualStream(*nodes, "direct_random_target", **options), task, frenkel(self.rate))


def protocol(configuration: Any, net: Any, task: Any, optimizer: Any) -> "Protocol":
    """Let a network learn as configured."""
    from biocredit.protocols import TwoPhase

    run = configuration.run
    batch_size = min(run.batch_size, task.n_train)
    options = {"seeds": run.seeds, "batch_size": batch_size, "shuffle": run.shuffle}
    return TwoPhase(net, task, optimizer=optimizer, **options)
