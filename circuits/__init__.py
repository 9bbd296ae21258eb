"""Circuits: what exists. Populations, projections, dynamics and local plasticity."""

from biocredit import lazily

#: Where each public name lives; looked up on first use.
HOME = {
    "ModularRNN": "circuits.modular",
    "Region": "circuits.modular",
    "Mode": "circuits.modular",
    "Plasticity": "circuits.modular",
    "EquilibriumPropagation": "circuits.energy_based",
    "PredictiveCoding": "circuits.energy_based",
    "RateRNN": "circuits.recurrent",
    "SpikingRNN": "circuits.recurrent",
    "LIF": "circuits.recurrent",
    "ALIF": "circuits.recurrent",
    "FiringRate": "circuits.recurrent",
    "DualStream": "circuits.dual_stream",
    "PhaselessRate": "circuits.microcircuit",
    "PhaselessMicrocircuit": "circuits.microcircuit",
    "Circuit": "circuits.core.circuit",
    "Batch": "circuits.core.circuit",
    "Outcome": "circuits.core.circuit",
    "CircuitError": "circuits.core.errors",
}

__all__ = list(HOME)
__getattr__, __dir__ = lazily(__name__, HOME)
