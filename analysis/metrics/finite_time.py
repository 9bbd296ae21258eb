"""Finite-time Lyapunov exponents: growth of perturbations over a few iterations.

Two definitions. Along a *given* direction, the growth of that vector; over *all* directions, the largest singular
value of the product of Jacobians. Per iteration, natural logarithm; minus infinity if everything dies out.
"""

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike
from biocredit.analysis.metrics.dynamics import DifferentiableMap, Map, checked_start, trajectory
from biocredit.analysis.metrics.lyapunov import one_trial, tangent_growth, uniform_direction
from jaxtyping import Float

__all__ = ["finite_time_sigma", "finite_time_vector"]


def finite_time_vector(
    system: DifferentiableMap,
    initial_state: ArrayLike,
    drive: ArrayLike,
    window: int,
    transient: int = 0,
    direction: ArrayLike | None = None,
) -> Float[np.ndarray, "windows ..."]:
    """Growth rate of a given direction over consecutive windows, ``(1/window) ln |J ... J v|``.

    Parameters
    ----------
    system, initial_state, drive, direction
        As in `maximal_exponent`; the direction is taken up again at the start of every window.
    window : int
        Iterations in a window; an incomplete last window is dropped.
    transient : int
        Iterations before the first window.

    Examples
    --------
    >>> from biocredit.analysis.metrics.dynamics import RateMap
    >>> system = RateMap(np.diag([0.5, 0.25]))
    >>> np.exp(finite_time_vector(system, [0.0, 0.0], np.zeros((4, 2)), window=2, direction=[0.0, 1.0]))
    array([0.25, 0.25])
    """
    if direction is None:
        direction = uniform_direction(np.shape(initial_state)[-1])
    starts = _windows(system, initial_state, drive, window, transient)
    return np.array([tangent_growth(system, state, part, direction).mean(axis=0) for state, part in starts])


def finite_time_sigma(
    system: DifferentiableMap, initial_state: ArrayLike, drive: ArrayLike, window: int, transient: int = 0
) -> Float[np.ndarray, " windows"]:
    """Largest growth rate over all directions in consecutive windows, ``(1/window) ln sigma_max(J ... J)``.

    Never below `finite_time_vector`; for non-normal weights it is clearly above (transient amplification). One trial;
    arguments as there.

    Examples
    --------
    >>> from biocredit.analysis.metrics.dynamics import RateMap
    >>> np.exp(finite_time_sigma(RateMap(np.diag([0.5, 0.25])), [0.0, 0.0], np.zeros((4, 2)), window=2))
    array([0.5, 0.5])
    """
    state, drive = one_trial(initial_state, drive)
    starts = _windows(system, state, drive, window, transient)
    return np.array([_log_sigma(system, start, part) / window for start, part in starts])


def _windows(
    system: Map, initial_state: ArrayLike, drive: ArrayLike, window: int, transient: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """State and input at the start of every complete window."""
    state, drive = checked_start(initial_state, drive)
    if transient < 0:
        raise ValueError(f"transient: wanted 0 or more iterations, got {transient}")
    if not 1 <= window <= len(drive) - transient:
        raise ValueError(f"window: wanted 1 to {len(drive) - transient} iterations, got {window}")
    states = trajectory(system, state, drive)
    starts = range(transient, len(drive) - window + 1, window)
    return [(states[start], drive[start : start + window]) for start in starts]


def _log_sigma(system: DifferentiableMap, state: np.ndarray, drive: np.ndarray) -> float:
    product, logarithm = np.eye(state.size), 0.0  # rows of the product are the images of the unit vectors
    for current in drive:
        product, state = system.push(state, current, product), system.step(state, current)
        size = np.linalg.norm(product)
        if size == 0:
            return -np.inf
        product, logarithm = product / size, logarithm + np.log(size)
    return logarithm + np.log(np.linalg.norm(product, ord=2))
