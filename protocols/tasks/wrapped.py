"""Tasks made from other tasks: trials held out, images as maps or to reproduce, passes of any length, joint tasks."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.ctrnn import CONSTANT, START
from biocredit.circuits.recurrent.ctrnn import begun as with_start
from biocredit.protocols.tasks.task import ImageTask, Task

#: What one task takes over from another.
SAID = (
    *("name", "inputs", "readouts", "n_train", "n_validation", "n_test", "arrays", "steps", "dt", "periods", "kinds"),
    *("units", "scoring", "chance", "citation", "trial_units", "classes", "image_shape", "flat", "fetched_bytes"),
)


def take_over(task: Task, other: Task, but: tuple[str, ...] = ()) -> None:
    """Let a task say of itself what another one says."""
    for name in SAID:
        if name not in but and hasattr(other, name):
            setattr(task, name, getattr(other, name))


class begun(Task):
    """Give a task the two ports through which a network has a bias and learns its initial state.

    Trials begin one step earlier, see :func:`biocredit.circuits.recurrent.ctrnn.begun`.

    Parameters
    ----------
    task
        A task with time.
    tau
        Time constant in ms of the network that is to learn it.

    Examples
    --------
    >>> from biocredit.protocols import tasks
    >>> begun(tasks.reach(), 100.0).inputs
    {'cues': 3, 'constant': 1, 'start': 1}
    """

    def __init__(self, task: Task, tau: float):
        require(task.steps is not None, f"task {task.name!r} has no time: nothing begins")
        require(tau >= task.dt, f"tau: wanted at least a step of {task.dt:g} ms, got {tau:g}")
        take_over(self, task, ("inputs", "steps"))
        self.task, self.tau = task, tau
        self.inputs, self.steps = {**task.inputs, CONSTANT: 1, START: 1}, task.steps + 1

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw as the task does, and add the step before the first."""
        return with_start(self.task.draw(arrays, index, key, test=test), self.tau / self.dt)

    def score(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Score as the task does."""
        return self.task.score(outputs, batch)


class held_out(Task):
    """Hold out part of the training trials of a task, to choose settings by.

    Stored trials are held out at random; a task that draws fresh trials keeps all its training trials.

    Parameters
    ----------
    task
        Any task without validation trials.
    validation
        Number of trials, or fraction of the training trials.
    seed
        Of the choice.

    Raises
    ------
    CircuitError
        If nothing would be left to learn from, or nothing held out.

    Examples
    --------
    >>> from biocredit.protocols import tasks
    >>> held_out(tasks.digits(), 0.1)
    <task digits: 1294 training, 143 validation and 360 test trials; image: 64, choice: 10>
    """

    def __init__(self, task: Task, validation: float, *, seed: int = 0):
        require(not task.n_validation, f"task {task.name!r} holds out {task.n_validation} trials already")
        take_over(self, task)
        self.task, self.fresh = task, not jax.tree.leaves(task.arrays)
        self.n_validation = share(validation, task.n_train, "validation")
        if not self.fresh:
            self.n_train = task.n_train - self.n_validation
            order = np.random.default_rng(seed).permutation(task.n_train).astype(np.int32)
            self.arrays = {**task.arrays, "held_out": order}

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw as the task does, training trials in the order of the choice."""
        numbers = index if test or self.fresh else arrays["held_out"][index]
        return self.task.draw(arrays, numbers, key, test=test)

    def score(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Score as the task does."""
        return self.task.score(outputs, batch)

    def expect(self, index: np.ndarray) -> None:
        """Tell the task its own numbers of the trials."""
        self.task.expect(index if self.fresh else self.arrays["held_out"][index])

    def fetch(self, index: np.ndarray, *, test: bool = False) -> Mapping[str, Any]:
        """Fetch what the task fetches, by its own numbers of the trials."""
        return self.task.fetch(index if test or self.fresh else self.arrays["held_out"][index], test=test)


def share(part: float, of: int, what: str) -> int:
    """Return a number of trials that is given as such, or as a fraction of all; some must be left.

    Examples
    --------
    >>> share(0.25, 10, "validation"), share(3, 10, "validation")
    (2, 3)
    """
    number = int(part * of) if 0 < part < 1 else part
    wanted = f"{what} must be a fraction, or a number of 1 to {of - 1} trials, got {part}"
    require(number == int(number) and 1 <= number < of, wanted)
    return int(number)


class as_maps(Task):
    """Images as maps ``[row, column, channel]`` of one size.

    Parameters
    ----------
    task
        An image task with ``flat=False``.
    side
        Rows and columns of a map. Images of another size are resized (bilinearly), unless they are cropped.
    margin
        While learning, images are padded on all sides by so many pixels and cropped to ``side`` at a random place.
    edge
        Pad with the outermost pixels; with zeros otherwise.
    mirrored
        While learning, mirror every other image, at random.

    Examples
    --------
    >>> from biocredit.protocols import tasks
    >>> as_maps(tasks.digits(flat=False), 16)
    <task digits: 1437 training and 360 test trials; image: 256, choice: 10>
    """

    def __init__(self, task: ImageTask, side: int, *, margin: int = 0, edge: bool = False, mirrored: bool = False):
        require(not task.flat, "maps are made from images that are not flat: images(..., flat=False)")
        rows, columns, *channels = task.image_shape
        least = min(rows, columns) + 2 * margin
        require(not margin or least >= side, f"cannot cut {side} pixels out of {least}: make the margin wider")
        self.task, self.side, self.margin, self.edge, self.mirrored = task, side, margin, edge, mirrored
        self.map_shape = (side, side, channels[0] if channels else 1)
        self.inputs = {"image": side * side * self.map_shape[2]}
        take_over(self, task, but=("inputs",))
        self.image_shape = self.map_shape

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return maps and labels; only images to learn from are cropped and mirrored."""
        batch = self.task.draw(arrays, index, key, test=test)
        plain = batch.inputs["image"]
        plain = plain if plain.ndim == 4 else plain[..., None]
        image = plain if test else self._varied(plain, key)
        if self.n_validation and image is not plain:
            learning = (index < self.n_train)[:, None, None, None]
            image = jnp.where(learning, self._sized(image), self._sized(plain))
        return batch._replace(inputs={"image": self._sized(image)})

    def expect(self, index: np.ndarray) -> None:
        """Tell the task which trials come."""
        self.task.expect(index)

    def fetch(self, index: np.ndarray, *, test: bool = False) -> Mapping[str, Any]:
        """Fetch what the task fetches."""
        return self.task.fetch(index, test=test)

    def _sized(self, image: jax.Array) -> jax.Array:
        if image.shape[1:] == self.map_shape:
            return image
        return jax.image.resize(image, (len(image), *self.map_shape), "bilinear")

    def _varied(self, image: jax.Array, key: jax.Array) -> jax.Array:
        if self.margin:
            image = self._cropped(image, jax.random.fold_in(key, 0))
        if self.mirrored:
            turned = jax.random.bernoulli(jax.random.fold_in(key, 1), shape=(len(image), 1, 1, 1))
            image = jnp.where(turned, image[:, :, ::-1], image)
        return image

    def _cropped(self, image: jax.Array, key: jax.Array) -> jax.Array:
        around = ((0, 0), (self.margin, self.margin), (self.margin, self.margin), (0, 0))
        padded = jnp.pad(image, around, mode="edge" if self.edge else "constant")
        room = jnp.array([size - self.side + 1 for size in padded.shape[1:3]])
        corners = jax.random.randint(key, (len(image), 2), 0, room[None])

        def cut(one: jax.Array, corner: jax.Array) -> jax.Array:
            return jax.lax.dynamic_slice(one, (corner[0], corner[1], 0), self.map_shape)

        return jax.vmap(cut)(padded, corners)


class reproduce(Task):
    """The image itself is the target: ``"reconstruction"``.

    Parameters
    ----------
    task
        A task whose input is ``"image"``.
    """

    def __init__(self, task: Task):
        take_over(self, task)
        self.task, self.name = task, f"reproduce {task.name}"
        self.readouts, self.kinds = {"reconstruction": task.inputs["image"]}, {"reconstruction": "values"}

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return images as inputs and as targets."""
        batch = self.task.draw(arrays, index, key, test=test)
        return batch._replace(targets={"reconstruction": batch.inputs["image"]})


class passes(Task):
    """A pass is so many training trials, drawn at random with replacement: for time courses finer than an epoch.

    Parameters
    ----------
    task
        Any task of stored trials.
    trials
        Training trials of one pass.
    """

    def __init__(self, task: Task, trials: int):
        require(trials > 0, f"a pass has trials, got {trials}")
        take_over(self, task)
        require(not task.n_validation, "passes draws from all training trials: hold trials out of it, not below it")
        self.task, self.n_train = task, trials

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw training trials at random, and test trials by their number."""
        if not test:
            index = jax.random.randint(jax.random.fold_in(key, 2), index.shape, 0, self.task.n_train, index.dtype)
        return self.task.draw(arrays, index, key, test=test)

    def score(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Score as the task does."""
        return self.task.score(outputs, batch)


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
        self.kinds = {f"{k}_{name}": task.kind(k) for name, task in members.items() for k in task.readouts}
        require(len({(task.steps, task.dt) for task in members.values()}) == 1, "joint tasks differ in steps or dt")
        first = next(iter(members.values()))
        self.steps, self.dt = first.steps, first.dt
        self.n_train, self.n_test = (min(task.count(part) for task in members.values()) for part in ("train", "test"))
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
