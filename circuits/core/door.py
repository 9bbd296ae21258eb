"""The door through which weights from outside enter a circuit: a connectome, a mask, what another run has learned.

It knows the invariants of training: only synapses that exist, signs that stay, no cell onto itself where the circuit
has none. What breaks one is refused with the names of the cells, or set to zero where the caller says so. The same
door stands at the construction of a circuit, for every seed.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import nearest, require
from biocredit.circuits.core.projections import Projection

Arrays = Mapping[str, Any]

#: So many synapses a message names.
NAMED = 3


def offenders(name: str, entry: Projection, tree: Arrays, signs: Arrays) -> dict[str, np.ndarray]:
    """Where the weights of a projection break an invariant, by what is wrong with them.

    Parameters
    ----------
    name, entry
        Of the projection.
    tree
        Arrays by name, its mask among them.
    signs
        Signs that its weights must have, 0 where they are free, by name; they broadcast against the weights.
    """
    weight, found = np.asarray(tree[name]), {}
    if entry.mask is not None:
        exists = np.asarray(tree[entry.mask]) != 0
        found["synapses that do not exist here"] = (weight != 0) & ~exists
    if not entry.self_connections:
        own = np.eye(len(weight), dtype=bool)
        exists = weight != 0 if entry.mask is None else exists | (weight != 0)
        found["synapses of a cell onto itself, of which there are none"] = exists & own
    if name in signs:
        found["weights of the wrong sign"] = weight * np.asarray(signs[name]) < 0
    return {what: where for what, where in found.items() if where.any()}


def conform(synapses: Mapping[str, Projection], tree: Arrays, signs: Arrays, *, fit: bool) -> tuple[dict, list[str]]:
    """Hold all weights against the invariants of training.

    Parameters
    ----------
    synapses, tree, signs
        The register; every array; signs by name of the weights.
    fit
        Whether what breaks an invariant is set to zero rather than refused.

    Returns
    -------
    tuple
        The arrays, and what was set to zero, a line each.

    Raises
    ------
    CircuitError
        Unless ``fit``, if something breaks an invariant; it names the first cells.
    """
    tree, lines = dict(tree), []
    for name, entry in synapses.items():
        for what, where in offenders(name, entry, tree, signs).items():
            line = f"{name}: {np.count_nonzero(where)} {what} ({_cells(where)})"
            require(fit, f"{line}; give weights that fit, or write(..., fit=True) to set them to zero")
            tree[name] = np.where(where, 0, tree[name])
            if entry.mask is not None and not entry.self_connections:
                tree[entry.mask] = np.where(np.eye(len(where), dtype=bool), 0, tree[entry.mask])
            lines.append(f"{line} are zero now")
    return tree, lines


def _cells(where: np.ndarray) -> str:
    pairs = [" -> ".join(map(str, place)) for place in np.argwhere(where)[:NAMED]]
    return ", ".join(pairs) + (", ..." if np.count_nonzero(where) > NAMED else "")


def enclosed(drawn: Arrays, synapses: Mapping[str, Projection], weights: Arrays, mask: Arrays) -> dict[str, np.ndarray]:
    """Put given weights and masks in place of drawn ones; weights without a mask bring theirs along.

    Parameters
    ----------
    drawn
        What a seed gives, by name; names that are not among it are for another part of the circuit.
    synapses
        The register.
    weights
        Given arrays, by name.
    mask
        Given masks, 1 where a synapse exists, by name of the projection.

    Raises
    ------
    CircuitError
        For a wrong shape, a mask of weights that have none, or one whose synapses have no drawn weight.
    """
    values = dict(drawn)
    for name in (name for name in mask if name in drawn):
        entry = synapses.get(name)
        require(entry is not None and entry.mask is not None, f"{name} has no mask: every synapse of it exists")
        exists = _fitting(f"mask of {name}", mask[name], drawn[name]) != 0
        empty = exists & (np.asarray(drawn[entry.mask]) == 0)
        lacking = f"mask of {name}: {np.count_nonzero(empty)} synapses have no drawn weight ({_cells(empty)})"
        require(name in weights or not empty.any(), f"{lacking}: give weights too, or draw densely")
        values[entry.mask] = exists.astype(np.asarray(drawn[entry.mask]).dtype)
        values[name] = np.asarray(drawn[name]) * exists
    for name in (name for name in weights if name in drawn):
        values[name] = _fitting(name, weights[name], drawn[name])
        brings = name in synapses and synapses[name].mask is not None
        if brings and name not in mask and synapses[name].mask not in weights:
            own = synapses[name].mask
            values[own] = (values[name] != 0).astype(np.asarray(drawn[own]).dtype)
    return values


def alike(name: str, value: Any, like: Any) -> np.ndarray:
    """Return an array in the shape and type of another; what would be lost in between is refused."""
    value, wanted = np.asarray(value), np.asarray(like)
    require(value.shape == wanted.shape, f"{name}: got shape {value.shape}, wanted {wanted.shape}")
    found = value.astype(wanted.dtype)
    exact = jnp.issubdtype(wanted.dtype, jnp.floating) or np.array_equal(found, value)
    require(exact, f"{name}: got {value.dtype}, wanted numbers that are {wanted.dtype}")
    return found


def _fitting(name: str, value: Any, like: Any) -> np.ndarray:
    found = alike(name, value, like)
    require(bool(np.isfinite(found).all()), f"{name}: not all of it is finite")
    return found


def given_first(draw: Callable[..., dict]) -> Callable[..., dict]:
    """Let what a circuit draws from a seed hold the weights and masks that it was given, whatever the seed."""

    @wraps(draw)
    def initial(self: Any, seed: int) -> dict[str, np.ndarray]:
        return self.enclosed(draw(self, seed))

    return initial


def unknown(given: Arrays, known: Mapping[str, Any], what: str) -> None:
    """Refuse a name that is not among the known ones."""
    for name in given:
        require(name in known, f"unknown {what} {name!r}: {nearest(name, known)}")
