"""Image data sets: load, find, import, fetch.

Data sets are looked for in ``$BIOCREDIT_DATA``, then in the user's cache folder, in a folder named after the set
that holds its official files (gzipped or not). scikit-learn's digits need no file.

    images = load("mnist")
    images.train_images.shape, images.classes        # (60000, 28, 28), ("0", "1", ...)

Nothing here imports JAX, and :func:`fetch` is all that ever uses the network.
"""

import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from biocredit.protocols.datasets.data_set import DataSet, Download
from biocredit.protocols.datasets.files import (
    FileForm,
    TreeForm,
    refuse_pickle,
    roots,
    store,
    writable_root,
)
from biocredit.protocols.datasets.folders import read_tree
from biocredit.protocols.datasets.formats import Arrays, DataError
from biocredit.protocols.datasets.registry import TABLE, find
from jaxtyping import Int32, UInt8


@dataclass(frozen=True)
class Images:
    """A data set of labelled images, in the official order.

    Attributes
    ----------
    name : str
        Name of the data set, as in the table.
    train_images, test_images : uint8 array [n, height, width] or [n, height, width, 3]
        Pixels from 0 to 255.
    train_labels, test_labels : int32 array [n]
        Class numbers; ``[n, class]`` of zeros and ones where an image may have several labels (ChestMNIST).
    classes : tuple of str
        Class names.
    source : str
        What results on these data are to be called, for instance ``"CIFAR-10 (JPEG copy)"``.
    """

    name: str
    train_images: UInt8[np.ndarray, "train *shape"]
    train_labels: Int32[np.ndarray, "train *labels"]
    test_images: UInt8[np.ndarray, "test *shape"]
    test_labels: Int32[np.ndarray, "test *labels"]
    classes: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class Place:
    """Where a data set is: its form and the files that hold it."""

    data_set: DataSet
    form: FileForm | TreeForm
    paths: dict[str, Path]

    @property
    def folder(self) -> Path | None:
        """The folder of the files, None for a set that comes with a library."""
        return next((path if path.is_dir() else path.parent for path in self.paths.values()), None)

    @property
    def size(self) -> int:
        """Bytes on disk (of a folder tree: 0, it is not walked)."""
        return sum(path.stat().st_size for path in set(self.paths.values()) if path.is_file())


def load(name: str) -> Images:
    """Load a data set from where it is found, checking content, counts and labels.

    Parameters
    ----------
    name : str
        A name of :data:`biocredit.protocols.datasets.registry.TABLE`.

    Raises
    ------
    DataError
        If the name is unknown, the data are not there, or they are damaged. One line.

    Examples
    --------
    >>> images = load("digits")
    >>> images.train_images.shape, images.test_images.shape, images.source
    ((1437, 8, 8), (360, 8, 8), 'digits (scikit-learn)')
    """
    data_set = find(name)
    place = locate(data_set)
    if place is None:
        raise DataError(f"{name} is not in {' or '.join(map(str, roots()))}; {_how_to_get(data_set)}")
    try:
        arrays = place.form.load(place.paths)
        data_set.check(arrays)
    except DataError as error:
        raise DataError(f"{place.folder}: {error}") from error
    return _images(data_set, arrays, place.form.note)


def image_folder(path: Path | str, size: int = 224) -> Images:
    """Load any tree ``train/<class>/*``, ``val/<class>/*`` of image files, every image ``size`` x ``size`` RGB.

    Trees that are too large for memory: :func:`biocredit.protocols.datasets.folders.open_tree`.
    """
    arrays = read_tree(path, size)
    return Images(Path(path).name, *arrays, source=Path(path).name)


def locate(data_set: DataSet) -> Place | None:
    """The best form of a data set that is found, and its files; None if it is nowhere."""
    for form in data_set.forms:
        for root in roots():
            if (paths := form.find(root / data_set.name)) is not None:
                return Place(data_set, form, paths)
    return None


def where() -> list[tuple[DataSet, Place | None]]:
    """Every data set of the table, and where it is (None: not found)."""
    return [(data_set, locate(data_set)) for data_set in TABLE.values()]


def import_files(name: str, files: Iterable[Path | str]) -> Place:
    """Take over the files of a data set that the user has.

    The contents are checked first (checksums, or structure, counts and labels where there is no checksum), then
    written aside, uncompressed, and renamed into the first data folder that can be written. Files that are damaged
    or foreign are refused with a :class:`DataError` and leave nothing behind.

    Parameters
    ----------
    name : str
        Name of the data set.
    files : iterable of path
        All files of one form, gzipped or not; or the official tar archive; or a folder that holds them.

    Returns
    -------
    Place
        Where the data set is now.
    """
    data_set = find(name)
    form, paths = _match(data_set, list(files))
    contents = form.contents(paths)
    try:
        data_set.check(form.parse(contents))
    except DataError as error:
        first = next(iter(paths.values()))
        raise DataError(f"{first if len(set(paths.values())) == 1 else first.parent}: {error}") from error
    folder = writable_root() / name
    store(folder, contents)
    return Place(data_set, form, {file: folder / file for file in contents})


def fetch(name: str) -> Place:
    """Download a data set from its public source, compare checksums, and import it.

    Raises
    ------
    DataError
        If there is no public source, the download fails, or its checksum is wrong; nothing is left behind.
    """
    data_set = find(name)
    if not data_set.downloads:
        raise DataError(f"{name} cannot be downloaded; {_how_to_get(data_set)}")
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=writable_root()) as aside:
        return import_files(name, [_download(source, aside) for source in data_set.downloads])


def data_list() -> str:
    """The table of data sets as plain text: what there is, its licence and whom to cite."""
    rows = [("name", "images", "shape", "classes", "licence", "citation")]
    for row in TABLE.values():
        images = "{} + {}".format(*row.counts) if row.counts else "yours"
        shape = " x ".join(map(str, row.shape))
        rows.append((row.name, images, shape, str(len(row.classes) or "yours"), row.licence, row.citation))
    return _table(rows)


def data_where() -> str:
    """Which data sets are found, in which form and where, as plain text."""
    rows = [("name", "found", "form", "size", "place")]
    for data_set, place in where():
        if place is None:
            rows.append((data_set.name, "no", "", "", _how_to_get(data_set)))
        else:
            form = f"{place.form.name} ({place.form.note})" if place.form.note else place.form.name
            size = f"{place.size / 1e6:.1f} MB" if place.size else ""
            rows.append((data_set.name, "yes", form, size, str(place.folder or "")))
    return "\n".join([f"looked in {', then '.join(map(str, roots()))}", _table(rows)])


def _images(data_set: DataSet, arrays: Arrays, note: str) -> Images:
    source = f"{data_set.title} ({note})" if note else data_set.title
    return Images(data_set.name, *arrays[:4], arrays.classes or data_set.classes, source)


def _match(data_set: DataSet, files: list[Path | str]) -> tuple[FileForm, dict[str, Path]]:
    """The form that the given files make up; a file that belongs to none is refused."""
    forms = [form for form in data_set.forms if form.files]
    if not forms:
        raise DataError(f"{data_set.name} cannot be imported; {_how_to_get(data_set)}")
    named = [Path(file).expanduser() for file in files]
    given = [path for file in named for path in _expand(file)]
    wanted = ", or ".join(form.wanted for form in forms)
    for form in forms:
        if (paths := form.match(given)) is not None:
            if foreign := [file for file in named if file.is_file() and file not in paths.values()]:
                raise DataError(f"{foreign[0]}: not a file of {data_set.name}, or one too many; want {wanted}")
            return form, paths
    got = ", ".join(path.name for path in given) or "nothing"
    raise DataError(f"{data_set.name}: got {got}; want all of {wanted}")


def _expand(path: Path) -> list[Path]:
    """The path, or the files in it if it is a folder."""
    paths = sorted(path.iterdir()) if path.is_dir() else [path]
    if not path.exists():
        raise DataError(f"{path}: no such file")
    for file in filter(Path.is_file, paths):
        refuse_pickle(file)
    return paths


def _download(source: Download, folder: str) -> str:
    import pooch

    name = source.url.rsplit("/", 1)[1]
    try:
        return pooch.retrieve(source.url, source.checksum, name, folder, progressbar=sys.stderr.isatty())
    except ValueError as error:
        raise DataError(f"{source.url}: what was downloaded has not the checksum {source.checksum}") from error
    except OSError as error:
        raise DataError(f"{source.url}: download failed ({' '.join(str(error).split())})") from error


def _how_to_get(data_set: DataSet) -> str:
    """What a user can do to have a data set that is not there."""
    forms = [form.wanted for form in data_set.forms if form.files]
    if data_set.downloads:
        return f"biocredit data fetch {data_set.name}, or import {', or '.join(forms)}"
    if isinstance(data_set.forms[0], TreeForm):
        return f"put train/<class>/ and val/<class>/ into a folder {data_set.name} in $BIOCREDIT_DATA"
    return f"it comes with {data_set.forms[0].name}"


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
