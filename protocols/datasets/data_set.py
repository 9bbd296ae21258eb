"""What is known about one data set, and the check that arrays are really that data set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from biocredit.protocols.datasets.files import FileForm, TreeForm
from biocredit.protocols.datasets.formats import Arrays, DataError


@dataclass(frozen=True)
class Download:
    """A file at its public source, with the checksum of the file as it lies there."""

    url: str
    checksum: str


@dataclass(frozen=True)
class DataSet:
    """One row of the table.

    Attributes
    ----------
    name, title : str
        What a user types, and what a figure says.
    counts : (int, int) or None
        Number of training and test images; None where the user's files decide.
    shape : tuple of int
        Shape of one image: height, width and, for colour, channel.
    classes : tuple of str
        Class names in the order of the class numbers (empty where the user's files decide).
    forms : tuple of FileForm or TreeForm
        The forms in which the data may lie on disk, the best first.
    citation, licence : str
        Whom to cite, and the terms of use as usually stated.
    downloads : tuple of Download
        The public source, empty where there is none to download from.
    labels : str
        SHA-256 of the training labels followed by the test labels, one byte each in the official order: given
        for sets of which copies with other pixels are about.
    """

    name: str
    title: str
    counts: tuple[int, int] | None
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    forms: tuple[FileForm | TreeForm, ...]
    citation: str
    licence: str
    downloads: tuple[Download, ...] = ()
    labels: str = ""

    def check(self, arrays: Arrays) -> None:
        """Raise ``DataError`` unless counts, shapes and labels are those of this set."""
        if self.counts is None:
            return
        self._check_part("train", arrays.train_images, arrays.train_labels, self.counts[0])
        self._check_part("test", arrays.test_images, arrays.test_labels, self.counts[1])
        codes = np.concatenate([arrays.train_labels, arrays.test_labels]).astype(np.uint8)
        if self.labels and hashlib.sha256(codes.tobytes()).hexdigest() != self.labels:
            raise DataError(f"{self.name}: labels are not those of the official data in the official order")

    def _check_part(self, part: str, images: np.ndarray, labels: np.ndarray, count: int) -> None:
        if images.dtype != np.uint8 or images.shape != (count, *self.shape):
            raise DataError(
                f"{self.name}: {part} images are {images.dtype} {images.shape}, want uint8 {(count, *self.shape)}"
            )
        several = labels.ndim == 2
        want, top = ((count, len(self.classes)), 1) if several else ((count,), len(self.classes) - 1)
        low, high = labels.min(initial=0), labels.max(initial=0)
        if labels.shape != want or low < 0 or high > top:
            raise DataError(
                f"{self.name}: {part} labels {labels.shape} from {low} to {high}, want {want} from 0 to {top}"
            )
