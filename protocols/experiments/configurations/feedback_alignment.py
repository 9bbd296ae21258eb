"""Configurations of product feedback (arXiv 2405.20594) and of the streams that it is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from biocredit.protocols.experiments.experiment import Configuration
from biocredit.protocols.experiments.parts import Gabor, Images, Run

if TYPE_CHECKING:
    from biocredit.protocols.recording.measures.measure import Measure
    from biocredit.protocols.tasks.task import Task
    from biocredit.protocols.training.protocol import Protocol


@dataclass(frozen=True)
class Feedback:
    """A descending stream.

    Parameters
    ----------
    descending
        Its name in ``biocredit.circuits.dual_stream.PATHWAYS``.
    sparsity
        Fraction of its synapses that do not exist.
    """

    descending: str = "transposed"
    sparsity: float = 0.0

    def stream(self) -> Any:
        """Make it."""
        from biocredit.circuits.core.errors import choose
        from biocredit.circuits.dual_stream import PATHWAYS

        kind = choose(self.descending, PATHWAYS, "descending stream")
        return kind(**{one.name: getattr(self, one.name) for one in fields(self) if one.name != "descending"})


@dataclass(frozen=True)
class Expansion(Feedback):
    """A descending stream through intermediate populations, ``expansion`` times as large as the layer's output."""

    descending: str = "product"
    expansion: float = 10.0


@dataclass(frozen=True)
class Steps:
    """Gradient descent with momentum, in steps of learning rate and weight decay.

    Parameters
    ----------
    rate, milestones, factor
        Learning rate; it is multiplied by the factor at the beginning of these epochs.
    first_decay, decay
        Weight decay in the first epoch and later.
    momentum
        Of both streams.
    """

    rate: float = 0.01
    milestones: tuple[int, ...] = (20, 30)
    factor: float = 0.5
    first_decay: float = 1e-4
    decay: float = 1e-4
    momentum: float = 0.9

    def optimizer(self, updates: int) -> Any:
        """Make the optimiser for so many updates in an epoch."""
        from biocredit.circuits.dual_stream.schedules import learning_rate_steps, momentum_sgd, weight_decay_steps

        rate = learning_rate_steps(self.rate, self.milestones, self.factor, updates)
        decay = weight_decay_steps(self.first_decay, (0,), self.decay / self.first_decay, updates)
        return momentum_sgd(rate, self.momentum, decay)


@dataclass(frozen=True, kw_only=True)
class LayersOnImages(Configuration):
    """Fully connected layers classify images."""

    task: Images = Images("mnist", "global")  # noqa: RUF009  (frozen)
    hidden: tuple[int, ...] = (512, 512)
    feedback: Feedback = Feedback()
    steps: Steps = Steps()
    run: Run = Run(epochs=40, seeds=5, batch_size=64, shuffle="samples")  # noqa: RUF009  (frozen)

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits import DualStream
        from biocredit.protocols.recording.measures.alignment import alignment, angle_to_gradient, reciprocity

        task = self.task.load()
        (inputs,), (classes,) = task.inputs.values(), task.readouts.values()
        net = DualStream.mlp((inputs, *self.hidden, classes), self.feedback.stream(), seed=self.run.seed)
        measures = (alignment(), reciprocity(), angle_to_gradient())
        return learning(self, net, task, *(one for one in measures if not one.why_not(net)))


@dataclass(frozen=True, kw_only=True)
class ExpandedLayersOnImages(LayersOnImages):
    """Fully connected layers with product feedback classify images."""

    feedback: Expansion = Expansion()
    steps: Steps = Steps(first_decay=0.03)


@dataclass(frozen=True)
class Residual:
    """A residual network, ``depth`` 20 or 18 layers deep, on images of ``side`` by ``side`` pixels.

    While it learns, images are mirrored at random, padded by ``margin`` pixels and cropped.
    """

    depth: Literal[20, 18] = 20
    side: int = 32
    margin: int = 4


@dataclass(frozen=True, kw_only=True)
class ResidualOnImages(Configuration):
    """A residual network classifies colour images."""

    task: Images = Images("cifar10", "channel")  # noqa: RUF009  (frozen)
    circuit: Residual = Residual()
    feedback: Feedback = Feedback()
    steps: Steps = Steps(rate=0.1, milestones=(100, 150, 200), factor=0.1)
    run: Run = Run(epochs=200, seeds=5, batch_size=128, shuffle="samples")  # noqa: RUF009  (frozen)

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits import DualStream
        from biocredit.protocols.recording.measures.alignment import alignment
        from biocredit.protocols.tasks import as_maps

        own = self.circuit
        task = as_maps(self._images(), own.side, margin=own.margin, mirrored=True)
        (classes,) = task.readouts.values()
        make = {20: DualStream.resnet20, 18: DualStream.resnet18}[own.depth]
        net = make(self.feedback.stream(), classes=classes, size=own.side, seed=self.run.seed)
        return learning(self, net, task, alignment())

    def _images(self) -> "Task":
        from biocredit.protocols.datasets.image_tree import colour_images

        task = self.task
        return colour_images(
            task.name, self.circuit.side, train=task.train, test=task.test, standardise=task.standardise
        )


@dataclass(frozen=True, kw_only=True)
class ExpandedResidualOnImages(ResidualOnImages):
    """A residual network with product feedback classifies colour images."""

    feedback: Expansion = Expansion()
    steps: Steps = Steps(rate=0.1, milestones=(100, 150, 200), factor=0.1, first_decay=0.005)


@dataclass(frozen=True, kw_only=True)
class ExpansionAsBorn(Configuration):
    """One layer of 100 cells with product feedback, as it is born: random weights, nothing is learned."""

    task: Gabor = Gabor(size=16, classes=100)  # noqa: RUF009  (frozen)
    feedback: Expansion = Expansion()
    run: Run = Run(epochs=0, seeds=100)  # noqa: RUF009  (frozen)

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits import DualStream
        from biocredit.protocols import TwoPhase
        from biocredit.protocols.recording.measures.alignment import expansion_spectrum, limit_of_path

        task, run = self.task.load(), self.run
        sizes = (*task.inputs.values(), *task.readouts.values())
        net = DualStream.mlp(sizes, self.feedback.stream(), seed=run.seed)
        measures = expansion_spectrum("layer1"), limit_of_path("layer1")
        return TwoPhase(net, task, seeds=run.seeds, batch_size=task.n_train, measures=measures)


def learning(configuration: Any, net: Any, task: "Task", *measures: "Measure") -> "Protocol":
    """Let a network learn as configured."""
    from biocredit.protocols import TwoPhase

    run = configuration.run
    size = min(run.batch_size, task.n_train)
    return TwoPhase(
        net,
        task,
        optimizer=configuration.steps.optimizer(task.n_train // size),
        seeds=run.seeds,
        batch_size=size,
        shuffle=run.shuffle,
        measures=measures,
    )


def plain(settings: Mapping[str, object]) -> dict[str, object]:
    """Return settings with dotted names, from keywords in which double underscores stand for dots."""
    return {name.replace("__", "."): value for name, value in settings.items()}
