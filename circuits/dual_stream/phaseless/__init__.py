"""Phaseless alignment learning: feedback weights that learn from noise while time runs (arXiv 2212.10249)."""

from circuits.dual_stream.phaseless.microcircuit import PhaselessMicrocircuit
from circuits.dual_stream.phaseless.rate import PhaselessRate

__all__ = ["PhaselessMicrocircuit", "PhaselessRate"]
