"""The reaching task: its trials by hand, its movements, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits import RateRNN
from biocredit.circuits.core.activations import activation
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols import Online, tasks
from biocredit.protocols.datasets.formats import DataError
from biocredit.protocols.datasets.neural import recorded, recorded_movement
from biocredit.protocols.tasks.reaching import minimum_jerk, reaches


def test_a_trial_by_hand():
    movement = np.arange(8 * 51 * 2, dtype=float).reshape(8, 51, 2)
    found = reaches(jnp.array([2]), jnp.array([10]), jnp.array([20]), jnp.asarray(movement), steps=120)
    cue, gone = np.zeros((120, 3)), 10 + 23 + 20
    rise = [0.05, 0.1, 0.2, 0.35, 0.65, 0.8, 0.9, 0.95]
    cue[10:33, 0] = [*rise, *[1] * 7, *rise[::-1]]
    cue[: gone - 8, 2], cue[gone - 8 : gone, 2] = 1, rise[::-1]
    target, mask = np.zeros((120, 2)), np.zeros((120, 2))
    target[gone - 10 : gone + 41], mask[: gone + 41] = movement[2], 1
    np.testing.assert_allclose(found.inputs[0], cue, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(found.target[0], target)
    np.testing.assert_array_equal(found.mask[0], mask)


def test_a_movement_is_cut_at_the_end_of_the_trial():
    found = reaches(jnp.array([0]), jnp.array([10]), jnp.array([20]), jnp.ones((8, 51, 2)), steps=80, one_hot=True)
    assert found.index[0].tolist() == [10, 32, 43, 79] and found.mask.shape == (1, 80, 10)
    assert found.target[0, 43:, 0].tolist() == [1.0] * 37 and not found.target[0, :, 1:8].any()


def test_minimum_jerk_moves_straight_and_stops():
    found = minimum_jerk()
    assert all(np.abs(values).max(axis=(0, 1)) == pytest.approx(1) for values in found.values())
    hand, speed = found["position"], found["velocity"]
    np.testing.assert_allclose(hand[:, -1], [[np.cos(a), np.sin(a)] for a in np.pi / 4 * np.arange(8)], atol=1e-12)
    assert not hand[:, :11].any() and np.abs(speed[:, [0, -1]]).max() == pytest.approx(0, abs=1e-12)
    slope = np.gradient(hand, axis=1)
    ratio = slope[1, 22:39] / speed[1, 22:39]
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=0.01)


def test_training_trials_hold_every_direction_and_test_trials_are_the_compared_ones():
    task = tasks.reach(n_test=10)
    drawn = task.draw(task.arrays, jnp.arange(20), jax.random.key(0))
    assert drawn.trials["direction"][:8].tolist() == [45.0 * k for k in range(8)]
    assert (drawn.trials["interval1"] < 50).all() and (drawn.trials["interval2"] < 150).all()
    tested = task.draw(task.arrays, jnp.arange(10), jax.random.key(1), test=True)
    assert tested.trials["interval1"][:8].tolist() == [25] * 8 and tested.trials["interval2"][:8].tolist() == [105] * 8
    task.check()


def test_a_rate_network_learns_it():
    task = tasks.reach(n_train=16)
    net = RateRNN.for_task(task, {"cells": 20}, tau=100.0, nonlinearity="retanh", initial="gaussian", rule="bptt")
    run = Online(net, task, optimizer=optax.adam(3e-3), batch_size=16)
    before = float(np.mean(run.score()["normalised_error"]))
    run.train(epochs=15)
    assert float(np.mean(run.score()["normalised_error"])) < 0.9 * before


def test_rectified_tanh_has_half_a_slope_at_zero():
    values = jnp.array([-1.0, 0.0, 1.0])
    found = activation("retanh")
    np.testing.assert_allclose(found(values), np.maximum(np.tanh(values), 0))
    expected = [0, 0.5, 1 - np.tanh(1) ** 2]
    np.testing.assert_allclose(found.slope(values), expected, atol=1e-12)
    np.testing.assert_allclose(jax.vmap(jax.grad(found))(values), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tasks.reach("minimal_jerk"), "minimum_jerk"),
        (lambda: tasks.reach(outputs=("angle",)), "did you mean 'angles'"),
        (lambda: tasks.reach({"angles": np.ones((8, 50, 2))}), "wanted"),
        (lambda: tasks.reach(steps=100), "at least 194"),
    ],
)
def test_what_does_not_fit_is_refused(make, message: str):
    with pytest.raises(CircuitError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)


def test_recordings_are_looked_up(tmp_path, monkeypatch):
    monkeypatch.setenv("BIOCREDIT_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(DataError, match="hatsopoulos2007"):
        recorded("hatsopoulos")
    with pytest.raises(DataError, match="BIOCREDIT_DATA"):
        recorded()
    (tmp_path / "neural").mkdir()
    time = np.arange(-200.0, 500.0, 10.0)
    arrays = {name: np.ones((8, len(time), 2)) for name in ("hand_position", "hand_velocity", "arm_angle")}
    np.savez(tmp_path / "neural" / "hatsopoulos2007.npz", time_ms=time, **arrays)
    assert recorded_movement()["angles"].shape == (8, 51, 2)
    (tmp_path / "neural" / "hatsopoulos2007.npz").write_bytes(b"PK broken")
    with pytest.raises(DataError, match="damaged"):
        recorded()
