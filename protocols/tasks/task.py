"""What a task is: trials drawn on the device, by index from stored samples or fresh from a key."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.described import Described


class Task(Described):
    """A supply of trials.

    A new task is one short file: a subclass that sets the attributes below and defines :meth:`draw`. Stored data
    go into ``arrays``, which the protocol moves to the device once and hands to every compiled call.

    Attributes
    ----------
    name
        Name for records and figures.
    inputs, readouts
        Number of channels of each input and of classes (or outputs) of each readout, by name.
    n_train, n_test
        Number of training and test trials that make one pass. A task that draws fresh trials says how many it
        counts as one.
    arrays
        Data by name, any pytree of NumPy arrays.
    steps
        Number of time steps of one trial; ``None`` for static stimuli.
    dt
        Length of one time step in milliseconds.
    citation
        DOI or arXiv identifier of the task or of the data.
    trial_units
        Units of the columns of the trial table that have any.
    """

    name: str = "task"
    inputs: Mapping[str, int] = {}
    readouts: Mapping[str, int] = {}
    n_train: int = 0
    n_test: int = 0
    arrays: Mapping[str, Any] = {}
    steps: int | None = None
    dt: float = 1.0
    citation: str = ""
    trial_units: Mapping[str, str] = {}

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return the trials with these indices.

        Parameters
        ----------
        arrays
            ``self.arrays`` on the device.
        index
            Integer numbers of the trials, shape ``(trial,)``, below ``n_train`` (or ``n_test``).
        key
            Random key of this batch, for noise and fresh trials.
        test
            Whether to draw from the test trials.
        """
        raise TypeError(f"task {self.name!r} does not define draw")

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {size}" for name, size in {**self.inputs, **self.readouts}.items())
        return f"<task {self.name}: {self.n_train} training and {self.n_test} test trials; {sizes}>"


class ImageTask(Task):
    """Classify static images.

    Parameters
    ----------
    name
        Name of the data set.
    train, test
        ``(images, labels)``; images of any shape ``(sample, ...)``, integers are scaled to [0, 1].
    classes
        Number of classes, or their names.
    mean, sd
        Subtracted and divided by after scaling, scalar or per channel of a trailing colour axis.
    flat
        Whether an image is handed over as a vector (the default) or with its own axes.

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
        citation: str = "",
    ):
        self.name, self.citation = name, citation
        self.classes = tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)
        self.mean, self.sd, self.flat = mean, sd, flat
        self.scale = 1 / 255 if np.issubdtype(train[0].dtype, np.integer) else 1.0
        self.image_shape = train[0].shape[1:]
        self.n_train, self.n_test = len(train[0]), len(test[0])
        self.inputs = {"image": int(np.prod(self.image_shape))}
        self.readouts = {"choice": len(self.classes)}
        self.arrays = {
            "train": {"image": train[0], "label": np.asarray(train[1], np.int32)},
            "test": {"image": test[0], "label": np.asarray(test[1], np.int32)},
        }
        self._check()

    def _check(self) -> None:
        for part, data in self.arrays.items():
            if len(data["image"]) != len(data["label"]):
                raise ValueError(f"{self.name}, {part}: {len(data['image'])} images but {len(data['label'])} labels")
            low, high = data["label"].min(initial=0), data["label"].max(initial=0)
            if low < 0 or high >= len(self.classes):
                raise ValueError(f"{self.name}, {part}: labels {low}..{high} but classes 0..{len(self.classes) - 1}")

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return images (scaled, normalised), integer labels, and which images they are."""
        data = arrays["test" if test else "train"]
        image = data["image"][index].astype(jnp.float32) * jnp.float32(self.scale)
        image = (image - jnp.asarray(self.mean, jnp.float32)) / jnp.asarray(self.sd, jnp.float32)
        image = image.reshape(len(index), -1) if self.flat else image
        label = data["label"][index]
        return Batch({"image": image}, {"choice": label}, {"label": label, "index": index})


class joint(Task):
    """Several tasks at once: every trial holds one stimulus of each.

    Inputs and readouts are called ``"<input>_<member>"``, for example ``"image_mnist"`` and ``"choice_mnist"``.

    Parameters
    ----------
    members
        Tasks by name. One pass takes as many trials as the smallest member has.
    """

    def __init__(self, **members: Task):
        self.members = members
        self.name = "+".join(members)
        self.inputs = {f"{k}_{name}": n for name, task in members.items() for k, n in task.inputs.items()}
        self.readouts = {f"{k}_{name}": n for name, task in members.items() for k, n in task.readouts.items()}
        self.n_train = min(task.n_train for task in members.values())
        self.n_test = min(task.n_test for task in members.values())
        self.arrays = {name: task.arrays for name, task in members.items()}
        self.citations = [task.citation for task in members.values()]
        self.citation = "; ".join(self.citations)

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return one batch with the stimuli of all members; noise has a key of its own in each."""
        batches = {
            name: task.draw(arrays[name], index, jax.random.fold_in(key, number), test=test)
            for number, (name, task) in enumerate(self.members.items())
        }
        return Batch(
            *({f"{k}_{name}": v for name, b in batches.items() for k, v in b[part].items()} for part in range(3))
        )
