"""Product feedback alignment: a fixed expansion followed by a plastic contraction."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.initializers import Shape, glorot_uniform
from biocredit.circuits.dual_stream.ascending.stages import Stage
from biocredit.circuits.dual_stream.pathways.stagewise import Signals, Stagewise, Watch


def _declared(name: str, exact_when: str) -> CreditRule:
    return CreditRule(
        name=name,
        needs={"h": "pre", "delta": "post", "intermediate": "post"},
        phases=2,
        exact_when=exact_when,
        citation="arXiv:2405.20594",
        equation=r"\Delta W = \delta\, x^{\top}, \qquad "
        r"\Delta R = x\, (B\, \delta)^{\top}, \qquad "
        r"\delta_{\mathrm{below}} = h' \odot R\, B\, \delta",
    )


@dataclass(frozen=True, kw_only=True)
class Product(Stagewise):
    """PFA: the error crosses an intermediate population, ``e = (delta B) R`` (arXiv 2405.20594, eq. 6).

    ``B`` is fixed and random, ``R`` learns the product of intermediate error and forward activity. The change of
    ``R`` is ``B^T`` times that of ``W``, so with equal decay ``B R`` tends to ``B B^T W``, close to ``W`` for a
    wide intermediate population, although no synapse has a reciprocal partner.

    Where nothing acts on the intermediate population, and there are more errors (trials times positions) than output
    units, the same products are taken in the cheaper order, ``e = delta (B R)`` and ``B^T (delta^T h)``: a convolution
    then costs hardly more than with random feedback.

    Parameters
    ----------
    expansion
        Size of the intermediate population over that of the stage's output.
    """

    rule = _declared("product", "weight decay has made R equal to B^T W, and B B^T is the identity")
    owns = ("B", "R")
    plastic = ("R",)
    expansion: float = 10

    def __post_init__(self):
        super().__post_init__()
        require(self.expansion >= 1, f"an expansion below 1 loses part of the error, got {self.expansion}")

    def kernel_shapes(self, stage: Stage, outputs: int) -> dict[str, Shape]:
        """``B [out, m]`` (1 x 1 for a convolution) and ``R`` like ``W`` with ``m`` outputs."""
        size = round(self.expansion * stage.outputs)
        whole = np.isclose(size, self.expansion * stage.outputs, rtol=1e-9)
        require(whole, f"expansion {self.expansion} of {stage.outputs} units is not a whole number of units")
        second = stage.kernel_shape(size)
        return {"B": (stage.outputs, size, *(1,) * (len(second) - 2)), "R": second}

    def ends(self, name: str, above: str, below: str, top: str) -> tuple[str, str]:
        """``B`` leads to the intermediate population, ``R`` on from there."""
        between = f"{above}.intermediate"
        return (above, between) if name == "B" else (between, below)

    def draw(self, stage: Stage, shapes: dict[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """``B`` uniform with variance 1 / m, ``R`` Glorot uniform."""
        gain = np.sqrt((1 + 1 / self.expansion) / 2)
        return {"B": glorot_uniform(random, shapes["B"], gain), "R": glorot_uniform(random, shapes["R"])}

    def kernels(self, stage: Stage, own: Tree) -> Tree:
        """Both steps of the path."""
        return {"B": own["B"], "R": own["R"]}

    def deliver(self, stage: Stage, kernels: Tree, signals: Signals, watch: Watch) -> tuple[jax.Array, Tree]:
        """Expand, contract; ``R`` learns from the intermediate population and the forward activity."""
        expansion, (delta, h, _) = _matrix(kernels["B"]), signals
        expanded = delta @ expansion
        intermediate = watch("intermediate.rate", expanded)
        if intermediate is expanded and delta.size > delta.shape[-1] ** 2:
            learned = jnp.tensordot(expansion, stage.local_product(delta, h), axes=(0, 0))
            return stage.adjoint(self.effective(kernels), delta, h.shape), {"R": learned}
        error = stage.adjoint(kernels["R"], intermediate, h.shape)
        return error, {"R": stage.local_product(intermediate, h)}

    def effective(self, kernels: Tree) -> jax.Array:
        """The product ``B R``."""
        return jnp.einsum("om,m...->o...", _matrix(kernels["B"]), kernels["R"])


@dataclass(frozen=True, kw_only=True)
class OrthogonalProduct(Product):
    """PFA-o: as PFA, with orthonormal rows of ``B``, so that ``B B^T`` is the identity (arXiv 2405.20594)."""

    rule = _declared("product_orthogonal", "weight decay has made R equal to B^T W")

    def draw(self, stage: Stage, shapes: dict[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """Semi-orthogonal ``B``, ``R`` Glorot uniform."""
        shape = shapes["B"]
        columns, _ = np.linalg.qr(random.normal(size=shape[:2]).T)
        return {"B": columns.T.reshape(shape), "R": glorot_uniform(random, shapes["R"])}


def _matrix(kernel: jax.Array) -> jax.Array:
    return kernel.reshape(kernel.shape[:2])
