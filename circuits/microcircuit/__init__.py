"""Phaseless alignment learning: feedback weights that learn from noise while time runs (arXiv 2212.10249)."""

from biocredit.circuits.microcircuit.dendritic import PhaselessMicrocircuit
from biocredit.circuits.microcircuit.rate_level import PhaselessRate

__all__ = ["PhaselessMicrocircuit", "PhaselessRate"]
