"""Transfer functions by name, each with its slope; a function of one's own stands wherever a name does.

Adjoint Propagation never needs slopes (eLife 2026, 15:e108237); other rules need them as a signal of their own, with
one particular value at corners, so they are written out. Of a function of one's own JAX finds the slope.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.errors import choose, require

Curve = Callable[[jax.Array], jax.Array]


@dataclass(frozen=True)
class Activation:
    """A pointwise transfer function; calling it gives the rate at the potential ``z``.

    Parameters
    ----------
    name
        Name by which a user chooses it.
    value
        Rate as a function of the potential.
    slope
        Its derivative at the potential; at a corner, the smaller one-sided slope.
    closed_slope
        The same with the larger one-sided slope at corners, so that a clipped cell at its bound can leave it.
    slope_from_rate
        Its derivative as a function of the rate, where the rate tells it.
    """

    name: str
    value: Curve
    slope: Curve = field(compare=False)
    closed_slope: Curve = field(compare=False)
    slope_from_rate: Curve | None = field(default=None, compare=False)

    def __call__(self, z: jax.Array) -> jax.Array:
        """Rate at the potential ``z``."""
        return self.value(z)


def _smooth(name: str, value: Curve, slope: Curve, slope_from_rate: Curve | None = None) -> Activation:
    return Activation(name, value, slope, slope, slope_from_rate)


def _clipped(name: str, gain: float, low: float, high: float) -> Activation:
    def slope(z: jax.Array) -> jax.Array:
        return gain * ((gain * z > low) & (gain * z < high)).astype(z.dtype)

    def closed(z: jax.Array) -> jax.Array:
        return gain * ((gain * z >= low) & (gain * z <= high)).astype(z.dtype)

    return Activation(name, lambda z: jnp.clip(gain * z, low, high), slope, closed)


def _linear(z: jax.Array) -> jax.Array:
    return z


def _steep_sigmoid(z: jax.Array) -> jax.Array:
    return jax.nn.sigmoid(4 * z - 2)


def _steep_slope(rate: jax.Array) -> jax.Array:
    return 4 * rate * (1 - rate)


def _above_zero(z: jax.Array) -> jax.Array:
    return (z > 0).astype(z.dtype)


def _retanh(z: jax.Array) -> jax.Array:
    return jnp.maximum(jnp.tanh(z), 0)


def _retanh_slope(z: jax.Array) -> jax.Array:
    return (jnp.sign(z) + 1) / 2 * _tanh_slope(z)


def _tanh_slope(z: jax.Array) -> jax.Array:
    return 1 - jnp.tanh(z) ** 2


def _sigmoid_slope(z: jax.Array) -> jax.Array:
    return jax.nn.sigmoid(z) * jax.nn.sigmoid(-z)


ACTIVATIONS: dict[str, Activation] = {
    one.name: one
    for one in (
        _smooth("linear", _linear, jnp.ones_like, jnp.ones_like),
        _smooth("tanh", jnp.tanh, _tanh_slope, lambda y: 1 - y * y),
        _smooth("retanh", _retanh, _retanh_slope),
        _smooth("sign", jnp.sign, jnp.zeros_like),
        _smooth("sigmoid", jax.nn.sigmoid, _sigmoid_slope, lambda y: y * (1 - y)),
        _smooth("steep_sigmoid", _steep_sigmoid, lambda z: _steep_slope(_steep_sigmoid(z)), _steep_slope),
        Activation("relu", jax.nn.relu, _above_zero, lambda z: (z >= 0).astype(z.dtype), _above_zero),
        _clipped("relu6", 1.0, 0.0, 6.0),
        _clipped("hard_sigmoid", 1.0, 0.0, 1.0),
        _clipped("half_hard_sigmoid", 0.5, 0.0, 1.0),
        _clipped("centred_hard_sigmoid", 1.0, -0.5, 0.5),
        _smooth("elu", jax.nn.elu, lambda z: jnp.exp(jnp.minimum(z, 0))),
        _smooth("softplus", jax.nn.softplus, jax.nn.sigmoid),
    )
}
"""``steep_sigmoid`` is ``1 / (1 + exp(-4 (z - 1/2)))``, ``hard_sigmoid`` is ``clip(z, 0, 1)``, ``half_hard_sigmoid``
is ``clip(z / 2, 0, 1)``, ``centred_hard_sigmoid`` is ``clip(z, -1/2, 1/2)``, and ``retanh`` is ``max(tanh(z), 0)`` with
half a slope at 0 (arXiv 2506.06904)."""

#: Derivative as a function of the value, where the value tells it: f'(x) = SLOPES[f](f(x)).
SLOPES: dict[Any, Curve] = {
    function: one.slope_from_rate
    for one in ACTIVATIONS.values()
    if one.slope_from_rate
    for function in (one, one.value)
}


def activation(which: str | Curve) -> Activation:
    """Return a transfer function by name, or make one of a function of one's own.

    Parameters
    ----------
    which
        A name in :data:`ACTIVATIONS`, or a pointwise function of potentials that JAX can differentiate.

    Raises
    ------
    CircuitError
        If there is none of that name; if a function does not return one rate for each potential.

    Examples
    --------
    >>> float(activation("hard_sigmoid")(jnp.float32(3.0)))
    1.0
    >>> float(activation(lambda z: z**2).slope(jnp.float32(3.0)))
    6.0
    """
    if isinstance(which, Activation):
        return which
    return _own(which) if callable(which) else choose(which, ACTIVATIONS, "activation")


@cache
def _own(function: Curve) -> Activation:
    name = getattr(function, "__name__", type(function).__name__)
    potentials = jax.ShapeDtypeStruct((2, 3), jnp.float32)
    found = getattr(jax.eval_shape(function, potentials), "shape", None)
    require(found == (2, 3), f"transfer function {name}: of potentials (2, 3) it made {found}, wanted one rate each")

    def slope(z: jax.Array) -> jax.Array:
        return jax.jvp(function, (z,), (jnp.ones_like(z),))[1]

    return _smooth(name, function, slope)


def silent_at_rest(which: str | Curve) -> bool:
    """Whether f(0) = 0, so that a cell without input stays at zero."""
    with jax.ensure_compile_time_eval():
        return float(activation(which)(jnp.float32(0.0))) == 0.0
