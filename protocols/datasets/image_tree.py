"""Images on disk, in folders or mapped files, read batch by batch; and images in colour."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.protocols.datasets import datasets
from biocredit.protocols.datasets.files import TreeForm
from biocredit.protocols.datasets.folders import open_tree
from biocredit.protocols.datasets.stream import Mapped, Stream, numbers
from biocredit.protocols.tasks.image_sets import images
from biocredit.protocols.tasks.streamed import streamed
from biocredit.protocols.tasks.task import ImageTask, Task

#: Parts of a data set on disk.
PARTS = ("train", "test")

#: Mean and standard deviation of ImageNet's pixels, as is customary.
MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class image_tree(streamed):
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

    mean, sd = MEAN, SD

    def __init__(self, root: Path | str, size: int = 224, *, train: int | None = None, test: int | None = None):
        self.name, self.citation = Path(root).name, "10.1007/s11263-015-0816-y"
        folders = [_spread(part, count) for part, count in zip(open_tree(root), (train, test), strict=True)]
        self.readouts = {"choice": len(folders[0].classes)}
        self.hold([Stream(part, size) for part in folders], [part.labels for part in folders], (size, size, 3))


class image_arrays(streamed):
    """Classify images that lie in NumPy files; they are mapped into memory, and read as they are needed.

    Parameters
    ----------
    root
        Folder of ``train_images.npy``, ``train_labels.npy``, ``test_images.npy`` and ``test_labels.npy``: bytes
        ``[n, row, column, colour]`` and class numbers ``[n]``.

    Raises
    ------
    DataError
        If one of them is missing or holds something else.
    """

    def __init__(self, root: Path | str):
        self.name = Path(root).name
        parts = [Mapped(Path(root) / f"{part}_images.npy") for part in PARTS]
        labels = [
            numbers(Path(root) / f"{part}_labels.npy", len(one.images)) for part, one in zip(PARTS, parts, strict=True)
        ]
        self.readouts = {"choice": int(labels[0].max()) + 1}
        self.hold(parts, labels, parts[0].images.shape[1:])


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
