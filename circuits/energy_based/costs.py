"""What the output of a relaxing circuit is nudged towards.

A cost is a value per trial and its gradient with respect to the output state; the gradient, times the strength
of nudging, is the force on the output neurons.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.errors import choose
from jaxtyping import Array, Float

Output = Float[Array, "batch classes"]


class Cost(NamedTuple):
    """A cost of the output and its gradient.

    Parameters
    ----------
    value
        ``value(output, target) -> cost`` of each trial, shape ``[batch]``.
    gradient
        Derivative of the cost of a trial with respect to its output, shape ``[batch, classes]``.
    """

    value: Callable[[Output, Output], Float[Array, " batch"]]
    gradient: Callable[[Output, Output], Output]


def _squared(factor: float) -> Cost:
    return Cost(
        lambda output, target: factor * jnp.sum((output - target) ** 2, axis=-1),
        lambda output, target: 2 * factor * (output - target),
    )


def _cross_entropy(output: Output, target: Output) -> Float[Array, " batch"]:
    return -jnp.sum(target * jax.nn.log_softmax(output), axis=-1)


COSTS: dict[str, Cost] = {
    "half_squared_error": _squared(0.5),
    "squared_error": _squared(1.0),
    "cross_entropy": Cost(_cross_entropy, lambda output, target: jax.nn.softmax(output) - target),
}
"""``squared_error`` is ``|s - y|^2`` (the released program of Scellier and Bengio), ``half_squared_error`` half of it
(the papers); ``target`` is one-hot for ``cross_entropy``."""


def cost_named(name: str) -> Cost:
    """Return the cost with this name.

    Raises
    ------
    CircuitError
        If there is none of that name.

    Examples
    --------
    >>> cost_named("squared_error").value(jnp.ones((1, 3)), jnp.zeros((1, 3))).tolist()
    [3.0]
    """
    return choose(name, COSTS, "cost")
