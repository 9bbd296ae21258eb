"""The target-propagation family: descending streams that carry targets, and direct projections of the target."""

from biocredit.circuits.dual_stream.pathways.target_propagation.direct_targets import DirectError, DirectRandomTarget
from biocredit.circuits.dual_stream.pathways.target_propagation.ernoult import LocalDifferenceReconstructionErnoult
from biocredit.circuits.dual_stream.pathways.target_propagation.feedback_losses import Noise
from biocredit.circuits.dual_stream.pathways.target_propagation.meulemans import (
    DifferenceReconstructionMeulemans,
    DifferenceTargetMeulemans,
)
from biocredit.circuits.dual_stream.pathways.target_propagation.released import (
    DifferenceReconstruction,
    DifferenceTarget,
    FixedDifferenceTarget,
    LocalDifferenceReconstruction,
)

__all__ = [
    "DifferenceReconstruction",
    "DifferenceReconstructionMeulemans",
    "DifferenceTarget",
    "DifferenceTargetMeulemans",
    "DirectError",
    "DirectRandomTarget",
    "FixedDifferenceTarget",
    "LocalDifferenceReconstruction",
    "LocalDifferenceReconstructionErnoult",
    "Noise",
]
