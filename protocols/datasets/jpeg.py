"""Images kept as JPEG files in a NumPy archive, decoded once and then taken from the cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import os
import tempfile
from pathlib import Path

import numpy as np
from biocredit.protocols.datasets.files import cache_folder
from biocredit.protocols.datasets.formats import LARGEST, Arrays, DataError, read_npz
from jaxtyping import Int, UInt8


def jpeg_npz(train: bytes, test: bytes) -> Arrays:
    """Two archives with ``jpeg`` (all files one after another), ``offsets`` ``[n + 1]`` and ``labels`` ``[n]``."""
    return Arrays(*_split(train), *_split(test))


def decode(
    jpeg: UInt8[np.ndarray, " bytes"], offsets: Int[np.ndarray, " cuts"]
) -> UInt8[np.ndarray, "n height width 3"]:
    """Decode JPEG images of one size that lie end to end; image i is ``jpeg[offsets[i]:offsets[i + 1]]``."""
    from PIL import Image

    def one(start: int, stop: int) -> np.ndarray:
        with Image.open(io.BytesIO(jpeg[start:stop].tobytes()), formats=["JPEG"]) as image:
            if image.width * image.height * 3 * (len(offsets) - 1) > LARGEST:
                raise DataError(f"{len(offsets) - 1} images of {image.width} x {image.height} are more than fits")
            return np.asarray(image.convert("RGB"))

    return np.stack([one(start, stop) for start, stop in itertools.pairwise(offsets.tolist())])


def _split(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    jpeg, offsets, labels = read_npz(content, "jpeg", "offsets", "labels")
    if len(offsets) != len(labels) + 1 or offsets[0] != 0 or offsets[-1] != len(jpeg) or np.any(np.diff(offsets) <= 0):
        raise DataError(f"offsets do not cut {len(jpeg)} JPEG bytes into {len(labels)} images")
    return _decode_once(jpeg, offsets), labels.astype(np.int32)


def _decode_once(jpeg: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The decoded images from the cache folder, put there by the first call (if the folder can be written)."""
    key = hashlib.sha256(jpeg.tobytes() + offsets.tobytes()).hexdigest()
    path = cache_folder() / "decoded" / f"{key}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        images = np.load(path, allow_pickle=False)
        if images.dtype == np.uint8 and len(images) == len(offsets) - 1:
            return images
    images = decode(jpeg, offsets)
    with contextlib.suppress(OSError):
        _save(path, images)
    return images


def _save(path: Path, array: np.ndarray) -> None:
    """Write aside, then rename: a reader never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=path.parent) as aside:
        np.save(Path(aside) / path.name, array, allow_pickle=False)
        os.replace(Path(aside) / path.name, path)
