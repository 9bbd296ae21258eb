"""Lyapunov exponents of driven maps, per iteration, natural logarithm.

The input sequence is part of the system: the perturbed trajectory gets the same one. Below zero, inputs forget the
initial state (echo state); above zero the map is chaotic. Algorithms: Benettin et al., Meccanica 15 (1980) 9; QR
form, Geist, Parlitz and Lauterborn, Prog. Theor. Phys. 83 (1990) 875.

States are [..., neurons]; leading axes are trials. An exponent whose tangent vector dies out is minus infinity.
"""

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, Values, as_finite
from biocredit.analysis.metrics.dynamics import DifferentiableMap, Map, checked_start, trajectory
from jaxtyping import Float

__all__ = [
    "log_determinants",
    "lyapunov_spectrum",
    "maximal_exponent",
    "mean_after",
    "qr_growth",
    "running_mean",
    "tangent_growth",
    "two_trajectory_exponent",
    "uniform_direction",
]


def uniform_direction(neurons: int) -> Float[np.ndarray, " neurons"]:
    """Unit vector with equal entries, ``1 / sqrt(neurons)``.

    Examples
    --------
    >>> uniform_direction(4)
    array([0.5, 0.5, 0.5, 0.5])
    """
    return np.full(neurons, 1.0 / np.sqrt(neurons))


def tangent_growth(
    system: DifferentiableMap, initial_state: ArrayLike, drive: ArrayLike, direction: ArrayLike
) -> Float[np.ndarray, "steps ..."]:
    """Logarithmic growth ``ln |v|`` of a tangent vector in each iteration, renormalised every time.

    Parameters
    ----------
    system : DifferentiableMap
        For example a `RateMap`.
    initial_state : array_like [..., neurons]
    drive : array_like [T, ..., inputs]
    direction : array_like [..., neurons]
        Initial tangent vector; need not be normalised.

    Returns
    -------
    array [T, ...]
        Minus infinity from the iteration on in which the vector vanishes.

    Examples
    --------
    >>> from biocredit.analysis.metrics.dynamics import RateMap
    >>> growth = tangent_growth(RateMap([[0.5]], activation="linear"), [1.0], np.zeros((2, 1)), [3.0])
    >>> np.exp(growth)
    array([0.5, 0.5])
    """
    state, drive = checked_start(initial_state, drive)
    tangent = np.broadcast_to(as_finite("direction", direction), state.shape)
    norm = np.linalg.norm(tangent, axis=-1)
    if not norm.all():
        raise ValueError("direction: wanted a tangent vector that is not zero")
    tangent, growth = tangent / norm[..., None], []
    for current in drive:
        tangent, state = system.push(state, current, tangent), system.step(state, current)
        norm = np.linalg.norm(tangent, axis=-1)
        growth.append(_log(norm))
        tangent = tangent / np.where(norm > 0, norm, 1.0)[..., None]
    return np.array(growth)


def mean_after(growth: ArrayLike, transient: int) -> Values:
    """Mean over iterations from index `transient` on.

    Parameters
    ----------
    growth : array_like [T, ...]
        From `tangent_growth`, `qr_growth` or `log_determinants`.
    transient : int
        Below T.

    Examples
    --------
    >>> mean_after([9.0, 1.0, 3.0], transient=1)
    np.float64(2.0)
    """
    growth = np.asarray(growth, dtype=np.float64)
    if not 0 <= transient < len(growth):
        raise ValueError(f"transient: wanted 0 to {len(growth) - 1} iterations, got {transient}")
    return growth[transient:].mean(axis=0)


def maximal_exponent(
    system: DifferentiableMap,
    initial_state: ArrayLike,
    drive: ArrayLike,
    transient: int,
    direction: ArrayLike | None = None,
) -> Values:
    """Maximal Lyapunov exponent: mean of `tangent_growth` after a transient of state and tangent vector.

    Parameters
    ----------
    system, initial_state, drive
        As in `tangent_growth`.
    transient : int
        Iterations that are left out of the mean.
    direction : array_like [..., neurons], optional
        `uniform_direction` if left out.

    Examples
    --------
    >>> from biocredit.analysis.metrics.dynamics import RateMap
    >>> still = np.zeros((50, 2))
    >>> round(float(np.exp(maximal_exponent(RateMap(np.diag([0.5, 0.1])), [0.0, 0.0], still, transient=30))), 9)
    0.5
    """
    if direction is None:
        direction = uniform_direction(np.shape(initial_state)[-1])
    return mean_after(tangent_growth(system, initial_state, drive, direction), transient)


def qr_growth(
    system: DifferentiableMap, initial_state: ArrayLike, drive: ArrayLike
) -> Float[np.ndarray, "steps neurons"]:
    """``ln |R_ii|`` of the QR decomposition of an orthonormal frame carried along, in each iteration.

    Parameters
    ----------
    system : DifferentiableMap
    initial_state : array_like [neurons]
        One trial.
    drive : array_like [T, inputs]

    Examples
    --------
    >>> from biocredit.analysis.metrics.dynamics import RateMap
    >>> np.exp(qr_growth(RateMap(np.diag([0.5, 0.25])), [0.0, 0.0], np.zeros((1, 2))))
    array([[0.5 , 0.25]])
    """
    state, drive = one_trial(initial_state, drive)
    frame, growth = np.eye(state.size), []
    for current in drive:
        moved, state = system.push(state, current, frame.T).T, system.step(state, current)
        frame, triangle = np.linalg.qr(moved)
        growth.append(_log(np.abs(np.diag(triangle))))
    return np.array(growth)


def lyapunov_spectrum(
    system: DifferentiableMap, initial_state: ArrayLike, drive: ArrayLike, transient: int
) -> Float[np.ndarray, " neurons"]:
    """All exponents of one trial, in the order of the frame (descending once it has settled).

    Their sum is the mean of `log_determinants` over the same iterations.

    Examples
    --------
    >>> from biocredit.analysis.metrics.dynamics import RateMap
    >>> system = RateMap(np.diag([0.5, 0.25]))
    >>> np.exp(lyapunov_spectrum(system, [0.0, 0.0], np.zeros((9, 2)), transient=3))
    array([0.5 , 0.25])
    """
    return mean_after(qr_growth(system, initial_state, drive), transient)


def log_determinants(
    system: DifferentiableMap, initial_state: ArrayLike, drive: ArrayLike
) -> Float[np.ndarray, " steps"]:
    """``ln |det J|`` in each iteration of one trial.

    Examples
    --------
    >>> from biocredit.analysis.metrics.dynamics import RateMap
    >>> np.exp(log_determinants(RateMap(np.diag([0.5, 0.25])), [0.0, 0.0], np.zeros((1, 2))))
    array([0.125])
    """
    state, drive = one_trial(initial_state, drive)
    states = trajectory(system, state, drive)
    identity = np.eye(state.size)
    pairs = zip(states[:-1], drive, strict=True)
    return np.array([np.linalg.slogdet(system.push(h, x, identity)).logabsdet for h, x in pairs])


def running_mean(growth: ArrayLike) -> Float[np.ndarray, "steps ..."]:
    """Mean of the first 1, 2, ... iterations, to see whether an exponent has converged.

    Examples
    --------
    >>> running_mean([2.0, 4.0, 0.0])
    array([2., 3., 2.])
    """
    growth = np.asarray(growth, dtype=np.float64)
    count = np.arange(1, len(growth) + 1).reshape(-1, *(1,) * (growth.ndim - 1))
    return np.cumsum(growth, axis=0) / count


def two_trajectory_exponent(
    system: Map,
    initial_state: ArrayLike,
    drive: ArrayLike,
    transient: int,
    offset: float = 1e-8,
    direction: ArrayLike | None = None,
) -> Values:
    """Maximal exponent of a map without Jacobian, from the distance of two trajectories.

    The second trajectory starts after the transient at a distance `offset`, and is set back to that distance in every
    iteration. Differs from `maximal_exponent` by the memory of the initial direction (about one percent).

    Parameters
    ----------
    system : Map
    initial_state, drive, transient, direction
        As in `maximal_exponent`.
    offset : float
        Distance, small against the state and large against its rounding.

    Examples
    --------
    >>> from biocredit.analysis.metrics.dynamics import RateMap
    >>> exponent = two_trajectory_exponent(RateMap([[0.5]]), [0.0], np.zeros((20, 1)), transient=5)
    >>> round(float(np.exp(exponent)), 6)
    0.5
    """
    if offset <= 0:
        raise ValueError(f"offset: wanted a positive distance, got {offset}")
    state, drive = checked_start(initial_state, drive)
    mean_after(np.zeros(len(drive)), transient)
    state = trajectory(system, state, drive[:transient])[-1]
    away = as_finite("direction", uniform_direction(state.shape[-1]) if direction is None else direction)
    away, growth = away / np.linalg.norm(away, axis=-1, keepdims=True), []
    for current in drive[transient:]:
        neighbour, state = system.step(state + offset * away, current), system.step(state, current)
        distance = np.linalg.norm(neighbour - state, axis=-1)
        growth.append(_log(distance / offset))
        away = (neighbour - state) / np.where(distance > 0, distance, 1.0)[..., None]
    return np.mean(growth, axis=0)


def one_trial(initial_state: ArrayLike, drive: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """State [neurons] and input [T, inputs] of one trial, or a `ValueError`.

    Examples
    --------
    >>> [part.shape for part in one_trial([0.0, 0.0], np.zeros((3, 1)))]
    [(2,), (3, 1)]
    """
    state, drive = checked_start(initial_state, drive)
    if state.ndim != 1 or drive.ndim != 2:
        raise ValueError(f"initial_state: wanted one trial [neurons], got {state.shape} with drive {drive.shape}")
    return state, drive


def _log(positive: Values) -> Values:
    with np.errstate(divide="ignore"):
        return np.log(positive)
