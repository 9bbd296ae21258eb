"""Warm-up, clipping, streams of their own and cosine schedules, against their definitions and against PyTorch's."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.optimizers import by_stream, clip_norm, cosine_by_epoch, total_norm, warm_up
from biocredit.circuits.dual_stream.pathways.counter_current.training import TRAININGS


def factors(transformation, count):
    state, found = transformation.init({}), []
    for _ in range(count):
        changes, state = transformation.update({"W": jnp.ones(2)}, state)
        found.append(float(changes["W"][0]))
    return found


def test_warm_up_counts_all_updates():
    assert factors(warm_up(4), 6) == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    assert factors(warm_up(0), 2) == [1.0, 1.0]


def test_warm_up_of_the_released_program_is_a_saw():
    """Section 9: 101 batches an epoch and 200 steps give 1/200 .. 101/200, then 1/200 .. 99/200, then 1."""
    found = factors(warm_up(200, batches_per_epoch=101), 203)
    wanted = [n / 200 for n in (*range(1, 102), *range(1, 100))] + [1.0] * 3
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_clip_limits_the_norm_of_everything_together():
    changes = {"a": jnp.full(4, 3.0), "b": jnp.full((2, 2), 4.0)}
    clipped, _ = clip_norm(1.0).update(changes, optax.EmptyState())
    np.testing.assert_allclose(clipped["a"], 3.0 / (10 + 1e-6), rtol=1e-14)
    np.testing.assert_allclose(total_norm(clipped), 1, atol=1e-6)
    for limit in (0.0, 11.0):
        same, _ = clip_norm(limit).update(changes, clip_norm(limit).init(changes))
        np.testing.assert_array_equal(same["b"], changes["b"])


def test_streams_do_not_see_each_other():
    weights = {"up.a.W": jnp.ones(2), "down.a.W": jnp.ones(3), "up.b.W": jnp.ones(1)}
    transformation = by_stream(up=clip_norm(1.0), down=optax.scale(-2.0))
    found = []
    for size in (1.0, 100.0):
        changes = weights | {"down.a.W": size * weights["down.a.W"]}
        found.append(transformation.update(changes, transformation.init(weights), weights)[0])
    np.testing.assert_array_equal(found[0]["up.a.W"], found[1]["up.a.W"])
    np.testing.assert_array_equal(found[1]["down.a.W"], -200.0)
    with pytest.raises(CircuitError, match="lateral"):
        transformation.init({"lateral.a.W": jnp.ones(1)})


@pytest.mark.parametrize(
    ("settings", "epoch", "wanted"),
    [
        ((1.0, 0.001, 100), 1, 0.999753527),
        ((1.0, 0.001, 100), 10, 0.97555273),
        ((1.0, 0.001, 100), 50, 0.5005),
        ((1.0, 0.001, 100), 99, 0.001246473),
        ((0.01, 0.001, 50), 10, 0.009140576),
        ((0.01, 0.001, 50), 49, 0.00100888),
    ],
)
def test_cosine_schedule(settings, epoch, wanted):
    """Values of section 4.1 of the specification; constant within an epoch."""
    schedule = cosine_by_epoch(*settings, batches_per_epoch=7)
    for update in (7 * epoch, 7 * epoch + 6):
        np.testing.assert_allclose(schedule(update), wanted, rtol=1e-6)


def test_bad_settings():
    for make in (
        lambda: warm_up(-1),
        lambda: warm_up(3, 0),
        lambda: clip_norm(-1.0),
        lambda: cosine_by_epoch(1.0, 0.1, 0, 5),
        lambda: cosine_by_epoch(-1.0, 0.1, 5, 5),
    ):
        with pytest.raises(CircuitError):
            make()


@pytest.mark.parametrize("name", TRAININGS)
def test_shipped_settings_step_downhill(name):
    optimizer = TRAININGS[name].optimizer(5)
    weights = {"up.a.W": jnp.eye(3), "down.a.W": 2 * jnp.eye(3)}
    state = optimizer.init(weights)
    step = jax.jit(optimizer.update)
    for _ in range(3):
        steps, state = step(weights, state, weights)
        weights = optax.apply_updates(weights, steps)
    assert float(jnp.linalg.norm(weights["down.a.W"])) < 2 * np.sqrt(3)


def test_a_rate_of_zero_freezes_a_stream():
    from dataclasses import replace

    training = replace(TRAININGS["dense"], down=replace(TRAININGS["dense"].down, learning_rate=0.0, decay=0.1))
    weights = {"up.a.W": jnp.eye(3), "down.a.W": jnp.eye(3)}
    optimizer = training.optimizer(5)
    steps, _ = optimizer.update(weights, optimizer.init(weights), weights)
    assert not np.any(steps["down.a.W"])
    assert np.any(steps["up.a.W"])
