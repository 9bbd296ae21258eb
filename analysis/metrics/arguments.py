"""What every metric asks of its input, and how it says that a result is undefined.

Invalid input raises a `ValueError` that names the argument. A result that does not exist (the angle of a zero
vector, the CKA of constant activity) is NaN and comes with an `UndefinedWarning`.
"""

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

__all__ = ["ArrayLike", "UndefinedWarning", "Values", "as_finite", "as_pair", "layerwise", "undefined"]


ArrayLike: TypeAlias = Any
"""A number, nested lists of numbers, or an array of NumPy or JAX. Every metric checks its arguments itself, with
`as_finite` and `as_pair`, so that the message names the argument."""

Values: TypeAlias = float | Float[np.ndarray, "..."]
"""A number for single values, an array for arrays."""


class UndefinedWarning(RuntimeWarning):
    """A metric has no value for this input; NaN was returned."""


def undefined(reason: str) -> float:
    """Warn that a metric has no value and return NaN.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     undefined("angle of a zero vector")
    nan
    """
    warnings.warn(f"undefined, NaN returned: {reason}", UndefinedWarning, stacklevel=3)
    return float("nan")


def as_finite(name: str, value: ArrayLike, ndim: int | None = None) -> Float[np.ndarray, "..."]:
    """Turn an argument into a float64 array of finite numbers.

    Parameters
    ----------
    name : str
        Name of the argument, for the error message.
    value : array_like
        NumPy or JAX array, or nested lists of numbers.
    ndim : int, optional
        Number of axes that is wanted; any number if left out.

    Raises
    ------
    ValueError
        If the value is not numeric, holds NaN or infinity, or has another number of axes.

    Examples
    --------
    >>> as_finite("weights", [[1, 2]], ndim=2)
    array([[1., 2.]])
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: wanted an array of numbers, got {type(value).__name__} ({error})") from None
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name}: wanted {ndim} axes, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: wanted finite numbers, got NaN or infinity among {array.size} entries")
    return array


def as_pair(names: tuple[str, str], a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Turn two arguments into finite float64 arrays of one shape.

    Raises
    ------
    ValueError
        If either is invalid or the shapes differ (nothing is broadcast).

    Examples
    --------
    >>> as_pair(("a", "b"), [1, 2], [3, 4])
    (array([1., 2.]), array([3., 4.]))
    """
    first, second = as_finite(names[0], a), as_finite(names[1], b)
    if first.shape != second.shape:
        raise ValueError(f"{names[1]}: wanted the shape {first.shape} of {names[0]}, got {second.shape}")
    return first, second


def layerwise(metric: Callable[..., Any]) -> Callable[..., Any]:
    """Let a metric of arrays also take dictionaries of layers.

    If the first argument is a mapping (layer name -> array), the metric is applied to every layer and a dictionary
    (layer name -> value) comes back. Other arguments that are mappings are looked up by the same names; everything
    else is passed on unchanged.

    Examples
    --------
    >>> @layerwise
    ... def total(a, b):
    ...     return a + b
    >>> total(1, 2), total({"V1": 1, "V2": 2}, {"V1": 10, "V2": 20})
    (3, {'V1': 11, 'V2': 22})
    """

    @functools.wraps(metric)
    def over_layers(*args: Any, **kwargs: Any) -> Any:
        if not (args and isinstance(args[0], Mapping)):
            return metric(*args, **kwargs)
        return {
            layer: metric(
                *(_of_layer(arg, layer) for arg in args),
                **{name: _of_layer(arg, layer) for name, arg in kwargs.items()},
            )
            for layer in args[0]
        }

    return over_layers


def _of_layer(argument: Any, layer: Any) -> Any:
    if not isinstance(argument, Mapping):
        return argument
    if layer not in argument:
        raise ValueError(f"layer {layer!r} is missing: got the layers {sorted(map(str, argument))}")
    return argument[layer]
