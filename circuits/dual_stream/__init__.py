"""Dual-stream circuits: one ascending stream, one descending stream per published proposal."""
