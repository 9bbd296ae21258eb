"""Trees of image files, one folder a class, in the manner of ImageNet: ``train/<class>/*`` and ``val/<class>/*``.

A tree that is too large for memory is read in batches:

    train, test = open_tree("imagenet")
    images = train.read(range(256), size=224)      # uint8 [256, 224, 224, 3]
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.protocols.datasets.formats import Arrays, DataError
from jaxtyping import Int32, UInt8

#: What is decoded, by content: nothing that starts another program (PostScript starts Ghostscript).
FORMATS = ("JPEG", "PNG", "BMP", "PPM", "TIFF", "WEBP")
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp"}
PIXELS = 80_000_000  # of one image at most
MEMORY = 16e9  # bytes of decoded images that are read in one piece at most


@dataclass(frozen=True)
class ImageFolder:
    """One part of a tree: its files, in the order of their class and name.

    Attributes
    ----------
    classes : tuple of str
        Names of the class folders of the training part, sorted.
    files : tuple of Path
        The image files.
    labels : int32 array [n]
        Class number of each file.
    """

    classes: tuple[str, ...]
    files: tuple[Path, ...]
    labels: Int32[np.ndarray, " n"]

    def read(self, indices: Iterable[int], size: int = 224) -> UInt8[np.ndarray, "batch size size 3"]:
        """Decode some images: shorter side resized to 8/7 of ``size`` (256 for 224), then the centre square."""
        return np.stack([_read_image(self.files[index], size) for index in indices])


def parts(root: Path) -> tuple[Path, Path] | None:
    """The training and the test folder of a tree (``val`` counts as test, as for ImageNet), or None."""
    tests = [root / name for name in ("val", "test") if (root / name).is_dir()]
    return (root / "train", tests[0]) if tests and (root / "train").is_dir() else None


def open_tree(root: Path | str) -> tuple[ImageFolder, ImageFolder]:
    """Index the training and the test part of a tree without reading an image.

    Raises
    ------
    DataError
        If a part is missing or empty, or the test part has a class that the training part has not.
    """
    found = parts(Path(root))
    if found is None:
        raise DataError(f"{root}: no image folders; want train/<class>/ and val/<class>/ (or test/<class>/) in it")
    train, test = found
    classes = tuple(sorted(path.name for path in _folders(train)))
    if unknown := {path.name for path in _folders(test)} - set(classes):
        raise DataError(f"{test}: class {min(unknown)!r} is not among the {len(classes)} classes of {train}")
    return _index(train, classes), _index(test, classes)


def read_tree(root: Path | str, size: int = 224) -> Arrays:
    """Read a whole tree into memory, every image ``size`` x ``size`` RGB."""
    train, test = open_tree(root)
    if (need := (len(train.files) + len(test.files)) * size**2 * 3) > MEMORY:
        raise DataError(
            f"{root}: {need / 1e9:.0f} GB when decoded; read batches with "
            "biocredit.protocols.datasets.folders.open_tree"
        )
    images = [part.read(range(len(part.files)), size) for part in (train, test)]
    return Arrays(images[0], train.labels, images[1], test.labels, train.classes)


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _index(folder: Path, classes: tuple[str, ...]) -> ImageFolder:
    found = [(path, label) for label, name in enumerate(classes) for path in _image_files(folder / name)]
    if not found:
        raise DataError(f"{folder}: no image in any class folder; known endings are {', '.join(sorted(SUFFIXES))}")
    files, labels = zip(*found, strict=True)
    return ImageFolder(classes, files, np.array(labels, np.int32))


def _image_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)


def _read_image(path: Path, size: int) -> np.ndarray:
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.width * image.height > PIXELS:
                raise DataError(f"{image.width} x {image.height} pixels are more than {PIXELS / 1e6:.0f} million")
            square = ImageOps.fit(_as_rgb(image), (size, size), Image.Resampling.BILINEAR, bleed=1 / 16)
            return np.asarray(square)
    except Exception as error:
        raise DataError(f"{path}: not a readable image ({' '.join(str(error).split())})") from error


def _as_rgb(image: Any) -> Any:
    """Return an image in colour, 0 to 255: words of 16 bits keep their upper byte instead of being cut off."""
    from PIL import Image

    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise DataError("real numbers have no range of pixels")
    return image.convert("RGB")
