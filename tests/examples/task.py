"""A task of one's own: is the number of ones odd?"""

import numpy as np
from biocredit.circuits import Batch
from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.settings.circuits import Layers
from biocredit.protocols.experiments.settings.tasks import TaskNamed
from biocredit.protocols.tasks import Task


class Parity(Task):
    """Patterns of ``bits`` zeros and ones, drawn once; half of them are kept for the test."""

    name, inputs, readouts = "parity", {}, {"parity": 2}

    def __init__(self, bits: int = 6, patterns: int = 400):
        self.inputs, self.n_train, self.n_test = {"bits": bits}, patterns // 2, patterns // 2
        drawn = np.random.default_rng(0).integers(0, 2, (2, patterns // 2, bits))
        self.arrays = {"bits": drawn.astype(np.float32), "odd": drawn.sum(-1) % 2}

    def draw(self, arrays, index, key, *, test=False):
        """Return the patterns with these numbers, and whether they are odd."""
        part = int(test)
        return Batch({"bits": arrays["bits"][part, index]}, {"parity": arrays["odd"][part, index]}, {"index": index})


configuration = Configuration(
    task=TaskNamed(Parity, {"bits": 4}),
    circuit=Layers((16,)),
    run=Run(epochs=2, seeds=2, batch_size=50),
)
