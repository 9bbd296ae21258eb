"""Odd data files through every reader: each loads, or is refused in one line that names a file."""

import contextlib
import dataclasses
import gzip
import io
import os
import tarfile
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from biocredit.protocols.datasets import datasets, registry
from biocredit.protocols.datasets.formats import DataError
from PIL import Image
from scipy.io import savemat

from tests.reliability import Row
from tests.reliability.limits import limited_memory, limited_time
from tests.unit.made_images import idx_bytes, jpeg_part, npz_bytes, random_images, smooth_images

N = 6


def mat_bytes(images, labels, packed=True):
    buffer = io.BytesIO()
    table = {"X": images.transpose(1, 2, 3, 0), "y": np.asarray(labels, np.uint8)[:, None]}
    savemat(buffer, table, do_compression=packed)
    return buffer.getvalue()


def tar_bytes(contents, folder):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def planes(side, label_bytes, labels):
    rows = np.concatenate([np.repeat(labels[:, None], label_bytes, 1), random_images(N, 3 * side * side)], 1)
    return rows.astype(np.uint8).tobytes()


def good_files():
    """Files of each set, as they lie on disk: by set and form, file name to content, and the number of images."""
    labels = np.arange(N, dtype=np.uint8)
    grey, colour = random_images(N, 28, 28), random_images(N, 28, 28, 3)
    idx = dict(zip(registry.IDX_FILES, map(idx_bytes, (grey, labels, grey, labels)), strict=True))
    cifar = dict.fromkeys(registry.TABLE["cifar10"].forms[0].files, planes(32, 1, labels))
    cifar100 = dict.fromkeys(registry.TABLE["cifar100"].forms[0].files, planes(32, 2, labels))
    pixels = random_images(N, 32, 32, 3)
    stl = random_images(N, 3, 96, 96).tobytes()
    jpeg = npz_bytes(**jpeg_part(smooth_images(N), labels))
    chest = {f"{part}_images": grey for part in ("train", "test")}
    chest |= {f"{part}_labels": np.tile(labels[:, None] % 2, 14) for part in ("train", "test")}
    path = {f"{part}_images": colour for part in ("train", "test")}
    path |= {f"{part}_labels": labels[:, None] for part in ("train", "test")}
    return {
        ("mnist", "idx"): (idx, (N, N)),
        ("mnist", "idx, gzip"): ({f"{name}.gz": gzip.compress(one) for name, one in idx.items()}, (N, N)),
        ("cifar10", "tar"): ({"cifar-10-binary.tar.gz": tar_bytes(cifar, "cifar-10-batches-bin")}, (5 * N, N)),
        ("cifar10", "jpeg"): ({f"cifar10_jpeg_{part}.npz": jpeg for part in ("train", "test")}, (N, N)),
        ("cifar100", "tar"): ({"cifar-100-binary.tar.gz": tar_bytes(cifar100, "cifar-100-binary")}, (N, N)),
        ("svhn", "mat"): ({f"{part}_32x32.mat": mat_bytes(pixels, labels + 1) for part in ("train", "test")}, (N, N)),
        ("stl10", "binary"): (
            {f"{part}_X.bin": stl for part in ("train", "test")}
            | {f"{part}_y.bin": bytes(labels + 1) for part in ("train", "test")},
            (N, N),
        ),
        ("chestmnist", "npz"): ({"chestmnist.npz": npz_bytes(**chest)}, (N, N)),
        ("pathmnist", "npz"): ({"pathmnist.npz": npz_bytes(**path)}, (N, N)),
        ("imagenet", "folders"): (tree_files(), None),
    }


def tree_files():
    files = {}
    for kind, mode in (("png", "RGB"), ("jpg", "RGB"), ("tif", "I;16"), ("bmp", "L"), ("ppm", "RGB"), ("webp", "RGB")):
        image = Image.fromarray(random_images(20, 20, 3)) if mode == "RGB" else Image.new(mode, (20, 20), 77)
        buffer = io.BytesIO()
        image.save(buffer, {"jpg": "JPEG", "tif": "TIFF"}.get(kind, kind.upper()))
        files |= {f"{part}/ant/{kind}.{kind}": buffer.getvalue() for part in ("train", "val")}
    return files


def mutated(content: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Change a file as damage, another program or somebody with bad intent might."""
    at, length = (int(one) for one in rng.integers(0, max(len(content), 1), 2))
    start = int(rng.integers(0, min(len(content), 512) or 1))
    ways = {
        "byte": lambda: content[:at] + bytes([rng.integers(256)]) + content[at + 1 :],
        "head": lambda: content[:start] + bytes(rng.integers(0, 256, 4, np.uint8)) + content[start + 4 :],
        "huge": lambda: content[:start] + b"\xff\xff\xff\x7f" + content[start + 4 :],
        "cut": lambda: content[:at],
        "empty": lambda: b"",
        "longer": lambda: content + content[: length + 1],
        "zeros": lambda: content[:at] + bytes(min(length, 999)) + content[at + min(length, 999) :],
        "swapped": lambda: content[at:] + content[:at],
        "noise": lambda: bytes(rng.integers(0, 256, 300, np.uint8)),
        "text": lambda: b"%!PS\n/Helvetica findfont 20 scalefont setfont showpage\n",
        "pickle": lambda: b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
    }
    way = str(rng.choice(list(ways)))
    return way, ways[way]()


@contextlib.contextmanager
def standing_in(name: str, counts: tuple[int, int] | None) -> Iterator[None]:
    """Put made files of a set in the place of the official ones: other counts, no checksums."""
    row = registry.TABLE[name]
    forms = tuple(
        dataclasses.replace(form, files=dict.fromkeys(form.files, "")) if form.files else form for form in row.forms
    )
    registry.TABLE[name] = dataclasses.replace(row, counts=counts, forms=forms, labels="")
    try:
        yield
    finally:
        registry.TABLE[name] = row


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def attempt(name: str, folder: Path) -> str:
    """Load a set from a folder, and import its files: ``"read"``, ``"refused"``, or what was wrong."""
    outcome = "read"
    for read in (lambda: datasets.load(name), lambda: imported(name, folder / name)):
        try:
            read()
        except DataError as error:
            outcome, text = "refused", str(error)
            files = [path.name for path in folder.rglob("*") if path.is_file()]
            named = any(one.removesuffix(".gz") in text for one in files) or str(folder) in text
            if "\n" in text or not named:
                return f"not one line with a file's name: {text!r}"
        except BaseException:
            return traceback.format_exc()
    return outcome


def imported(name: str, folder: Path) -> None:
    if registry.TABLE[name].counts is not None:
        datasets.import_files(name, [folder])


def odd_files(count: int, seed: int = 0) -> tuple[Counter, list[str]]:
    """Try so many mutated files; return how often each outcome came, by set and form, and what went wrong."""
    rng, good = np.random.default_rng(seed), good_files()
    seen, wrong = Counter(), []
    for number in range(count):
        key = list(good)[number % len(good)]
        files, counts = good[key]
        damaged = str(rng.choice(list(files)))
        way, content = mutated(files[damaged], rng)
        with tempfile.TemporaryDirectory() as place, standing_in(key[0], counts):
            os.environ["BIOCREDIT_DATA"], os.environ["XDG_CACHE_HOME"] = place, f"{place}/cache"
            write(Path(place) / key[0], files | {damaged: content})
            with limited_time():
                outcome = attempt(key[0], Path(place))
        seen[(*key, outcome if outcome in ("read", "refused") else "WRONG")] += 1
        if outcome not in ("read", "refused"):
            wrong.append(f"{key} {damaged} {way} (number {number}): {outcome}")
    return seen, wrong


def main(count: int = 200) -> list[Row]:
    """Try ``count`` odd files with a gigabyte of memory more than now; rows for the table."""
    with limited_memory():
        seen, wrong = odd_files(count)
    rows = []
    for key in sorted({key[:2] for key in seen}):
        mine = [line for line in wrong if line.startswith(str(key))]
        tried = sum(seen[(*key, what)] for what in ("read", "refused", "WRONG"))
        read = f"{seen[(*key, 'read')]} are read all the same"
        rows.append(Row.of(f"odd data files, {key[0]} ({key[1]}): not one line", tried, mine, read))
    return rows
