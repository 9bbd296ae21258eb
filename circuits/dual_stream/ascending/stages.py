"""Stages: the weighted steps of a stream, dense or convolutional, behind one interface.

A stage knows the geometry of its synapses and nothing of any rule. It offers three pure functions, so that a
credit rule is written once and works on matrices and on kernels alike:

``forward(weights, h)``
    the potential ``z`` that the stage's own synapses evoke;
``adjoint(kernel, delta, shape)``
    the exact adjoint of the forward map *with any given kernel* in place of the stage's own (transposed weights,
    random feedback, the second half of a product): rows or columns that no window reaches receive zero;
``local_product(delta, h)``
    presynaptic activity times postsynaptic error at every synapse, summed over the batch (and over positions).

A further stream may run the other way: a feedback network is a stack of the same stages, read from the top.

Layouts: dense activity ``[trial, unit]`` with weights ``[out, in]``; feature maps ``[trial, row, column, channel]``,
the layout in which XLA convolves fastest, with kernels ``[out, in, height, width]``. The last axis of an
activity is always the unit or channel.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import renamed, require
from biocredit.circuits.core.initializers import Initializer, Shape, glorot
from biocredit.circuits.core.sizes import count, fits
from biocredit.circuits.dual_stream.ascending.convolution import convolve, to_kernel, to_maps
from jaxtyping import Array, Float

Weights = dict[str, jax.Array]


def spread(values: Float[Array, " unit"], activity: Float[Array, "trial ... unit"]) -> Float[Array, "trial ... unit"]:
    """One value a unit or channel, for every trial and position of ``activity``."""
    return jnp.broadcast_to(values, activity.shape)


def bias_product(delta: Float[Array, "trial ... unit"]) -> Float[Array, " unit"]:
    """Sum of ``delta`` over trials and positions: the local product with a presynaptic unit that is always 1."""
    return delta.sum(axis=tuple(range(delta.ndim - 1)))


class Stage(ABC):
    """What every weighted step offers: the three functions of the module's docstring and what follows from them."""

    variable: ClassVar[str] = "potential"
    inputs: int
    outputs: int
    bias: bool
    initializer: Initializer

    @abstractmethod
    def kernel_shape(self, outputs: int) -> Shape:
        """Shape of a kernel with this stage's geometry and ``outputs`` postsynaptic units."""

    @abstractmethod
    def forward(self, weights: Weights, h: jax.Array) -> jax.Array:
        """Potential evoked by ``h``; ``weights`` holds ``"W"`` and, where the stage has one, ``"b"``."""

    @abstractmethod
    def adjoint(self, kernel: jax.Array, delta: jax.Array, shape: Shape) -> jax.Array:
        """Send ``delta`` back through the adjoint with ``kernel``; ``shape`` is that of the stage's input."""

    @abstractmethod
    def local_product(self, delta: jax.Array, h: jax.Array) -> jax.Array:
        """Product of pre- and postsynaptic signals, shaped like a kernel from ``h`` to ``delta``."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the stage's weights, all of them plastic."""
        return ("W", "b") if self.bias else ("W",)

    plastic = names

    def initial(self, random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
        """Draw the stage's weights as its ``initializer`` says."""
        drawn = self.initializer(random, self.kernel_shape(self.outputs))
        return {name: drawn[name] for name in self.names}

    def changes(self, delta: jax.Array, h: jax.Array) -> Weights:
        """Gradient estimates of the stage's own weights from the error at its output and its input."""
        return {"W": self.local_product(delta, h)} | ({"b": bias_product(delta)} if self.bias else {})


@renamed(start="initializer")
@dataclass(frozen=True)
class Dense(Stage):
    """All-to-all synapses, ``z = h W^T + b``.

    Parameters
    ----------
    inputs, outputs
        Number of pre- and postsynaptic units.
    bias
        Whether postsynaptic units have a plastic bias.
    initializer
        How fresh weights are drawn, see :mod:`biocredit.circuits.core.initializers`.

    Examples
    --------
    >>> stage = Dense(2, 1)
    >>> stage.forward({"W": jnp.array([[1.0, 2.0]]), "b": jnp.array([0.5])}, jnp.array([[3.0, 4.0]]))
    Array([[11.5]], dtype=float32)
    """

    inputs: int
    outputs: int
    bias: bool = True
    initializer: Initializer = glorot

    def __post_init__(self):
        fits((count(self.outputs, "units of a layer"), count(self.inputs, "inputs of a layer")), "weights of a layer")

    def kernel_shape(self, outputs: int) -> Shape:
        """``[outputs, inputs]``."""
        return (outputs, self.inputs)

    def forward(self, weights: Weights, h: Float[Array, "trial inputs"]) -> Float[Array, "trial outputs"]:
        """Potential of the postsynaptic units."""
        z = h @ weights["W"].T
        return z + weights["b"].reshape((1,) * (z.ndim - 1) + (-1,)) if self.bias else z

    def adjoint(self, kernel: Float[Array, "k inputs"], delta: Float[Array, "trial k"], shape: Shape) -> jax.Array:
        """``delta K``."""
        return delta @ kernel

    def local_product(self, delta: Float[Array, "trial k"], h: Float[Array, "trial i"]) -> Float[Array, "k i"]:
        """``delta^T h``."""
        return delta.T @ h


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(int(v) for v in value)


@renamed(start="initializer")
@dataclass(frozen=True)
class Convolution(Stage):
    """Shared synapses over a visual field (cross-correlation with zero padding).

    Parameters
    ----------
    inputs, outputs
        Channels.
    kernel, stride, padding, dilation
        One number, or one for rows and one for columns.
    bias
        One plastic bias per output channel.
    initializer
        How fresh weights are drawn, see :mod:`biocredit.circuits.core.initializers`.

    Examples
    --------
    >>> stage = Convolution(3, 8, kernel=3, stride=2, padding=1)
    >>> jax.eval_shape(stage.forward, {"W": jnp.zeros((8, 3, 3, 3))}, jnp.zeros((4, 7, 6, 3))).shape
    (4, 4, 3, 8)
    """

    inputs: int
    outputs: int
    kernel: int | tuple[int, int] = 3
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] = 0
    dilation: int | tuple[int, int] = 1
    bias: bool = False
    initializer: Initializer = glorot

    def __post_init__(self):
        for name in ("kernel", "stride", "padding", "dilation"):
            object.__setattr__(self, name, _pair(getattr(self, name)))
        least = min((*self.kernel, *self.stride, *self.dilation, self.inputs, self.outputs))
        require(least >= 1, f"a convolution needs sizes of at least 1, got {self}")
        require(min(self.padding) >= 0, f"padding cannot be negative, got {self.padding}")

    def kernel_shape(self, outputs: int) -> Shape:
        """``[outputs, inputs, height, width]``."""
        return (outputs, self.inputs, *self.kernel)

    def convolve(self, h: Float[Array, "trial y x c"], kernel: Float[Array, "o c kh kw"]) -> jax.Array:
        """Cross-correlate with this stage's stride, padding and dilation."""
        return convolve(h, kernel, self.stride, self.padding, self.dilation)

    def forward(self, weights: Weights, h: Float[Array, "trial y x c"]) -> Float[Array, "trial i j o"]:
        """Potential of every channel at every position."""
        z = self.convolve(h, weights["W"])
        return z + weights["b"].reshape((1,) * (z.ndim - 1) + (-1,)) if self.bias else z

    def adjoint(self, kernel: Float[Array, "k c kh kw"], delta: Float[Array, "trial i j k"], shape: Shape) -> jax.Array:
        """Exact adjoint of the convolution with ``kernel``, shaped like the stage's input."""
        return to_maps(kernel, delta, tuple(shape), self.stride, self.padding, self.dilation)

    def local_product(self, delta: Float[Array, "trial i j k"], h: Float[Array, "trial y x c"]) -> jax.Array:
        """Correlate the (padded) input with ``delta``, as a kernel ``[k, c, kh, kw]``."""
        return to_kernel(h, delta, self.kernel, self.stride, self.padding, self.dilation)
