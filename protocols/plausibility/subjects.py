"""What there is to audit: every rule of the toolkit in a small circuit, by name, and the rules of a user's file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from biocredit.circuits import (
    EquilibriumPropagation,
    ModularRNN,
    PhaselessMicrocircuit,
    PhaselessRate,
    PredictiveCoding,
)
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.errors import nearest, require
from biocredit.circuits.dual_stream import PATHWAYS, DualStream
from biocredit.circuits.energy_based.equilibrium_dynamics import EnergyDescent
from biocredit.circuits.recurrent import RateRNN, SpikingRNN
from biocredit.circuits.recurrent.rules import RULES
from biocredit.protocols import tasks
from biocredit.protocols.plausibility import training

#: Cells of the two hidden layers, of the two types, and what a static and a temporal circuit are shown.
HIDDEN, TYPES = (7, 5), {"I": 3, "E": 6}


@dataclass(frozen=True)
class Subject:
    """One rule in one circuit, with a task that the circuit can do.

    Parameters
    ----------
    build
        ``build(task)`` returns the circuit.
    task
        ``task()`` returns the task.
    settings
        Of the phases.
    trained
        Builds the circuit whose training is part of the audit; ``None`` where none is.
    """

    build: Callable[[Any], Circuit]
    task: Callable[[], Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    trained: Callable[[Any], Circuit] | None = None


def digits() -> Any:
    """Return real digits, which need no download."""
    return tasks.digits()


def xor() -> Any:
    """Return a short delayed XOR."""
    return tasks.delayed_xor(cue=2, delay=2, n_train=32, n_test=16)


def pathway(name: str, hidden: tuple[int, ...] = HIDDEN) -> Callable[[Any], Circuit]:
    """Return how a dual stream with this pathway is built."""
    return lambda task: DualStream.for_task(task, name, hidden=hidden)


def rate(name: str) -> Callable[[Any], Circuit]:
    """Return how rate cells with this rule are built."""
    return lambda task: RateRNN.for_task(task, TYPES, rule=name, tau=4.0, mu=0.4)


def spiking(name: str) -> Callable[[Any], Circuit]:
    """Return how spiking cells with this rule are built."""
    return lambda task: SpikingRNN.for_task(task, TYPES, rule=name)


def relaxing(task: Any) -> Circuit:
    """Build layers that descend an energy."""
    return EquilibriumPropagation.for_task(task, HIDDEN, dynamics=EnergyDescent())


def modular(task: Any) -> Circuit:
    """Build two regions in a chain."""
    return ModularRNN.chain(task, regions=2, neurons=16)


#: Rules that are circuits of their own.
CIRCUITS = {
    "adjoint_propagation": Subject(modular, digits, {"error": "short_trajectory"}),
    "adjoint_propagation_end_point": Subject(modular, digits, {"error": "end_point"}),
    "equilibrium_propagation": Subject(relaxing, digits),
    "predictive_coding": Subject(lambda task: PredictiveCoding.for_task(task, HIDDEN), digits),
    "phaseless_rate": Subject(
        lambda task: PhaselessRate.for_task(task, HIDDEN),
        digits,
        trained=lambda task: PhaselessRate.for_task(task, training.HIDDEN),
    ),
    "phaseless_microcircuit": Subject(lambda task: PhaselessMicrocircuit.for_task(task, HIDDEN), digits),
}


def subjects() -> dict[str, Subject]:
    """Return everything that there is to audit by name."""
    static = {name: Subject(pathway(name), digits, trained=pathway(name, training.HIDDEN)) for name in PATHWAYS}
    temporal = {name: Subject(rate(name), xor) for name in RULES}
    spikes = {
        f"spiking/{name}": Subject(spiking(name), xor) for name, rule in RULES.items() if rule.running is not None
    }
    return {**CIRCUITS, **static, **temporal, **spikes}


#: Names of the literature for what is called differently here.
ALSO = {
    **{"bp": "transposed", "fa": "random", "dfa": "direct", "sf": "usf", "kp": "kolen_pollack", "wm": "weight_mirror"},
    **{"pal": "phaseless_rate", "pfa": "product", "pfa-o": "product_orthogonal", "sal": "self_assembling"},
    **{
        "ap": "adjoint_propagation",
        "ep": "equilibrium_propagation",
        "pc": "predictive_coding",
        "ccl": "counter_current",
    },
    **{"dtp": "difference_target", "drtp": "direct_random_target"},
}


def named(word: str) -> dict[str, Subject]:
    """Return a subject by name, or those of a Python file (its experiment's conditions).

    Raises
    ------
    CircuitError
        If nothing has this name.
    """
    if word.endswith(".py"):
        return _of_file(word)
    table = subjects()
    name = ALSO.get(word.lower(), word)
    require(name in table, f"unknown rule {word!r}: {nearest(word, table)}")
    return {name: table[name]}


def _of_file(path: str) -> dict[str, Subject]:
    from biocredit.protocols.experiments.own_file import load

    conditions = load(path).conditions
    return {label: Subject(one.network, one.task.make) for label, one in conditions.items()}
