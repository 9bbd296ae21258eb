"""The target-propagation family as in the released program of fixed-weight DTP (Shibuya et al. 2023)."""

from dataclasses import dataclass, field

import jax
from biocredit.circuits.core.credit_rule import CreditRule
from biocredit.circuits.core.initializers import Initializer, Within
from biocredit.circuits.dual_stream.pathways.pathway import Goal
from biocredit.circuits.dual_stream.pathways.target_propagation import feedback_losses
from biocredit.circuits.dual_stream.pathways.target_propagation.learned import LearnedFeedback
from biocredit.circuits.dual_stream.pathways.target_propagation.pathway import (
    NEEDS,
    OF_NOISE,
    TOWARDS_TARGETS,
    UNPROBED,
    TargetPropagation,
    per_trial,
)


def _declared(name: str, citation: str, phases: int = 3, exact_when: str = "") -> CreditRule:
    said = {"needs": NEEDS} if phases == 2 else {"needs": NEEDS | OF_NOISE, **UNPROBED}
    return CreditRule(
        name=name, citation=citation, **said, phases=phases, exact_when=exact_when, equation=TOWARDS_TARGETS
    )


_INVERSE = "feedback is the transposed Jacobian and the stepsize tends to 0"


@dataclass(frozen=True, kw_only=True)
class DifferenceTarget(LearnedFeedback):
    """DTP: every level's feedback learns to invert the noisy forward path (Lee et al. 2015)."""

    rule = _declared("difference_target", "arXiv:1412.7525")
    feedback_loss = staticmethod(feedback_losses.denoising)

    def output_target(self, output: jax.Array, goal: Goal) -> jax.Array:
        """Step along the gradient of each trial's loss."""
        return per_trial(output, goal, self.stepsize)


@dataclass(frozen=True, kw_only=True)
class DifferenceReconstruction(DifferenceTarget):
    """DRL as released: reconstructs the clean activity through all levels above (not the loss of its paper)."""

    rule = _declared("difference_reconstruction", "arXiv:2212.10352")
    feedback_loss = staticmethod(feedback_losses.reconstruct_clean)


@dataclass(frozen=True, kw_only=True)
class LocalDifferenceReconstruction(DifferenceTarget):
    """L-DRL as released: feedback that tends to the transposed Jacobian of its own level."""

    rule = _declared("local_difference_reconstruction", "arXiv:2212.10352", exact_when=_INVERSE)
    feedback_loss = staticmethod(feedback_losses.local_difference)


@dataclass(frozen=True, kw_only=True)
class FixedDifferenceTarget(TargetPropagation):
    """FW-DTP: feedback stays as it starts."""

    rule = _declared("fixed_difference_target", "arXiv:2212.10352", 2, _INVERSE)
    initializer: Initializer = field(default=Within(0.001))

    def output_target(self, output: jax.Array, goal: Goal) -> jax.Array:
        """Step along the gradient of each trial's loss."""
        return per_trial(output, goal, self.stepsize)
