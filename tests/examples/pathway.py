"""A descending pathway of one's own: feedback that drifts towards what the forward weights learn."""

from dataclasses import dataclass

from biocredit.circuits.core.credit_rule import CreditRule
from biocredit.circuits.dual_stream.pathways.stagewise import Stagewise
from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.settings.circuits import Layers
from biocredit.protocols.experiments.settings.tasks import Images


@dataclass(frozen=True, kw_only=True)
class Drifting(Stagewise):
    """Feedback weights ``B`` follow a fraction ``drift`` of the change of the forward weights."""

    rule = CreditRule(name="drifting", needs={"h": "pre", "delta": "post"}, phases=2)
    plastic = ("B",)
    drift: float = 0.5

    def deliver(self, stage, kernels, signals, watch):
        """Deliver the error through ``B``; return it, and the change of ``B``."""
        error, _ = super().deliver(stage, kernels, signals, watch)
        return error, {"B": self.drift * stage.local_product(signals.delta, signals.h)}


configuration = Configuration(
    task=Images("digits", train=200, test=50),
    circuit=Layers((16,)),
    pathway=Drifting(drift=0.2),
    run=Run(epochs=2, seeds=2, batch_size=50),
)
