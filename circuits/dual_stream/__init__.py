"""Dual-stream circuits: one ascending stream, one descending stream per published proposal."""

from circuits.dual_stream.dual_stream import DualStream
from circuits.dual_stream.phaseless import PhaselessMicrocircuit, PhaselessRate
from circuits.dual_stream.streams import STREAMS

__all__ = ["STREAMS", "DualStream", "PhaselessMicrocircuit", "PhaselessRate"]
