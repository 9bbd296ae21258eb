"""Input and readout ports: arrays by name outside, one array of all channels inside."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import nearest, require


@dataclass(frozen=True)
class Ports:
    """Ports of one side of a circuit, in order.

    Parameters
    ----------
    sizes
        Number of channels by name of the port.
    weight
        Name of the weights of a lone port; of several, each adds its own name: ``W_in_cue``.

    Examples
    --------
    >>> Ports({"cue": 2}, "W_in").weights, Ports({"cue": 2, "go": 1}, "W_in").weights
    (('W_in',), ('W_in_cue', 'W_in_go'))
    """

    sizes: Mapping[str, int]
    weight: str

    def __hash__(self) -> int:
        """Equal ports hash alike."""
        return hash((tuple(self.sizes.items()), self.weight))

    @property
    def channels(self) -> int:
        """Number of channels of all ports."""
        return sum(self.sizes.values())

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the weights of each port."""
        lone = len(self.sizes) == 1
        return tuple(self.weight if lone else f"{self.weight}_{name}" for name in self.sizes)

    @property
    def biases(self) -> tuple[str, ...]:
        """Names of the biases of each port."""
        return tuple(f"b{name.removeprefix('W')}" for name in self.weights)

    @property
    def entries(self) -> tuple[tuple[str, str], ...]:
        """Ports and names of their weights."""
        return tuple(zip(self.sizes, self.weights, strict=True))

    def cuts(self) -> list[int]:
        """Where one port ends and the next begins."""
        return np.cumsum(list(self.sizes.values()))[:-1].tolist()

    def apart(self, values: jax.Array) -> dict[str, jax.Array]:
        """Cut the last axis into ports."""
        return dict(zip(self.sizes, jnp.split(values, self.cuts(), axis=-1), strict=True))

    def split(self, weights: jax.Array, axis: int = 0) -> dict[str, jax.Array]:
        """Cut a matrix of all channels into the weights of each port."""
        return dict(zip(self.weights, jnp.split(weights, self.cuts(), axis=axis), strict=True))

    def join(self, tree: Mapping[str, jax.Array]) -> jax.Array:
        """Join the weights of all ports along the channels."""
        parts = [tree[name] for name in self.weights]
        axis = 0 if self.weight == "W_in" else -1
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=axis)

    def given(self, arrays: Mapping[str, jax.Array], what: str) -> list[jax.Array]:
        """Return the arrays of all ports in order.

        Raises
        ------
        CircuitError
            For a port without an array or an array without a port. A lone port takes a lone array of any name.
        """
        names = [name for name in arrays if not is_when(name)]
        if len(self.sizes) == 1 and len(names) == 1:
            return [arrays[names[0]]]
        for name in names:
            require(name in self.sizes, f"no {what} called {name!r}: {nearest(name, self.sizes)}")
        for name in self.sizes:
            require(name in arrays, f"{what} {name!r} is missing: got {', '.join(names) or 'none'}")
        return [arrays[name] for name in self.sizes]


def is_when(name: str) -> bool:
    """Whether a target says where the readouts count, all of them (``"when"``) or one (``"when.choice"``)."""
    return name == "when" or name.startswith("when.")
