"""Symmetric connections: what one layer sends up, and what the same synapses send down.

A connection contributes ``<post, forward(weights, pre)>`` to the energy of a circuit. The drive that the lower
layer gets back, and the products that change the synapses, are its derivatives by ``pre`` and by the weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from biocredit.circuits.dual_stream.ascending.pooling import MaxPool
from biocredit.circuits.dual_stream.ascending.stages import Dense, Stage, bias_product
from jaxtyping import Array, Float

Weights = Mapping[str, Array]
Below = Float[Array, "batch ..."]
Above = Float[Array, "batch ..."]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Symmetric:
    """A stage of synapses that works in both directions, with max-pooling above it if wanted.

    Going down through a pool, a signal arrives at the unit that won on the way up (Laborieux et al. 2021,
    arXiv 2006.03824, section 3.2). A dense stage reads feature maps as one long row.

    Parameters
    ----------
    stage
        Dense or convolutional synapses, with biases; ``W`` is ``[out, in, ...]``.
    pool
        Max-pooling between the stage and the layer above.

    Examples
    --------
    >>> connection = Symmetric(Dense(3, 2))
    >>> connection.forward({"W": jnp.ones((2, 3)), "b": jnp.zeros(2)}, jnp.ones((1, 3))).tolist()
    [[3.0, 3.0]]
    """

    stage: Stage
    pool: MaxPool | None = None

    def forward(self, weights: Weights, pre: Below) -> Above:
        """Drive of the layer above."""
        z = self.stage.forward(weights, self._read(pre))
        return self.pool(z) if self.pool else z

    def backward(self, weights: Weights, pre: Below, post: Above) -> Below:
        """Drive of the layer below, in the shape of ``pre``: for a dense stage ``W^T post``."""
        h = self._read(pre)
        return self.stage.adjoint(weights["W"], self._unpooled(weights, h, post), h.shape).reshape(pre.shape)

    def correlation(self, weights: Weights, pre: Below, post: Above) -> dict[str, Array]:
        """Mean over the batch of the products of paired rates, for a dense stage ``post pre^T``, and of ``post``."""
        h = self._read(pre)
        delta = self._unpooled(weights, h, post)
        return {"W": self.stage.local_product(delta, h) / len(h), "b": bias_product(delta) / len(h)}

    def size(self, below: Shape) -> Shape:
        """Shape of the activity above, for one trial, given that of the activity below."""
        kernel = self.stage.kernel_shape(self.stage.outputs)
        W, b, pre = (jax.ShapeDtypeStruct(s, jnp.float32) for s in (kernel, (self.stage.outputs,), (1, *below)))
        return jax.eval_shape(self.forward, {"W": W, "b": b}, pre).shape[1:]

    def _read(self, pre: Below) -> Below:
        return pre.reshape(len(pre), -1) if isinstance(self.stage, Dense) else pre

    def _unpooled(self, weights: Weights, h: Below, post: Above) -> Above:
        if self.pool is None:
            return post
        return jax.vjp(self.pool, self.stage.forward(weights, h))[1](post)[0]


def shapes(connections: tuple[Symmetric, ...], below: Shape) -> tuple[Shape, ...]:
    """Shape of the activity of every layer for one trial, the input first.

    Examples
    --------
    >>> from biocredit.circuits.dual_stream.ascending.stages import Convolution
    >>> maps = Symmetric(Convolution(3, 4, padding=1, bias=True), MaxPool())
    >>> shapes((maps, Symmetric(Dense(64, 10))), (8, 8, 3))
    ((8, 8, 3), (4, 4, 4), (10,))
    """
    found = [below]
    for connection in connections:
        found.append(connection.size(found[-1]))
    return tuple(found)


def of_layer(weights: Weights, number: int) -> Weights:
    """Weights of one connection under their own names ``"W"`` and ``"b"``."""
    return {name: weights[f"layer{number}.{name}"] for name in ("W", "b")}
