"""Tasks made from other tasks: images as maps, images to reproduce, passes of any length."""

from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import require
from biocredit.protocols.tasks.task import ImageTask, Task


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
        self.name, self.citation, self.readouts = task.name, task.citation, task.readouts
        self.n_train, self.n_test, self.arrays = task.n_train, task.n_test, task.arrays

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return maps and labels."""
        batch = self.task.draw(arrays, index, key, test=test)
        image = batch.inputs["image"]
        image = image if image.ndim == 4 else image[..., None]
        if not test and self.margin:
            image = self._cropped(image, jax.random.fold_in(key, 0))
        if not test and self.mirrored:
            turned = jax.random.bernoulli(jax.random.fold_in(key, 1), shape=(len(image), 1, 1, 1))
            image = jnp.where(turned, image[:, :, ::-1], image)
        if image.shape[1:] != self.map_shape:
            image = jax.image.resize(image, (len(image), *self.map_shape), "bilinear")
        return batch._replace(inputs={"image": image})

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
        self.task, self.name, self.citation = task, f"reproduce {task.name}", task.citation
        self.inputs, self.readouts = task.inputs, {"reconstruction": task.inputs["image"]}
        self.n_train, self.n_test, self.arrays = task.n_train, task.n_test, task.arrays

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
        self.task, self.name, self.citation = task, task.name, task.citation
        self.inputs, self.readouts, self.arrays = task.inputs, task.readouts, task.arrays
        self.n_train, self.n_test = trials, task.n_test

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw training trials at random, and test trials by their number."""
        if not test:
            index = jax.random.randint(jax.random.fold_in(key, 2), index.shape, 0, self.task.n_train, index.dtype)
        return self.task.draw(arrays, index, key, test=test)
