"""Cross-correlation of feature maps with kernels, in the form that each kind of device computes fastest.

Both forms are the same sum. XLA's own convolution is fast on GPUs; on CPUs it is fast only outside of loops, and in the
compiled loops of a protocol the change of a kernel takes up to 200 times as long as the matrix products that it
amounts to (jax 0.10, measured).
"""

from collections.abc import Callable
from functools import partial
from itertools import product

import jax
from biocredit.circuits.core.errors import require
from jax import lax
from jaxtyping import Array, Float

Pair = tuple[int, int]
Form = Callable[..., jax.Array]
Map = Float[Array, "trial y x c"]
Kernel = Float[Array, "o c kh kw"]


@partial(jax.jit, static_argnums=(2, 3, 4), inline=True)
def convolve(h: Map, kernel: Kernel, stride: Pair, padding: Pair, dilation: Pair) -> Float[Array, "trial i j o"]:
    """Cross-correlate with zero padding.

    Parameters
    ----------
    h
        Feature maps.
    kernel
        Weights of one output position.
    stride, padding, dilation
        For rows and columns.
    """
    return on_each_device(lambda form: form(h, kernel, stride, padding, dilation))


@partial(jax.jit, static_argnums=(2, 3, 4, 5), inline=True)
def to_maps(
    kernel: Kernel,
    delta: Float[Array, "trial i j o"],
    shape: tuple[int, ...],
    stride: Pair,
    padding: Pair,
    dilation: Pair,
) -> Map:
    """Adjoint of :func:`convolve` in the maps: from its output back to maps of this shape."""
    field = jax.ShapeDtypeStruct(shape, delta.dtype)

    def transposed(form: Form) -> jax.Array:
        return jax.linear_transpose(lambda h: form(h, kernel, stride, padding, dilation), field)(delta)[0]

    return on_each_device(transposed)


@partial(jax.jit, static_argnums=(2, 3, 4, 5), inline=True)
def to_kernel(
    h: Map, delta: Float[Array, "trial i j o"], size: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Kernel:
    """Adjoint of :func:`convolve` in the kernel, of ``size`` rows and columns."""
    field = jax.ShapeDtypeStruct((delta.shape[-1], h.shape[-1], *size), delta.dtype)

    def transposed(form: Form) -> jax.Array:
        return jax.linear_transpose(lambda k: form(h, k, stride, padding, dilation), field)(delta)[0]

    return on_each_device(transposed)


def on_each_device(compute: Callable[[Form], jax.Array]) -> jax.Array:
    """Compute something by that form of the convolution which suits the device that the program is lowered for.

    Parameters
    ----------
    compute
        ``compute(form)``, with one of the two functions below in place of the convolution.
    """
    return lax.platform_dependent(cpu=lambda: compute(sum_over_places), default=lambda: compute(as_one))


def as_one(h: Map, kernel: Kernel, stride: Pair, padding: Pair, dilation: Pair) -> Float[Array, "trial i j o"]:
    """XLA's convolution."""
    around = [(p, p) for p in padding]
    layout = ("NHWC", "OIHW", "NHWC")
    return lax.conv_general_dilated(h, kernel, stride, around, rhs_dilation=dilation, dimension_numbers=layout)


def sum_over_places(h: Map, kernel: Kernel, stride: Pair, padding: Pair, dilation: Pair) -> Float[Array, "trial i j o"]:
    """Sum of one matrix product for each place in the kernel."""
    zero = lax.full((), 0, h.dtype)
    h = lax.pad(h, zero, [(0, 0, 0), *((p, p, 0) for p in padding), (0, 0, 0)])
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape[2:], strict=True)]
    sizes = [(size - r) // s + 1 for size, r, s in zip(h.shape[1:3], reach, stride, strict=True)]
    require(min(sizes) >= 1, f"a kernel that reaches over {reach} does not fit padded maps of {h.shape[1:3]}")

    def at(a: int, b: int) -> jax.Array:
        start = (a * dilation[0], b * dilation[1])
        stop = [first + (n - 1) * s + 1 for first, n, s in zip(start, sizes, stride, strict=True)]
        seen = lax.slice(h, (0, *start, 0), (len(h), *stop, h.shape[3]), (1, *stride, 1))
        return lax.dot_general(seen, kernel[:, :, a, b], (((3,), (1,)), ((), ())))

    first, *others = (at(a, b) for a, b in product(*map(range, kernel.shape[2:])))
    return sum(others, start=first)
