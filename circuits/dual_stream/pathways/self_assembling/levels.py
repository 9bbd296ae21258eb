"""The levels at which an ascending and a descending population face each other."""

from itertools import pairwise
from typing import NamedTuple

from biocredit.circuits.core.errors import require
from biocredit.circuits.dual_stream.ascending.operations import Transfer
from biocredit.circuits.dual_stream.ascending.stack import Nodes
from biocredit.circuits.dual_stream.ascending.stages import Dense


class AssemblyLevel(NamedTuple):
    """One hidden level.

    Attributes
    ----------
    stage, rate
        Paths of the stage whose synapses lead to the level, and of the transfer function that gives its rates. The
        second names the populations ``up.<rate>`` and ``down.<rate>``.
    above
        Path of the stage that leads on: its facing weights are ``down.<above>.Wbar``.
    next
        Path of the descending population that sends to the level: of the next level, or the output.
    size
        Ascending cells.
    """

    stage: str
    rate: str
    above: str
    next: str
    size: int

    def names(self) -> dict[str, str]:
        """Full names of the descending stream's weights at this level, by kind."""
        return {"Wbar": f"down.{self.above}.Wbar", "V": f"down.{self.rate}.V", "Vbar": f"down.{self.rate}.Vbar"}


def levels(nodes: Nodes) -> list[AssemblyLevel]:
    """Hidden levels of a fully connected stack, from the bottom up.

    Raises
    ------
    CircuitError
        If dense stages and transfer functions do not alternate, from a first to a last dense stage.

    Examples
    --------
    >>> from biocredit.circuits.dual_stream.ascending.presets import dense_stack
    >>> levels(dense_stack([5, 4, 2]))
    [AssemblyLevel(stage='layer1', rate='rate1', above='layer2', next='layer2', size=4)]
    """
    paths = list(nodes)
    kinds = [Dense, Transfer] * (len(paths) // 2) + [Dense]
    fits = len(paths) % 2 == 1 and all(isinstance(nodes[p], k) for p, k in zip(paths, kinds, strict=True))
    found = ", ".join(type(node).__name__ for node in nodes.values())
    require(fits, f"self-assembling learning needs Dense, Transfer, Dense, ..., Dense from the bottom up, got {found}")
    stages, rates = paths[::2], paths[1::2]
    senders = [*rates, stages[-1]][1:]
    return [
        AssemblyLevel(stage, rate, above, sender, nodes[stage].outputs)
        for (stage, above), rate, sender in zip(pairwise(stages), rates, senders, strict=True)
    ]
