"""Dual-stream circuits: one ascending stream, one descending pathway per published proposal."""

from biocredit.circuits.dual_stream.dual_stream import DualStream
from biocredit.circuits.dual_stream.pathways import PATHWAYS

__all__ = ["PATHWAYS", "DualStream"]
