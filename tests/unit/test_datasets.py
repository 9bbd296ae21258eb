"""Finding, importing and fetching data sets, with small made files in place of the official ones."""

import dataclasses
import functools
import gc
import gzip
import hashlib
import http.server
import io
import pickle
import subprocess
import sys
import tarfile
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from biocredit.protocols.datasets import datasets, registry
from biocredit.protocols.datasets.data_set import Download
from biocredit.protocols.datasets.formats import DataError

from tests.unit.made_images import idx_bytes, jpeg_part, npz_bytes, random_images, smooth_images


def idx_contents(seed=0):
    images, labels = random_images(7, 28, 28, seed=seed), np.arange(7, dtype=np.uint8)
    return dict(zip(registry.IDX_FILES, map(idx_bytes, (images[:5], labels[:5], images[5:], labels[5:])), strict=True))


def cifar_contents(names, label_bytes=1):
    rows = random_images(2, 3072 + label_bytes)
    rows[:, :label_bytes] = 3
    return dict.fromkeys(names, rows.tobytes())


def small(name, contents, counts):
    """The row of the table, with the counts and checksums of made contents."""
    row = registry.TABLE[name]
    sums = {file: "sha256:" + hashlib.sha256(content).hexdigest() for file, content in contents.items()}
    forms = tuple(dataclasses.replace(form, files=sums) if set(form.files) == set(sums) else form for form in row.forms)
    return dataclasses.replace(row, counts=counts, forms=forms, labels="")


def write(folder, contents, suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)
    return sorted(folder.iterdir())


def everything_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Empty data and cache folders; returns (data, cache)."""
    data, cache = tmp_path / "data", tmp_path / "xdg"
    monkeypatch.setenv("BIOCREDIT_DATA", str(data))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    return data, cache / "biocredit"


@pytest.fixture
def mnist(monkeypatch):
    contents = idx_contents()
    monkeypatch.setitem(registry.TABLE, "mnist", small("mnist", contents, (5, 2)))
    return contents


@pytest.fixture
def cifar(monkeypatch):
    contents = cifar_contents(registry.TABLE["cifar10"].forms[0].files)
    monkeypatch.setitem(registry.TABLE, "cifar10", small("cifar10", contents, (10, 2)))
    return contents


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("place", [0, 1])
def test_load_finds_plain_and_gzipped_files_in_both_folders(home, mnist, suffix, place):
    write(home[place] / "mnist", mnist, suffix)
    images = datasets.load("mnist")
    np.testing.assert_array_equal(images.train_images, random_images(7, 28, 28)[:5])
    assert images.test_labels.tolist() == [5, 6]
    assert images.source == "MNIST"
    assert images.classes[3] == "3"


def test_the_named_folder_goes_before_the_cache(home, mnist):
    for folder in home:
        write(folder / "mnist", mnist)
    assert datasets.locate(registry.TABLE["mnist"]).folder == home[0] / "mnist"


def test_missing_and_unknown_sets_teach(mnist):
    with pytest.raises(DataError, match=r"biocredit data fetch mnist, or import train-images-idx3-ubyte"):
        datasets.load("mnist")
    with pytest.raises(DataError, match="did you mean 'fashion_mnist'"):
        datasets.load("Fashion-MNIST")
    with pytest.raises(DataError, match="known are digits, mnist"):
        datasets.load("zzz")


def test_load_refuses_a_damaged_file_with_its_path(home, mnist):
    write(home[0] / "mnist", mnist | {"t10k-labels-idx1-ubyte": mnist["t10k-labels-idx1-ubyte"][:-1] + b"\0"})
    with pytest.raises(DataError, match=r"mnist: t10k-labels-idx1-ubyte: damaged") as caught:
        datasets.load("mnist")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_import_puts_files_in_place(tmp_path, home, mnist, suffix):
    place = datasets.import_files("mnist", write(tmp_path / "mine", mnist, suffix))
    assert place.folder == home[0] / "mnist"
    assert [path.name for path in everything_in(home[0])] == sorted(mnist)
    assert datasets.load("mnist").train_labels.tolist() == [0, 1, 2, 3, 4]
    datasets.import_files("mnist", [tmp_path / "mine"])  # a folder, and a second time


def test_import_goes_to_the_cache_without_a_named_folder(tmp_path, home, mnist, monkeypatch):
    monkeypatch.delenv("BIOCREDIT_DATA")
    assert datasets.import_files("mnist", write(tmp_path / "mine", mnist)).folder == home[1] / "mnist"


def damage(files, how):
    target = files[0]
    content = target.read_bytes()
    if how == "bit":
        target.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    elif how == "cut":
        target.write_bytes(content[: len(content) // 2])
    elif how == "foreign":
        target.write_bytes(b"hello")
    elif how == "missing":
        return files[1:]
    elif how == "absent":
        target.unlink()
    else:
        (target.parent / "notes.txt").write_text("hello")
        return [*files, target.parent / "notes.txt"]
    return files


@pytest.mark.parametrize("how", ["bit", "cut", "foreign", "missing", "absent", "extra"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_import_of_damaged_files_leaves_nothing(tmp_path, home, mnist, how, suffix):
    files = damage(write(tmp_path / "mine", mnist, suffix), how)
    with pytest.raises(DataError) as caught:
        datasets.import_files("mnist", files)
    assert "\n" not in str(caught.value)
    assert not everything_in(home[0])
    assert not everything_in(home[1].parent)


def test_import_of_another_set_is_refused_and_keeps_the_old_one(tmp_path, home, mnist):
    datasets.import_files("mnist", write(tmp_path / "mine", mnist))
    with pytest.raises(DataError, match="not the official file"):
        datasets.import_files("mnist", write(tmp_path / "other", idx_contents(seed=1)))
    assert datasets.load("mnist").train_labels.size == 5


def test_import_on_a_full_disk_is_one_line(tmp_path, home, mnist, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    files = write(tmp_path / "mine", mnist)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="No space left"):
        datasets.import_files("mnist", files)
    assert not everything_in(home[0])


def tar(path, contents, folder):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("layout", ["archive", "unpacked", "flat"])
def test_cifar_is_found_in_its_official_layouts(home, cifar, layout):
    folder = home[0] / "cifar10"
    if layout == "archive":
        folder.mkdir(parents=True)
        tar(folder / "cifar-10-binary.tar.gz", cifar | {"readme.html": b""}, "cifar-10-batches-bin")
    else:
        write(folder / ("cifar-10-batches-bin" if layout == "unpacked" else ""), cifar)
    images = datasets.load("cifar10")
    assert images.train_images.shape == (10, 32, 32, 3)
    assert images.source == "CIFAR-10"


def test_cifar_archive_is_imported_and_incomplete_ones_refused(tmp_path, home, cifar):
    files = dict(list(cifar.items())[:-1])
    with pytest.raises(DataError, match=r"holds no test_batch.bin"):
        datasets.import_files("cifar10", [tar(tmp_path / "cifar-10-binary.tar.gz", files, "x")])
    assert not everything_in(home[0])
    datasets.import_files("cifar10", [tar(tmp_path / "cifar-10-binary.tar.gz", cifar, "x")])
    assert [path.name for path in everything_in(home[0])] == sorted(cifar)


def test_pickles_are_refused_unopened(tmp_path, home):
    for name in ("data_batch_1", "data_batch_1.bin"):
        (tmp_path / name).write_bytes(pickle.dumps({"data": 1}, protocol=2))
        with pytest.raises(DataError, match="pickle, which may run code"):
            datasets.import_files("cifar10", [tmp_path / name])
    with pytest.raises(DataError, match="binary version"):
        datasets.import_files("cifar10", [tar(tmp_path / "cifar-10-python.tar.gz", {"data_batch_1": b""}, "x")])


def test_jpeg_copy_is_named_as_such_and_its_order_checked(tmp_path, home, monkeypatch):
    labels = [3, 1, 2]
    row = registry.TABLE["cifar10"]
    official = hashlib.sha256(bytes([*labels, 4])).hexdigest()
    monkeypatch.setitem(registry.TABLE, "cifar10", dataclasses.replace(row, counts=(3, 1), labels=official))
    test = npz_bytes(**jpeg_part(smooth_images(1), [4]))
    parts = {"cifar10_jpeg_train.npz": npz_bytes(**jpeg_part(smooth_images(3), labels)), "cifar10_jpeg_test.npz": test}
    datasets.import_files("cifar10", write(tmp_path / "mine", parts))
    assert datasets.load("cifar10").source == "CIFAR-10 (JPEG copy)"
    parts["cifar10_jpeg_train.npz"] = npz_bytes(**jpeg_part(smooth_images(3), labels[::-1]))
    with pytest.raises(DataError, match="official order"):
        datasets.import_files("cifar10", write(tmp_path / "mine", parts))
    parts["cifar10_jpeg_train.npz"] = npz_bytes(**jpeg_part(smooth_images(2), labels[:2]))
    with pytest.raises(DataError, match=r"train images are uint8 \(2, 32, 32, 3\), want"):
        datasets.import_files("cifar10", write(tmp_path / "mine", parts))


def test_sets_without_files_cannot_be_imported_or_fetched(tmp_path):
    for name, hint in (("digits", "comes with scikit-learn"), ("imagenet", "put train/<class>/")):
        for use in (functools.partial(datasets.import_files, files=[tmp_path]), datasets.fetch):
            with pytest.raises(DataError, match=hint):
                use(name)


@pytest.fixture
def server(tmp_path, monkeypatch, mnist):
    """Serves made MNIST files from this machine, and points the table at them."""
    write(tmp_path / "web", mnist, ".gz")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "web")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{httpd.server_port}"
        sums = {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in (tmp_path / "web").iterdir()}
        sources = tuple(Download(f"{base}/{name}", f"md5:{sums[name]}") for name in sorted(sums))
        row = dataclasses.replace(registry.TABLE["mnist"], downloads=sources)
        monkeypatch.setitem(registry.TABLE, "mnist", row)
        yield tmp_path / "web"
        httpd.shutdown()
    with warnings.catch_warnings():  # requests leaves closing its sockets to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_fetch_downloads_checks_and_imports(home, server):
    assert datasets.fetch("mnist").folder == home[0] / "mnist"
    assert len(everything_in(home[0])) == 4
    assert datasets.load("mnist").test_labels.tolist() == [5, 6]


@pytest.mark.parametrize("how", ["foreign", "absent"])
def test_fetch_that_fails_leaves_nothing(home, server, how):
    damage(sorted(server.iterdir()), how)
    with pytest.raises(DataError, match=r"checksum|failed") as caught:
        datasets.fetch("mnist")
    assert "\n" not in str(caught.value)
    assert not list(home[0].iterdir())


def test_tables_name_every_set(home, mnist):
    write(home[0] / "mnist", mnist)
    assert all(name in datasets.data_list() for name in registry.TABLE)
    lines = {line.split()[0]: line for line in datasets.data_where().splitlines()}
    assert "yes" in lines["mnist"]
    assert str(home[0] / "mnist") in lines["mnist"]
    assert " no " in lines["svhn"]
    assert "fetch svhn" in lines["svhn"]
    assert "scikit-learn" in lines["digits"]


def test_imagenet_tree_loads_by_name(home, monkeypatch):
    from PIL import Image

    for part in ("train", "test"):
        (home[0] / "imagenet" / part / "n01").mkdir(parents=True)
        Image.new("RGB", (30, 20), (9, 8, 7)).save(home[0] / "imagenet" / part / "n01/a.JPEG")
    images = datasets.load("imagenet")
    assert images.train_images.shape == (1, 224, 224, 3)
    assert images.classes == ("n01",)
    assert datasets.image_folder(home[0] / "imagenet", size=16).test_images.shape == (1, 16, 16, 3)


def test_data_sets_need_no_jax():
    code = "import sys; from biocredit.protocols.datasets import datasets as d\n"
    code += "d.data_where(); sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
