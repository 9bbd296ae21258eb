"""Tasks from one's own arrays, held-out trials, and the checks of really drawn trials."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.circuits import Batch
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols import tasks

RNG = np.random.default_rng(0)
X, COURSE = RNG.normal(size=(30, 4)), RNG.normal(size=(30, 6, 3))
Y = np.arange(30) % 3
WHEN = (np.arange(6) < 2 + np.arange(30)[:, None] % 5).astype(float)


def drawn(task, part="train"):
    index = np.arange(task.count(part))
    return jax.tree.map(np.asarray, task.draw_part(task.arrays, jnp.asarray(index), jax.random.key(0), part))


def test_every_trial_is_in_one_part_and_keeps_its_target_and_conditions():
    task = tasks.from_arrays(X, Y, test=0.2, validation=5, conditions={"coherence": np.arange(30) / 10})
    task.check()
    assert (task.n_train, task.n_validation, task.n_test) == (19, 5, 6)
    parts = [drawn(task, part) for part in ("train", "validation", "test")]
    numbers = np.concatenate([part.trials["index"] for part in parts])
    assert sorted(numbers) == list(range(30))
    for part in parts:
        index = part.trials["index"]
        np.testing.assert_allclose(part.inputs["input"], X[index], rtol=1e-6)
        np.testing.assert_array_equal(part.targets["choice"], Y[index])
        np.testing.assert_allclose(part.trials["coherence"], index / 10, rtol=1e-6)
    assert task.balance["choice"].sum() == 19


@pytest.mark.parametrize(
    ("inputs", "targets", "settings", "kinds", "sizes"),
    [
        (X, Y[:, None], {}, {"choice": "classes"}, {"choice": 3}),
        (X, Y + 1, {"classes": (1, 2, 3)}, {"choice": "classes"}, {"choice": 3}),
        (X, Y.astype(float), {"kind": "classes"}, {"choice": "classes"}, {"choice": 3}),
        (X, np.array(["a", "b", "c"])[Y], {}, {"choice": "classes"}, {"choice": 3}),
        (X.tolist(), Y.tolist(), {}, {"choice": "classes"}, {"choice": 3}),
        (X, np.eye(3, dtype=int)[Y], {}, {"labels": "labels"}, {"labels": 3}),
        (X, X[:, 0], {}, {"values": "values"}, {"values": 1}),
        (COURSE, Y, {"dt": 5}, {"choice": "classes"}, {"choice": 3}),
        (COURSE, np.tile(Y[:, None], 6), {"dt": 5}, {"choice": "classes"}, {"choice": 3}),
        (COURSE, COURSE[..., :2], {"dt": 5}, {"values": "values"}, {"values": 2}),
        (COURSE, X, {"dt": 5}, {"values": "values"}, {"values": 4}),
        (
            {"a": X, "b": X > 0},
            {"say": Y, "reach": X},
            {},
            {"say": "classes", "reach": "values"},
            {"say": 3, "reach": 4},
        ),
    ],
)
def test_kinds_of_targets(inputs, targets, settings, kinds, sizes):
    task = tasks.from_arrays(inputs, targets, **settings)
    task.check()
    assert (dict(task.kinds), dict(task.readouts)) == (kinds, sizes)


def test_what_does_not_count_never_enters():
    course, values = COURSE.copy(), COURSE[..., :2].copy()
    values[WHEN == 0] = np.nan
    course[WHEN == 0] = np.nan
    task = tasks.from_arrays(course, values, when=WHEN, dt=5.0)
    task.check()
    batch = drawn(task)
    assert np.isfinite(batch.inputs["input"]).all()
    assert np.isfinite(batch.targets["values"]).all()
    counted = batch.targets["when"] > 0
    np.testing.assert_allclose(batch.targets["values"][counted], values[batch.trials["index"]][counted])
    labels = np.where(WHEN > 0, Y[:, None], -100)
    assert drawn(tasks.from_arrays(COURSE, labels, when=WHEN, dt=5.0)).targets["choice"].min() >= 0


@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_images_are_scaled_by_the_range_of_their_type(dtype, top):
    images = np.linspace(0, top, 30 * 12).reshape(30, 3, 4).astype(dtype)
    batch = drawn(tasks.from_arrays(images, Y, test=0))
    np.testing.assert_allclose(batch.inputs["input"], images.reshape(30, -1) / top, atol=1e-7)
    kept = tasks.ImageTask("own", (images, Y), (images, Y), 3)
    np.testing.assert_allclose(drawn(kept).inputs["image"], images.reshape(30, -1) / top, atol=1e-7)


NAN = np.where(np.arange(4) == 2, np.nan, X)
BAD = {
    "labels 1..3": (X, Y + 1, {}, r"labels 1, 2, 3 seen, 0..2 wanted"),
    "labels -1": (X, Y - 1, {"classes": 3}, r"labels -1, 0, 1 seen, 0..2 wanted"),
    "a gap": (X, Y * 5, {}, r"labels 0, 5, 10 seen, 0..2 wanted, or say classes="),
    "halves": (X, Y / 2, {"kind": "classes"}, r"got 0.5, .*wanted whole class numbers"),
    "counts": (X, Y[:-1], {}, r"29 targets for 30 trials"),
    "inputs of NaN": (NAN, Y, {}, r"30 values are NaN or infinite, the first in trial 0"),
    "values of NaN": (X, NAN, {}, r"30 values are NaN or infinite"),
    "0..16": (np.full((30, 2, 2), 16), Y, {}, r"int64 from 16 to 16 have no range of their own: say scale="),
    "0/1 bytes": (np.ones((30, 2, 2), np.uint8), Y, {}, r"uint8 from 0 to 1 fill no range of pixels: say scale="),
    "ragged": ([[1.0], [1.0, 2.0]], [0, 1], {}, r"rows differ in length"),
    "three axes with dt": (X, Y, {"dt": 1.0}, r"with dt inputs are \[trial, time, channel\]"),
    "mask without dt": (X, Y, {"when": WHEN}, r"say dt="),
    "mask of zeros": (COURSE, Y, {"dt": 1.0, "when": 0 * WHEN}, r"30 trials have no step that counts"),
    "mask too short": (COURSE, Y, {"dt": 1.0, "when": WHEN[:, 1:]}, r"when is \(30, 5\), wanted \(30, 6\)"),
    "dt": (COURSE, Y, {"dt": 0}, r"dt must be a positive number"),
    "kind": (X, Y, {"kind": "class"}, r"did you mean 'classes'"),
    "twos": (X, np.eye(3, dtype=int)[Y] * 2, {}, r"got 2, wanted zeros and ones"),
    "test": (X, Y, {"test": 30}, r"test must be a fraction, or a number of 1 to 29 trials, got 30"),
    "test of strangers": (X, Y, {"test": [3, 40]}, r"\[40\] is no trial of 0..29"),
    "all held out": (X, Y, {"test": 15, "validation": np.arange(30)}, r"taken by another part"),
    "conditions": (X, Y, {"conditions": {"side": ["l"] * 30}}, r"condition 'side' is <U1 \(30,\), wanted 30 numbers"),
    "names as inputs": (np.full((30, 2), "a"), Y, {}, r"got names, wanted numbers"),
    "nothing": (X[:0], Y[:0], {}, r"got shape \(0, 4\), wanted \(trials, ...\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_mistakes_are_one_line(name):
    inputs, targets, settings, words = BAD[name]
    with pytest.raises(CircuitError, match=words) as caught:
        tasks.from_arrays(inputs, targets, **settings)
    assert "\n" not in str(caught.value)


class Own(tasks.Task):
    """A task of somebody's own, with mistakes."""

    name, inputs, readouts, n_train, n_test = "own", {"x": 4}, {"choice": 3}, 20, 10

    def __init__(self, label=Y, x=X, **said):
        self.arrays = {"x": x, "label": label}
        vars(self).update(said)

    def draw(self, arrays, index, key, *, test=False):
        when = {} if self.steps is None else {"when": arrays["when"][index]} if "when" in arrays else {}
        return Batch({"x": arrays["x"][index]}, {"choice": arrays["label"][index]} | when, {})


MISTAKES = {
    "labels from 1": ({"label": Y + 1}, r"task 'own', train trials: target 'choice': labels 1..3 seen, 0..2 wanted"),
    "ignored labels": ({"label": np.where(Y == 2, -100, Y)}, r"labels -100..1 seen"),
    "real labels": ({"label": Y / 1.0}, r"got float64, wanted whole class numbers"),
    "more trials than data": ({"n_train": 400}, r"fewer stored than the 400 promised"),
    "more steps than data": (
        {"x": COURSE, "inputs": {"x": 3}, "steps": 25},
        r"got shape \(20, 6, 3\), wanted \(20, 25, 3\)",
    ),
    "not finite": ({"x": NAN}, r"input 'x': 20 values are NaN or infinite"),
    "values": ({"kinds": {"choice": "values"}, "readouts": {"choice": 1}}, r"got shape \(20,\), wanted \(20, 1\)"),
    "another readout": ({"readouts": {"chioce": 3}}, r"targets: got choice, wanted chioce"),
    "no trials": ({"n_train": 0}, r"has no training trials"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_drawn_trials_are_checked(name):
    said, words = MISTAKES[name]
    Own().check()
    with pytest.raises(CircuitError, match=words) as caught:
        Own(**said).check()
    assert "\n" not in str(caught.value)


def test_held_out_trials_are_training_trials_that_learning_never_meets():
    whole, task = tasks.digits(train=40, test=10), tasks.digits(train=40, test=10, validation=0.25)
    task.check()
    train, held = drawn(task).trials["index"], drawn(task, "validation").trials["index"]
    assert len(held) == 10
    assert sorted([*train, *held]) == list(range(40))
    np.testing.assert_array_equal(drawn(whole).inputs["image"][held], drawn(task, "validation").inputs["image"])
    with pytest.raises(CircuitError, match=r"has no validation trials: tasks.held_out"):
        drawn_part = whole.draw_part(whole.arrays, jnp.arange(2), jax.random.key(0), "validation")
        del drawn_part
    with pytest.raises(CircuitError, match="did you mean 'validation'"):
        whole.count("valdation")


def test_held_out_images_are_not_varied():
    images = tasks.digits(flat=False, train=40, test=10, validation=10)
    task = tasks.as_maps(images, 8, margin=2, mirrored=True)
    plain = tasks.as_maps(images, 8)
    same = [
        np.array_equal(drawn(task, part).inputs["image"], drawn(plain, part).inputs["image"]) for part in tasks.PARTS
    ]
    assert same == [False, True, True]


def test_several_labels_an_image():
    labels = np.eye(3, dtype=np.uint8)[Y]
    task = tasks.ImageTask(
        "chest", (np.full((30, 2, 2), 200, np.uint8), labels), (np.zeros((3, 2, 2), np.uint8), labels[:3]), 3
    )
    task.check()
    assert task.kind("choice") == "labels"
    np.testing.assert_array_equal(drawn(task).targets["choice"], labels)
    with pytest.raises(CircuitError, match="3 labels an image but 4 names"):
        tasks.ImageTask("chest", (np.zeros((30, 2, 2)), labels), (np.zeros((30, 2, 2)), labels), 4)


def test_more_images_than_there_are():
    with pytest.raises(CircuitError, match="digits has 1437 train images, asked for 2000"):
        tasks.digits(train=2000)
