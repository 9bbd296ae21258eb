"""Image classification on the data sets that are found on this machine, and on scikit-learn's digits."""

from typing import Any

import numpy as np
from biocredit.circuits.core.described import described
from biocredit.circuits.core.errors import require
from biocredit.protocols.datasets import datasets
from biocredit.protocols.datasets.registry import find
from biocredit.protocols.tasks.task import ImageTask, Task
from biocredit.protocols.tasks.wrapped import held_out


@described
def images(
    name: str,
    *,
    standardise: str | None = None,
    train: int | None = None,
    test: int | None = None,
    flat: bool = True,
    validation: float = 0,
) -> Task:
    """Return the task of classifying a data set.

    Parameters
    ----------
    name
        Name of the data set, see ``biocredit data list``.
    standardise
        ``None``: pixels in [0, 1]; ``"global"`` or ``"channel"``: minus mean, divided by standard deviation of the
        training set.
    train, test
        Use only the first so many images.
    flat
        Whether images are handed over as vectors.
    validation
        Hold out so many (or this fraction) of the training images, see :class:`biocredit.protocols.tasks.held_out`.

    Raises
    ------
    CircuitError
        If more images are asked for than there are.
    DataError
        If the data set is not found on this machine.
    """
    found = datasets.load(name)
    x, y, tx, ty = found.train_images, found.train_labels, found.test_images, found.test_labels
    for part, asked, there in (("train", train, len(x)), ("test", test, len(tx))):
        wanted = f"{name} has {there} {part} images, asked for {asked}"
        require(asked is None or 1 <= asked <= there, wanted)
    mean, sd = statistics(x[:train], standardise)
    pair, test_pair = (x[:train], y[:train]), (tx[:test], ty[:test])
    settings = {"mean": mean, "sd": sd, "flat": flat, "citation": find(name).citation, "scale": 1 / 255}
    task = ImageTask(name, pair, test_pair, found.classes, **settings)
    return held_out(task, validation) if validation else task


def statistics(pixels: np.ndarray, standardise: str | None) -> tuple[Any, Any]:
    """Return mean and standard deviation of pixels scaled to [0, 1], of all or of each colour channel."""
    if standardise is None:
        return 0.0, 1.0
    if standardise not in ("global", "channel"):
        raise ValueError(f"unknown standardise {standardise!r}: valid are None, 'global', 'channel'")
    axes = tuple(range(pixels.ndim - 1)) if standardise == "channel" and pixels.ndim == 4 else None
    return pixels.mean(axes, dtype=np.float64) / 255, pixels.std(axes, dtype=np.float64) / 255


@described
def digits(**options: Any) -> Task:
    """Real 8x8 handwritten digits of scikit-learn: 1437 training and 360 test images, nothing to download."""
    return images("digits", **options)


@described
def mnist(**options: Any) -> Task:
    """MNIST: 60,000 training and 10,000 test digits of 28x28 pixels."""
    return images("mnist", **options)


@described
def fashion_mnist(**options: Any) -> Task:
    """Fashion-MNIST (arXiv:1708.07747): 60,000 training and 10,000 test images of 28x28 pixels."""
    return images("fashion_mnist", **options)


@described
def cifar10(**options: Any) -> Task:
    """CIFAR-10: 50,000 training and 10,000 test colour images of 32x32 pixels."""
    return images("cifar10", **options)
