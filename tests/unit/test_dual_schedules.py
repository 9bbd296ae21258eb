"""Optimisers and schedules: conventions of the papers, and what they do to a mismatch of weights."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.dual_stream.schedules import (
    TRAININGS,
    keep_factor_sgd,
    learning_rate_steps,
    momentum_sgd,
    weight_decay_steps,
)


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"):
        yield


def test_milestones_of_the_rate_come_one_epoch_before_those_of_the_decay():
    rate, decay = (make(1.0, [0, 2], 0.1, batches_per_epoch=3) for make in (learning_rate_steps, weight_decay_steps))
    by_epoch = np.array([[rate(3 * epoch), decay(3 * epoch)] for epoch in range(5)])
    np.testing.assert_allclose(by_epoch[:, 0], [0.1, 0.1, 0.01, 0.01, 0.01])
    np.testing.assert_allclose(by_epoch[:, 1], [1.0, 0.1, 0.1, 0.01, 0.01])
    assert rate(5) == rate(3)


def remaining(training, batches, epochs):
    """Fraction of an initial mismatch that is left after each of the epochs (arXiv 2405.20594, data-free)."""
    optimizer = training.optimizer(batches)

    def update(carry, _):
        mismatch, state = carry
        step, state = optimizer.update(jnp.zeros(()), state, mismatch)
        mismatch = optax.apply_updates(mismatch, step)
        return (mismatch, state), mismatch

    start = jnp.ones(())
    _, course = jax.lax.scan(update, (start, optimizer.init(start)), None, length=batches * max(epochs))
    return [course[batches * epoch - 1] for epoch in epochs]


@pytest.mark.parametrize(
    ("name", "batches", "left"),
    [
        ("paper_mnist_pfa", 937, {1: 0.0569, 10: 0.0508, 40: 0.0431}),
        ("paper_cifar_pfa", 351, {1: 0.166, 10: 0.115, 200: 0.0040}),
        ("paper_imagenet_pfa", 5004, {1: 0.0813, 10: 0.00089, 75: 2.0e-6}),
    ],
)
def test_published_schedules_leave_the_predicted_mismatch(name, batches, left):
    np.testing.assert_allclose(remaining(TRAININGS[name], batches, left), list(left.values()), rtol=0.03)


def test_decay_is_coupled_and_momentum_starts_with_the_first_change():
    optimizer, weight = momentum_sgd(0.1, 0.5, 0.2), jnp.asarray(2.0)
    state, velocity, expected = optimizer.init(weight), 0.0, 2.0
    for change in (1.0, -3.0, 0.5):
        step, state = optimizer.update(jnp.asarray(change), state, weight)
        weight = weight + step
        velocity = 0.5 * velocity + change + 0.2 * expected
        expected -= 0.1 * velocity
    np.testing.assert_allclose(weight, expected, rtol=1e-14)


def test_keep_factor_shrinks_weights_of_both_streams_and_no_bias():
    weights = {
        "up.layer1.W": jnp.asarray([3.0]),
        "down.layer1.B": jnp.asarray([3.0]),
        "up.layer1.b": jnp.asarray([3.0]),
    }
    optimizer = keep_factor_sgd(0.5, 0.9, 4)
    changes = {name: jnp.asarray([1.0]) for name in weights}
    steps, _ = optimizer.update(changes, optimizer.init(weights), weights)
    after = optax.apply_updates(weights, steps)
    np.testing.assert_allclose([*after.values()], [[0.9 * 3 - 0.5], [0.9 * 3 - 0.5], [3 - 0.5 / 4]])


@pytest.mark.parametrize(
    "bad",
    [
        lambda: momentum_sgd(-1.0),
        lambda: momentum_sgd(0.1, weight_decay=-1.0),
        lambda: learning_rate_steps(-1.0, [], 1.0, 1),
    ],
)
def test_negative_settings_are_refused(bad):
    with pytest.raises(CircuitError, match="negative"):
        bad()
