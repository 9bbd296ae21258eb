"""File formats of image data sets: from the bytes of the official files to arrays.

Every reader takes the uncompressed contents of the files of a data set, in the order in which
:mod:`biocredit.protocols.datasets.registry` names them, and returns :class:`Arrays`. Readers are pure functions and
open nothing that could run code: no pickle, in any form.
"""

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

#: Bytes that one file of a data set, or one array in it, may have when unpacked (the largest official one has 221 MB).
LARGEST = 400_000_000


class DataError(ValueError):
    """Data that are missing, damaged or not what they are said to be; the message is one line."""


class Arrays(NamedTuple):
    """Images and labels as read, before they get a name.

    Attributes
    ----------
    train_images, test_images
        Pixels, 0 to 255: grey ``[n, height, width]`` or colour ``[n, height, width, channel]``.
    train_labels, test_labels
        Class numbers ``[n]``, or for several labels an image ``[n, class]`` of zeros and ones.
    classes
        Class names where the files themselves define them, else empty.
    """

    train_images: UInt8[np.ndarray, "train *shape"]
    train_labels: Int32[np.ndarray, "train *labels"]
    test_images: UInt8[np.ndarray, "test *shape"]
    test_labels: Int32[np.ndarray, "test *labels"]
    classes: tuple[str, ...] = ()


Reader = Callable[..., Arrays]


def read_idx(content: bytes) -> UInt8[np.ndarray, "..."]:
    """One IDX file of unsigned bytes (the format of MNIST).

    Two zero bytes, the type byte 0x08, the number of dimensions, one big-endian uint32 a dimension,
    then the bytes in row-major order.

    Examples
    --------
    >>> read_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])).tolist()
    [7, 9]
    """
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise DataError(f"not an IDX file of unsigned bytes: starts with {content[:4].hex() or 'nothing'}, want 000008")
    start = 4 + 4 * content[3]
    if content[3] == 0 or len(content) < start:
        raise DataError(f"IDX header is cut short: {len(content)} bytes for {content[3]} dimensions")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if math.prod(shape) != len(content) - start:
        raise DataError(f"IDX header promises {math.prod(shape)} bytes for shape {shape}, got {len(content) - start}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def idx(train_images: bytes, train_labels: bytes, test_images: bytes, test_labels: bytes) -> Arrays:
    """MNIST and Fashion-MNIST: four IDX files."""
    return Arrays(
        read_idx(train_images), _labels(read_idx(train_labels)), read_idx(test_images), _labels(read_idx(test_labels))
    )


def cifar(label_bytes: int) -> Reader:
    """Reader of the binary version of CIFAR: records of labels, then red, green and blue planes of 32 x 32.

    The last of ``label_bytes`` labels is kept: the class of CIFAR-10 (1), the fine class of CIFAR-100 (2).
    The last file is the test set.
    """

    def records(content: bytes) -> UInt8[np.ndarray, "n bytes"]:
        if len(content) % (label_bytes + 3072):
            raise DataError(f"{len(content)} bytes are not whole CIFAR records of {label_bytes + 3072}")
        return np.frombuffer(content, np.uint8).reshape(-1, label_bytes + 3072)

    def split(rows: UInt8[np.ndarray, "n bytes"]) -> tuple[np.ndarray, np.ndarray]:
        planes = rows[:, label_bytes:].reshape(-1, 3, 32, 32)
        return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), _labels(rows[:, label_bytes - 1])

    def read(*contents: bytes) -> Arrays:
        *train, test = map(records, contents)
        return Arrays(*split(np.concatenate(train)), *split(test))

    return read


def svhn(train: bytes, test: bytes) -> Arrays:
    """SVHN, cropped digits: MATLAB files with X ``[32, 32, 3, n]`` and y ``[n, 1]``, where 10 stands for digit 0."""
    from scipy.io import loadmat

    def read(content: bytes) -> tuple[np.ndarray, np.ndarray]:
        refuse_mat_bomb(content)
        table = loadmat(io.BytesIO(content), variable_names=["X", "y"])
        return np.ascontiguousarray(table["X"].transpose(3, 0, 1, 2)), _labels(table["y"].ravel() % 10)

    return Arrays(*read(train), *read(test))


def stl10(train_images: bytes, train_labels: bytes, test_images: bytes, test_labels: bytes) -> Arrays:
    """STL-10: colour planes of 96 x 96 stored column by column, and labels 1 to 10."""

    def images(content: bytes) -> UInt8[np.ndarray, "n 96 96 3"]:
        return np.ascontiguousarray(np.frombuffer(content, np.uint8).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1))

    def labels(content: bytes) -> Int32[np.ndarray, " n"]:
        return _labels(np.frombuffer(content, np.uint8)) - np.int32(1)

    return Arrays(images(train_images), labels(train_labels), images(test_images), labels(test_labels))


def medmnist(content: bytes) -> Arrays:
    """A MedMNIST archive: its training and test part (the validation part is left aside)."""
    archive = read_npz(content, "train_images", "train_labels", "test_images", "test_labels")
    train_images, train_labels, test_images, test_labels = archive

    def labels(table: np.ndarray) -> np.ndarray:
        return _labels(table[:, 0] if table.shape[1:] == (1,) else table)

    return Arrays(train_images, labels(train_labels), test_images, labels(test_labels))


def digits() -> Arrays:
    """The 8 x 8 digits that come with scikit-learn: the first 1437 train, the last 360 test.

    The order is kept, so that most test digits are of writers who are not in the training part. The grey levels
    0 to 16 are spread over 0 to 255.
    """
    from sklearn.datasets import load_digits

    table = load_digits()
    images, labels = np.round(table.images * (255 / 16)).astype(np.uint8), _labels(table.target)
    return Arrays(images[:1437], labels[:1437], images[1437:], labels[1437:])


def read_npz(content: bytes, *names: str) -> list[np.ndarray]:
    """The named arrays of a NumPy archive, refusing those that hold Python objects."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        large = [info.filename for info in archive.infolist() if info.file_size > LARGEST]
        if large:
            raise DataError(f"array {large[0]!r} has more than {LARGEST / 1e6:.0f} MB when unpacked")
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        missing = [name for name in names if name not in archive]
        if missing:
            raise DataError(
                f"no array {missing[0]!r} in the archive, which holds {', '.join(archive.files) or 'nothing'}"
            )
        return [archive[name] for name in names]


def refuse_mat_bomb(content: bytes) -> None:
    """Raise ``DataError`` if a MATLAB file (version 5 to 7) unpacks to more than :data:`LARGEST` bytes.

    Its elements are a type, a number of bytes, and the bytes; type 15 is compressed by zlib.
    """
    order = ">" if content[126:128] == b"MI" else "<"
    at, total = 128, 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from(f"{order}II", content, at)
        at += 8
        if kind == 15:
            unpacked, left = zlib.decompressobj(), content[at : at + size]
            while left and total <= LARGEST:
                total += len(unpacked.decompress(left, 1 << 20))
                left = unpacked.unconsumed_tail
        else:
            total += size
        if total > LARGEST:
            raise DataError(f"a MATLAB file that unpacks to more than {LARGEST / 1e6:.0f} MB")
        at += size


def _labels(table: np.ndarray) -> np.ndarray:
    return table.astype(np.int32)
