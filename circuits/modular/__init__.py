"""Modular recurrent circuits that relax: Adjoint Propagation, equilibrium propagation, predictive coding."""

from circuits.modular.modular_rnn import ModularRNN, Plasticity
from circuits.modular.region import Region, layout, pieces
from circuits.modular.wiring import Mode

__all__ = ["Mode", "ModularRNN", "Plasticity", "Region", "layout", "pieces"]
