"""Temporal tasks: what a trial looks like, that conditions are balanced, that bad settings are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.protocols import tasks


def test_delayed_xor_trials():
    task = tasks.delayed_xor(cue=20, delay=30, bump_sd=5.0, noise=0.0)
    batch = task.draw({}, jnp.arange(2000), jax.random.key(0))
    x, label, cues = batch.inputs["cues"], batch.targets["choice"], (batch.trials["cue_1"], batch.trials["cue_2"])
    assert x.shape == (2000, 70, 2)
    assert task.steps == 70
    np.testing.assert_array_equal(label, cues[0] == cues[1])
    np.testing.assert_array_equal(x[:, :20, 0].max(1) > 1, cues[0] == 1)
    np.testing.assert_array_equal(x[:, 50:, 1].max(1) > 1, cues[1] == 1)
    np.testing.assert_allclose(x[:, 20:50], 0.02, rtol=1e-6)
    for coin in (*cues, label):
        assert abs(float(coin.mean()) - 0.5) < 0.05


def test_periods_cover_the_trial_in_ms():
    task = tasks.delayed_xor(cue=20, delay=30, dt=2.0)
    assert [(p.name, p.start, p.stop) for p in task.periods] == [
        ("cue_1", 0, 40),
        ("delay", 40, 100),
        ("cue_2", 100, 140),
    ]


def test_noise_is_fresh_and_of_the_given_size():
    task = tasks.delayed_xor(cue=10, delay=500, bump_sd=2.0, noise=0.3)
    quiet = [task.draw({}, jnp.arange(4), jax.random.key(k)).inputs["cues"][:, 20:500] for k in (0, 1)]
    assert float(quiet[0].std()) == pytest.approx(0.3, rel=0.05)
    assert not np.allclose(*quiet)


def test_pattern_is_a_sum_of_the_named_sinusoids():
    task = tasks.pattern_generation(steps=2000, inputs=3, seed=1)
    pattern = task.arrays["pattern"][:, 0]
    assert pattern.mean() == pytest.approx(0, abs=1e-12)
    assert np.abs(pattern).max() == pytest.approx(1)
    power = np.abs(np.fft.rfft(pattern)) ** 2
    assert set(np.flatnonzero(power > 1e-6 * power.max()) / 2.0) == {0.5, 1.0, 2.0, 3.0, 4.0}
    batch = task.draw(task.arrays, jnp.arange(1), jax.random.key(0))
    np.testing.assert_array_equal(batch.inputs["noise"][0], task.arrays["noise"])


def test_pixels_come_one_by_one():
    images = tasks.digits()
    task = tasks.pixel_by_pixel(images)
    index = jnp.arange(3)
    one, all_at_once = (t.draw(t.arrays, index, jax.random.key(0)) for t in (task, images))
    np.testing.assert_array_equal(one.inputs["pixel"][..., 0], all_at_once.inputs["image"])
    np.testing.assert_array_equal(one.targets["choice"], all_at_once.targets["choice"])
    assert task.steps == 64


@pytest.mark.parametrize("settings", [{"cue": 0}, {"delay": -1}, {"dt": 0.0}, {"bump_sd": 0.0}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be positive"):
        tasks.delayed_xor(**settings)
