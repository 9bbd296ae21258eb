"""DTP and DRL as Meulemans et al. 2020 train them: all feedback weights at once, through the circuit's optimiser."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import jax
from biocredit.circuits.core.circuit import Projection
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.initializers import Initializer, glorot_normal
from biocredit.circuits.core.probes import Probe, active, untouched
from biocredit.circuits.dual_stream.ascending.stack import Nodes, ascend
from biocredit.circuits.dual_stream.pathways.pathway import Credit, Goal
from biocredit.circuits.dual_stream.pathways.target_propagation import feedback_losses
from biocredit.circuits.dual_stream.pathways.target_propagation.feedback_losses import FeedbackLoss, Noise, scaled
from biocredit.circuits.dual_stream.pathways.target_propagation.learned import Draw, drawn, given
from biocredit.circuits.dual_stream.pathways.target_propagation.pathway import (
    NEEDS,
    OF_NOISE,
    TOWARDS_TARGETS,
    UNPROBED,
    TargetPropagation,
)
from biocredit.circuits.dual_stream.pathways.target_propagation.reconstruction import scene

LEAST_NOISE = 0.02
"""Deviation below which the loss of DTP is not divided by the noise's variance but by this one's."""


def _declared(name: str, citation: str) -> CreditRule:
    said = {"needs": NEEDS | OF_NOISE, **UNPROBED, "equation": TOWARDS_TARGETS}
    return CreditRule(name=name, citation=citation, phases=3, **said)


@dataclass(frozen=True, kw_only=True)
class DifferenceTargetMeulemans(TargetPropagation):
    """DTP with plastic feedback: its gradient goes to the circuit's optimiser together with the forward ones.

    The loss is a mean over trials and units divided by the variance of the noise. The output's target is a step along
    the gradient of the *mean* loss, so all forward changes carry a further ``1 / trials``.

    Parameters
    ----------
    noise
        Standard deviation.

    Notes
    -----
    Each stream has its own optimiser there: ``biocredit.circuits.core.optimizers.by_stream(up=..., down=...)``. The
    published learning rates are divided by ``stepsize`` in the forward stream.
    """

    rule = _declared("difference_target_meulemans", "arXiv:2006.14331")
    feedback_loss: ClassVar[FeedbackLoss] = staticmethod(feedback_losses.denoising)
    stepsize: float = 0.1
    noise: float = 0.08
    initializer: Initializer = glorot_normal

    def __post_init__(self):
        super().__post_init__()
        require(self.noise >= 0, f"a standard deviation cannot be negative, got {self.noise}")

    @property
    def variance(self) -> float:
        """What the loss is divided by."""
        return max(self.noise, LEAST_NOISE) ** 2

    def output_target(self, output: jax.Array, goal: Goal) -> jax.Array:
        """Step along the gradient of the mean loss."""
        return output - self.stepsize * goal.error

    def synapses(self, nodes: Nodes) -> list[Projection]:
        """Plastic rows."""
        return [replace(row, plastic=True) for row in super().synapses(nodes)]

    def rehearse(self, nodes: Nodes, tree: Tree, x: jax.Array, key: jax.Array, probe: Probe) -> Credit:
        """Learn from fresh noise."""
        levels = self.levels(nodes)
        keys = {level.path: jax.random.fold_in(key, number) for number, level in enumerate(levels)}
        return self.learn_feedback(nodes, tree, x, keys, probe, drawn)

    def learn_feedback(
        self,
        nodes: Nodes,
        tree: Tree,
        x: jax.Array,
        noise: Mapping[str, Noise],
        probe: Probe = untouched,
        draw: Draw = given,
    ) -> Credit:
        """Gradients of all feedback weights, as they are, from noise of standard deviation 1 by path."""
        levels, probe = self.levels(nodes), active(probe)
        seen = scene(levels, nodes, tree, ascend(nodes, tree, x, probe=probe, phase="feedback"), probe, "feedback")
        changes, metrics = {}, {}
        for level in levels:
            h = seen.rates[level.below]
            eps = jax.tree.map(lambda z: self.noise * z, draw(noise[level.path], h, seen.rates[level.above]))
            found = scaled(type(self).feedback_loss(level, seen, tree, eps), 1 / (self.variance * h.size))
            changes |= found.changes
            metrics[f"feedback_loss.{level.path}"] = found.loss
        return Credit(changes, {}, metrics)


@dataclass(frozen=True, kw_only=True)
class DifferenceReconstructionMeulemans(DifferenceTargetMeulemans):
    """DRL: feedback learns to bring noisy activity back from the output, a regularised inverse of all levels above.

    The decay that regularises is the optimiser's, on ``down`` (``optax.add_decayed_weights`` before Adam).
    """

    rule = _declared("difference_reconstruction_meulemans", "arXiv:2006.14331")
    feedback_loss = staticmethod(feedback_losses.reconstruct_noisy)

    def __post_init__(self):
        super().__post_init__()
        require(
            self.noise > 0, f"the loss is divided by the variance of the noise: wanted noise above 0, got {self.noise}"
        )

    @property
    def variance(self) -> float:
        """What the loss is divided by."""
        return self.noise**2
