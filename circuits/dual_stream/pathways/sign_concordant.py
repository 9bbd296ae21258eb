"""Sign-concordant feedback: the sign of every forward weight, with a magnitude of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.initializers import Shape, fans, glorot_uniform
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.dual_stream.ascending.stack import Nodes, stages
from biocredit.circuits.dual_stream.ascending.stages import Stage
from biocredit.circuits.dual_stream.pathways.stagewise import Stagewise


def _declared(name: str) -> CreditRule:
    return CreditRule(
        name=name,
        needs={"h": "pre", "delta": "post", "signs of forward weights": "nonlocal"},
        transports="signs",
        phases=2,
        exact_when="all weights of a stage have one magnitude, that of the feedback",
        citation="arXiv:1510.05067",
        equation=r"\Delta W = \delta\, x^{\top}, \qquad "
        r"\delta_{\mathrm{below}} = h' \odot \bigl( |B| \odot \mathrm{sign}(W^{\top}) \bigr) \delta",
    )


@dataclass(frozen=True, kw_only=True)
class UniformSign(Stagewise):
    """uSF, ``B = s sign(W)`` with the Glorot deviation ``s = sqrt(2 / (fan_in + fan_out))`` (arXiv 2108.13446)."""

    rule = _declared("usf")
    owns = ()

    def kernels(self, stage: Stage, own: Tree) -> Tree:
        """Signs of the present forward weights at one magnitude."""
        return {"B": np.sqrt(2.0 / sum(fans(own["W"].shape))).item() * jnp.sign(own["W"])}


@dataclass(frozen=True, kw_only=True)
class FixedRandomSign(Stagewise):
    """frSF, ``B = |M| sign(W)`` with magnitudes ``M`` that are drawn once (arXiv 2108.13446)."""

    rule = _declared("frsf")
    owns = ("M",)

    def draw(self, stage: Stage, shapes: dict[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """Glorot-uniform magnitudes."""
        return {"M": np.abs(glorot_uniform(random, shapes["B"]))}

    def kernels(self, stage: Stage, own: Tree) -> Tree:
        """Signs of the present forward weights."""
        return {"B": jnp.abs(own["M"]) * jnp.sign(own["W"])}


@dataclass(frozen=True, kw_only=True)
class BatchRandomSign(FixedRandomSign):
    """brSF: as frSF, with magnitudes that are drawn again before every batch (arXiv 2108.13446)."""

    rule = replace(_declared("brsf"), needs={**_declared("brsf").needs, "magnitudes drawn anew": "broadcast"})

    def prepare(
        self, nodes: Nodes, shapes: Mapping[str, Shape], tree: Tree, key: jax.Array, probe: Probe = untouched
    ) -> Tree:
        """Draw new magnitudes."""
        fresh = {}
        for index, path in enumerate(stages(nodes)):
            old = tree[f"down.{path}.M"]
            bound = np.sqrt(6.0 / sum(fans(old.shape))).item()
            fresh[f"down.{path}.M"] = jax.random.uniform(
                jax.random.fold_in(key, index), old.shape, old.dtype, maxval=bound
            )
        return fresh
