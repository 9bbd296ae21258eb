"""Images that are too large for a device, or for memory: a stretch of learning gets those that it shows, no others."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.protocols.tasks.task import Task


class Source(Protocol):
    """Where images come from.

    Parameters
    ----------
    rows
        Numbers of the images of each batch ``[batch, trial]``.
    """

    def read(self, row: np.ndarray) -> np.ndarray:
        """Return the images ``[trial, y, x, colour]`` with these numbers."""

    def expect(self, rows: np.ndarray) -> None:
        """Be told which batches are read next."""


class streamed(Task):
    """Classify images that a source hands over by the batch.

    A protocol fetches the images of the next stretch while the present one is learned from, see :meth:`fetch`; who
    draws trials without having fetched them gets them by a call from the device to the host.

    Attributes
    ----------
    sources
        Of the training and of the test images.
    mean, sd
        Of the pixels (between 0 and 1) of each colour, subtracted and divided by.
    """

    flat = False
    sources: Sequence[Source] = ()
    image_shape: tuple[int, ...] = ()
    mean: Any = 0.0
    sd: Any = 1.0

    def hold(self, sources: Sequence[Source], labels: Sequence[np.ndarray], shape: tuple[int, ...]) -> None:
        """Take over sources, class numbers and the shape of an image."""
        self.sources, self.image_shape = tuple(sources), shape
        self.n_train, self.n_test = map(len, labels)
        self.arrays = {part: {"label": one} for part, one in zip(("train", "test"), labels, strict=True)}
        self.inputs, self.fetched_bytes = {"image": int(np.prod(shape))}, int(np.prod(shape))

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return normalised images: of those that were fetched, or decoded on the host now."""
        part = arrays["test" if test else "train"]
        if "image" in part:
            pixels = part["image"][jnp.searchsorted(part["number"], index)]
        else:
            shape = jax.ShapeDtypeStruct((len(index), *self.image_shape), jnp.uint8)
            read = self.sources[int(test)].read
            pixels = jax.pure_callback(lambda row: read(np.asarray(row)), shape, index, vmap_method="sequential")
        mean, sd = (jnp.asarray(one, jnp.float32).reshape(1, 1, 1, -1) for one in (self.mean, self.sd))
        label = part["label"][index]
        image = (pixels.astype(jnp.float32) / 255 - mean) / sd
        return Batch({"image": image}, {"choice": label}, {"label": label, "index": index})

    def expect(self, index: np.ndarray) -> None:
        """Let the source make the training images of these batches ready."""
        self.sources[0].expect(index)

    def fetch(self, index: np.ndarray, *, test: bool = False) -> Mapping[str, Any]:
        """Return the images with these numbers, sorted by number, each once."""
        rows = index.reshape(-1, index.shape[-1])
        read = np.concatenate([self.sources[int(test)].read(row) for row in rows])
        numbers, places = np.unique(rows, return_index=True)
        places = np.pad(places, (0, rows.size - len(places)), mode="edge")  # as many for every stretch: one program
        numbers = np.pad(numbers, (0, rows.size - len(numbers)), mode="edge").astype(np.int32)
        return {"test" if test else "train": {"image": read[places], "number": numbers}}
