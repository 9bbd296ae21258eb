"""Known values of the real data sets, where they are at hand; mixed-up order, labels or axes miss them."""

import os
from pathlib import Path

import numpy as np
import pytest
from biocredit.protocols.datasets import datasets

SHARED = Path(__file__).resolve().parents[3] / "shared/data"
FOLDER = os.environ.get("BIOCREDIT_DATA", str(SHARED))


@pytest.fixture(autouse=True)
def real_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BIOCREDIT_DATA", FOLDER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def load_or_skip(name):
    if datasets.locate(datasets.find(name)) is None:
        pytest.skip(f"{name} is not here")
    return datasets.load(name)


@pytest.mark.parametrize(
    ("name", "train", "test", "mean", "sd"),
    [
        ("mnist", [5, 0, 4, 1, 9, 2, 1, 3], [7, 2, 1, 0, 4, 1, 4, 9], 0.130660, 0.308108),
        ("fashion_mnist", [9, 0, 0, 3, 0, 2, 7, 2], [9, 2, 1, 1, 6, 1, 4, 6], 0.286041, 0.353024),
    ],
)
def test_grey_sets(name, train, test, mean, sd):
    images = load_or_skip(name)
    assert images.train_labels[:8].tolist() == train
    assert images.test_labels[:8].tolist() == test
    scaled = images.train_images / 255
    assert scaled.mean() == pytest.approx(mean, abs=1e-6)
    assert scaled.std() == pytest.approx(sd, abs=1e-6)
    assert ridge_accuracy(images) == pytest.approx({"mnist": 0.8631, "fashion_mnist": 0.8121}[name], abs=5e-4)


def test_cifar10():
    images = load_or_skip("cifar10")
    assert images.train_images.shape == (50000, 32, 32, 3)
    assert np.bincount(images.test_labels).tolist() == [1000] * 10
    assert images.train_labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    means = images.train_images.mean((0, 1, 2)) / 255
    if images.source == "CIFAR-10 (JPEG copy)":
        assert means == pytest.approx([0.49125, 0.48209, 0.44652], abs=1e-4)


def ridge_accuracy(images, penalty=100.0):
    """Test accuracy of a least-squares classifier on centred pixels, targets one-hot minus 0.1."""
    flat = images.train_images.reshape(60000, -1).astype(np.float32) / 255
    mean = flat.mean(0)
    x = flat - mean
    targets = np.eye(10, dtype=np.float32)[images.train_labels] - np.float32(0.1)
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1], dtype=np.float32), x.T @ targets)
    scores = (images.test_images.reshape(10000, -1).astype(np.float32) / 255 - mean) @ weights
    return np.mean(scores.argmax(1) == images.test_labels)
