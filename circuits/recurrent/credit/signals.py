"""The signals of a trial from which a temporal credit rule may choose."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import gain
from biocredit.circuits.recurrent.cells.model import CellModel, Constants, Seen

#: Names in the tree of what a rule keeps from trial to trial begin like this.
STATE = "rule."


class Neuron(NamedTuple):
    """A cell model with its constants, and how the readout filters what it sends.

    Attributes
    ----------
    cell, constants
        Cell model, constants by name.
    readout
        Decay and gain of the filter, ``None`` where the readout sees outputs as they are.
    """

    cell: CellModel
    constants: Constants
    readout: tuple[jax.Array, jax.Array] | None = None

    def seen(self, paths: str) -> Seen:
        """Return the cells as credit sees them, see :meth:`CellModel.seen`."""
        return self.cell.seen(self.constants, paths)


def state_of(tree: Tree) -> Tree:
    """What a rule keeps from trial to trial, by the rule's own names."""
    return {name.removeprefix(STATE): value for name, value in tree.items() if name.startswith(STATE)}


def in_tree(state: Tree) -> Tree:
    """Name what a rule keeps as the tree does."""
    return {STATE + name: value for name, value in state.items()}


def visible(needs: Iterable[str], signals: dict[str, Any]) -> dict[str, Any]:
    """Keep what a rule declares: locality holds by construction."""
    return {name: signals[name] for name in needs}


def transmission(signals: dict[str, Any]) -> jax.Array | None:
    """Gain of the recurrent synapses ``[time, trial]`` where it changes within the trial."""
    course = gain(signals["probe"], "W_rec", "learning", signals["gain"].dtype)
    return None if course is None else jnp.broadcast_to(course[:, None], signals["gain"].shape[:2])
