"""Leaky rate networks with cell types, and the temporal credit rules that can train them."""

from circuits.rate.deep_rewiring import deep_rewiring, tf1_adam
from circuits.rate.rate_rnn import RateRNN
from circuits.rate.rules import RULES

__all__ = ["RULES", "RateRNN", "deep_rewiring", "tf1_adam"]
