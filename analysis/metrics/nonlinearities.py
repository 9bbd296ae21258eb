"""Activation functions and their derivatives, in NumPy, by name.

The derivative takes the total input (the argument of the activation); at a kink it is 0.
"""

import difflib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit

__all__ = ["ACTIVATIONS", "Activation", "activation_named"]


class Activation(NamedTuple):
    """A pointwise function and its derivative, both of the total input."""

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda a: a, np.ones_like),
    "tanh": Activation(np.tanh, lambda a: 1.0 - np.tanh(a) ** 2),
    "sigmoid": Activation(expit, lambda a: expit(a) * expit(-a)),
    "relu": Activation(lambda a: np.maximum(a, 0.0), lambda a: (a > 0).astype(a.dtype)),
    "relu6": Activation(lambda a: np.clip(a, 0.0, 6.0), lambda a: ((a > 0) & (a < 6)).astype(a.dtype)),
    "hard_sigmoid": Activation(lambda a: np.clip(a, 0.0, 1.0), lambda a: ((a > 0) & (a < 1)).astype(a.dtype)),
    "sign": Activation(np.sign, np.zeros_like),
}


def activation_named(activation: str | Activation) -> Activation:
    """Look an activation up by name, or pass a pair (value, slope) through.

    Raises
    ------
    ValueError
        If the name is unknown; the nearest known one is suggested.

    Examples
    --------
    >>> activation_named("tanh").slope(np.zeros(2))
    array([1., 1.])
    """
    if not isinstance(activation, str):
        return Activation(*activation)
    if activation in ACTIVATIONS:
        return ACTIVATIONS[activation]
    near = difflib.get_close_matches(activation, ACTIVATIONS, n=1, cutoff=0.0)[0]
    raise ValueError(f"activation: got {activation!r}, wanted one of {sorted(ACTIVATIONS)}; did you mean {near!r}?")
