"""Weight mirrors: feedback weights learn the forward ones from noise, in phases of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.activations import Curve, activation
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.errors import renamed, require
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.dual_stream.ascending.geometry import transfers
from biocredit.circuits.dual_stream.ascending.stack import Nodes, stages
from biocredit.circuits.dual_stream.ascending.stages import Shape, Stage, Weights
from biocredit.circuits.dual_stream.pathways.stagewise import Stagewise, Watch, masked


def unit_uniform(key: jax.Array, shape: Shape, dtype: jnp.dtype) -> jax.Array:
    """Uniform numbers of mean 0 and variance 1."""
    edge = np.sqrt(3.0).item()
    return jax.random.uniform(key, shape, dtype, -edge, edge)


NOISES = {"normal": jax.random.normal, "uniform": unit_uniform}


@renamed(rate="learning_rate", output_transfer="output_activation")
@dataclass(frozen=True, kw_only=True)
class WeightMirror(Stagewise):
    """Before every batch, each stage's input cells fire noise and a Hebbian rule correlates it with the response.

    ``B <- (1 - decay) B + learning_rate * mean(y xi^T)`` with noise ``xi`` of mean zero and ``y = f(W xi)`` (Akrout
    et al. 2019, arXiv 1904.05391). The fixed point is ``(learning_rate / decay) kappa sigma^2 W``, with ``kappa`` 1 for
    linear cells and 1/2 for ReLU. In the trial that follows, the error travels down as in feedback alignment. The
    forward weights are never read: the mirror sees the response of the cells.

    Parameters
    ----------
    learning_rate, decay
        Learning rate and decay of ``B`` for one mirror batch.
    sigma, noise
        Standard deviation and distribution of the noise.
    batches, trials
        Mirror batches before every training batch, and noise patterns in each.
    block_bias
        Whether the responding cells' biases are silenced in the mirror phase.
    output_activation
        How the cells of the output layer respond (in a trial, theirs is part of the loss).
    """

    rule = CreditRule(
        name="weight_mirror",
        needs={"h": "pre", "delta": "post", "noise": "pre", "response": "post"},
        phases=3,
        exact_when="B has reached a fixed point equal to W",
        citation="arXiv:1904.05391",
        equation=r"\Delta W = \delta\, x^{\top}, \qquad "
        r"\Delta B = \eta\, \xi\, (W \xi)^{\top} - \lambda B, \qquad "
        r"\delta_{\mathrm{below}} = h' \odot B\, \delta",
    )
    learning_rate: float = 0.1
    decay: float = 0.05
    sigma: float = 1.0
    noise: Literal["normal", "uniform"] = "normal"
    batches: int = 5
    trials: int = 32
    block_bias: bool = True
    output_activation: str | Curve = "linear"

    def __post_init__(self):
        super().__post_init__()
        require(
            min(self.learning_rate, self.decay) >= 0,
            f"learning_rate and decay cannot be negative, got {self.learning_rate}, {self.decay}",
        )
        require(self.sigma > 0, f"the mirror needs noise: sigma must be positive, got {self.sigma}")

    @classmethod
    def released(cls, learning_rate: float = 0.01, amplitude: float = 0.1, trials: int = 128) -> Self:
        """The authors' program: uniform noise in +- amplitude / 2, biases on, summed, no decay, sigmoid output."""
        unblocked = {"block_bias": False, "output_activation": "sigmoid"}
        noise = {"sigma": amplitude / np.sqrt(12.0).item(), "noise": "uniform"}
        return cls(learning_rate=learning_rate * trials, decay=0.0, batches=1, trials=trials, **noise, **unblocked)

    def prepare(
        self, nodes: Nodes, shapes: Mapping[str, Shape], tree: Tree, key: jax.Array, probe: Probe = untouched
    ) -> Tree:
        """Run the mirror phases with fresh noise."""
        draw, noise = NOISES[self.noise], {}
        for index, path in enumerate(stages(nodes)):
            shape = (self.batches, self.trials, *shapes[path])
            dtype = tree[f"up.{path}.W"].dtype
            noise[path] = self.sigma * draw(jax.random.fold_in(key, index), shape, dtype)
        return self.mirror(nodes, tree, noise, probe)

    def mirror(self, nodes: Nodes, tree: Tree, noise: Mapping[str, jax.Array], probe: Probe = untouched) -> Tree:
        """Run one mirror phase a stage with given noise ``[batch, trial, *input]``; returns the new ``B``.

        A probe sees ``"up.<path>.noise"`` and ``"up.<path>.response"``, all batches of noise patterns in a row.
        """
        transfer, changed = transfers(nodes, self.output_activation), {}
        for path, stage in stages(nodes).items():
            weights = {name: tree[f"up.{path}.{name}"] for name in stage.names}
            if self.block_bias:
                weights |= {name: jnp.zeros_like(weights[name]) for name in weights if name == "b"}
            changed[f"down.{path}.B"] = self._one_stage(
                stage, weights, tree[f"down.{path}.B"], noise[path], transfer[path], partial(_watch, probe, path)
            )
        return masked(changed, tree)

    def _one_stage(
        self, stage: Stage, weights: Weights, start: jax.Array, noise: jax.Array, name: str, watch: Watch
    ) -> jax.Array:
        xi = watch("noise", noise.reshape(-1, *noise.shape[2:]))
        response = watch("response", activation(name)(stage.forward(weights, xi)))
        courses = (values.reshape(*noise.shape[:2], *values.shape[1:]) for values in (xi, response))

        def step(kernel: jax.Array, now: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
            xi, response = now
            hebbian = stage.local_product(response, xi) / len(xi)
            return (1 - self.decay) * kernel + self.learning_rate * hebbian, None

        return jax.lax.scan(step, start, tuple(courses))[0]


def _watch(probe: Probe, path: str, name: str, value: jax.Array) -> jax.Array:
    return probe(f"up.{path}.{name}", "mirror", value)
