"""The target-propagation family: descending streams that carry targets, and direct projections of the target."""

from circuits.dual_stream.target.direct import DirectError, DirectRandomTarget
from circuits.dual_stream.target.ernoult import LocalDifferenceReconstructionErnoult
from circuits.dual_stream.target.feedback_losses import Noise
from circuits.dual_stream.target.meulemans import DifferenceReconstructionMeulemans, DifferenceTargetMeulemans
from circuits.dual_stream.target.released import (
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
