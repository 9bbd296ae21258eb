"""Direct feedback alignment: the output error straight to every stage."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.dual_stream.ascending.stack import Nodes
from biocredit.circuits.dual_stream.ascending.stages import Shape, Stage
from biocredit.circuits.dual_stream.pathways.stagewise import Signals, Stagewise, Watch


@dataclass(frozen=True, kw_only=True)
class Direct(Stagewise):
    """``e = delta_L B`` with fixed random ``B`` from the output to the input of every stage (Nokland 2016).

    A convolution receives the output error as a field that is constant over its output positions, and sends it
    through the adjoint of its own geometry (BioTorch, arXiv 2108.13446). Shortcuts of residual blocks carry the
    ordinary error.
    """

    rule = CreditRule(
        name="direct",
        needs={"h": "pre", "delta": "post", "output_error": "broadcast"},
        phases=2,
        exact_when="one hidden stage and B equals W",
        citation="arXiv:1609.01596",
        equation=r"\Delta W = \delta\, x^{\top}, \qquad "
        r"\delta = h' \odot B\, \delta_{\mathrm{out}}",
    )

    def kernel_shapes(self, stage: Stage, outputs: int) -> dict[str, Shape]:
        """As many postsynaptic units as the circuit has outputs."""
        return {"B": stage.kernel_shape(outputs)}

    def ends(self, name: str, above: str, below: str, top: str) -> tuple[str, str]:
        """From the output, past all stages between."""
        return top, below

    def effective_feedback(self, nodes: Nodes, tree: Tree) -> Tree:
        """Nothing: feedback that comes from the output has no forward counterpart at a stage."""
        return {}

    def deliver(self, stage: Stage, kernels: Tree, signals: Signals, watch: Watch) -> tuple[jax.Array, Tree]:
        """Send the output error through the stage's adjoint."""
        delta, top = signals.delta, signals.output_error
        field = top.reshape(len(top), *(1,) * (delta.ndim - 2), -1)
        field = jnp.broadcast_to(field, (*delta.shape[:-1], field.shape[-1]))
        return stage.adjoint(kernels["B"], field, signals.h.shape), {}
