"""Transfer functions by name.

Adjoint Propagation never needs their derivatives (eLife 2026, 15:e108237); other rules take them from JAX or
state them beside the rule.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from biocredit.circuits.core.errors import choose

Activation = Callable[[jax.Array], jax.Array]


def _relu6(x: jax.Array) -> jax.Array:
    return jnp.clip(x, 0, 6)


def _hard_sigmoid(x: jax.Array) -> jax.Array:
    return jnp.clip(x, 0, 1)


def _linear(x: jax.Array) -> jax.Array:
    return x


ACTIVATIONS: dict[str, Activation] = {
    "linear": _linear,
    "tanh": jnp.tanh,
    "sign": jnp.sign,
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "relu6": _relu6,
    "hard_sigmoid": _hard_sigmoid,
    "elu": jax.nn.elu,
    "softplus": jax.nn.softplus,
}

#: Derivative as a function of the value, where the value tells it: f'(x) = SLOPES[f](f(x)).
SLOPES: dict[Activation, Activation] = {
    _linear: jnp.ones_like,
    jnp.tanh: lambda y: 1 - y * y,
    jax.nn.sigmoid: lambda y: y * (1 - y),
    jax.nn.relu: lambda y: (y > 0).astype(y.dtype),
}


def activation(name: str) -> Activation:
    """Return the transfer function with this name.

    Raises
    ------
    CircuitError
        If there is none of that name.

    Examples
    --------
    >>> float(activation("hard_sigmoid")(jnp.float32(3.0)))
    1.0
    """
    return choose(name, ACTIVATIONS, "activation")


def silent_at_rest(name: str) -> bool:
    """Whether f(0) = 0, so that a cell without input stays at zero."""
    with jax.ensure_compile_time_eval():
        return float(activation(name)(jnp.float32(0.0))) == 0.0
