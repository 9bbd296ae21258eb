"""Operations that change the resolution of a feature map ``[trial, row, column, channel]``."""

from dataclasses import dataclass
from itertools import product

import jax
import jax.numpy as jnp
from biocredit.circuits.core.errors import require
from biocredit.circuits.dual_stream.ascending.operations import Operation
from jaxtyping import Array, Float

Map = Float[Array, "trial y x c"]


def _windows(h: jax.Array, window: int, stride: int) -> list[jax.Array]:
    """The same corner of every window, corner by corner in row-major order."""
    rows, columns = ((size - window) // stride * stride + 1 for size in h.shape[1:3])
    require(min(rows, columns) >= 1, f"a window of {window} does not fit a map of {h.shape[1]} x {h.shape[2]}")
    return [h[:, a : a + rows : stride, b : b + columns : stride] for a, b in product(range(window), repeat=2)]


def _pad(h: jax.Array, padding: int, value: float) -> jax.Array:
    around = (padding, padding)
    return jnp.pad(h, ((0, 0), around, around, (0, 0)), constant_values=value)


@dataclass(frozen=True)
class MaxPool(Operation):
    """Largest rate of each window; the error returns to the first largest one in row-major order."""

    window: int = 2
    stride: int = 2
    padding: int = 0

    def __call__(self, h: Map) -> Map:
        """Pool."""
        first, *others = _windows(_pad(h, self.padding, -jnp.inf), self.window, self.stride)
        for other in others:
            first = jnp.where(first >= other, first, other)
        return first


@dataclass(frozen=True)
class AveragePool(Operation):
    """Mean rate of each window; padding counts as silent units."""

    window: int = 2
    stride: int = 2
    padding: int = 0

    def __call__(self, h: Map) -> Map:
        """Pool."""
        return sum(_windows(_pad(h, self.padding, 0.0), self.window, self.stride)) / self.window**2


@dataclass(frozen=True)
class GlobalAveragePool(Operation):
    """Mean rate of every channel."""

    def __call__(self, h: Map) -> Float[Array, "trial c"]:
        """Pool."""
        return h.mean(axis=(1, 2))


@dataclass(frozen=True)
class Upsample(Operation):
    """Repeat every unit ``factor`` times along rows and columns (nearest neighbour)."""

    factor: int = 2

    def __call__(self, h: Map) -> Map:
        """Upsample."""
        return jnp.repeat(jnp.repeat(h, self.factor, axis=1), self.factor, axis=2)


@dataclass(frozen=True)
class Subsample(Operation):
    """Shortcut without parameters: every ``stride``-th row and column, silent channels added on both sides.

    Parameters
    ----------
    stride
        Step along rows and columns.
    added
        Channels added in all, half of them before and half after the present ones (arXiv 1512.03385, option A).
    """

    stride: int = 2
    added: int = 0

    def __post_init__(self):
        require(
            self.added % 2 == 0, f"as many channels are added before as after: wanted an even number, got {self.added}"
        )

    def __call__(self, h: Map) -> Map:
        """Subsample and pad."""
        side = self.added // 2
        return jnp.pad(h[:, :: self.stride, :: self.stride], ((0, 0), (0, 0), (0, 0), (side, side)))
