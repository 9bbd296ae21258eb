"""Back-propagation: the forward weights themselves, read backwards."""

from dataclasses import dataclass

from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.dual_stream.ascending.stages import Stage
from biocredit.circuits.dual_stream.pathways.stagewise import Stagewise


@dataclass(frozen=True, kw_only=True)
class Transposed(Stagewise):
    """The gradient: every synapse conducts both ways (Rumelhart, Hinton and Williams 1986, 10.1038/323533a0)."""

    rule = CreditRule(
        name="transposed",
        needs={"h": "pre", "delta": "post", "forward weights": "nonlocal"},
        transports="weights",
        phases=2,
        exact=True,
        exact_when="always",
        citation="10.1038/323533a0",
        equation=r"\Delta W = \delta\, x^{\top}, \qquad "
        r"\delta_{\mathrm{below}} = h' \odot W^{\top} \delta",
    )
    owns = ()

    def kernels(self, stage: Stage, own: Tree) -> Tree:
        """The forward weight."""
        return {"B": own["W"]}
