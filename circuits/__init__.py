"""Circuits: what exists. Populations, projections, dynamics and local plasticity."""

from importlib import import_module
from typing import Any

#: Where each public name lives; looked up on first use.
HOME = {
    "ModularRNN": "circuits.modular",
    "Region": "circuits.modular",
    "Mode": "circuits.modular",
    "Plasticity": "circuits.modular",
    "EquilibriumPropagation": "circuits.modular",
    "PredictiveCoding": "circuits.modular",
    "RateRNN": "circuits.rate",
    "DualStream": "circuits.dual_stream",
    "PhaselessRate": "circuits.dual_stream",
    "PhaselessMicrocircuit": "circuits.dual_stream",
    "Circuit": "circuits.circuit",
    "Batch": "circuits.circuit",
    "Outcome": "circuits.circuit",
    "CircuitError": "circuits.errors",
}

__all__ = list(HOME)


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"module 'circuits' has no {name!r}: valid are {', '.join(sorted(HOME))}")
    return getattr(import_module(HOME[name]), name)
