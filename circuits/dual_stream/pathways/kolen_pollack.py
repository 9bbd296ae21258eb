"""Kolen-Pollack feedback: equal changes and equal decay make the two streams' weights equal."""

from dataclasses import dataclass

import jax
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.dual_stream.ascending.stages import Stage
from biocredit.circuits.dual_stream.pathways.stagewise import Signals, Stagewise, Watch


@dataclass(frozen=True, kw_only=True)
class KolenPollack(Stagewise):
    """``B`` learns the local product that ``W`` learns (Kolen and Pollack 1994; Akrout et al. 2019).

    With the same optimiser and weight decay for both, ``W - B`` obeys a linear recursion without any data term
    and decays to zero.
    """

    rule = CreditRule(
        name="kolen_pollack",
        needs={"h": "pre", "delta": "post"},
        phases=2,
        exact_when="weight decay has made B equal to W",
        citation="arXiv:1904.05391",
        equation=r"\Delta W = \delta\, x^{\top}, \qquad "
        r"\Delta B = x\, \delta^{\top}, \qquad "
        r"\delta_{\mathrm{below}} = h' \odot B\, \delta",
    )
    plastic = ("B",)

    def deliver(self, stage: Stage, kernels: Tree, signals: Signals, watch: Watch) -> tuple[jax.Array, Tree]:
        """Deliver the error through ``B``; the product of pre- and postsynaptic activity changes it."""
        error, _ = super().deliver(stage, kernels, signals, watch)
        return error, {"B": stage.local_product(signals.delta, signals.h)}
