"""Operations: the steps of a stream between its stages, with their exact transposed Jacobians.

``forward(parameters, h, training)`` returns the output, a memory for the way down, and running statistics that
changed; ``transposed(memory, error)`` takes the error at the output to the error at the input, and returns the
gradients of the operation's own parameters. Feature maps are ``[trial, row, column, channel]``.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import numpy as np
from biocredit.circuits.core.activations import Curve, activation
from biocredit.circuits.core.errors import require
from biocredit.circuits.dual_stream.ascending.stages import Shape, Weights, spread
from jax import lax
from jaxtyping import Array, Float


class Operation(ABC):
    """A parameter-free operation; its transposed Jacobian is taken from JAX."""

    variable: ClassVar[str] = "rate"
    names: tuple[str, ...] = ()
    plastic: tuple[str, ...] = ()

    @abstractmethod
    def __call__(self, h: jax.Array) -> jax.Array:
        """Apply the operation."""

    def initial(self, random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
        """Draw the operation's parameters and statistics (none)."""
        return {}

    def forward(self, parameters: Weights, h: jax.Array, training: bool) -> tuple[jax.Array, Any, Weights]:
        """Return output, memory and changed statistics."""
        output, pull = jax.vjp(self, h)
        return output, pull, {}

    def transposed(self, memory: Any, error: jax.Array) -> tuple[jax.Array, Weights]:
        """Return the error at the input and gradients of the parameters."""
        return memory(error)[0], {}


@dataclass(frozen=True)
class Transfer(Operation):
    """From potentials to rates by a pointwise transfer function.

    Parameters
    ----------
    name
        A name in :data:`biocredit.circuits.core.activations.ACTIVATIONS`, or a function of one's own.
    """

    name: str | Curve = "relu"

    def __post_init__(self):
        activation(self.name)

    def __call__(self, h: jax.Array) -> jax.Array:
        """Rate at the potential ``h``."""
        return activation(self.name)(h)

    def forward(self, parameters: Weights, h: jax.Array, training: bool) -> tuple[jax.Array, jax.Array, Weights]:
        """Rates, with the potentials as memory."""
        return self(h), h, {}

    def transposed(self, memory: jax.Array, error: jax.Array) -> tuple[jax.Array, Weights]:
        """Multiply by the slope."""
        return activation(self.name).slope(memory) * error, {}


@dataclass(frozen=True)
class BatchNorm(Operation):
    """Normalise every unit or channel over the batch (and positions), then scale and shift.

    Parameters
    ----------
    affine
        Whether there is a plastic scale ``gamma`` and shift ``beta``.
    momentum
        Weight of the newest batch in the running mean and (unbiased) variance that are used outside training.
    epsilon
        Added to the variance.
    """

    affine: bool = True
    momentum: float = 0.1
    epsilon: float = 1e-5

    def __call__(self, h: jax.Array) -> jax.Array:
        """Normalise by the statistics of this batch, without scale and shift."""
        axes = tuple(range(h.ndim - 1))
        return _standardised(h, h.mean(axes), lax.rsqrt(h.var(axes) + self.epsilon))

    @property
    def plastic(self) -> tuple[str, ...]:
        """Names of the plastic parameters."""
        return ("gamma", "beta") if self.affine else ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of parameters and statistics."""
        return (*self.plastic, "running_mean", "running_var")

    def initial(self, random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
        """Unit scale and variance, zero shift and mean."""
        ones, zeros = np.ones(shape[-1]), np.zeros(shape[-1])
        start = {"gamma": ones, "beta": zeros, "running_mean": zeros, "running_var": ones}
        return {name: start[name] for name in self.names}

    def forward(self, parameters: Weights, h: jax.Array, training: bool) -> tuple[jax.Array, Any, Weights]:
        """Normalise by the batch's statistics while training, by the running ones otherwise."""
        if not training:
            scale = lax.rsqrt(parameters["running_var"] + self.epsilon)
            return self._affine(parameters, _standardised(h, parameters["running_mean"], scale)), None, {}
        axes, values = tuple(range(h.ndim - 1)), h.size // h.shape[-1]
        require(values > 1, f"batch normalisation needs several values a channel, got activity of shape {h.shape}")
        mean, variance = h.mean(axes), h.var(axes)
        scale = lax.rsqrt(variance + self.epsilon)
        normal = _standardised(h, mean, scale)
        newest = {"running_mean": mean, "running_var": variance * (values / (values - 1))}
        running = {k: (1 - self.momentum) * parameters[k] + self.momentum * v for k, v in newest.items()}
        slope = scale * parameters["gamma"] if self.affine else scale
        return self._affine(parameters, normal), (normal, slope), running

    def transposed(self, memory: Any, error: jax.Array) -> tuple[jax.Array, Weights]:
        """Exact derivative through mean and variance."""
        normal, slope = memory
        axes, values = tuple(range(error.ndim - 1)), error.size // error.shape[-1]
        along, shift = (error * normal).sum(axes), error.sum(axes)
        below = error - spread(shift / values, error) - normal * spread(along / values, error)
        return spread(slope, error) * below, {"gamma": along, "beta": shift} if self.affine else {}

    def _affine(self, parameters: Weights, normal: jax.Array) -> jax.Array:
        if not self.affine:
            return normal
        return spread(parameters["gamma"], normal) * normal + spread(parameters["beta"], normal)


def _standardised(h: jax.Array, mean: jax.Array, scale: jax.Array) -> jax.Array:
    return (h - spread(mean, h)) * spread(scale, h)


@dataclass(frozen=True)
class Flatten(Operation):
    """Feature maps to one vector a trial, in the order channel, row, column."""

    def __call__(self, h: Float[Array, "trial y x c"]) -> Float[Array, "trial cyx"]:
        """Flatten."""
        return h.transpose(0, 3, 1, 2).reshape(h.shape[0], -1)


@dataclass(frozen=True)
class Unflatten(Operation):
    """Vectors to feature maps of ``(row, column, channel)``; undoes :class:`Flatten`."""

    shape: tuple[int, int, int]

    def __call__(self, h: Float[Array, "trial cyx"]) -> Float[Array, "trial y x c"]:
        """Unflatten."""
        rows, columns, channels = self.shape
        return h.reshape(-1, channels, rows, columns).transpose(0, 2, 3, 1)
