"""Modular recurrent circuits that relax: Adjoint Propagation, equilibrium propagation, predictive coding."""

from circuits.modular.equilibrium import EnergyDescent, FixedPointIteration
from circuits.modular.equilibrium_propagation import EquilibriumPropagation
from circuits.modular.modular_rnn import ModularRNN
from circuits.modular.predictive_coding import PredictiveCoding
from circuits.modular.region import Region, layout, pieces
from circuits.modular.symmetric import Symmetric
from circuits.modular.weights import Plasticity
from circuits.modular.wiring import Mode

__all__ = [
    "EnergyDescent",
    "EquilibriumPropagation",
    "FixedPointIteration",
    "Mode",
    "ModularRNN",
    "Plasticity",
    "PredictiveCoding",
    "Region",
    "Symmetric",
    "layout",
    "pieces",
]
