"""Counter-current learning (Kao and Hariharan 2024, arXiv 2409.19841)."""

from biocredit.circuits.dual_stream.pathways.counter_current.comparisons import (
    PRINTED,
    RELEASED_AUTOENCODER,
    RELEASED_CONVOLUTIONAL,
    RELEASED_DENSE,
    MatchedMaps,
    Similarity,
)
from biocredit.circuits.dual_stream.pathways.counter_current.pathway import CounterCurrent, PrintedCounterCurrent

__all__ = [
    "PRINTED",
    "RELEASED_AUTOENCODER",
    "RELEASED_CONVOLUTIONAL",
    "RELEASED_DENSE",
    "CounterCurrent",
    "MatchedMaps",
    "PrintedCounterCurrent",
    "Similarity",
]
