"""What recorder and measures see of a run: a small frozen view."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.protocols.tasks.task import Task


@dataclass(frozen=True, eq=False)
class RunView:
    """A run at one moment.

    Attributes
    ----------
    circuit, task
        Who learns what.
    tree
        Persistent arrays of all networks by name, ``[seed, ...]``.
    seeds
        Seed of each network.
    epoch, update
        Passes through the task, and updates, done so far.
    batch_size
        Trials of one update.
    settings
        Settings of the phases, for each pass through the task in an epoch.
    observe
        Runs the probe trials slowly: ``observe(cuts)`` returns ``[seed, trial, time, neuron]`` by the names of
        ``cuts`` (what :meth:`biocredit.protocols.recording.record.Record.cut` returns), and the trial table.
    """

    circuit: Circuit
    task: Task
    tree: Tree
    seeds: tuple[int, ...]
    epoch: int
    update: int
    batch_size: int
    settings: tuple[Mapping[str, Any], ...] = ({},)
    observe: Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], Mapping[str, Any]]] | None = field(
        default=None, repr=False
    )

    def networks(self) -> Iterator[Tree]:
        """Yield the arrays of one network after the other."""
        for number in range(len(self.seeds)):
            yield {name: value[number] for name, value in self.tree.items()}

    def only(self, numbers: Sequence[int]) -> "RunView":
        """Return the view of some of the networks."""
        if len(numbers) == len(self.seeds):
            return self
        chosen = np.asarray(numbers, np.int32)
        tree = {name: value[chosen] for name, value in self.tree.items()}
        return replace(self, tree=tree, seeds=tuple(self.seeds[number] for number in numbers))
