"""Learning rate and weight decay of every epoch of the published trainings."""

from collections.abc import Iterator, Mapping

import numpy as np
from biocredit.circuits.dual_stream.schedules import TRAININGS

from tests.conformance.harness import Check


def replay(name: str, case: Mapping[str, np.ndarray]) -> Iterator[Check]:
    """Values by epoch, one update an epoch."""
    for key in case:
        setting, _, kind = key.rpartition("_")
        training = TRAININGS[setting]
        schedule = {"lr": training.learning_rate_schedule, "wd": training.weight_decay_schedule}[kind](1)
        yield Check(key, [schedule(epoch) for epoch in range(training.epochs)])
