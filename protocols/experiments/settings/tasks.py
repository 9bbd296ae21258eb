"""Settings of tasks. A part of this kind has ``make() -> Task`` and the names of its ``data_sets``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from biocredit.circuits.core.errors import choose
from biocredit.protocols.experiments.overrides import Named
from biocredit.protocols.experiments.settings.calls import arguments

if TYPE_CHECKING:
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

    def make(self) -> "Task":
        """Load the task."""
        return self.load()

    def load(self, **options: Any) -> "Task":
        """Load the images; options as in :func:`biocredit.protocols.tasks.image_sets.images`."""
        from biocredit.protocols.tasks import images

        return images(self.name, standardise=self.standardise, train=self.train, test=self.test, **options)


@dataclass(frozen=True)
class Pixels(Images):
    """A data set of grey images, shown pixel by pixel."""

    name: str = "mnist"

    def make(self) -> "Task":
        """Load the task."""
        from biocredit.protocols.tasks import pixel_by_pixel

        return pixel_by_pixel(self.load())


@dataclass(frozen=True)
class Maps(Images):
    """Images as square maps with channels, randomly cut and mirrored while a circuit learns.

    Parameters
    ----------
    side
        Rows and columns.
    margin, mirrored
        See :class:`biocredit.protocols.tasks.wrapped.as_maps`; the margin repeats the edge.
    """

    name: str = "cifar10"
    standardise: Literal["global", "channel"] | None = "channel"
    train: int | None = 45000
    side: int = 32
    margin: int = 0
    mirrored: bool = False

    def make(self) -> "Task":
        """Load the task."""
        from biocredit.protocols.tasks import as_maps

        return as_maps(self.load(flat=False), self.side, margin=self.margin, edge=True, mirrored=self.mirrored)


@dataclass(frozen=True)
class ColourMaps(Images):
    """Colour images of ``side`` by ``side`` pixels, mirrored at random, padded by ``margin`` pixels and cropped."""

    name: str = "cifar10"
    standardise: Literal["global", "channel"] | None = "channel"
    side: int = 32
    margin: int = 4

    def make(self) -> "Task":
        """Load the task."""
        from biocredit.protocols.datasets.image_tree import colour_images
        from biocredit.protocols.tasks import as_maps

        part = {"train": self.train, "test": self.test, "standardise": self.standardise}
        return as_maps(colour_images(self.name, self.side, **part), self.side, margin=self.margin, mirrored=True)


@dataclass(frozen=True)
class JointImages:
    """Two data sets at the same time, see :class:`biocredit.protocols.tasks.wrapped.joint`."""

    first: Images = Images("fashion_mnist")
    second: Images = Images("mnist")

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that are needed."""
        return (self.first.name, self.second.name)

    def make(self) -> "Task":
        """Load the task; its members are called after their data sets."""
        from biocredit.protocols.tasks import joint

        names = self.data_sets if self.first.name != self.second.name else ("first", "second")
        return joint(**dict(zip(names, (self.first.make(), self.second.make()), strict=True)))


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

    data_sets = ()

    def make(self) -> "Task":
        """Make the task."""
        from biocredit.protocols.tasks import gabor_2afc

        return gabor_2afc(**asdict(self))


@dataclass(frozen=True)
class DelayedXor:
    """Delayed exclusive-or, see :class:`biocredit.protocols.tasks.temporal.delayed_xor`."""

    cue: int = 100
    delay: int = 700
    bump_sd: float = 25.0
    noise: float = 0.01
    n_train: int = 640
    n_test: int = 320

    data_sets = ()

    def make(self) -> "Task":
        """Make the task."""
        from biocredit.protocols.tasks import delayed_xor

        return delayed_xor(**asdict(self))


@dataclass(frozen=True)
class PatternGeneration:
    """Pattern generation, see ``pattern_generation``; all seeds of a run share one."""

    steps: int = 2000
    inputs: int = 50
    frequencies: tuple[float, ...] = (0.5, 1.0, 2.0, 3.0, 4.0)
    seed: int = 0
    n_train: int = 20

    data_sets = ()

    def make(self) -> "Task":
        """Make the task."""
        from biocredit.protocols.tasks import pattern_generation

        return pattern_generation(**asdict(self))


@dataclass(frozen=True)
class TaskNamed(Named):
    """Any task by its name in :mod:`biocredit.protocols.tasks`, or a factory of one's own."""

    data_sets = ()

    def factory(self) -> Any:
        """Look the factory up."""
        from biocredit.protocols import tasks

        if callable(self.name):
            return self.name
        table = {name: name for name in tasks.HOME if not name[0].isupper()}
        return getattr(tasks, choose(self.name, table, "task"))

    def known(self) -> Mapping[str, Any]:
        """Return the types of its arguments by name."""
        return arguments(self.factory())

    def make(self) -> "Task":
        """Make the task."""
        return self.factory()(**self.settings)


@dataclass(frozen=True)
class ForChoosing:
    """A task by which settings are chosen, see :class:`biocredit.protocols.tasks.wrapped.by_validation`.

    Parameters
    ----------
    task
        Settings of the task.
    validation
        Fraction of the training trials.
    """

    task: Any = Images("digits")
    validation: float = 0.2

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that are needed."""
        return tuple(self.task.data_sets)

    def make(self) -> "Task":
        """Make the task."""
        from biocredit.protocols.tasks import by_validation

        return by_validation(self.task.make(), self.validation)


@dataclass(frozen=True)
class ThenAnother:
    """A task, and after some epochs another one, see :class:`biocredit.protocols.tasks.staged.then_another`."""

    task: Any = Images("digits")
    epochs: int = 1

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that are needed."""
        return tuple(self.task.data_sets)

    def make(self) -> "Task":
        """Make the task."""
        from biocredit.protocols.tasks import then_another

        return then_another(self.task.make(), self.epochs)


def sizes(task: "Task", hidden: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sizes of the layers between the one input and the one readout of a task."""
    (inputs,), (classes,) = task.inputs.values(), task.readouts.values()
    return (inputs, *hidden, classes)
