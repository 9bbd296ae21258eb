"""Protocols: what is done to a circuit. Tasks, phases, interventions, recording, experiments."""

from biocredit import lazily

#: Where each public name lives; looked up on first use, so that the command line answers without JAX.
HOME = {
    "TwoPhase": "protocols.training.two_phase",
    "Online": "protocols.training.online",
    "Record": "protocols.recording.record",
    "amplitude": "protocols.recording.record",
    "Measure": "protocols.recording.measures.measure",
    "RunError": "protocols.training.checkpoint",
    "audit": "protocols.plausibility.auditing",
    "sweep": "protocols.execution.sweeps",
    "tasks": "protocols.tasks",
    "interventions": "protocols.interventions",
    "experiments": "protocols.experiments",
}

__all__ = list(HOME)
__getattr__, __dir__ = lazily(__name__, HOME)
