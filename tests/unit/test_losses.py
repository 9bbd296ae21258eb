"""Losses and scores: their errors, the targets they take and refuse, their weights, against independent counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits.core.activations import activation
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.losses import LOSSES, as_target, loss_named
from biocredit.circuits.core.scores import score

OUTPUT = jnp.asarray(np.random.default_rng(0).normal(size=(5, 3)))
CLASSES = jnp.array([0, 2, 1, 1, 0])
LABELS = jnp.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 1, 1]])
VALUES = jnp.asarray(np.random.default_rng(1).normal(size=(5, 3)))
OF_KIND = {"classes": CLASSES, "labels": LABELS, "values": VALUES}
ROWS = jax.nn.softmax(VALUES)


def quartic(output, target):
    return ((output - target) ** 4).sum(-1)


@pytest.mark.parametrize("loss", [*LOSSES, quartic])
@pytest.mark.parametrize("weights", [None, (0.5, 1.0, 3.0)])
def test_error_is_the_derivative_of_the_loss(loss, weights):
    loss = loss_named(loss, weights)
    target = as_target(CLASSES if weights else {**OF_KIND, "probabilities": ROWS}[loss.takes[0]], OUTPUT, loss)
    wanted = jax.grad(lambda z: loss(z, target)[0])(OUTPUT)
    np.testing.assert_allclose(loss(OUTPUT, target)[1], wanted, atol=1e-14)


def test_class_weights_multiply_each_trials_loss():
    plain, weighted = loss_named("cross_entropy"), loss_named("cross_entropy", (0.5, 1.0, 3.0))
    target = as_target(CLASSES, OUTPUT)
    each = np.asarray(plain.value(OUTPUT, target)) * np.array([0.5, 3.0, 1.0, 1.0, 0.5])
    np.testing.assert_allclose(weighted(OUTPUT, target)[0], each.mean())


@pytest.mark.parametrize("kind", OF_KIND)
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_takes_the_kinds_that_it_says_and_refuses_others_in_one_line(name, kind):
    scores = jax.jit(lambda output, target: score(LOSSES[name], {"y": output}, {"y": target}))
    refused = kind not in LOSSES[name].takes and not (kind == "labels" and "values" in LOSSES[name].takes)
    if kind == "values" and {"labels", "probabilities"} & set(LOSSES[name].takes):
        pytest.skip("numbers, too: what they may be is checked where they are known")
    if refused:
        with pytest.raises(CircuitError, match=rf"the loss '{name}' wants .* take loss="):
            scores(OUTPUT, OF_KIND[kind])
    else:
        assert np.isfinite(scores(OUTPUT, OF_KIND[kind])["loss"])


def test_classes_are_scored_by_accuracy():
    found = score(LOSSES["cross_entropy"], {"y": OUTPUT}, {"y": CLASSES})
    assert set(found) == {"loss", "accuracy"}
    assert found["accuracy"] == np.mean(np.asarray(OUTPUT).argmax(1) == np.asarray(CLASSES))


def test_labels_are_scored_by_exact_and_mean_accuracy_and_by_the_area_under_the_curve():
    found = score(LOSSES["binary_cross_entropy"], {"y": OUTPUT}, {"y": LABELS})
    right = (np.asarray(OUTPUT) > 0) == np.asarray(LABELS)
    assert found["exact_accuracy"] == right.all(1).mean()
    np.testing.assert_allclose(found["label_accuracy"], right.mean())
    areas = []
    for values, present in zip(np.asarray(OUTPUT).T, np.asarray(LABELS).T, strict=True):
        pairs = [(p > q) + 0.5 * (p == q) for p in values[present == 1] for q in values[present == 0]]
        areas.append(np.mean(pairs))
    np.testing.assert_allclose(found["auc"], np.mean(areas))


def test_a_label_that_nobody_has_does_not_count_in_the_area():
    labels = LABELS.at[:, 1].set(0)
    with_it = score(LOSSES["binary_cross_entropy"], {"y": OUTPUT}, {"y": labels})["auc"]
    without = score(LOSSES["binary_cross_entropy"], {"y": OUTPUT[:, ::2]}, {"y": labels[:, ::2]})["auc"]
    np.testing.assert_allclose(with_it, without)


def test_values_are_scored_by_explained_variance_and_squared_error():
    found = score(LOSSES["mean_squared_error"], {"y": OUTPUT}, {"y": VALUES})
    missed, around = np.asarray(OUTPUT - VALUES), np.asarray(VALUES) - np.asarray(VALUES).mean(0)
    np.testing.assert_allclose(found["mean_squared_error"], (missed**2).mean())
    np.testing.assert_allclose(found["r2"], 1 - (missed**2).sum() / (around**2).sum())
    assert set(found) == {"loss", "r2", "mean_squared_error"}


def test_several_readouts_are_named_and_their_losses_add_up():
    found = score(LOSSES["cross_entropy"], {"a": OUTPUT, "b": -OUTPUT}, {"a": CLASSES, "b": CLASSES})
    assert set(found) == {"loss", "loss.a", "loss.b", "accuracy.a", "accuracy.b"}
    np.testing.assert_allclose(found["loss"], found["loss.a"] + found["loss.b"])


def test_labels_may_have_an_axis_of_length_one():
    np.testing.assert_array_equal(as_target(CLASSES[:, None], OUTPUT), as_target(CLASSES, OUTPUT))


@pytest.mark.parametrize(
    ("loss", "target", "message"),
    [
        ("cross_entropy", CLASSES + 1, "labels: got 1 to 3, wanted classes from 0 to 2"),
        ("cross_entropy", CLASSES - 100, "labels: got -100"),
        ("cross_entropy", CLASSES + 0.5, r"got float64 of shape \(5,\)"),
        ("cross_entropy", LABELS, "take loss='mean_binary_cross_entropy'|take loss='mean_squared_error'"),
        ("soft_cross_entropy", VALUES, "none negative, sum 1"),
        ("binary_cross_entropy", LABELS + 1, "wanted a row of 0 and 1"),
        ("mean_squared_error", VALUES.at[0, 0].set(jnp.nan), "not all values are finite"),
        ("mean_squared_error", VALUES[:, :2], "wants numbers shaped like the output"),
    ],
)
def test_targets_that_do_not_fit(loss, target, message):
    with pytest.raises(CircuitError, match=message):
        as_target(target, OUTPUT, loss)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: loss_named("crossentropy"), "did you mean 'cross_entropy'"),
        (lambda: loss_named("squared"), "is now called 'half_squared_error'"),
        (lambda: loss_named(lambda output, target: output - target), "one number a trial"),
        (lambda: loss_named("cross_entropy", (1, -1)), "cannot be negative"),
        (lambda: activation("tan"), "did you mean 'tanh'"),
        (lambda: activation(lambda z: z.sum()), "one rate each"),
    ],
)
def test_what_cannot_be_a_loss_or_a_transfer_function(build, message):
    with pytest.raises(CircuitError, match=message):
        build()
