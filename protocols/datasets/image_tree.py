"""Images in folders on disk, decoded batch by batch; and images in colour."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.protocols.datasets import datasets
from biocredit.protocols.datasets.files import TreeForm
from biocredit.protocols.datasets.folders import open_tree
from biocredit.protocols.datasets.stream import Stream
from biocredit.protocols.tasks.image_sets import images
from biocredit.protocols.tasks.task import ImageTask, Task

#: Mean and standard deviation of ImageNet's pixels, as is customary.
MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class image_tree(Task):
    """Classify the images of a tree ``train/<class>/*``, ``val/<class>/*`` that is too large for memory.

    Threads decode the batches to come while the present one is learned from, see
    :class:`biocredit.protocols.datasets.stream.Stream`.

    Parameters
    ----------
    root
        Folder of the tree.
    size
        Rows and columns of an image.
    train, test
        Use only so many images, spread evenly over the classes.

    Raises
    ------
    DataError
        If there is no such tree.
    """

    flat = False

    def __init__(self, root: Path | str, size: int = 224, *, train: int | None = None, test: int | None = None):
        self.name, self.citation = Path(root).name, "10.1007/s11263-015-0816-y"
        self.folders = [_spread(part, count) for part, count in zip(open_tree(root), (train, test), strict=True)]
        self.n_train, self.n_test = (len(part.files) for part in self.folders)
        self.image_shape = (size, size, 3)
        self.inputs, self.readouts = {"image": size * size * 3}, {"choice": len(self.folders[0].classes)}
        self.streams = [Stream(part, size) for part in self.folders]
        labels = [{"label": part.labels} for part in self.folders]
        self.arrays = {"train": labels[0], "test": labels[1]}

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Decode images on the host, and normalise them."""
        stream = self.streams[int(test)]

        def read(numbers: Any) -> np.ndarray:
            return stream.read(np.asarray(numbers))

        shape = jax.ShapeDtypeStruct((len(index), *self.image_shape), jnp.uint8)
        pixels = jax.pure_callback(read, shape, index, vmap_method="sequential")
        mean, sd = (jnp.asarray(one, jnp.float32)[None, None, None] for one in (MEAN, SD))
        image = (pixels.astype(jnp.float32) / 255 - mean) / sd
        label = arrays["test" if test else "train"]["label"][index]
        return Batch({"image": image}, {"choice": label}, {"label": label, "index": index})

    def expect(self, index: np.ndarray) -> None:
        """Decode the training images of these batches ahead."""
        self.streams[0].expect(index)


def _spread(part: Any, count: int | None) -> Any:
    if count is None or count >= len(part.files):
        return part
    chosen = np.linspace(0, len(part.files) - 1, count).astype(int)
    return replace(part, files=tuple(part.files[i] for i in chosen), labels=part.labels[chosen])


def colour_images(name: str, size: int, *, train: int | None, test: int | None, standardise: str | None) -> Task:
    """Return a data set as colour images: decoded batch by batch where it is a tree of folders, stored otherwise."""
    place = datasets.locate(datasets.find(name))
    if place is not None and isinstance(place.form, TreeForm):
        return image_tree(next(iter(place.paths.values())), size, train=train, test=test)
    return coloured(images(name, standardise=standardise, train=train, test=test, flat=False))


def coloured(task: ImageTask) -> ImageTask:
    """Give grey images three equal colour channels; colour images stay as they are."""
    if len(task.image_shape) == 3:
        return task
    parts = [task.arrays[name] for name in ("train", "test")]
    pairs = [(np.repeat(part["image"][..., None], 3, -1), part["label"]) for part in parts]
    settings = {"mean": task.mean, "sd": task.sd, "scale": task.scale, "citation": task.citation}
    return ImageTask(task.name, *pairs, task.classes, flat=False, **settings)
