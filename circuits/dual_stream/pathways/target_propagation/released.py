"""The target-propagation family as in the released program of fixed-weight DTP (Shibuya et al. 2023)."""

from dataclasses import dataclass, field

import jax
from biocredit.circuits.dual_stream.ascending.initial_weights import Start
from biocredit.circuits.dual_stream.pathways.pathway import Declaration, Goal
from biocredit.circuits.dual_stream.pathways.target_propagation import feedback_losses
from biocredit.circuits.dual_stream.pathways.target_propagation.initial_weights import Uniform
from biocredit.circuits.dual_stream.pathways.target_propagation.learned import LearnedFeedback
from biocredit.circuits.dual_stream.pathways.target_propagation.pathway import SEES, TargetPropagation, per_trial


def _declared(name: str, citation: str, phases: int = 3, exact_when: str = "") -> Declaration:
    sees = SEES if phases == 2 else (*SEES, "noise", "response to noise")
    return Declaration(name, sees, "nothing", phases, False, exact_when, citation)


_INVERSE = "feedback is the transposed Jacobian and the stepsize tends to 0"


@dataclass(frozen=True, kw_only=True)
class DifferenceTarget(LearnedFeedback):
    """DTP: every level's feedback learns to invert the noisy forward path (Lee et al. 2015)."""

    declaration = _declared("difference_target", "arXiv:1412.7525")
    rule = staticmethod(feedback_losses.denoising)

    def output_target(self, output: jax.Array, goal: Goal) -> jax.Array:
        """Step along the gradient of each trial's loss."""
        return per_trial(output, goal, self.stepsize)


@dataclass(frozen=True, kw_only=True)
class DifferenceReconstruction(DifferenceTarget):
    """DRL as released: reconstructs the clean activity through all levels above (not the loss of its paper)."""

    declaration = _declared("difference_reconstruction", "arXiv:2212.10352")
    rule = staticmethod(feedback_losses.reconstruct_clean)


@dataclass(frozen=True, kw_only=True)
class LocalDifferenceReconstruction(DifferenceTarget):
    """L-DRL as released: feedback that tends to the transposed Jacobian of its own level."""

    declaration = _declared("local_difference_reconstruction", "arXiv:2212.10352", exact_when=_INVERSE)
    rule = staticmethod(feedback_losses.local_difference)


@dataclass(frozen=True, kw_only=True)
class FixedDifferenceTarget(TargetPropagation):
    """FW-DTP: feedback stays as it starts."""

    declaration = _declared("fixed_difference_target", "arXiv:2212.10352", 2, _INVERSE)
    start: Start = field(default=Uniform(0.001))

    def output_target(self, output: jax.Array, goal: Goal) -> jax.Array:
        """Step along the gradient of each trial's loss."""
        return per_trial(output, goal, self.stepsize)
