"""How the weights of a stage start: functions of a random generator and the shape ``[out, in, *kernel]`` of a kernel.

Each returns ``{"W": ..., "b": ...}``; a stage without biases takes only ``"W"``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

Shape = tuple[int, ...]
Start = Callable[[np.random.Generator, Shape], dict[str, np.ndarray]]


def fans(shape: Shape) -> tuple[int, int]:
    """Projection onto one unit and from one unit: ``(fan_in, fan_out)`` of a weight ``[out, in, *kernel]``.

    Examples
    --------
    >>> fans((8, 3, 5, 5))
    (75, 200)
    """
    taps = int(np.prod(shape[2:]))
    return shape[1] * taps, shape[0] * taps


def glorot_uniform(random: np.random.Generator, shape: Shape, gain: float = 1.0) -> np.ndarray:
    """Draw uniform weights of variance ``2 gain^2 / (fan_in + fan_out)`` (Glorot and Bengio 2010)."""
    bound = gain * np.sqrt(6.0 / sum(fans(shape)))
    return random.uniform(-bound, bound, shape)


def glorot(random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
    """Glorot-uniform weights, biases at zero."""
    return {"W": glorot_uniform(random, shape), "b": np.zeros(shape[0])}


def within_fan_in(random: np.random.Generator, shape: Shape, wanted: Shape) -> np.ndarray:
    """Draw uniformly between +- 1 / sqrt(fan_in) of a kernel of this shape."""
    bound = 1 / np.sqrt(fans(shape)[0])
    return random.uniform(-bound, bound, wanted)


def fan_in_uniform(random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
    """Weights uniform within +- 1 / sqrt(fan_in), biases at zero.

    Examples
    --------
    >>> bool(abs(fan_in_uniform(np.random.default_rng(0), (5, 4))["W"]).max() <= 0.5)
    True
    """
    return {"W": within_fan_in(random, shape, shape), "b": np.zeros(shape[0])}


def fan_in_uniform_biases(random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
    """Weights and biases uniform within +- 1 / sqrt(fan_in)."""
    return {"W": within_fan_in(random, shape, shape), "b": within_fan_in(random, shape, shape[:1])}


@dataclass(frozen=True)
class Gaussian:
    """Gaussian weights of mean zero, biases at zero.

    Parameters
    ----------
    sd
        Standard deviation, before it is divided by the root of a fan.
    over
        Which fan: ``"fan_in"``, ``"fan_out"``, or ``"one"`` for none.

    Examples
    --------
    >>> Gaussian(0.0)(np.random.default_rng(0), (2, 3))["W"].shape
    (2, 3)
    """

    sd: float = 1.0
    over: Literal["fan_in", "fan_out", "one"] = "fan_in"

    def __call__(self, random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
        """Draw."""
        fan = {"fan_in": fans(shape)[0], "fan_out": fans(shape)[1], "one": 1}[self.over]
        return {"W": self.sd / np.sqrt(fan) * random.normal(size=shape), "b": np.zeros(shape[0])}


def identity(random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
    """Projection of weight one between cells of the same number, biases at zero.

    Examples
    --------
    >>> identity(np.random.default_rng(0), (2, 2))["W"].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return {"W": np.eye(*shape), "b": np.zeros(shape[0])}


@dataclass(frozen=True)
class Orthogonal:
    """Orthonormal rows or columns, whichever are fewer, of the kernel as a matrix of channels by all the rest.

    Parameters
    ----------
    gain
        Multiplies the kernel.
    biases
        Whether biases are uniform within +- 1 / sqrt(fan_in); zero otherwise.
    """

    gain: float = 1.0
    biases: bool = False

    def __call__(self, random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
        """Draw."""
        bias = within_fan_in(random, shape, shape[:1]) if self.biases else np.zeros(shape[0])
        return {"W": self.gain * orthogonal(random, shape), "b": bias}


def orthogonal(random: np.random.Generator, shape: Shape) -> Float[np.ndarray, "..."]:
    """Draw a kernel that is (semi-)orthogonal when flattened, the larger of its two channel axes first.

    A Gaussian matrix is factorised (QR), the columns of Q get the signs of the diagonal of R (arXiv 1312.6120).

    Examples
    --------
    >>> kernel = orthogonal(np.random.default_rng(0), (2, 6))
    >>> bool(np.allclose(kernel @ kernel.T, np.eye(2)))
    True
    """
    if shape[0] < shape[1]:
        return np.swapaxes(orthogonal(random, (shape[1], shape[0], *shape[2:])), 0, 1)
    rows, columns = shape[0], int(np.prod(shape[1:]))
    q, r = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))
    return (q if rows >= columns else q.T).reshape(shape)
