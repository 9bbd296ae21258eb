"""Driven recurrent maps: trajectories, spectral radius, decay and dynamical regime.

The map is ``h(k+1) = f(h(k) @ W + x(k+1) @ U + b)``, with weights [pre, post] and rows as states. Leading axes of the
state are trials that run side by side. The exponents of such a map are in `biocredit.analysis.metrics.lyapunov`.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite, layerwise
from biocredit.analysis.metrics.nonlinearities import Activation, activation_named
from jaxtyping import Float, Shaped
from scipy.linalg import eigvals

__all__ = [
    "DifferentiableMap",
    "Map",
    "RateMap",
    "classify_regime",
    "one_step_differences",
    "rescale_to_spectral_radius",
    "spectral_norm",
    "spectral_radius",
    "trajectory",
]

DECAYED = 1e-6
"""One-step difference per square root of the number of neurons below which a state has settled."""
CHAOTIC_ABOVE = 0.02
"""Exponent (per iteration) above which a state that has not settled counts as chaotic."""


@runtime_checkable
class Map(Protocol):
    """Anything that advances a state [..., neurons] by one iteration under an input."""

    def step(self, state: np.ndarray, drive: np.ndarray) -> np.ndarray:
        """Next state."""
        ...


@runtime_checkable
class DifferentiableMap(Map, Protocol):
    """A map that also carries tangent vectors along."""

    def push(self, state: np.ndarray, drive: np.ndarray, tangent: np.ndarray) -> np.ndarray:
        """Jacobian of `step` at (state, drive), applied to tangent vectors [..., neurons]."""
        ...


@dataclass(frozen=True)
class RateMap:
    """``h(k+1) = f(h(k) @ weights + x(k+1) @ input_weights + bias)``.

    Parameters
    ----------
    weights : array_like [neurons, neurons]
        Recurrent weights [pre, post].
    input_weights : array_like [inputs, neurons], optional
        If left out, the input is a current into every neuron.
    bias : array_like [neurons], optional
    activation : str or (value, slope)
        A name of `biocredit.analysis.metrics.nonlinearities.ACTIVATIONS`, or two functions of the total input.

    Examples
    --------
    >>> RateMap([[0.5]], activation="linear").step(np.array([4.0]), np.array([1.0]))
    array([3.])
    """

    weights: ArrayLike
    input_weights: ArrayLike | None = None
    bias: ArrayLike = 0.0
    activation: str | Activation = "tanh"

    def __post_init__(self) -> None:
        """Check every shape once."""
        weights = square("weights", self.weights)
        n = len(weights)
        inputs = np.eye(n) if self.input_weights is None else as_finite("input_weights", self.input_weights, 2)
        bias = as_finite("bias", self.bias)
        if inputs.shape[1] != n:
            raise ValueError(f"input_weights: wanted [inputs, {n}], got shape {inputs.shape}")
        if bias.shape not in {(), (n,)}:
            raise ValueError(f"bias: wanted [{n}], got shape {bias.shape}")
        values = {"weights": weights, "input_weights": inputs, "bias": bias}
        for name, value in (values | {"activation": activation_named(self.activation)}).items():
            object.__setattr__(self, name, value)

    def total_input(self, state: np.ndarray, drive: np.ndarray) -> np.ndarray:
        """Argument of the activation, [..., neurons]."""
        return state @ self.weights + drive @ self.input_weights + self.bias

    def step(self, state: np.ndarray, drive: np.ndarray) -> np.ndarray:
        """Next state [..., neurons] under the input [..., inputs]."""
        return self.activation.value(self.total_input(state, drive))

    def push(self, state: np.ndarray, drive: np.ndarray, tangent: np.ndarray) -> np.ndarray:
        """Tangent vectors [..., neurons] one iteration later."""
        return (tangent @ self.weights) * self.activation.slope(self.total_input(state, drive))


def trajectory(system: Map, initial_state: ArrayLike, drive: ArrayLike) -> Float[np.ndarray, "times ... neurons"]:
    """States h(0) to h(T) of a map.

    Parameters
    ----------
    system : Map
        For example a `RateMap`.
    initial_state : array_like [..., neurons]
    drive : array_like [T, ..., inputs]
        Input of each iteration; its middle axes are those of the state, or are left out.

    Returns
    -------
    array [T + 1, ..., neurons]

    Examples
    --------
    >>> trajectory(RateMap([[0.5]], activation="linear"), [8.0], np.zeros((2, 1))).ravel()
    array([8., 4., 2.])
    """
    state, drive = checked_start(initial_state, drive)
    states = [state]
    for current in drive:
        states.append(system.step(states[-1], current))
    return np.stack(states)


def one_step_differences(states: ArrayLike) -> Float[np.ndarray, "steps ..."]:
    """Euclidean norm of ``h(k+1) - h(k)``.

    Parameters
    ----------
    states : array_like [T + 1, ..., neurons]

    Examples
    --------
    >>> one_step_differences([[0.0, 0.0], [3.0, 4.0]])
    array([5.])
    """
    states = as_finite("states", states)
    if states.ndim < 2 or len(states) < 2:
        raise ValueError(f"states: wanted [T + 1, ..., neurons] with at least two times, got shape {states.shape}")
    return np.linalg.norm(np.diff(states, axis=0), axis=-1)


def classify_regime(last_difference: ArrayLike, exponent: ArrayLike, neurons: int) -> str | Shaped[np.ndarray, "..."]:
    """Name the dynamical regime: "stable", "chaotic" or "periodic" (periodic or quasi-periodic).

    Stable if the one-step difference has decayed below ``1e-6 sqrt(neurons)``; else chaotic if the maximal exponent
    is above 0.02 per iteration.

    Parameters
    ----------
    last_difference : array_like
        Last entry of `one_step_differences`.
    exponent : array_like
        Maximal Lyapunov exponent; broadcast against the differences.
    neurons : int

    Returns
    -------
    str, or array of str for arrays

    Examples
    --------
    >>> classify_regime(0.0, -1.4, neurons=100), classify_regime(13.0, 0.3, neurons=100)
    ('stable', 'chaotic')
    """
    difference = as_finite("last_difference", last_difference)
    exponent = np.asarray(exponent, dtype=np.float64)  # minus infinity is a valid exponent
    moving = np.where(exponent > CHAOTIC_ABOVE, "chaotic", "periodic")
    regime = np.where(difference < DECAYED * np.sqrt(neurons), "stable", moving)
    return regime if regime.ndim else str(regime)


@layerwise
def spectral_radius(weights: ArrayLike) -> float:
    """Largest modulus of an eigenvalue (not the largest singular value, see `spectral_norm`).

    Examples
    --------
    >>> spectral_radius([[0.0, 1.0], [-1.0, 0.0]])
    1.0
    """
    return float(np.abs(eigvals(square("weights", weights))).max(initial=0.0))


@layerwise
def spectral_norm(matrix: ArrayLike) -> float:
    """Largest singular value.

    Examples
    --------
    >>> spectral_norm([[0.0, 3.0], [0.0, 0.0]])
    3.0
    """
    return float(np.linalg.norm(as_finite("matrix", matrix, ndim=2), ord=2))


@layerwise
def rescale_to_spectral_radius(weights: ArrayLike, target: float) -> Float[np.ndarray, "neurons neurons"]:
    """``W * target / radius``.

    Raises
    ------
    ValueError
        If the radius is 0 (empty or nilpotent matrix), which no factor can change.

    Examples
    --------
    >>> rescale_to_spectral_radius([[2.0]], 0.5)
    array([[0.5]])
    """
    weights = square("weights", weights)
    radius = spectral_radius(weights)
    if radius <= np.finfo(np.float64).tiny:
        raise ValueError("weights: spectral radius is 0 (empty or nilpotent matrix), cannot rescale")
    return weights * (target / radius)


def square(name: str, matrix: ArrayLike) -> Float[np.ndarray, "neurons neurons"]:
    """Finite square float64 matrix, or a `ValueError` that names the argument.

    Examples
    --------
    >>> square("weights", [[1.0]])
    array([[1.]])
    """
    matrix = as_finite(name, matrix, ndim=2)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name}: wanted a square matrix [pre, post], got shape {matrix.shape}")
    return matrix


def checked_start(initial_state: ArrayLike, drive: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Initial state [..., neurons] and input sequence [T, ..., inputs] as finite float64 arrays.

    Examples
    --------
    >>> [part.shape for part in checked_start([0.0, 0.0], [[1.0], [2.0], [3.0]])]
    [(2,), (3, 1)]
    """
    state, drive = as_finite("initial_state", initial_state), as_finite("drive", drive)
    if state.ndim < 1 or drive.ndim < 2:
        raise ValueError(f"drive: wanted [T, ..., inputs] for a state {state.shape}, got shape {drive.shape}")
    return state, drive
