"""Feedback alignment: fixed random feedback."""

from dataclasses import dataclass

from biocredit.circuits.core.credit_rule import CreditRule
from biocredit.circuits.dual_stream.pathways.stagewise import Stagewise


@dataclass(frozen=True, kw_only=True)
class Random(Stagewise):
    """``e = delta B`` with fixed random ``B`` in the layout of ``W`` (Lillicrap et al. 2016)."""

    rule = CreditRule(
        name="random",
        needs={"h": "pre", "delta": "post"},
        phases=2,
        exact_when="B equals W",
        citation="10.1038/ncomms13276",
        equation=r"\Delta W = \delta\, x^{\top}, \qquad "
        r"\delta_{\mathrm{below}} = h' \odot B\, \delta",
    )
