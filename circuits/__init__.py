"""Circuits: what exists. Populations, projections, dynamics and local plasticity."""
