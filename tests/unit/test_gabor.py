"""The Gabor stimulus against the reference images, and the statistics of its trials."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.protocols.tasks.gabor import gabor, noisy, trial

HERE = Path(__file__).resolve().parents[1]
CASES = [HERE / "conformance/cases", HERE.parents[1] / "shared/reference"]


def numpy_gabor(orientation_deg, n, k, sigma, phase):
    """The definition once more, pixel by pixel, in plain Python."""
    image = np.empty((n, n))
    for row in range(n):
        for column in range(n):
            u, v = column + np.floor(-n / 2), row + np.floor(-n / 2)
            r = u * np.cos(np.pi * orientation_deg / 180) + v * np.sin(np.pi * orientation_deg / 180)
            image[row, column] = np.cos(2 * np.pi * k * r + phase) * np.exp(-(u * u + v * v) / (2 * sigma**2))
    return image / np.abs(image).max()


@pytest.mark.parametrize(
    ("orientation", "n", "k", "sigma", "phase"), [(6.0, 32, 0.15, 10.0, 0.0), (-75.0, 9, 0.3, 2.5, 1.1)]
)
def test_gabor_is_its_definition(orientation, n, k, sigma, phase):
    with jax.enable_x64(True):
        image = np.asarray(gabor(orientation, n, k, sigma, phase))
    np.testing.assert_allclose(image, numpy_gabor(orientation, n, k, sigma, phase), atol=3e-9)


@pytest.mark.parametrize(("x64", "tolerance"), [(True, 1e-6), (False, 4e-6)])
def test_gabor_matches_the_reference_images(x64, tolerance):
    found = [folder / "ap_gabor_images.npz" for folder in CASES if (folder / "ap_gabor_images.npz").exists()]
    if not found:
        pytest.skip("reference case ap_gabor_images is not here")
    case = np.load(found[0])
    size, *settings = (case[f"hp_{key}"].item() for key in ("size", "spatial_freq", "sigma", "phase", "contrast"))
    with jax.enable_x64(x64):
        images = [np.asarray(gabor(angle, size, *settings)) for angle in case["orientation_deg"].tolist()]
    np.testing.assert_allclose(np.stack(images), case["images"], rtol=0, atol=tolerance)


def test_contrast_has_next_to_no_effect():
    np.testing.assert_allclose(gabor(6.0, contrast=0.1), gabor(6.0), atol=1e-6)


def test_opposite_orientations_are_mirror_images():
    left, right = np.asarray(gabor(-6.0)), np.asarray(gabor(6.0))
    np.testing.assert_allclose(left[1:], right[1:][::-1], atol=1e-6)


def test_noise_has_the_stated_size_and_is_cut_off():
    blank = jnp.zeros((200, 200))
    assert np.std(noisy(blank, 0.2, jax.random.key(1))) == pytest.approx(0.2, rel=0.02)
    loud = np.asarray(noisy(blank, 4.0, jax.random.key(1)))
    assert loud.min() == -1.0
    assert loud.max() == 1.0
    np.testing.assert_array_equal(noisy(blank, 0.0, jax.random.key(1)), blank)


def test_trials_are_balanced_and_tilted_as_labelled():
    images, labels, orientations = jax.vmap(trial)(jax.random.split(jax.random.key(3), 400))
    assert images.shape == (400, 1024)
    assert labels.dtype == jnp.int32
    assert 150 < int(labels.sum()) < 250
    tilt = np.asarray(orientations) - np.where(np.asarray(labels) == 1, 6.0, -6.0)
    assert np.std(tilt) == pytest.approx(0.5, rel=0.15)
    assert abs(np.mean(tilt)) < 0.1
    np.testing.assert_allclose(images[7].reshape(32, 32), gabor(orientations[7]), atol=1e-6)


def test_trials_repeat_by_key_and_differ_between_keys():
    first, again, other = (trial(jax.random.key(seed), 1.0)[0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.abs(np.asarray(first) - np.asarray(other)).max() > 0.1


def test_trials_have_the_same_clean_image_at_every_noise_level():
    quiet, loud = (trial(jax.random.key(8), noise) for noise in (0.0, 2.0))
    assert quiet[1] == loud[1]
    assert quiet[2] == loud[2]
