"""Images decoded ahead by threads: the same images, each once, in bounded memory, errors where they belong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits import DualStream
from biocredit.protocols import TwoPhase
from biocredit.protocols.datasets.folders import open_tree
from biocredit.protocols.datasets.formats import DataError
from biocredit.protocols.datasets.image_tree import image_arrays, image_tree
from biocredit.protocols.datasets.stream import Stream
from PIL import Image

from tests.unit.made_images import random_images

SIZE, ROW = 8, 4
BYTES = ROW * SIZE * SIZE * 3


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    for part, count in (("train", 12), ("val", 4)):
        for name in ("ant", "bee"):
            (root / part / name).mkdir(parents=True)
            for number, image in enumerate(random_images(count, 10, 10, 3)):
                Image.fromarray(image).save(root / part / name / f"{number}.png")
    return root


@pytest.fixture
def folder(tree):
    return open_tree(tree)[0]


ORDER = np.random.default_rng(0).permutation(24).reshape(6, ROW)


def test_expected_or_not_the_images_are_those_of_the_folder(folder):
    stream = Stream(folder, SIZE, workers=3)
    stream.expect(ORDER)
    for row in [*ORDER, ORDER[0], np.array([3, 3, 1, 0])]:
        np.testing.assert_array_equal(stream.read(row), folder.read(row, SIZE))
    assert stream.held == 0


@pytest.mark.parametrize("rows", [1, 2, 20])
def test_memory_is_bounded_and_what_is_let_go_comes_again(folder, rows):
    stream = Stream(folder, SIZE, workers=2, memory=rows * BYTES)
    stream.expect(np.concatenate([ORDER, ORDER]))
    for row in [*ORDER, *ORDER]:
        assert stream.held <= rows * BYTES
        np.testing.assert_array_equal(stream.read(row), folder.read(row, SIZE))
    assert stream.held == 0


def test_seeds_of_equal_order_share_what_is_decoded(folder):
    stream = Stream(folder, SIZE)
    stream.expect(np.concatenate([ORDER, ORDER, ORDER]))
    for row in np.concatenate([ORDER, ORDER, ORDER]):
        stream.read(row)
    assert stream.decoded == ORDER.size


def test_a_new_order_lets_the_old_one_go(folder):
    stream = Stream(folder, SIZE)
    stream.expect(ORDER[:3])
    stream.expect(ORDER[2:5])
    assert stream.held == 3 * BYTES
    assert stream.decoded == 5 * ROW


def test_an_unreadable_image_is_named_where_it_is_read(tmp_path):
    for part in ("train", "val"):
        (tmp_path / part / "ant").mkdir(parents=True)
        for name in ("a", "b"):
            Image.fromarray(random_images(9, 9, 3)).save(tmp_path / part / "ant" / f"{name}.png")
    (tmp_path / "train/ant/b.png").write_bytes(b"no image")
    stream = Stream(open_tree(tmp_path)[0], SIZE)
    stream.expect([[0, 0], [0, 1]])
    stream.read([0, 0])
    with pytest.raises(DataError, match=r"b.png: not a readable image"):
        stream.read([0, 1])


def test_a_protocol_says_which_batches_come(tree):
    task = image_tree(tree, SIZE)
    told, asked = [], []
    stream = task.sources[0]
    expect, read = stream.expect, stream.read
    stream.expect = lambda rows: told.append(np.array(rows)) or expect(rows)
    stream.read = lambda row: asked.append(np.array(row)) or read(row)
    jax.block_until_ready(task.draw(task.arrays, np.arange(4), jax.random.key(0)).inputs["image"])
    task.expect(ORDER)
    assert stream.held == ORDER.size * BYTES // ROW
    assert [row.tolist() for row in told[0]] == ORDER.tolist()
    assert asked[0].tolist() == [0, 1, 2, 3]


def learner(task, **settings):
    return TwoPhase(DualStream.mlp([SIZE * SIZE * 3, 4, 2], "transposed"), task, batch_size=ROW, seeds=2, **settings)


@pytest.fixture(scope="module")
def arrays(tree, tmp_path_factory):
    root = tmp_path_factory.mktemp("arrays")
    for part, folder in zip(("train", "test"), open_tree(tree), strict=True):
        np.save(root / f"{part}_images.npy", folder.read(range(len(folder.files)), SIZE))
        np.save(root / f"{part}_labels.npy", folder.labels)
    return root


def test_fetched_ahead_or_called_for_mapped_or_decoded_the_same_is_learned(tree, arrays):
    called = image_tree(tree, SIZE)
    called.fetched_bytes, called.fetch = 0, lambda *where, **which: {}
    mapped = image_arrays(arrays)
    mapped.mean, mapped.sd = called.mean, called.sd
    runs = [learner(task, chunk=2).train(1, progress=False) for task in (called, image_tree(tree, SIZE), mapped)]
    for run in runs[1:]:
        for name, values in runs[0].last.items():
            assert np.array_equal(values, run.last[name]), name
        assert all(np.array_equal(values, run.tree[name]) for name, values in runs[0].tree.items())


def test_the_next_stretch_is_fetched_while_the_present_one_is_learned(arrays):
    task = image_arrays(arrays)
    run, fetched = learner(task, chunk=2), []
    fetch = task.fetch
    task.fetch = lambda index, **which: fetched.append(index) or fetch(index, **which)
    orders = [np.stack([ORDER, ORDER[::-1]])[:, at : at + 2] for at in (0, 2, 4)]
    run.networks.expect(orders[0], orders[1])
    run.networks.learn(0, orders[0])
    assert [one.tolist() for one in fetched] == [orders[0].tolist(), orders[1].tolist()]
    run.networks.expect(orders[1], orders[2][:, :0])
    run.networks.learn(0, orders[1])
    assert len(fetched) == 2


def test_a_stretch_is_as_long_as_memory_allows(arrays, monkeypatch):
    monkeypatch.setattr("biocredit.protocols.training.sampling.FETCHED", 5 * 2 * BYTES)
    run = learner(image_arrays(arrays))
    assert run.chunk == 5
    assert run.train(1, progress=False).updates == 6


def test_a_program_with_fetched_images_lowers_for_gpus(arrays):
    task = image_arrays(arrays)
    index = np.arange(ROW, dtype=np.int32)
    given = {name: {**part, **task.fetch(index).get(name, {})} for name, part in task.arrays.items()}
    draw = jax.jit(lambda given, index: task.draw(given, index, jax.random.key(0)).inputs)
    program = jax.export.export(draw, platforms=["cuda"])(given, jnp.asarray(index)).mlir_module()
    assert "callback" not in program


@pytest.mark.parametrize("content", [np.zeros((3, 2), np.uint8), np.zeros((3, 2, 2, 3))])
def test_files_that_hold_no_images_are_refused(content, tmp_path):
    np.save(tmp_path / "train_images.npy", content)
    with pytest.raises(DataError, match=r"train_images.npy: wanted bytes \[n, row, column, colour\], got"):
        image_arrays(tmp_path)
    with pytest.raises(DataError, match="no NumPy file"):
        image_arrays(tmp_path / "nowhere")
