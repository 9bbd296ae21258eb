"""Count the arithmetic of matrix products in a function, by reading its JAX program."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.extend import core


def product_operations(function: Callable, *arguments: Any) -> int:
    """Operations of all matrix products and convolutions that a function needs; a multiply-add is two operations.

    What does not reach the output is not counted. Convolutions count as they are written: zeros of a dilated or padded
    input are multiplied like others. Loops count as often as they run; of alternatives (the forms of a computation for
    different devices, too) the longest counts.

    Parameters
    ----------
    function
        A function that JAX can trace.
    *arguments
        Arrays, or ``jax.ShapeDtypeStruct``.

    Raises
    ------
    ValueError
        If there are products in a loop whose length is not known beforehand.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> product_operations(lambda w, x: x @ w, jnp.ones((3, 5)), jnp.ones((2, 3)))
    60
    """
    return _count(jax.make_jaxpr(function)(*arguments).jaxpr)


def _count(program: core.Jaxpr) -> int:
    total, needed = 0, {v for v in program.outvars if isinstance(v, core.Var)}
    for line in reversed(program.eqns):
        if needed & set(line.outvars):
            needed |= {v for v in line.invars if isinstance(v, core.Var)}
            total += _line(line)
    return total


def _line(line: core.JaxprEqn) -> int:
    name = line.primitive.name
    if name == "dot_general":
        (contracted, _), _ = line.params["dimension_numbers"]
        shape = line.invars[0].aval.shape
        return 2 * line.outvars[0].aval.size * int(np.prod([shape[axis] for axis in contracted]))
    if name == "conv_general_dilated":
        features = line.params["dimension_numbers"].rhs_spec[0]
        kernel = line.invars[1].aval
        return 2 * line.outvars[0].aval.size * kernel.size // kernel.shape[features]
    counts = [_count(program) for program in _inside(line)]
    inner = max(counts, default=0) if name == "cond" else sum(counts)
    if name == "while" and inner:
        raise ValueError("cannot count matrix products in a loop of unknown length")
    return inner * line.params["length"] if name == "scan" else inner


def _inside(line: core.JaxprEqn) -> Iterator[core.Jaxpr]:
    """Programs within a line: bodies of loops, functions."""
    for value in line.params.values():
        for one in value if isinstance(value, tuple) else (value,):
            one = getattr(one, "jaxpr", one)
            if isinstance(one, core.Jaxpr):
                yield one
