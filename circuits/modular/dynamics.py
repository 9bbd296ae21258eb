"""Settling of modular networks, without and with an output error (eLife 2026, 15:e108237).

Row vectors throughout: a state is ``[trial, neuron]``, a weight ``[pre, post]``. One iteration of a region is
``h <- f(h W + b + c)`` with the clamp current ``c`` held.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from biocredit.circuits.core.activations import activation, silent_at_rest
from biocredit.circuits.modular.region import Region


def operand(weight: jax.Array, precision: str) -> jax.Array:
    """Prepare a weight for many products: cast it once where operands are to be bfloat16, on any device."""
    return weight.astype(jnp.bfloat16) if precision == "bfloat16" else weight


def product(state: jax.Array, weight: jax.Array) -> jax.Array:
    """Multiply ``[trial, pre] @ [pre, post]``; low-precision operands accumulate in the type of the state."""
    return jnp.matmul(state.astype(weight.dtype), weight, preferred_element_type=state.dtype)


def settle(
    region: Region,
    weight: jax.Array,
    current: jax.Array,
    iterations: int,
    *,
    start: jax.Array | None = None,
    awake: tuple[slice, ...] | None = None,
    precision: str = "float32",
    probe: Callable[[jax.Array], jax.Array] | None = None,
) -> jax.Array:
    """Iterate one region with a constant current: ``h(k+1) = f(h(k) W + current)``.

    Parameters
    ----------
    region
        Gives size and transfer function.
    weight
        Recurrent weights ``[N, N]``.
    current
        Clamp current plus bias ``[trial, N]``, present at every iteration.
    iterations
        Number T of applications of f.
    start
        State before the first iteration; at rest (zero) by default, which saves the first product.
    awake
        Stretches of neurons that can be active after the first iteration from rest: only their rows enter the second
        product. All by default.
    precision
        A name in :data:`biocredit.circuits.core.precision.MATMUL_PRECISIONS`.
    probe
        Changes the rates after every iteration (an intervention).

    Returns
    -------
    jax.Array
        ``h(T)``, ``[trial, N]``.
    """
    if region.spiking is not None:
        return fire(region, operand(weight, precision), current, iterations, probe)[0]
    f, probe = activation(region.activation), probe or (lambda rate: rate)
    weight = operand(weight, precision)
    done = 0
    rate = start
    if start is None:
        rate, done = probe(f(current)), 1
        if awake is not None and iterations > 1:
            recurrent = sum(product(rate[..., run], weight[run]) for run in awake)
            rate = probe(f(recurrent + current))
            done = 2

    def iterate(_: jax.Array, rate: jax.Array) -> jax.Array:
        return probe(f(product(rate, weight) + current))

    return jax.lax.fori_loop(done, iterations, iterate, rate)


def trajectory(
    region: Region,
    weight: jax.Array,
    current: jax.Array,
    iterations: int,
    start: jax.Array,
    probe: Callable[[jax.Array], jax.Array] | None = None,
) -> jax.Array:
    """Return every state ``h(1) .. h(T)`` of :func:`settle`, ``[time, trial, N]``."""
    if region.spiking is not None:
        return fire(region, weight, current, iterations, probe, whole=True)[1]
    f, probe = activation(region.activation), probe or (lambda rate: rate)

    def iterate(rate: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        rate = probe(f(product(rate, weight) + current))
        return rate, rate

    return jax.lax.scan(iterate, start, None, length=iterations)[1]


def fire(
    region: Region,
    weight: jax.Array,
    current: jax.Array,
    iterations: int,
    probe: Callable[[jax.Array], jax.Array] | None = None,
    *,
    whole: bool = False,
) -> tuple[jax.Array, jax.Array | None]:
    """Run cells that spike from rest with a constant current: rates at the end, and at every step if asked for."""
    cells, probe = region.spiking, probe or (lambda rate: rate)

    def step(carry: tuple, _: None) -> tuple[tuple, jax.Array | None]:
        firing, rate = carry
        firing = cells.advance(firing, product(rate, weight) + current)
        rate = probe(cells.rate(firing))
        return (firing, rate), rate if whole else None

    start = cells.rest(current.shape, current.dtype), jnp.zeros_like(current)
    (_, rate), course = jax.lax.scan(step, start, None, length=iterations)
    return rate, course


def wakes_by_current_alone(region: Region) -> bool:
    """Whether, from rest, only neurons that receive a current become active in the first iteration."""
    return region.spiking is None and not region.bias and silent_at_rest(region.activation)


def residual(region: Region, weight: jax.Array, current: jax.Array, rate: jax.Array) -> jax.Array:
    """Return how far a state is from its fixed point: the largest ``|h - f(h W + current)|``.

    With end-point errors this drift is counted as error; it should be far below the error itself.
    """
    return jnp.max(jnp.abs(rate - activation(region.activation)(product(rate, weight) + current)))
