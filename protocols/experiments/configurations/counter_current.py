"""Configurations of two streams that face each other (arXiv 2409.19841), and of the rules they are compared with."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from biocredit.protocols.experiments.experiment import Configuration
from biocredit.protocols.experiments.parts import Images, Run

if TYPE_CHECKING:
    from biocredit.protocols.recording.measures.measure import Measure
    from biocredit.protocols.training.protocol import Protocol

RUN = Run(epochs=100, seeds=5, batch_size=256, shuffle="samples")


@dataclass(frozen=True)
class Steps:
    """How changes become steps.

    Parameters
    ----------
    shipped
        Settings of the authors' program, a name in
        ``biocredit.circuits.dual_stream.pathways.counter_current.training.TRAININGS``.
    up, down
        Learning rates of the two streams, if others; 0 freezes a stream.
    warm_up
        Updates of the warm-up, if others.
    """

    shipped: str = "dense"
    up: float | None = None
    down: float | None = None
    warm_up: int | None = None

    def training(self) -> Any:
        """Make the settings of the optimiser."""
        from biocredit.circuits.core.errors import choose
        from biocredit.circuits.dual_stream.pathways.counter_current.training import TRAININGS

        base = choose(self.shipped, TRAININGS, "shipped settings")
        rates = {"up": self.up, "down": self.down}
        others = {
            name: replace(getattr(base, name), learning_rate=rate) for name, rate in rates.items() if rate is not None
        }
        return replace(base, **others, **({} if self.warm_up is None else {"warm_up": self.warm_up}))


@dataclass(frozen=True)
class Look:
    """What is measured of the two streams while they learn.

    Parameters
    ----------
    at
        ``"similarity"`` (CKA of all pairs of levels), ``"embedding"`` (t-SNE), ``"weights"`` (cosines),
        ``"kernels"`` (spectra, at the end), ``"operations"``.
    levels
        Levels that are embedded, counted from the input.
    trials
        Test trials.
    every
        Epochs from one measurement to the next.
    """

    at: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    trials: int = 500
    every: int = 1

    def measures(self, net: Any) -> "tuple[Measure, ...]":
        """Make the measurements."""
        from biocredit.circuits.core.errors import choose
        from biocredit.protocols.recording.measures import streams as facing

        table = {
            "similarity": lambda: facing.similarity_of_streams(len(facing.facing_names(net)), self.trials, self.every),
            "embedding": lambda: facing.embedding_of_streams(self.levels, self.trials, self.every),
            "weights": lambda: facing.weights_facing(net, self.every),
            "kernels": lambda: facing.first_kernels("conv1"),
            "operations": lambda: facing.operation_count(("bp", "ccl_released"), (32, 256)),
        }
        return tuple(choose(name, table, "measurement")() for name in self.at)


@dataclass(frozen=True)
class Dense:
    """A fully connected stream without biases, see ``dense``.

    Parameters
    ----------
    hidden
        Units of the hidden layers.
    descending
        Name of a descending stream.
    transfer
        Transfer function of the hidden layers.
    """

    hidden: tuple[int, ...] = (256,) * 5
    descending: str = "counter_current"
    transfer: str = "elu"


@dataclass(frozen=True, kw_only=True)
class DenseOnImages(Configuration):
    """Fully connected streams classify images.

    Parameters
    ----------
    pass_trials
        Trials of one pass, drawn at random; by default a pass is all training images.
    """

    task: Images = Images("mnist", "global", 54000)  # noqa: RUF009  (frozen)
    circuit: Dense = Dense()
    steps: Steps = Steps()
    look: Look = Look()
    pass_trials: int | None = None
    run: Run = RUN

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits import DualStream
        from biocredit.circuits.dual_stream.pathways.counter_current import architectures

        task = self.task.load()
        (inputs,), (classes,) = task.inputs.values(), task.readouts.values()
        sizes = (inputs, *self.circuit.hidden, classes)
        nodes = architectures.dense(sizes, activation=self.circuit.transfer)
        return protocol(self, DualStream(*nodes, self.circuit.descending, seed=self.run.seed), task)


@dataclass(frozen=True)
class Maps:
    """A convolutional stream, see :mod:`biocredit.circuits.dual_stream.pathways.counter_current.architectures`.

    Parameters
    ----------
    architecture, channels
        Its name, and the channels above the image; the image's side is 2 to the number of convolutions.
    descending
        ``"counter_current"``, with the released loss for convolutional networks, or the name of another stream.
    between, within
        Weights of that loss.
    flooding
        Trials that are right by this margin teach the inner levels nothing; 0 for none.
    first_kernel
        Size of the first kernels of ``"pooling"``.
    normalised
        Batch normalisation of the ascending stream.
    """

    architecture: Literal["pooling", "strided"] = "pooling"
    channels: tuple[int, ...] = (128, 128, 256, 256, 512)
    descending: str = "counter_current"
    between: float = 1.0
    within: float = 0.5
    flooding: float = 0.1
    first_kernel: int = 3
    normalised: Literal["nowhere", "before", "after"] = "nowhere"

    def stream(self) -> Any:
        """Make the descending stream."""
        from biocredit.circuits.dual_stream.pathways.counter_current import RELEASED_CONVOLUTIONAL, CounterCurrent

        if self.descending != "counter_current":
            return self.descending
        comparison = replace(RELEASED_CONVOLUTIONAL, between=self.between, within=self.within)
        return CounterCurrent(comparison=comparison, flooding=self.flooding)

    def nodes(self, colours: int, classes: int) -> Any:
        """Make the ascending stream."""
        from biocredit.circuits.dual_stream.pathways.counter_current import architectures

        channels = (colours, *self.channels)
        if self.architecture == "strided":
            return architectures.strided(channels, classes, normalised=self.normalised)
        return architectures.pooling(channels, classes, first_kernel=self.first_kernel, normalised=self.normalised)


@dataclass(frozen=True, kw_only=True)
class MapsOnImages(Configuration):
    """Convolutional streams classify images.

    Parameters
    ----------
    margin, mirrored
        Random cutting and mirroring of training images, see :class:`biocredit.protocols.tasks.wrapped.as_maps`.
    pass_trials
        Trials of one pass, drawn at random; by default a pass is all training images.
    """

    task: Images = Images("cifar10", "channel", 45000)  # noqa: RUF009  (frozen)
    circuit: Maps = Maps()
    steps: Steps = Steps("cifar10_pooling")
    look: Look = Look()
    margin: int = 0
    mirrored: bool = False
    pass_trials: int | None = None
    run: Run = replace(RUN, batch_size=128)  # noqa: RUF009  (frozen)

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits import DualStream
        from biocredit.protocols.tasks import as_maps

        side = 2 ** len(self.circuit.channels)
        task = as_maps(self.task.load(flat=False), side, margin=self.margin, edge=True, mirrored=self.mirrored)
        nodes = self.circuit.nodes(task.map_shape[2], next(iter(task.readouts.values())))
        return protocol(self, DualStream(*nodes, self.circuit.stream(), seed=self.run.seed), task)


def protocol(configuration: Any, net: Any, task: Any) -> "Protocol":
    """Let a network learn as configured."""
    from biocredit.protocols import TwoPhase
    from biocredit.protocols.tasks import passes

    run, training = configuration.run, configuration.steps.training()
    batch_size = min(run.batch_size, task.n_train)
    optimizer = training.optimizer(task.n_train // batch_size)
    return TwoPhase(
        net,
        passes(task, configuration.pass_trials) if configuration.pass_trials else task,
        optimizer=optimizer,
        seeds=run.seeds,
        batch_size=batch_size,
        shuffle=run.shuffle,
        measures=configuration.look.measures(net),
    )
