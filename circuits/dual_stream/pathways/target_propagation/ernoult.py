"""L-DRL as Ernoult et al. 2022 train it on convolutional networks."""

from dataclasses import dataclass, field

import jax
import optax
from biocredit.circuits.core.credit_rule import CreditRule
from biocredit.circuits.core.initializers import Initializer, fan_in_uniform_biases
from biocredit.circuits.dual_stream.ascending.stack import Nodes
from biocredit.circuits.dual_stream.pathways.pathway import Goal
from biocredit.circuits.dual_stream.pathways.target_propagation import feedback_losses
from biocredit.circuits.dual_stream.pathways.target_propagation.learned import LearnedFeedback
from biocredit.circuits.dual_stream.pathways.target_propagation.levels import TargetLevel, mirrored_levels
from biocredit.circuits.dual_stream.pathways.target_propagation.pathway import (
    NEEDS,
    OF_NOISE,
    TOWARDS_TARGETS,
    UNPROBED,
    per_trial,
)
from biocredit.circuits.dual_stream.schedules import momentum_sgd


@dataclass(frozen=True, kw_only=True)
class LocalDifferenceReconstructionErnoult(LearnedFeedback):
    """L-DRL: feedback runs every part backwards and learns the transpose of its Jacobian, level by level from below.

    The gradient of the feedback loss passes through the clean reconstruction too; local losses are half the squared
    distance. Settings may be given one a level, from the lowest level with feedback, with momentum kept over trials.
    """

    rule = CreditRule(
        name="local_difference_reconstruction_ernoult",
        needs=NEEDS | OF_NOISE,
        **UNPROBED,
        phases=3,
        exact_when="feedback weights equal forward weights and the stepsize tends to 0",
        citation="arXiv:2201.13415",
        equation=TOWARDS_TARGETS,
    )
    distance = 0.5
    feedback_loss = staticmethod(feedback_losses.local_difference_both)
    stepsize: float = 0.7
    initializer: Initializer = fan_in_uniform_biases
    noise: float | tuple[float, ...] = 0.2
    iterations: int | tuple[int, ...] = 20
    optimizer: optax.GradientTransformation | tuple[optax.GradientTransformation, ...] = field(
        default_factory=lambda: momentum_sgd(1e-3, 0.9)
    )

    def levels(self, nodes: Nodes) -> list[TargetLevel]:
        """Feedback has pooling undone and the transfer function before its synapses."""
        return mirrored_levels(nodes)

    def groups(self, levels: list[TargetLevel]) -> list[list[TargetLevel]]:
        """Every level for itself, from the lowest."""
        return [[level] for level in levels]

    def output_target(self, output: jax.Array, goal: Goal) -> jax.Array:
        """Step along the gradient of each trial's loss."""
        return per_trial(output, goal, self.stepsize)
