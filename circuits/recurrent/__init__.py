"""Leaky rate networks with cell types, and the temporal credit rules that can train them."""

from biocredit.circuits.recurrent.deep_rewiring import deep_rewiring, tf1_adam
from biocredit.circuits.recurrent.rate_rnn import RateRNN
from biocredit.circuits.recurrent.rules import RULES

__all__ = ["RULES", "RateRNN", "deep_rewiring", "tf1_adam"]
