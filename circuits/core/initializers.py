"""Weights: initialisers, sparse wiring, spectral radius.

All draws are NumPy, on the host, in float64; the stream of a weight array depends on the seed and on the name of
the array alone, so adding a projection to a circuit leaves the other ones as they were.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from biocredit.circuits.core.errors import CircuitError, require
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
    """Gaussian weights with mean zero and this standard deviation."""

    sd: float = 1.0

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw an array of this shape."""
        return self.sd * rng.standard_normal(shape)


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
