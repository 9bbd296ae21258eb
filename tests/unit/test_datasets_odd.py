"""Data files of strangers: odd ones, bombs, PostScript, 16-bit images; every set has one whole run on made files."""

import gzip
import io
import subprocess
import tarfile
import zipfile

import numpy as np
import pytest
from biocredit.protocols import tasks
from biocredit.protocols.datasets import datasets, files, formats
from biocredit.protocols.datasets.files import Limited, read_contents
from biocredit.protocols.datasets.folders import open_tree
from biocredit.protocols.datasets.formats import DataError
from PIL import Image

from tests.reliability.data_files import attempt, good_files, mat_bytes, odd_files, standing_in, write
from tests.unit.made_images import random_images


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BIOCREDIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "data"


GOOD = {f"{name}, {form}": (name, *rest) for (name, form), rest in good_files().items()}


@pytest.mark.parametrize("name", GOOD)
def test_every_set_is_read_and_becomes_a_task(home, name):
    data, contents, counts = GOOD[name]
    write(home / data, contents)
    with standing_in(data, counts):
        found = datasets.load(data)
        assert attempt(data, home) == "read"
        task = tasks.images(data)
    task.check()
    assert task.kind("choice") == ("labels" if data == "chestmnist" else "classes")
    assert len(found.train_images) == task.n_train


def test_odd_files_are_read_or_refused_in_one_line(monkeypatch):
    seen, wrong = odd_files(40, seed=1)
    assert not wrong, "\n".join(wrong)
    assert seen.total() == 40


def bomb(folder, kind):
    """A small file that unpacks to 20 MB."""
    zeros = bytes(20_000_000)
    if kind == "gzip":
        path = folder / "t10k-images-idx3-ubyte.gz"
        path.write_bytes(gzip.compress(zeros))
        return path
    path = folder / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("x/data_batch_1.bin" if kind == "member" else "x/other")
        if kind == "header":
            info.pax_headers = {"comment": "0" * len(zeros)}
        info.size = 0 if kind == "header" else len(zeros)
        archive.addfile(info, io.BytesIO(zeros))
    return path


@pytest.mark.parametrize("kind", ["gzip", "member", "stranger", "header"])
def test_bombs_are_refused_while_they_unpack(tmp_path, monkeypatch, kind):
    path = bomb(tmp_path, kind)
    assert path.stat().st_size < 100_000
    given = []
    read = Limited.read
    monkeypatch.setattr(Limited, "read", lambda self, size: given.append(read(self, size)) or given[-1])
    with pytest.raises(DataError, match=rf"{path.name}: holds more than \d MB"):
        read_contents(path, ["data_batch_1.bin"], largest=1_000_000)
    assert sum(map(len, given)) <= 2_000_000


def test_arrays_that_unpack_to_too_much_are_refused(monkeypatch):
    monkeypatch.setattr(formats, "LARGEST", 1_000_000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train_images.npy", bytes(2_000_000))
    with pytest.raises(DataError, match="'train_images.npy' has more than 1 MB"):
        formats.medmnist(buffer.getvalue())
    with pytest.raises(DataError, match="unpacks to more than 1 MB"):
        formats.svhn(mat_bytes(np.zeros((500, 32, 32, 3), np.uint8), np.zeros(500)), b"")


def test_nothing_is_written_outside_of_the_folder(tmp_path, home):
    path = tmp_path / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("../../data_batch_1.bin", "/tmp/test_batch.bin"):
            info = tarfile.TarInfo(name)
            info.size = 3073
            archive.addfile(info, io.BytesIO(bytes(3073)))
    with pytest.raises(DataError, match="holds no data_batch_2.bin"):
        datasets.import_files("cifar10", [path])
    assert {one for one in tmp_path.rglob("*") if one.is_file()} == {path}


def tree_with(folder, name, content):
    for part in ("train", "val"):
        (folder / part / "ant").mkdir(parents=True)
        (folder / part / "ant" / name).write_bytes(content)
    return open_tree(folder)[0]


def test_postscript_named_jpg_starts_no_program(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    folder = tree_with(tmp_path, "a.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(DataError, match=r"a.jpg: not a readable image"):
        folder.read([0], 8)


def test_images_of_sixteen_bits_keep_their_upper_byte(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 20), 40_000, np.uint16)).save(buffer, "PNG")
    assert set(tree_with(tmp_path, "a.png", buffer.getvalue()).read([0], 8).ravel()) == {40_000 >> 8}


def test_an_image_of_too_many_pixels_is_not_decoded(tmp_path, monkeypatch):
    from biocredit.protocols.datasets import folders

    monkeypatch.setattr(folders, "PIXELS", 100)
    buffer = io.BytesIO()
    Image.fromarray(random_images(20, 20, 3)).save(buffer, "PNG")
    with pytest.raises(DataError, match=r"a.png: .*20 x 20 pixels are more"):
        tree_with(tmp_path, "a.png", buffer.getvalue()).read([0], 8)


def test_the_largest_official_file_is_below_the_limit():
    assert files.LARGEST > 8000 * 3 * 96 * 96
