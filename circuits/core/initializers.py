"""Weights: initialisers, sparse wiring, spectral radius.

All draws are NumPy, on the host, in float64; the stream of a weight array depends on the seed and on the name of
the array alone, so adding a projection to a circuit leaves the other ones as they were.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from biocredit.circuits.core.errors import CircuitError, require
from jaxtyping import Float
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.linalg import ArpackNoConvergence, eigs

#: Above this many neurons the largest eigenvalue comes from a sparse Arnoldi iteration.
EXACT_EIGENVALUES_UP_TO = 2000


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream of one named array."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


@dataclass(frozen=True)
class Uniform:
    """Uniform weights in ``gain * (-1, 1)``, divided by the root of the number of inputs if ``fan_in``."""

    gain: float = 1.0
    fan_in: bool = True

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw an array ``[pre, post]`` (or ``[post]``, whose fan-in counts as its own length)."""
        scale = self.gain / np.sqrt(shape[0]) if self.fan_in else self.gain
        return scale * rng.uniform(-1, 1, shape)


@dataclass(frozen=True)
class Normal:
    """Gaussian weights with this standard deviation and mean."""

    sd: float = 1.0
    mean: float = 0.0

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw an array of this shape."""
        drawn = self.sd * rng.standard_normal(shape)
        return self.mean + drawn if self.mean else drawn


@dataclass(frozen=True)
class Constant:
    """The same weight everywhere."""

    value: float = 0.0

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Fill an array of this shape."""
        return np.full(shape, self.value)


def assemble(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """Put drawn synapses into a matrix; values drawn for the same place add up.

    Parameters
    ----------
    rows, columns
        Presynaptic and postsynaptic neuron of each draw.
    values
        Weight of each draw.
    size
        Number of neurons N.

    Returns
    -------
    numpy.ndarray
        Dense ``[N, N]``.
    """
    return coo_matrix((values, (rows, columns)), shape=(size, size)).toarray()


def spectral_radius(weight: np.ndarray) -> float:
    """Return the largest absolute eigenvalue of a square matrix.

    Exact up to ``EXACT_EIGENVALUES_UP_TO`` neurons; above, a sparse Arnoldi iteration, and the exact solver where
    that does not converge.
    """
    if len(weight) > EXACT_EIGENVALUES_UP_TO:
        try:
            start = np.random.default_rng(0).standard_normal(len(weight))
            found = eigs(csr_matrix(weight), k=6, which="LM", v0=start, tol=1e-8, return_eigenvectors=False)
            return float(np.abs(found).max())
        except ArpackNoConvergence:
            pass
    return float(np.abs(np.linalg.eigvals(weight)).max())


def rescale(weight: np.ndarray, radius: float) -> np.ndarray:
    """Scale a square matrix to this spectral radius.

    Raises
    ------
    CircuitError
        If the matrix has spectral radius zero (empty or nilpotent), which no factor can change.
    """
    present = spectral_radius(weight)
    if present <= 1e-12 * max(np.abs(weight).max(initial=0.0), 1e-300):
        raise CircuitError("the recurrent matrix has spectral radius 0: take more neurons or a higher connection rate")
    return weight * (radius / present)


@dataclass(frozen=True)
class SparseRecurrent:
    """Sparse random recurrent weights with a given spectral radius (eLife 2026, 15:e108237, initialisation).

    ``floor(N^2 * rate)`` places are drawn with replacement, with weights uniform in (-1, 1) that add up where
    places coincide, so the density is about ``1 - exp(-rate)``. The diagonal is kept.

    Parameters
    ----------
    connection_rate
        Nominal rate, in (0, 1].
    spectral_radius
        Largest absolute eigenvalue after scaling.
    """

    connection_rate: float = 0.25
    spectral_radius: float = 0.25

    def __post_init__(self) -> None:
        require(0 < self.connection_rate <= 1, f"connection_rate must be in (0, 1], got {self.connection_rate}")
        require(self.spectral_radius > 0, f"spectral_radius must be positive, got {self.spectral_radius}")

    def __call__(self, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        """Draw a matrix ``[N, N]``."""
        size = shape[0]
        draws = int(np.floor(size * size * self.connection_rate))
        rows, columns = rng.integers(0, size, draws), rng.integers(0, size, draws)
        return rescale(assemble(rows, columns, rng.uniform(-1, 1, draws), size), self.spectral_radius)


# -- stages: {"W": ..., "b": ...} of a random generator and the shape [out, in, *kernel] of a kernel ----------------

Shape = tuple[int, ...]
Initializer = Callable[[np.random.Generator, Shape], dict[str, np.ndarray]]
"""How the weights and biases of a stage are drawn; a stage without biases takes only ``"W"``."""


def fans(shape: Shape) -> tuple[int, int]:
    """Projection onto one unit and from one unit: ``(fan_in, fan_out)`` of a weight ``[out, in, *kernel]``.

    Examples
    --------
    >>> fans((8, 3, 5, 5))
    (75, 200)
    """
    places = int(np.prod(shape[2:]))
    return shape[1] * places, shape[0] * places


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


@dataclass(frozen=True)
class Within:
    """Weights uniform within +- ``bound``, biases at zero.

    Examples
    --------
    >>> bool(abs(Within(0.01)(np.random.default_rng(0), (5, 4))["W"]).max() <= 0.01)
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
