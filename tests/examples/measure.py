"""A measure of one's own: how much of the weights' length lies in their largest tenth."""

from dataclasses import dataclass

import numpy as np
from biocredit.protocols import Measure
from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.settings.circuits import Layers
from biocredit.protocols.experiments.settings.measures import Measured
from biocredit.protocols.experiments.settings.tasks import Images


@dataclass(frozen=True)
class Concentration(Measured):
    """Part of the squared length of ``weights`` in their largest tenth, every so many epochs."""

    weights: str = "up.layer1.W"
    every: int = 1

    def make(self, net, alike):
        """Make the measure."""

        def of(run):
            squares = np.sort(np.asarray(run.tree[self.weights], float).reshape(len(run.seeds), -1) ** 2)
            return {"concentration": squares[:, -squares.shape[1] // 10 :].sum(1) / squares.sum(1)}

        return Measure(of, {}, "concentration of the weights", every=self.every)


configuration = Configuration(
    task=Images("digits", train=200, test=50),
    circuit=Layers((16,)),
    measures={"concentration": Concentration()},
    run=Run(epochs=2, seeds=2, batch_size=50),
)
