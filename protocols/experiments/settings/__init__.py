"""Parts of configurations: frozen dataclasses of plain settings, which build circuits, tasks, ... when they are asked.

Nothing here imports JAX before it builds. A part of one's own is a frozen dataclass with the methods that the file of
its kind describes, or one of ``TaskNamed``, ``CircuitNamed``, ``Pathway`` and ``Rule`` around a function or class.
"""

from dataclasses import is_dataclass
from types import ModuleType

from biocredit.protocols.experiments.settings import circuits, credit, measures, optimizers, phases, spiking, tasks


def parts_in(module: ModuleType) -> dict[str, type]:
    """Return the dataclasses that a module defines by name."""
    own = {name: one for name, one in vars(module).items() if isinstance(one, type) and is_dataclass(one)}
    return {name: one for name, one in own.items() if one.__module__ == module.__name__}


#: Every part of the package by the name of its class.
PARTS: dict[str, type] = {
    name: one
    for module in (tasks, circuits, spiking, credit, optimizers, phases, measures)
    for name, one in parts_in(module).items()
}
