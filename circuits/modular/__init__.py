"""Modular recurrent circuits that relax: regions with RI, SI, RE and SE blocks (Adjoint Propagation)."""

from biocredit.circuits.modular.modular_rnn import ModularRNN
from biocredit.circuits.modular.region import Region, layout, pieces
from biocredit.circuits.modular.spiking import FilteredSpikes
from biocredit.circuits.modular.weights import Plasticity
from biocredit.circuits.modular.wiring import Mode

__all__ = ["FilteredSpikes", "Mode", "ModularRNN", "Plasticity", "Region", "layout", "pieces"]
