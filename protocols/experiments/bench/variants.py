"""What is done besides to every rule: a function of a configuration each, which refuses what has no meaning for it."""

from dataclasses import replace
from functools import partial

from biocredit.protocols.experiments.configuration import Configuration
from biocredit.protocols.experiments.overrides import SettingError, has, overridden
from biocredit.protocols.experiments.settings.phases import DelayedFeedback, FeedbackCut
from biocredit.protocols.experiments.settings.tasks import ThenAnother


def sparse_feedback(one: Configuration, sparsity: float) -> Configuration:
    """Leave out a fraction of the feedback synapses, for good."""
    name = "pathway.sparsity"
    if one.pathway is None or not has(one, name):
        raise SettingError("its feedback synapses cannot be left out one by one")
    return overridden(_plain(one), {name: sparsity})


def feedback_cut(one: Configuration) -> Configuration:
    """Cut the feedback after half of the epochs."""
    return replace(_plain(one), protocol=FeedbackCut(one.protocol, max(one.run.epochs // 2, 1)))


def late_feedback(one: Configuration, by: float) -> Configuration:
    """Let modulators arrive later, by a multiple of the time step that the bench says."""
    return replace(_plain(one), protocol=DelayedFeedback(one.protocol, by))


def another_task(one: Configuration) -> Configuration:
    """Learn another task afterwards, for as long; the test stays that of the first."""
    run = replace(one.run, epochs=2 * one.run.epochs)
    return replace(_plain(one), task=ThenAnother(one.task, one.run.epochs), run=run)


def less_data(one: Configuration, part: int) -> Configuration:
    """Learn from one in so many of the training trials, for as many updates."""
    if not has(one, "task.train"):
        raise SettingError("its trials are drawn afresh, there is no stock of them to make smaller")
    trials = one.task.train or len(one.task.make().arrays["train"]["label"])
    if trials // part < one.run.batch_size:
        raise SettingError(f"one in {part} of {trials} trials is less than a batch")
    return overridden(_plain(one), {"task.train": trials // part, "run.pass_trials": trials})


def _plain(one: Configuration) -> Configuration:
    return replace(one, measures={})


STATIC = {
    "feedback cut half-way": feedback_cut,
    "nine in ten feedback synapses missing": partial(sparse_feedback, sparsity=0.9),
    "another task afterwards": another_task,
    "a tenth of the data": partial(less_data, part=10),
}
TEMPORAL = {
    "feedback cut half-way": feedback_cut,
    "feedback 10 ms late": partial(late_feedback, by=10.0),
    "another task afterwards": another_task,
}
