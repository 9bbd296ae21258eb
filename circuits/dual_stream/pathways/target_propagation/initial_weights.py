"""How feedback weights and projections of the target family start, see ``initial_weights``."""

from dataclasses import dataclass

import numpy as np
from biocredit.circuits.dual_stream.ascending.initial_weights import Shape, fans


@dataclass(frozen=True)
class Uniform:
    """Weights uniform within +- ``bound``, biases at zero.

    Examples
    --------
    >>> bool(abs(Uniform(0.01)(np.random.default_rng(0), (5, 4))["W"]).max() <= 0.01)
    True
    """

    bound: float

    def __call__(self, random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
        """Draw."""
        return {"W": random.uniform(-self.bound, self.bound, shape), "b": np.zeros(shape[0])}


def glorot_normal(random: np.random.Generator, shape: Shape) -> dict[str, np.ndarray]:
    """Normal weights of variance ``2 / (fan_in + fan_out)``, biases at zero (Glorot and Bengio 2010)."""
    return {"W": np.sqrt(2.0 / sum(fans(shape))) * random.normal(size=shape), "b": np.zeros(shape[0])}


def he_uniform(random: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw a projection ``[class, *unit]`` uniform within +- ``sqrt(6 / units)`` (released, arXiv 1909.01311)."""
    bound = np.sqrt(6.0 / np.prod(shape[1:]))
    return random.uniform(-bound, bound, shape)


@dataclass(frozen=True)
class Normal:
    """Projections with normal entries; arXiv 2409.19841 searches over mean and deviation."""

    mean: float = 0.0
    deviation: float = 0.1

    def __call__(self, random: np.random.Generator, shape: Shape) -> np.ndarray:
        """Draw."""
        return random.normal(self.mean, self.deviation, shape)
