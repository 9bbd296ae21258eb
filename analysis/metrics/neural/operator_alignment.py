"""The orthogonal change of basis that brings two linear operators nearest to each other, searched from many starts.

max over C in O(r) of tr(A^T C B C^T) / (|A| |B|) (Ostrow et al. 2023, arXiv 2306.10168) has local optima: a single
descent stops in them. From every start the search minimises over the skew matrix K of a Cayley chart
C = (I + K)^-1 (I - K) C_0 by L-BFGS, and moves the chart along until nothing is gained.
"""

from typing import NamedTuple

import numpy as np
from biocredit.analysis.metrics.alignment import angle, cosine
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite, undefined
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.stats import ortho_group

__all__ = ["AlignedOperators", "align_operators", "largest_cosine"]

CHARTS = 20
"""So often a chart is moved at most; a few times are enough."""

SETTLED = 1e-13
"""A chart that raises the cosine by less is the last one."""


class AlignedOperators(NamedTuple):
    """Two operators in their best common basis, each divided by its norm."""

    cosine: float
    """tr(A^T C B C^T) / (|A| |B|); NaN if an operator is zero."""
    angle: float
    """Its arc cosine in radians, without the loss of digits near 0."""
    euclidean: float
    """|A / |A| - C B C^T / |B||."""
    basis: Float[np.ndarray, "r r"]
    """The orthogonal C."""


def largest_cosine(a: Float[np.ndarray, "r r"], b: Float[np.ndarray, "r r"]) -> float:
    """Upper bound of the cosine, from the sorted singular values.

    Examples
    --------
    >>> round(largest_cosine(np.eye(2), np.eye(2)), 12)
    1.0
    """
    values = [np.linalg.svd(matrix, compute_uv=False) for matrix in (a, b)]
    return float(values[0] @ values[1] / np.linalg.norm(values[0]) / np.linalg.norm(values[1]))


def align_operators(a: ArrayLike, b: ArrayLike, starts: int = 40, seed: int = 0) -> AlignedOperators:
    """Search the best orthogonal change of basis.

    Parameters
    ----------
    a, b
        Operators ``[r, r]``.
    starts
        Number of searches: from the identity, the identity with its first two rows exchanged, and random orthogonal
        matrices, by turns of both determinants.
    seed
        Of the random starts.

    Raises
    ------
    ValueError
        For operators of different sizes, or no start.

    Examples
    --------
    >>> a = np.array([[0.9, 0.5], [0.0, 0.3]])
    >>> round(align_operators(a, a[::-1, ::-1], starts=4).cosine, 9)
    1.0
    """
    a, b = as_finite("a", a, ndim=2), as_finite("b", b, ndim=2)
    if a.shape != b.shape or a.shape[0] != a.shape[1]:
        raise ValueError(f"a, b: wanted square operators of one rank, got {a.shape} and {b.shape}")
    if starts < 1:
        raise ValueError(f"starts: wanted at least 1, got {starts}")
    norms = np.linalg.norm(a), np.linalg.norm(b)
    if not all(norms):
        return AlignedOperators(*[undefined("angle with an operator that is zero")] * 3, np.eye(len(a)))
    a, b = a / norms[0], b / norms[1]
    found = [_searched(a, b, start) for start in _starts(len(a), starts, np.random.default_rng(seed))]
    basis = max(found, key=lambda basis: _cosine(a, b, basis))
    turned = basis @ b @ basis.T
    return AlignedOperators(cosine(a, turned), np.radians(angle(a, turned)), float(np.linalg.norm(a - turned)), basis)


def _starts(size: int, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Orthogonal matrices, of determinant 1 and -1 by turns."""
    reflection = np.eye(size)
    reflection[0] *= -1
    exchanged = np.eye(size)
    if size > 1:
        exchanged[[0, 1]] = exchanged[[1, 0]]
    else:
        exchanged = reflection
    drawn = [np.eye(size), exchanged]
    while len(drawn) < count:
        start = ortho_group.rvs(size, random_state=rng) if size > 1 else np.eye(1)
        wanted = 1.0 if len(drawn) % 2 == 0 else -1.0
        drawn.append(start if np.linalg.det(start) * wanted > 0 else reflection @ start)
    return drawn[:count]


def _searched(a: np.ndarray, b: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Climb from one start to the optimum above it."""
    upper = np.triu_indices(len(a), 1)
    if not upper[0].size:
        return basis
    reached = -np.inf
    for _ in range(CHARTS):
        options = {"maxiter": 500, "ftol": 1e-15, "gtol": 1e-10}
        found = minimize(
            chart, np.zeros(upper[0].size), (a, b, basis, upper), method="L-BFGS-B", jac=True, options=options
        )
        basis = _cayley(found.x, upper, len(a)) @ basis
        if -found.fun - reached < SETTLED:
            break
        reached = -found.fun
    return basis


def chart(
    parameters: np.ndarray, a: np.ndarray, b: np.ndarray, basis: np.ndarray, upper: tuple
) -> tuple[float, np.ndarray]:
    """Minus the cosine at a point of the chart around ``basis``, and its gradient."""
    size = len(a)
    turned = _cayley(parameters, upper, size)
    moved = turned @ basis
    slope = -(a @ moved @ b.T + a.T @ moved @ b)
    plus = np.eye(size) + _skew(parameters, upper, size)
    gradient = -np.linalg.solve(plus.T, slope @ basis.T) @ (np.eye(size) + turned).T
    return -_cosine(a, b, moved), (gradient - gradient.T)[upper]


def _cosine(a: np.ndarray, b: np.ndarray, basis: np.ndarray) -> float:
    return float(np.vdot(a, basis @ b @ basis.T))


def _skew(parameters: np.ndarray, upper: tuple, size: int) -> np.ndarray:
    matrix = np.zeros((size, size))
    matrix[upper] = parameters
    return matrix - matrix.T


def _cayley(parameters: np.ndarray, upper: tuple, size: int) -> np.ndarray:
    skew, one = _skew(parameters, upper, size), np.eye(size)
    return np.linalg.solve(one + skew, one - skew)
