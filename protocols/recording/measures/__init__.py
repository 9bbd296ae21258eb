"""Measures: metrics of :mod:`analysis` taken while a protocol runs, and stored with its trace."""
