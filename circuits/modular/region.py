"""Regions and their blocks: which neurons receive and send inference and error (eLife 2026, 15:e108237)."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.activations import Curve
from biocredit.circuits.core.activations import activation as activation_named
from biocredit.circuits.core.described import Described
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.sizes import count, fits
from biocredit.circuits.modular.spiking import FilteredSpikes

#: Piece of the region (counted from 1) that holds each role, by layout code n_U; 0 means the whole region.
LAYOUTS: dict[int, dict[str, int]] = {
    1: {"RI": 0, "SI": 0, "RE": 0, "SE": 0},
    2: {"RI": 1, "SI": 1, "RE": 2, "SE": 2},
    -2: {"RI": 1, "SI": 2, "RE": 2, "SE": 1},
    4: {"RI": 1, "SI": 2, "RE": 3, "SE": 4},
}


class Block:
    """A named set of neurons of a region; consecutive neurons are taken as a slice, which is faster.

    Parameters
    ----------
    neurons
        Neuron numbers, without repetition.
    """

    def __init__(self, neurons: np.ndarray):
        self.neurons = np.asarray(neurons, np.int64)
        size = len(self.neurons)
        consecutive = size > 0 and np.array_equal(self.neurons, np.arange(self.neurons[0], self.neurons[0] + size))
        self.where = slice(int(self.neurons[0]), int(self.neurons[0]) + size) if consecutive else self.neurons

    def __len__(self) -> int:
        return len(self.neurons)

    def take(self, state: jax.Array) -> jax.Array:
        """Return the block's part ``[..., n]`` of a state ``[..., N]``."""
        return state[..., self.where]

    def add(self, state: jax.Array, current: jax.Array) -> jax.Array:
        """Add a current ``[..., n]`` to the block's part of a state ``[..., N]``."""
        return state.at[..., self.where].add(current)


class Region(Described):
    """A recurrent module of rate neurons with named blocks.

    Parameters
    ----------
    size
        Number of neurons N.
    activation
        Transfer function, a name in :data:`biocredit.circuits.core.activations.ACTIVATIONS` or a function.
    bias
        Whether the neurons have biases. Without, a region that receives nothing stays silent.
    spiking
        Cells that spike in place of rate neurons with a transfer function.
    blocks
        Blocks by name. An integer takes the next so many neurons; anything else lists neuron numbers (a range, a
        slice, an index array), and blocks may then overlap or be empty.

    Raises
    ------
    CircuitError
        If a block does not fit into the region or repeats a neuron.

    Examples
    --------
    >>> Region(8, RI=2, SI=2, RE=2, SE=2).blocks["RE"].neurons
    array([4, 5])
    >>> len(Region(8, RI=range(8), SI=range(4, 8)).blocks["RI"])
    8
    """

    def __init__(
        self,
        size: int,
        *,
        activation: str | Curve = "tanh",
        bias: bool = False,
        spiking: FilteredSpikes | None = None,
        **blocks: Any,
    ):
        fits((count(size, "neurons of a region"),) * 2, "recurrent weights")
        activation_named(activation)
        own = "cells that spike have no transfer function: leave out activation"
        require(spiking is None or activation == "tanh", own)
        self.spiking = spiking
        self.size, self.activation, self.bias = int(size), activation, bool(bias)
        self.blocks = _blocks(self.size, blocks)

    def __repr__(self) -> str:
        blocks = ", ".join(f"{name}={len(block)}" for name, block in self.blocks.items())
        return f"Region({self.size}, {activation_named(self.activation).name}, {blocks})"


def _blocks(size: int, wanted: Mapping[str, Any]) -> dict[str, Block]:
    blocks, following = {}, 0
    for name, which in wanted.items():
        if isinstance(which, int | np.integer):
            neurons, following = np.arange(following, following + int(which)), following + int(which)
        else:
            neurons = np.arange(size)[which] if isinstance(which, slice) else np.asarray(list(which), np.int64)
        inside = len(neurons) == 0 or (neurons.min() >= 0 and neurons.max() < size)
        require(inside, f"block {name} needs neurons beyond the {size} of the region")
        require(len(np.unique(neurons)) == len(neurons), f"block {name} names a neuron twice")
        blocks[name] = Block(neurons)
    return blocks


def layout(code: int, block: int, roles: Mapping[str, int] | None = None) -> tuple[int, dict[str, np.ndarray]]:
    """Return region size and role neurons of a published layout.

    Parameters
    ----------
    code
        1: every neuron has every role; 2: inference against error neurons; -2: receivers of inference send error;
        4 or more: four disjoint blocks, further pieces have no role.
    block
        Neurons in one piece n_B; the region has ``block * abs(code)`` neurons.
    roles
        Number of neurons actually used in a role, the first ones of its piece; all by default.

    Raises
    ------
    CircuitError
        For another code, or a role larger than its piece.

    Examples
    --------
    >>> layout(-2, 3)[1]["SE"]
    array([0, 1, 2])
    """
    known = code in LAYOUTS or code > 4
    require(known, f"unknown layout {code}: valid are 1, 2, -2, 4 and every number above 4")
    require(block >= 1, f"block must be at least 1, got {block}")
    size, used = block * abs(code), dict(roles or {})
    neurons = {}
    for role, piece in LAYOUTS.get(code, LAYOUTS[4]).items():
        count = used.pop(role, None)
        count = block if count is None else count
        require(0 < count <= block, f"{role} must use 1 to {block} neurons of its block, got {count}")
        start = max(piece - 1, 0) * block
        neurons[role] = np.arange(start, start + count)
    require(not used, f"unknown roles {sorted(used)}: valid are RI, SI, RE, SE")
    return size, neurons


def pieces(count: int, size: int) -> dict[str, range]:
    """Return ``count`` equal consecutive blocks b1, b2, ... of a region of ``size`` neurons."""
    require(size % count == 0, f"{size} neurons do not divide into {count} equal blocks")
    width = size // count
    return {f"b{k + 1}": range(k * width, (k + 1) * width) for k in range(count)}


def runs(blocks: list[Block], size: int) -> tuple[slice, ...]:
    """Return the stretches of consecutive neurons that belong to at least one of these blocks.

    Examples
    --------
    >>> runs([Block(np.arange(2)), Block(np.array([1, 2, 5]))], 8)
    (slice(0, 3, None), slice(5, 6, None))
    """
    member = np.zeros(size + 2, np.int8)
    for block in blocks:
        member[block.neurons + 1] = 1
    starts, stops = np.flatnonzero(np.diff(member) == 1), np.flatnonzero(np.diff(member) == -1)
    return tuple(slice(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True))


def zeros(batch: int, size: int, dtype: jnp.dtype) -> jax.Array:
    """Return the state of a silent region, ``[batch, size]``."""
    return jnp.zeros((batch, size), dtype)
