"""Protocols: what is done to a circuit. Tasks, phases, interventions, recording, experiments."""

from importlib import import_module
from typing import Any

#: Where each public name lives; looked up on first use, so that the command line answers without JAX.
HOME = {
    "TwoPhase": "protocols.two_phase",
    "Online": "protocols.online",
    "Record": "protocols.recording",
    "amplitude": "protocols.recording",
    "Measure": "protocols.measuring",
    "RunError": "protocols.checkpoint",
}
ROOMS = ("tasks", "interventions", "experiments")

__all__ = [*HOME, *ROOMS]


def __getattr__(name: str) -> Any:
    if name in ROOMS:
        return import_module(f"protocols.{name}")
    if name not in HOME:
        raise AttributeError(f"module 'protocols' has no {name!r}: valid are {', '.join(sorted([*HOME, *ROOMS]))}")
    return getattr(import_module(HOME[name]), name)
