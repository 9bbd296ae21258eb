"""What tasks and protocols say to each other: scores of decisions, held-out trials, curricula, images to come."""

import numpy as np
import optax
import pytest
from biocredit.analysis import open_trace
from biocredit.circuits import DualStream, RateRNN
from biocredit.circuits.dual_stream.ascending.stages import Convolution
from biocredit.protocols import Online, TwoPhase, tasks
from biocredit.protocols.datasets.image_tree import image_tree
from PIL import Image

from tests.unit.made_images import random_images

SMALL = {"dt": 100, "timing": {"stimulus": 300}, "n_train": 8, "n_test": 8}


def run_of(task, **settings):
    net = RateRNN.for_task(task, 6, density=0.5, tau=200.0)
    return Online(net, task, batch_size=4, optimizer=optax.sgd(1e-3), **settings)


def test_decisions_are_scored_in_every_epoch_also_of_held_out_trials(tmp_path):
    task = tasks.held_out(tasks.perceptual_decision(**SMALL), 4)
    run = run_of(task, evaluate=("validation", "test")).train(1, tmp_path / "run.h5", progress=False)
    for part in ("validation", "test"):
        assert 0 <= run.last[f"{part}_decision_accuracy"][0] <= 1
        assert 0 <= run.last[f"{part}_fixation_breaks"][0] <= 1
    with open_trace(tmp_path / "run.h5") as trace:
        recorded = trace["learning/validation_decision_accuracy"].values
    np.testing.assert_array_equal(recorded[:, -1], run.last["validation_decision_accuracy"])


def course():
    """A run on a curriculum whose criterion is always reached, and its task."""
    stages = [tasks.perceptual_decision(coherences=c, **SMALL) for c in ([51.2], [25.6], [6.4])]
    task = tasks.curriculum(stages, {"test_decision_accuracy": 0.0})
    return run_of(task), task


def test_a_curriculum_goes_on_within_a_run_and_in_one_that_is_resumed(tmp_path):
    run, task = course()
    run.train(1, tmp_path / "run.h5", progress=False)
    assert (task.stage, int(run.networks.arrays["stage"])) == (1, 1)
    run, task = course()
    assert task.stage == 0
    run.resume(tmp_path / "run.h5", epochs=2, progress=False)
    assert (task.stage, int(run.networks.arrays["stage"])) == (2, 2)
    with open_trace(tmp_path / "run.h5") as trace:
        told = [row for row in trace.events.rows() if "stage" in str(row)]
    assert len(told) == 2
    assert "stage 2 of 3: test_decision_accuracy reached" in str(told[0])


@pytest.fixture
def tree(tmp_path):
    for part, count in (("train", 8), ("val", 4)):
        for name in ("ant", "bee"):
            (tmp_path / "tree" / part / name).mkdir(parents=True)
            for number, image in enumerate(random_images(count, 9, 9, 3)):
                Image.fromarray(image).save(tmp_path / "tree" / part / name / f"{number}.png")
    return tmp_path / "tree"


def test_images_are_decoded_before_they_are_asked_for(tree):
    task = tasks.as_maps(tasks.held_out(image_tree(tree, 8), 4), 8)
    stream, late = task.task.task.sources[0], []
    read = stream.read
    stream.read = lambda row: late.append(np.asarray(row, np.int64).tobytes() not in stream._ready) or read(row)
    net = DualStream.for_task(task, hidden=(Convolution(3, 2, stride=4, padding=1),))
    TwoPhase(net, task, batch_size=4, chunk=1).train(2, progress=False)
    assert len(late) >= 6
    assert not any(late[-6:])
