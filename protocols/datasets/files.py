"""Where the files of data sets lie, how they are read and checked, and how they are put in place."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, ClassVar

from biocredit.protocols.datasets.folders import parts, read_tree
from biocredit.protocols.datasets.formats import LARGEST, Arrays, DataError, Reader

#: What gzip and tarfile raise on damaged files.
UNREADABLE = (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, OverflowError, RecursionError, struct.error)

#: Bytes read at a time.
PIECE = 1 << 20


def cache_folder() -> Path:
    """The user's cache folder, ``~/.cache/biocredit`` on Linux (moved by ``$XDG_CACHE_HOME``)."""
    import pooch

    return Path(pooch.os_cache("biocredit"))


def roots() -> list[Path]:
    """Where data sets are looked for, in this order: ``$BIOCREDIT_DATA`` if it is set, then the cache folder."""
    named = filter(None, [os.environ.get("BIOCREDIT_DATA")])
    return [*(Path(folder).expanduser() for folder in named), cache_folder()]


def writable_root() -> Path:
    """The first of :func:`roots` that can be written, made if it is not there yet."""
    for root in roots():
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(root, os.W_OK):
            return root
    raise DataError(f"no folder for data can be written: tried {', '.join(map(str, roots()))}; set $BIOCREDIT_DATA")


@dataclass(frozen=True)
class FileForm:
    """A data set as named files.

    Attributes
    ----------
    name : str
        What the form is called, such as ``"idx"``.
    files : mapping of str to str
        File name (uncompressed) to the checksum of its uncompressed content as ``"md5:..."`` or ``"sha256:..."``,
        empty where none is published. The order is that of the arguments of ``read``.
    read : callable
        From the contents of the files to :class:`~biocredit.protocols.datasets.formats.Arrays`.
    archive, inside : str
        Name of the official tar archive, and of the folder that it unpacks to.
    largest : int
        Bytes that the uncompressed content of one file may have: more is not read.
    note : str
        What sets this form apart from the official data, for instance ``"JPEG copy"``.
    """

    name: str
    files: Mapping[str, str]
    read: Reader
    archive: str = ""
    inside: str = ""
    note: str = ""
    largest: int = LARGEST

    @property
    def wanted(self) -> str:
        """The files that make up this form, in words."""
        return " or ".join(filter(None, [self.archive, ", ".join(self.files)]))

    def find(self, folder: Path) -> dict[str, Path] | None:
        """File name to the path that holds it (plain, gzip or tar), or None if they are not all there."""
        places = [folder, *([folder / self.inside] if self.inside else [])]
        return self.match(path for place in places for path in _files_in(place))

    def match(self, paths: Iterable[Path]) -> dict[str, Path] | None:
        """File name to one of the given paths, or None if they do not hold every file of this form."""
        by_name = {official_name(path): path for path in sorted(paths, reverse=True)}  # plain before .gz
        if all(name in by_name for name in self.files):
            return {name: by_name[name] for name in self.files}
        if self.archive in by_name:
            return dict.fromkeys(self.files, by_name[self.archive])
        return None

    def contents(self, paths: Mapping[str, Path]) -> dict[str, bytes]:
        """The uncompressed contents of the files, with their checksums compared."""
        contents: dict[str, bytes] = {}
        for path in dict.fromkeys(paths.values()):
            names = [name for name, place in paths.items() if place == path]
            contents |= read_contents(path, names, self.largest)
        for name, checksum in self.files.items():
            verify(name, contents[name], checksum)
        return contents

    def load(self, paths: Mapping[str, Path]) -> Arrays:
        """Read and check the files at ``paths``, as :meth:`find` or :meth:`match` gave them."""
        return self.parse(self.contents(paths))

    def parse(self, contents: Mapping[str, bytes]) -> Arrays:
        """Read contents that were checked; whatever a foreign parser trips over becomes a :class:`DataError`."""
        try:
            return self.read(*(contents[name] for name in self.files))
        except Exception as error:
            raise DataError(f"{', '.join(self.files)}: not {self.name} data: {_one_line(error)}") from error


@dataclass(frozen=True)
class TreeForm:
    """A data set as a tree of folders, one a class, under ``train`` and ``val`` (or ``test``)."""

    size: int
    name: str = "folders"
    note: str = ""
    files: ClassVar[Mapping[str, str]] = {}

    def find(self, folder: Path) -> dict[str, Path] | None:
        """The root of the tree if its two parts are there."""
        return {folder.name: folder} if parts(folder) else None

    def load(self, paths: Mapping[str, Path]) -> Arrays:
        """Read all images of the tree into memory."""
        return read_tree(next(iter(paths.values())), self.size)


def official_name(path: Path) -> str:
    """The official, uncompressed name of a file: ``x.idx3-ubyte.gz`` is ``x-idx3-ubyte``; archives keep theirs."""
    name = path.name.replace(".idx", "-idx")
    return name.removesuffix(".gz") if not name.endswith(".tar.gz") else name


def read_contents(path: Path, names: list[str], largest: int = LARGEST) -> dict[str, bytes]:
    """Contents of the named files out of one path: a file, a gzip file, or a tar archive that holds them all.

    What unpacks to more than ``largest`` bytes a file is refused as soon as that shows, however small it is on disk.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            if not path.name.endswith((".tar", ".tar.gz", ".tgz")):
                return {names[0]: Limited(stream, largest, path).whole()}
            found = _read_tar(Limited(stream, (len(names) + 1) * largest, path), names)
    except DataError:
        raise
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read, damaged or cut short? ({_one_line(error)})") from error
    if missing := [name for name in names if name not in found]:
        raise DataError(f"{path}: holds no {missing[0]}")
    return found


class Limited:
    """A stream that refuses to give more than so many bytes.

    Parameters
    ----------
    stream
        Where bytes come from.
    largest
        How many there may be.
    path
        Named in the error.
    """

    def __init__(self, stream: IO[bytes], largest: int, path: Path):
        self.stream, self.left, self.largest, self.path = stream, largest, largest, path

    def read(self, size: int) -> bytes:
        """Read at most so many bytes."""
        piece = self.stream.read(min(size, self.left + 1))
        self.left -= len(piece)
        if self.left < 0:
            raise DataError(
                f"{self.path}: holds more than {self.largest / 1e6:.0f} MB, which the official file does not"
            )
        return piece

    def whole(self) -> bytes:
        """Read to the end."""
        return b"".join(iter(lambda: self.read(PIECE), b""))


def verify(name: str, content: bytes, checksum: str) -> None:
    """Raise :class:`DataError` unless the content has the checksum (``"md5:..."``, ``"sha256:..."`` or empty)."""
    kind, _, want = checksum.partition(":")
    if kind and (got := hashlib.new(kind, content, usedforsecurity=False).hexdigest()) != want:
        raise DataError(f"{name}: damaged or not the official file: {kind} of its content is {got}, want {want}")


def store(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files aside, then rename them into ``folder``: what is there is always whole."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as aside:
            for name, content in contents.items():
                (Path(aside) / name).write_bytes(content)
            folder.mkdir(exist_ok=True)
            for name in contents:
                os.replace(Path(aside) / name, folder / name)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({_one_line(error)})") from error


def refuse_pickle(path: Path) -> None:
    """Raise :class:`DataError` for the Python version of CIFAR: a pickle may run any code when it is opened."""
    try:
        with path.open("rb") as file:
            start = file.read(2)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({_one_line(error)})") from error
    if "-python.tar" in path.name or (start[:1] == b"\x80" and start[1:] in b"\2\3\4\5"):
        raise DataError(f"{path}: a Python pickle, which may run code when opened; use the binary version (*.bin)")


def _read_tar(stream: Limited, names: list[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if member.isfile() and (name := PurePosixPath(member.name).name) in names:
                found[name] = archive.extractfile(member).read()
            if len(found) == len(names):
                break
    return found


def _files_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
