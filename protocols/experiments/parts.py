"""Settings that the configurations of experiments are made of. Nothing here imports JAX before it is built."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from biocredit.circuits.core.errors import require

if TYPE_CHECKING:
    import optax
    from biocredit.protocols.tasks.task import Task


@dataclass(frozen=True)
class Images:
    """A data set of images.

    Parameters
    ----------
    name
        A name of ``biocredit data list``.
    standardise
        See :func:`biocredit.protocols.tasks.image_sets.images`.
    train, test
        Use only the first so many images.
    """

    name: str = "fashion_mnist"
    standardise: Literal["global", "channel"] | None = None
    train: int | None = None
    test: int | None = None

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that are needed."""
        return (self.name,)

    def load(self, **options: Any) -> "Task":
        """Load the task."""
        from biocredit.protocols.tasks import images

        return images(self.name, standardise=self.standardise, train=self.train, test=self.test, **options)


@dataclass(frozen=True)
class JointImages:
    """Two data sets at the same time, see :class:`biocredit.protocols.tasks.task.joint`."""

    first: Images = Images("fashion_mnist")
    second: Images = Images("mnist")

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that are needed."""
        return (self.first.name, self.second.name)

    def load(self) -> "Task":
        """Load the task; its members are called after their data sets."""
        from biocredit.protocols.tasks import joint

        names = self.data_sets if self.first.name != self.second.name else ("first", "second")
        return joint(**dict(zip(names, (self.first.load(), self.second.load()), strict=True)))


@dataclass(frozen=True)
class Gabor:
    """The orientation task, see :class:`biocredit.protocols.tasks.orientation.gabor_2afc`."""

    noise_sd: float = 0.2
    tilt: float = 6.0
    jitter: float = 0.5
    size: int = 32
    classes: int = 10
    n_train: int = 400
    n_test: int = 100

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that are needed."""
        return ()

    def load(self) -> "Task":
        """Load the task."""
        from dataclasses import asdict

        from biocredit.protocols.tasks import gabor_2afc

        return gabor_2afc(**asdict(self))


@dataclass(frozen=True)
class Optimizer:
    """From the direction that a rule decides to the step, by optax.

    Parameters
    ----------
    name
        ``"adam"`` or ``"sgd"`` (with ``momentum``).
    """

    name: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.0

    def make(self) -> "optax.GradientTransformation":
        """Make the optax transformation."""
        import optax

        require(self.learning_rate > 0, f"learning_rate must be positive, got {self.learning_rate}")
        return (
            optax.adam(self.learning_rate)
            if self.name == "adam"
            else optax.sgd(self.learning_rate, self.momentum or None)
        )


@dataclass(frozen=True)
class Run:
    """How long and how often.

    Parameters
    ----------
    epochs
        Passes through the task; 0 records the circuit as it is born.
    seeds
        Number of independent networks.
    seed
        The first of their seeds.
    batch_size
        Trials per update.
    shuffle
        See :class:`biocredit.protocols.training.protocol.Protocol`.
    """

    epochs: int = 100
    seeds: int = 5
    seed: int = 0
    batch_size: int = 500
    shuffle: Literal["samples", "batches", "none"] = "batches"

    def __post_init__(self) -> None:
        require(self.epochs >= 0, f"run.epochs must be 0 or more, got {self.epochs}")
        require(self.seeds >= 1, f"run.seeds must be 1 or more, got {self.seeds}")
        require(self.batch_size >= 1, f"run.batch_size must be 1 or more, got {self.batch_size}")


@dataclass(frozen=True)
class Recording:
    """What is recorded besides learning curves.

    Parameters
    ----------
    activity
        Variables of the dynamics, for a few test trials (``"V1.rate"``).
    weights
        Weight arrays.
    amplitudes
        Whether the mean absolute local error of every region is followed.
    every
        Epochs from one record of activity and weights to the next.
    trials
        Number of test trials whose activity is recorded.
    """

    activity: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    amplitudes: bool = True
    every: int = 10
    trials: int = 10

    def records(self, signals: tuple[str, ...]) -> list:
        """List the records; ``signals`` are the local errors."""
        from biocredit.protocols.recording.record import Record, amplitude

        slow = [Record(of=name, every=self.every) for name in (*self.activity, *self.weights)]
        return slow + ([amplitude(name) for name in signals] if self.amplitudes else [])
