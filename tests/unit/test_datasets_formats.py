"""Readers of image file formats, on small files made here byte by byte."""

import contextlib
import io

import numpy as np
import pytest
from biocredit.protocols.datasets import formats, jpeg
from biocredit.protocols.datasets.files import FileForm
from biocredit.protocols.datasets.folders import open_tree, read_tree
from biocredit.protocols.datasets.formats import DataError, read_idx, read_npz
from biocredit.protocols.datasets.registry import TABLE
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from tests.unit.made_images import idx_bytes, jpeg_part, npz_bytes, random_images, smooth_images


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, max_side=5)))
def test_idx_reads_what_was_written(array):
    np.testing.assert_array_equal(read_idx(idx_bytes(array)), array)


@given(st.integers(0, 15), st.integers(1, 255))
def test_idx_header_with_any_wrong_byte_is_refused(position, change):
    content = bytearray(idx_bytes(random_images(2, 3, 4)))
    content[position] ^= change
    with pytest.raises(DataError):
        read_idx(bytes(content))


@given(st.integers(0, 39))
def test_idx_cut_short_anywhere_is_refused(length):
    with pytest.raises(DataError):
        read_idx(idx_bytes(random_images(2, 3, 4))[:length])


@given(st.binary(max_size=64))
def test_idx_of_any_bytes_reads_or_refuses(content):
    with contextlib.suppress(DataError):
        assert read_idx(content).size <= len(content)


def test_idx_set():
    images, labels = random_images(5, 4, 4), np.arange(5, dtype=np.uint8)
    arrays = formats.idx(*map(idx_bytes, (images, labels, images[:2], labels[:2])))
    np.testing.assert_array_equal(arrays.test_images, images[:2])
    assert arrays.train_labels.dtype == np.int32
    assert arrays.train_labels.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("label_bytes", [1, 2])
def test_cifar_records(label_bytes):
    images = random_images(6, 32, 32, 3)
    labels = np.stack([np.full(6, 19, np.uint8), np.arange(6, dtype=np.uint8)], 1)[:, -label_bytes:]
    rows = np.concatenate([labels, images.transpose(0, 3, 1, 2).reshape(6, -1)], 1)
    parts = [rows[:2].tobytes(), rows[2:4].tobytes(), rows[4:].tobytes()]
    arrays = formats.cifar(label_bytes)(*parts)
    np.testing.assert_array_equal(arrays.train_images, images[:4])
    np.testing.assert_array_equal(arrays.test_images, images[4:])
    assert arrays.train_labels.tolist() == [0, 1, 2, 3]
    assert arrays.test_labels.tolist() == [4, 5]
    with pytest.raises(DataError, match="whole CIFAR records"):
        formats.cifar(label_bytes)(parts[0][:-1], parts[1])


def test_svhn_calls_ten_zero():
    from scipy.io import savemat

    def mat(images, labels):
        buffer = io.BytesIO()
        savemat(buffer, {"X": images.transpose(1, 2, 3, 0), "y": np.array(labels, np.uint8)[:, None]})
        return buffer.getvalue()

    images = random_images(4, 32, 32, 3)
    arrays = formats.svhn(mat(images, [1, 10, 9, 2]), mat(images[:2], [10, 3]))
    np.testing.assert_array_equal(arrays.train_images, images)
    assert arrays.train_labels.tolist() == [1, 0, 9, 2]
    assert arrays.test_labels.tolist() == [0, 3]


def test_stl10_is_stored_column_by_column():
    images = random_images(3, 96, 96, 3)
    content = images.transpose(0, 3, 2, 1).tobytes()
    arrays = formats.stl10(content, bytes([1, 10, 5]), content, bytes([2, 3, 4]))
    np.testing.assert_array_equal(arrays.train_images, images)
    assert arrays.train_labels.tolist() == [0, 9, 4]
    assert arrays.test_labels.dtype == np.int32


@pytest.mark.parametrize(("labels", "want"), [([[3], [1]], [3, 1]), ([[0, 1, 1], [0, 0, 1]], [[0, 1, 1], [0, 0, 1]])])
def test_medmnist_single_and_several_labels(labels, want):
    images, labels = random_images(2, 28, 28), np.array(labels, np.uint8)
    content = npz_bytes(train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    arrays = formats.medmnist(content)
    np.testing.assert_array_equal(arrays.train_images, images)
    assert arrays.test_labels.tolist() == want


def test_npz_with_python_objects_is_refused():
    form = FileForm("medmnist", {"x.npz": ""}, formats.medmnist)
    arrays = dict.fromkeys(("train_images", "train_labels", "test_images", "test_labels"), np.array([{}], object))
    with pytest.raises(DataError, match="pickle"):
        form.parse({"x.npz": npz_bytes(**arrays)})


@pytest.mark.parametrize("content", [b"", b"PK\3\4 not an archive", npz_bytes(other=np.zeros(3))])
def test_foreign_content_is_one_line(content):
    with pytest.raises(DataError) as caught:
        FileForm("medmnist", {"x.npz": ""}, formats.medmnist).parse({"x.npz": content})
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("x.npz: not medmnist data")


def test_jpeg_archive_decodes_once_and_survives_a_damaged_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(jpeg, "cache_folder", lambda: tmp_path)
    images = smooth_images(3)
    train, test = npz_bytes(**jpeg_part(images, [2, 0, 1])), npz_bytes(**jpeg_part(images[:1], [4]))
    arrays = jpeg.jpeg_npz(train, test)
    assert np.abs(arrays.train_images.astype(int) - images).max() < 12
    assert arrays.train_labels.tolist() == [2, 0, 1]
    cached = sorted((tmp_path / "decoded").iterdir())
    assert [path.suffix for path in cached] == [".npy", ".npy"]
    for path in cached:
        path.write_bytes(path.read_bytes()[:100])
    np.testing.assert_array_equal(jpeg.jpeg_npz(train, test).train_images, arrays.train_images)
    monkeypatch.setattr(jpeg, "decode", None)
    np.testing.assert_array_equal(jpeg.jpeg_npz(train, test).train_images, arrays.train_images)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_npz_with_any_wrong_pixel_byte_is_refused(position, change):
    images = random_images(3, 20, 20)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=images)
    content = bytearray(buffer.getvalue())
    position = 100 + position % (len(content) - 300)
    content[position] ^= change
    with pytest.raises(DataError):
        FileForm("npz", {"x": ""}, lambda data: read_npz(data, "images")).parse({"x": bytes(content)})


def test_jpeg_offsets_that_do_not_fit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(jpeg, "cache_folder", lambda: tmp_path)
    part = jpeg_part(smooth_images(2), [0, 1])
    for wrong in (part["offsets"] + 1, part["offsets"][:-1], part["offsets"][::-1]):
        with pytest.raises(DataError, match="offsets"):
            jpeg.jpeg_npz(npz_bytes(**part | {"offsets": wrong}), b"")


@pytest.fixture
def tree(tmp_path):
    for part, count in (("train", 3), ("val", 2)):
        for label, name in enumerate(["ant", "bee"]):
            folder = tmp_path / "tree" / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                Image.new("RGB", (48, 64), (100 * label, 10 * i, 7)).save(folder / f"{i}.png")
    (tmp_path / "tree/train/ant/notes.txt").write_text("no image")
    return tmp_path / "tree"


def test_image_tree_in_order_of_class_and_file(tree):
    arrays = read_tree(tree, size=28)
    assert arrays.classes == ("ant", "bee")
    assert arrays.train_images.shape == (6, 28, 28, 3)
    assert arrays.test_labels.tolist() == [0, 0, 1, 1]
    assert arrays.train_images[:, 5, 5].tolist() == [[100 * k, 10 * i, 7] for k in (0, 1) for i in range(3)]


def test_image_tree_cuts_the_centre_square(tree):
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[4:60, 36:92] = 255  # 7/8 of the shorter side, in the middle
    Image.fromarray(picture).save(tree / "train/ant/0.png")
    train, _ = open_tree(tree)
    assert train.read([0], size=56).min() == 255


def test_image_tree_mistakes_are_one_line(tree):
    (tree / "val/cat").mkdir()
    with pytest.raises(DataError, match="'cat' is not among the 2 classes"):
        open_tree(tree)
    (tree / "val/cat").rmdir()
    (tree / "train/ant/1.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"1.png: not a readable image"):
        read_tree(tree, size=8)
    with pytest.raises(DataError, match="no image folders"):
        open_tree(tree / "train")
    with pytest.raises(DataError, match="GB when decoded"):
        read_tree(tree, size=100_000)


def test_every_row_of_the_table_is_complete():
    for name, row in TABLE.items():
        assert name == row.name
        assert row.citation
        assert row.licence
        assert row.forms
        assert len(set(row.classes)) == len(row.classes)
        assert all(source.checksum.startswith(("md5:", "sha256:")) for source in row.downloads)
        assert all(not form.files or form.wanted for form in row.forms)


def test_labels_out_of_range_are_refused():
    arrays = TABLE["digits"].forms[0].load({})
    wrong = arrays._replace(test_labels=arrays.test_labels + np.int32(1))
    with pytest.raises(DataError, match="test labels"):
        TABLE["digits"].check(wrong)
