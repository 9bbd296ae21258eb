"""Canonical correlations of two activities: regularised, exact, and weighted by what they explain.

Bilenko and Gallant 2016 (doi:10.3389/fninf.2016.00049) for the regularised form, Raghu et al. 2017 (arXiv 1706.05806)
for the mean of the exact correlations, Morcos et al. 2018 (arXiv 1806.05759) for the weighted mean. All take few
principal components of an activity, not its neurons: with as many columns as samples every correlation is one.
"""

from dataclasses import dataclass

import numpy as np
from biocredit.analysis.metrics.arguments import as_finite, undefined
from jaxtyping import Float
from scipy.linalg import eigh

__all__ = ["CanonicalPairs", "canonical_pairs", "exact_correlations", "projection_weighted"]

RANK_TOLERANCE = 1e-10
"""Singular values below this share of the largest one do not count."""


@dataclass(frozen=True)
class CanonicalPairs:
    """Pairs of directions whose projections are correlated most.

    Parameters
    ----------
    x, y
        Directions as columns, ``[component, pair]``; the two of a pair have their signs in common.
    """

    x: Float[np.ndarray, "p pairs"]
    y: Float[np.ndarray, "q pairs"]

    def correlations(self, a: np.ndarray, b: np.ndarray) -> Float[np.ndarray, " pairs"]:
        """Pearson correlation of each pair over the given samples; NaN for a projection that does not vary."""
        first, second = (values - values.mean(axis=0) for values in (a @ self.x, b @ self.y))
        norm = np.linalg.norm(first, axis=0) * np.linalg.norm(second, axis=0)
        if not norm.all():
            undefined("correlation of a canonical variate that does not vary")
        with np.errstate(invalid="ignore"):
            return np.clip((first * second).sum(axis=0) / norm, -1.0, 1.0)


def canonical_pairs(
    a: Float[np.ndarray, "samples p"], b: Float[np.ndarray, "samples q"], regularisation: float = 1e-3
) -> CanonicalPairs:
    """Solve the regularised problem as one symmetric generalised eigenproblem.

    [0, A^T B; B^T A, 0] v = r [A^T A + eps, 0; 0, B^T B + eps] v, and the pairs of the largest r. The scatter
    matrices are not divided by the number of samples: the effect of eps depends on the scale of the activity.

    Parameters
    ----------
    a, b
        Centred activities (principal components) of the same samples.
    regularisation
        eps, above 0.

    Examples
    --------
    >>> a = np.array([[-1.0], [0.0], [1.0]])
    >>> canonical_pairs(a, 3 * a).correlations(a, 3 * a).round(9)
    array([1.])
    """
    if not regularisation > 0:
        raise ValueError(f"regularisation: wanted above 0, got {regularisation} (use the exact form for none)")
    a, b = _pair(a, b)
    p, q = a.shape[1], b.shape[1]
    between, within = np.zeros((p + q, p + q)), regularisation * np.eye(p + q)
    between[:p, p:] = a.T @ b
    between[p:, :p] = between[:p, p:].T
    within[:p, :p] += a.T @ a
    within[p:, p:] += b.T @ b
    vectors = eigh(between, within)[1][:, ::-1][:, : min(p, q)]
    return CanonicalPairs(vectors[:p], vectors[p:])


def exact_correlations(
    a: Float[np.ndarray, "samples p"], b: Float[np.ndarray, "samples q"]
) -> Float[np.ndarray, " pairs"]:
    """Canonical correlations without regularisation: singular values of the product of two orthonormal bases.

    Examples
    --------
    >>> exact_correlations([[-1.0], [0.0], [1.0]], [[2.0], [0.0], [-2.0]]).round(9)
    array([1.])
    """
    first, second = map(_basis, _pair(a, b))
    return np.clip(np.linalg.svd(first.T @ second, compute_uv=False), 0.0, 1.0)


def projection_weighted(a: Float[np.ndarray, "samples p"], b: Float[np.ndarray, "samples q"]) -> float:
    """Mean of the exact correlations, weighted by how much of the first activity each variate carries.

    Not symmetric: the weights are sum_j |<h_i, a_j>| over the columns of the first argument.

    Examples
    --------
    >>> round(projection_weighted([[-1.0], [0.0], [1.0]], [[2.0], [0.0], [-2.0]]), 9)
    1.0
    """
    a, b = _pair(a, b)
    basis = _basis(a)
    left, values, _ = np.linalg.svd(basis.T @ _basis(b), full_matrices=False)
    if not values.size:
        return undefined("weighted correlation of constant activity")
    weights = np.abs((basis @ left).T @ a).sum(axis=1)
    return float(np.clip(values, 0.0, 1.0) @ weights / weights.sum())


def _pair(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = as_finite("a", a, ndim=2), as_finite("b", b, ndim=2)
    if len(a) != len(b):
        raise ValueError(f"b: wanted the {len(a)} samples of a, got {len(b)}")
    return a - a.mean(axis=0), b - b.mean(axis=0)


def _basis(rows: np.ndarray) -> np.ndarray:
    left, values, _ = np.linalg.svd(rows, full_matrices=False)
    return left[:, values > RANK_TOLERANCE * values.max(initial=0.0)]
