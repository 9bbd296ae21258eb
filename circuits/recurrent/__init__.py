"""Circuits whose trials have time, of rate and of spiking cells, and the temporal credit rules that train them."""

from biocredit.circuits.recurrent.cells import ALIF, LIF, CellModel
from biocredit.circuits.recurrent.credit.step_rule import StepRule
from biocredit.circuits.recurrent.credit.temporal_rule import TemporalRule
from biocredit.circuits.recurrent.deep_rewiring import deep_rewiring, tf1_adam
from biocredit.circuits.recurrent.rate_rnn import RateRNN
from biocredit.circuits.recurrent.regularisation import FiringRate
from biocredit.circuits.recurrent.rules import RULES
from biocredit.circuits.recurrent.spiking_rnn import SpikingRNN
from biocredit.circuits.recurrent.temporal_circuit import TemporalCircuit

__all__ = [
    "ALIF",
    "LIF",
    "RULES",
    "CellModel",
    "FiringRate",
    "RateRNN",
    "SpikingRNN",
    "StepRule",
    "TemporalCircuit",
    "TemporalRule",
    "deep_rewiring",
    "tf1_adam",
]
