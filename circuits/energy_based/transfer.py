"""Firing functions of relaxing circuits, each with its slope.

Energy-based circuits need the slope of the firing function as a signal of its own, and at the corners of a
clipped function they need one particular value of it (1, on the closed interval), so both are written out.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.errors import choose
from jaxtyping import Array, Float

Curve = Callable[[Float[Array, "..."]], Float[Array, "..."]]


class Transfer(NamedTuple):
    """A firing function and its slope.

    Parameters
    ----------
    value
        Firing rate as a function of the state.
    slope
        Derivative of the firing rate with respect to the state.
    """

    value: Curve
    slope: Curve


def _clipped(gain: float, low: float, high: float) -> Transfer:
    def slope(s: Float[Array, "..."]) -> Float[Array, "..."]:
        inside = (gain * s >= low) & (gain * s <= high)
        return gain * inside.astype(s.dtype)

    return Transfer(lambda s: jnp.clip(gain * s, low, high), slope)


def _steep_sigmoid(s: Float[Array, "..."]) -> Float[Array, "..."]:
    return jax.nn.sigmoid(4 * s - 2)


def _steep_sigmoid_slope(s: Float[Array, "..."]) -> Float[Array, "..."]:
    rate = _steep_sigmoid(s)
    return 4 * rate * (1 - rate)


TRANSFERS: dict[str, Transfer] = {
    "linear": Transfer(lambda s: s, jnp.ones_like),
    "tanh": Transfer(jnp.tanh, lambda s: 1 - jnp.tanh(s) ** 2),
    "steep_sigmoid": Transfer(_steep_sigmoid, _steep_sigmoid_slope),
    "hard_sigmoid": _clipped(1.0, 0.0, 1.0),
    "half_hard_sigmoid": _clipped(0.5, 0.0, 1.0),
    "centred_hard_sigmoid": _clipped(1.0, -0.5, 0.5),
}
"""``steep_sigmoid`` is ``1 / (1 + exp(-4 (s - 1/2)))``, ``hard_sigmoid`` is ``clip(s, 0, 1)``, ``half_hard_sigmoid``
is ``clip(s / 2, 0, 1)`` and ``centred_hard_sigmoid`` is ``clip(s, -1/2, 1/2)``."""


def transfer(name: str) -> Transfer:
    """Return the firing function with this name, and its slope.

    Raises
    ------
    CircuitError
        If there is none of that name.

    Examples
    --------
    >>> f = transfer("hard_sigmoid")
    >>> float(f.value(jnp.float32(0.25))), float(f.slope(jnp.float32(0.0)))
    (0.25, 1.0)
    """
    return choose(name, TRANSFERS, "firing function")
