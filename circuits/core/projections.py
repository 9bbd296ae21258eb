"""What a circuit knows of its populations and its synapses, and what follows from it for their plasticity."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.credit_rule import Tree


@dataclass(frozen=True)
class Projection:
    """What the register knows of one weight array.

    Parameters
    ----------
    name
        Name of the array in the circuit's tree.
    pre, post
        Populations or blocks, such as ``"V1.SI"``.
    kind
        What the synapses are for: ``"inference"``, ``"recurrent"``, ``"feedback"``, ``"bias"``, ...
    plastic
        Whether a rule may change them.
    factor
        Multiplies the optimiser's step.
    decay
        Fraction of the weight lost at every update, not multiplied by the learning rate.
    mask
        Name of a 0/1 array in the tree; only synapses with 1 exist.
    sign
        ``"E"``, ``"I"``, ``"mixed"``: what the presynaptic cells may do; weights of ``"E"`` never become negative, of
        ``"I"`` never positive.
    self_connections
        Whether a cell may have a synapse onto itself.
    """

    name: str
    pre: str
    post: str
    kind: str
    plastic: bool = True
    factor: float = 1.0
    decay: float = 0.0
    mask: str | None = None
    sign: str = "mixed"
    self_connections: bool = True


@dataclass(frozen=True)
class Population:
    """What the register knows of one population of neurons.

    Parameters
    ----------
    name, size, kind
        Name, number of neurons, what they are (``"region"``, ``"readout"``, ``"ascending"``, ...).
    blocks
        Index sets of named parts: ``{"RI": array of neuron numbers}``.
    cell_type
        Name of the cell type of each neuron; empty if there is only one.
    """

    name: str
    size: int
    kind: str
    blocks: Mapping[str, np.ndarray] = field(default_factory=dict)
    cell_type: tuple[str, ...] = ()


def constrain_update(synapses: Projection, tree: Tree, update: jax.Array) -> jax.Array:
    """Mask and scale one additive update, then subtract the decay of the weight."""
    if synapses.factor != 1.0:
        update = update * synapses.factor
    if synapses.mask is not None:
        update = update * tree[synapses.mask].astype(update.dtype)
    if synapses.decay:
        update = update - synapses.decay * tree[synapses.name]
    return update


def keep_sign(weight: jax.Array, step: jax.Array, sign: jax.Array | float) -> jax.Array:
    """Shorten a step that would take a weight through zero; sign 0 is free."""
    return jnp.where(sign * (weight + step) < 0, -weight, step)


def projection_row(synapses: Projection, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Describe one weight array for the trace; density is the fraction of non-zero weights."""
    weight = np.asarray(variables[synapses.name].value)
    return {
        "name": synapses.name,
        "pre": synapses.pre,
        "post": synapses.post,
        "kind": synapses.kind,
        "plastic": synapses.plastic,
        "sign": synapses.sign,
        "density": float(np.count_nonzero(weight) / max(weight.size, 1)),
    }
