"""Layered circuits that relax towards the minimum of an energy: equilibrium propagation, predictive coding."""

from biocredit.circuits.energy_based.equilibrium_dynamics import EnergyDescent, FixedPointIteration
from biocredit.circuits.energy_based.equilibrium_propagation import EquilibriumPropagation
from biocredit.circuits.energy_based.predictive_coding import PredictiveCoding
from biocredit.circuits.energy_based.symmetric import Symmetric

__all__ = ["EnergyDescent", "EquilibriumPropagation", "FixedPointIteration", "PredictiveCoding", "Symmetric"]
