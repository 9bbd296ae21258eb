"""What a task is: trials drawn on the device, by index from stored samples or fresh from a key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.described import Described
from biocredit.circuits.core.errors import CircuitError, nearest, require
from biocredit.protocols.tasks.checks import check_part
from biocredit.protocols.tasks.given import as_array, class_numbers, scale_of, zeros_and_ones

#: The parts of a task: trials to learn from, held out to choose by, kept for the last word.
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Period:
    """A named stretch of a trial: ``start`` and ``stop`` in ms."""

    name: str
    start: float
    stop: float


class Task(Described):
    """A supply of trials.

    A new task is one short file: a subclass that sets the attributes below and defines :meth:`draw`. Stored data
    go into ``arrays``, which the protocol moves to the device once and hands to every compiled call. The constructor
    takes plain values and arrays, so that a trace can say what the task was built with.

    Attributes
    ----------
    name
        Name for records and figures.
    inputs, readouts
        Number of channels of each input and of classes (or outputs) of each readout, by name.
    n_train, n_validation, n_test
        Number of trials that make one pass of each part. A task that draws fresh trials says how many it counts as
        one. The validation trials of stored data are numbered on from the training trials.
    arrays
        Data by name, any pytree of NumPy arrays.
    steps
        Number of time steps of one trial; ``None`` for static stimuli.
    dt
        Length of one time step in milliseconds.
    periods
        Named stretches of every trial, where trials have any in common.
    kinds
        What each readout is asked for: ``"classes"`` (one class number a trial, or a step; also where nothing is
        said), ``"labels"`` (zeros and ones, several may hold at once), ``"values"`` (real numbers).
    units
        Units of readouts of kind ``"values"``.
    scoring
        Settings of temporal circuits that the task decides: ``loss``, ``answer``, ``reduction``.
    chance
        Score of a guess, where there is one.
    citation
        DOI or arXiv identifier of the task or of the data.
    trial_units
        Units of the columns of the trial table that have any.
    stage
        How often the task has changed, see :meth:`after_epoch`; a checkpoint holds it, and a resumed run sets it.
    fetched_bytes
        Bytes of a trial that is fetched, see :meth:`fetch`; none where all data lie on the device.

    Examples
    --------
    A task of one's own, on which any static circuit runs:

    >>> class brighter(Task):
    ...     name, inputs, readouts, n_train, n_test = "brighter", {"patches": 2}, {"choice": 2}, 100, 50
    ...
    ...     def draw(self, arrays, index, key, *, test=False):
    ...         patches = jax.random.uniform(key, (len(index), 2))
    ...         label = patches.argmax(1)
    ...         return Batch({"patches": patches}, {"choice": label}, {"label": label})
    >>> brighter().check()
    """

    name: str = "task"
    inputs: Mapping[str, int] = {}
    readouts: Mapping[str, int] = {}
    n_train: int = 0
    n_validation: int = 0
    n_test: int = 0
    arrays: Mapping[str, Any] = {}
    steps: int | None = None
    dt: float = 1.0
    periods: Sequence[Period] = ()
    kinds: Mapping[str, str] = {}
    units: Mapping[str, str] = {}
    scoring: Mapping[str, str] = {}
    chance: float | None = None
    citation: str = ""
    trial_units: Mapping[str, str] = {}
    stage: int = 0
    fetched_bytes: int = 0

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return the trials with these indices.

        Parameters
        ----------
        arrays
            ``self.arrays`` on the device.
        index
            Integer numbers of the trials, shape ``(trial,)``: below ``n_test`` for test trials, else below
            ``n_train``, and from there on the validation trials.
        key
            Random key of this batch, for noise and fresh trials.
        test
            Whether to draw from the test trials.

        Returns
        -------
        Batch
            ``inputs`` ``[trial, channel]`` (with an axis of time after the first where ``steps`` is given; images
            that are not flat keep their axes) and ``targets`` by name: class numbers ``[trial]`` or
            ``[trial, time]``, or numbers ``[trial, output]`` or ``[trial, time, output]``. ``targets["when"]``
            ``[trial, time]``, if it is there, weighs the steps that count. ``trials``: one column ``[trial]`` for
            each condition.
        """
        raise CircuitError(f"task {self.name!r} does not define draw")

    def score(self, outputs: Mapping[str, jax.Array], batch: Batch) -> dict[str, jax.Array]:
        """Score readouts in the task's own terms, besides the circuit's loss; by default in none.

        Parameters
        ----------
        outputs
            Readouts by name, ``[trial, output]`` or ``[trial, time, output]``.
        batch
            The trials that they answer.

        Returns
        -------
        dict
            Means over trials by name.
        """
        return {}

    def after_epoch(self, scores: Mapping[str, Any]) -> str:
        """Say what changes in the task from here on, nothing by default; a task that changes has other ``arrays``.

        A protocol calls it after each epoch, with its scores, ``[seed]`` by name.
        """
        return ""

    def expect(self, index: np.ndarray) -> None:
        """Be told which training batches ``[batch, trial]`` come next, in order; a task may make them ready."""

    def fetch(self, index: np.ndarray, *, test: bool = False) -> Mapping[str, Any]:
        """Return arrays of just these trials, which :meth:`draw` then finds among its ``arrays``; none by default.

        For tasks whose data are too large for a device: a protocol fetches the trials of the next stretch of learning
        while the present one is under way.

        Parameters
        ----------
        index
            Numbers of the trials, as for :meth:`draw`; the last axis is that of a batch.
        test
            Whether they are test trials.
        """
        return {}

    def dataset(self, part: str = "train", trials: int | None = None, seed: int = 0) -> Batch:
        """Return trials as NumPy arrays, for use outside of the program.

        Parameters
        ----------
        part
            One of :data:`PARTS`.
        trials
            Number of trials, the first ones; all of the part by default.
        seed
            Of noise and fresh trials.
        """
        index = jnp.arange(self.count(part) if trials is None else trials)
        require(len(index) <= self.count(part), f"{self.name} has {self.count(part)} {part} trials, asked for {trials}")
        arrays = jax.tree.map(jnp.asarray, self.arrays)
        return jax.tree.map(np.asarray, self.draw_part(arrays, index, jax.random.key(seed), part))

    def count(self, part: str) -> int:
        """Return the number of trials of a part, one of :data:`PARTS`."""
        require(part in PARTS, f"unknown part {part!r} of a task: {nearest(part, PARTS)}")
        return {"train": self.n_train, "validation": self.n_validation, "test": self.n_test}[part]

    def draw_part(self, arrays: Any, index: jax.Array, key: jax.Array, part: str) -> Batch:
        """Return the trials with these numbers within a part, one of :data:`PARTS`; otherwise as :meth:`draw`."""
        if not self.count(part):
            raise CircuitError(f"task {self.name!r} has no {part} trials" + HOLD_OUT * (part == "validation"))
        first = self.n_train if part == "validation" else 0
        return self.draw(arrays, index + first, key, test=part == "test")

    def kind(self, readout: str) -> str:
        """Return what a readout is asked for: ``"classes"``, ``"labels"`` or ``"values"``."""
        return self.kinds.get(readout, "classes")

    def check(self) -> None:
        """Draw trials of every part and check that they are what the task says: once, before learning.

        Raises
        ------
        CircuitError
            With one line: labels out of range, values that are not finite where they count, shapes, more trials than
            there are data.
        """
        for part in PARTS:
            if self.count(part):
                check_part(self, part)
        require(self.n_train > 0, f"task {self.name!r} has no training trials")

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {size}" for name, size in {**self.inputs, **self.readouts}.items())
        held = f", {self.n_validation} validation" * bool(self.n_validation)
        return f"<task {self.name}: {self.n_train} training{held} and {self.n_test} test trials; {sizes}>"


HOLD_OUT = ": tasks.held_out(task, 0.1) holds out a tenth of the training trials"


class ImageTask(Task):
    """Say the class (or all labels) of static images.

    Parameters
    ----------
    name
        Name of the data set.
    train, test
        ``(images, labels)``: images of any shape ``(sample, ...)``, and class numbers ``(sample,)``, or zeros and ones
        ``(sample, label)`` where several labels may hold at once.
    classes
        Number of classes, or their names.
    mean, sd
        Subtracted and divided by after scaling, scalar or per channel of a trailing colour axis.
    flat
        Whether an image is handed over as a vector (the default) or with its own axes.
    scale
        Factor from stored pixels to inputs; by default 1 over the largest number of unsigned bytes and words, and 1
        for real numbers. Other whole numbers have no range of their own: say it.

    Raises
    ------
    CircuitError
        For labels that name no class, and numbers of images and labels that differ.

    Examples
    --------
    >>> task = ImageTask("dots", (np.zeros((4, 2, 2)), np.zeros(4, int)), (np.ones((2, 2, 2)), np.ones(2, int)), 2)
    >>> task.draw(task.arrays, jnp.array([0, 1]), jax.random.key(0), test=True).inputs["image"].shape
    (2, 4)
    """

    def __init__(
        self,
        name: str,
        train: tuple[np.ndarray, np.ndarray],
        test: tuple[np.ndarray, np.ndarray],
        classes: int | tuple[str, ...],
        *,
        mean: Any = 0.0,
        sd: Any = 1.0,
        flat: bool = True,
        scale: float | None = None,
        citation: str = "",
    ):
        self.name, self.citation = name, citation
        self.classes = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)
        self.mean, self.sd, self.flat = mean, sd, flat
        parts = {"train": train, "test": test}
        self.arrays = {part: self._stored(*pair, f"{name}, {part}") for part, pair in parts.items()}
        pixels = self.arrays["train"]["image"]
        self.scale = scale_of(pixels, scale, f"{name}: images")
        self.image_shape = pixels.shape[1:]
        self.n_train, self.n_test = (len(data["image"]) for data in self.arrays.values())
        self.inputs = {"image": int(np.prod(self.image_shape))}
        self.readouts = {"choice": len(self.classes)}
        self.kinds = {"choice": "labels" if self.arrays["train"]["label"].ndim == 2 else "classes"}

    def _stored(self, images: Any, labels: Any, what: str) -> dict[str, np.ndarray]:
        """Return pixels and labels as they are kept, checked."""
        images, labels = as_array(images, f"{what}: images"), as_array(labels, f"{what}: labels")
        require(len(images) == len(labels), f"{what}: {len(images)} images but {len(labels)} labels")
        if labels.ndim == 2 and labels.shape[1] > 1:
            wanted = f"{what}: {labels.shape[1]} labels an image but {len(self.classes)} names"
            require(labels.shape[1] == len(self.classes), wanted)
            return {"image": images, "label": zeros_and_ones(labels, f"{what}: labels")}
        return {"image": images, "label": class_numbers(labels, len(self.classes), what)[0]}

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return images (scaled, normalised), labels, and which images they are."""
        data = arrays["test" if test else "train"]
        image = data["image"][index].astype(jnp.float32) * jnp.float32(self.scale)
        image = (image - jnp.asarray(self.mean, jnp.float32)) / jnp.asarray(self.sd, jnp.float32)
        image = image.reshape(len(index), -1) if self.flat else image
        label = data["label"][index]
        if label.ndim == 2:
            return Batch({"image": image}, {"choice": label.astype(jnp.float32)}, {"index": index})
        return Batch({"image": image}, {"choice": label}, {"label": label, "index": index})
