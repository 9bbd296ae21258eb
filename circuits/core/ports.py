"""What enters and leaves a static circuit by name: ports, matched to what a task gives."""

from collections.abc import Mapping
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import nearest, require

Ports = Mapping[str, int | tuple[int, ...]]
"""Number of channels, or shape of one trial, by name."""


def match(
    given: Mapping[str, jax.Array], wanted: Ports, what: str = "input", *, some: bool = False
) -> dict[str, jax.Array]:
    """Match arrays to ports by name, or one to one where there is only one of each; in the order of the ports.

    Parameters
    ----------
    given, wanted
        Arrays, and the ports of the circuit.
    what
        What they are, for messages.
    some
        Whether ports may be left out.

    Raises
    ------
    CircuitError
        For an unknown name, or where there is nothing for a port.
    """
    if len(given) == len(wanted) == 1:
        return {next(iter(wanted)): next(iter(given.values()))}
    several = len(wanted) == 1 and len(given) != 1
    require(not several, f"one {what} is wanted, {next(iter(wanted))!r}; got {sorted(given)}")
    for name in given:
        require(name in wanted, f"unknown {what} {name!r}: {nearest(name, wanted)}")
    missing = [name for name in wanted if name not in given]
    require(some or not missing, f"nothing for {what} {', '.join(map(repr, missing))}; got {sorted(given)}")
    return {name: given[name] for name in wanted if name in given}


def stimuli(
    given: Mapping[str, jax.Array], wanted: Ports, dtype: jnp.dtype, *, some: bool = False
) -> dict[str, jax.Array]:
    """Stimuli in the circuit's type, each in the shape of its port: ``[trial, *shape]``; arguments of :func:`match`.

    Raises
    ------
    CircuitError
        As :func:`match`; if a stimulus does not fit its port, has an axis of time, or (where values are known) is not
        finite.
    """
    return {name: _shaped(name, value, wanted[name], dtype) for name, value in match(given, wanted, some=some).items()}


def side_by_side(given: Mapping[str, jax.Array], wanted: Ports, dtype: jnp.dtype) -> jax.Array:
    """All stimuli as one, ``[trial, ..., channel]``: channels of several ports follow one another in their order."""
    found = list(stimuli(given, wanted, dtype).values())
    return found[0] if len(found) == 1 else jnp.concatenate(found, axis=-1)


def joined_shape(ports: Ports) -> tuple[int, ...]:
    """Shape of one trial of :func:`side_by_side`.

    Examples
    --------
    >>> joined_shape({"left": (8, 8, 1), "right": (8, 8, 2)}), joined_shape({"image": 64, "context": 2})
    ((8, 8, 3), (66,))
    """
    shapes = [_shape(port) for port in ports.values()]
    require(len({shape[:-1] for shape in shapes}) == 1, f"inputs of the shapes {shapes} cannot lie side by side")
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


def blank(ports: Ports, trials: int, dtype: jnp.dtype) -> dict[str, jax.Array]:
    """Stimuli of zeros for all ports."""
    return {name: jnp.zeros((trials, *_shape(port)), dtype) for name, port in ports.items()}


def _shape(port: int | tuple[int, ...]) -> tuple[int, ...]:
    return (port,) if isinstance(port, int | np.integer) else tuple(port)


def _shaped(name: str, value: jax.Array, port: int | tuple[int, ...], dtype: jnp.dtype) -> jax.Array:
    shape = _shape(port)
    x = jnp.asarray(value, dtype)
    fits = x.ndim > 0 and len(x) > 0 and (x.shape[1:] == shape or (x.ndim == 2 and x.shape[1] == prod(shape)))
    flat = len(shape) == 1 and x.ndim > 2 and prod(x.shape[1:]) == shape[0]
    got = f"input {name!r}: got shape {x.shape}, wanted (trials, {', '.join(map(str, shape))})"
    timed = x.ndim == len(shape) + 2 and x.shape[2:] == shape
    require(fits or flat, got + "; this circuit has no time within a trial" * timed)
    finite = isinstance(x, jax.core.Tracer) or bool(np.isfinite(np.asarray(x)).all())
    require(finite, f"input {name!r}: not all values are finite")
    return x.reshape(len(x), *shape)
