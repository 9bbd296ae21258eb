"""Jobs for the tests of execution, and what tells whether two traces are the same."""

import os
import signal
import threading
import time

import numpy as np
from biocredit.analysis import open_trace
from biocredit.analysis.trace.storage.file_lock import lock_path
from biocredit.protocols.execution.job import Job
from biocredit.protocols.execution.perform import perform
from biocredit.protocols.experiments import find
from biocredit.protocols.training.checkpoint import path_beside, reached

from tests.unit.experiment_case import DEMO, TINY

__all__ = ["LASTING", "SMALL", "SWEEP", "Killer", "begun", "jobs", "perform", "same", "wait_for"]

SMALL = dict(text.split("=") for text in TINY if "=" in text) | {"run.seeds": 1, "run.epochs": 2}
#: Long enough to be killed in the middle.
LASTING = {"run.epochs": 40}
SWEEP = ["sweep", DEMO, *TINY, "--seeds", "1", "--over", "circuit.spectral_radius=0.1,0.2"]


def jobs(folder, count=2, **settings):
    """So many jobs that differ in the spectral radius."""
    experiment = find(DEMO)
    made = []
    for number in range(count):
        own = {**SMALL, "circuit.spectral_radius": round(0.1 * (number + 1), 3), **settings}
        (configuration,) = experiment.configured(own).values()
        made.append(Job(experiment, "AP", configuration, folder / f"{number}.h5"))
    return made


def same(first, second):
    """Whether all that two traces hold is equal, bit for bit."""
    a, b = open_trace(first), open_trace(second)
    pairs = [(a[name].values, b[name].values) for name in a if not name.startswith("circuit")]
    return list(a) == list(b) and all(
        np.array_equal(one, other, equal_nan=one.dtype.kind == "f") for one, other in pairs
    )


def wait_for(what, seconds=300):
    """Wait until something holds; return it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def begun(path, after=(0, 0)):
    """Wait until the checkpoint of a run is further than this; return how far it is."""
    return wait_for(lambda: (now := reached(path_beside(path))) > after and now)


class Killer(threading.Thread):
    """Kills the process that writes a trace, once it has come a little further."""

    def __init__(self, path, times=1):
        super().__init__(daemon=True)
        self.path, self.times, self.killed = path, times, []
        self.start()

    def run(self):
        """Kill."""
        at = (0, 0)
        for _ in range(self.times):
            at = begun(self.path, at)
            self.killed.append(int(lock_path(self.path).read_text().split()[1]))
            os.kill(self.killed[-1], signal.SIGKILL)
