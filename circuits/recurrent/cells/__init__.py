"""Cell models. A new one is a file here: a subclass of :class:`~biocredit.circuits.recurrent.cells.model.CellModel`."""

from biocredit.circuits.recurrent.cells.integrate_and_fire import ALIF, LIF, IntegrateAndFire
from biocredit.circuits.recurrent.cells.leaky_rate import LEAKS, LeakyRate, RateLeaky
from biocredit.circuits.recurrent.cells.model import CellModel

__all__ = ["ALIF", "LEAKS", "LIF", "CellModel", "IntegrateAndFire", "LeakyRate", "RateLeaky"]
