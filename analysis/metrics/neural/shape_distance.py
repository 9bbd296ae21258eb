"""Shape distance: the angle between two activities after the best rotation, or the best partial whitening and rotation.

Williams, Kunz, Kornblith and Linderman 2021, arXiv 2110.14739. With alpha = 1 (no whitening) this is the Procrustes
angle, a metric that is invariant to rotations, reflections, isotropic scaling and shifts of either activity, and not
to general invertible maps. With alpha = 0 both activities are whitened: the mean canonical correlation.
"""

from dataclasses import dataclass

import numpy as np
from biocredit.analysis.metrics import alignment
from biocredit.analysis.metrics.arguments import as_finite
from jaxtyping import Float

__all__ = ["Alignment", "align"]

SMALLEST = 1e-7
"""Eigenvalues of a scatter matrix are clipped here before they are whitened."""


@dataclass(frozen=True)
class Alignment:
    """The best alignment of two activities, to be scored on the samples of the fit or on other ones.

    Parameters
    ----------
    means
        Means of both activities.
    maps
        Whitening and rotation of each, ``[neuron, m]`` with m the larger number of neurons.
    """

    means: tuple[np.ndarray, np.ndarray]
    maps: tuple[np.ndarray, np.ndarray]

    def aligned(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return both activities ``[sample, m]`` in the common space; the means are those of the fit."""
        return tuple(
            (rows - mean) @ transform for rows, mean, transform in zip((x, y), self.means, self.maps, strict=True)
        )

    def angle(self, x: np.ndarray, y: np.ndarray) -> float:
        """Angle in radians: up to pi/2 on the samples of the fit, up to pi on others; NaN for constant activity."""
        return float(np.radians(alignment.angle(*self.aligned(x, y))))

    def euclidean(self, x: np.ndarray, y: np.ndarray) -> float:
        """Distance of the aligned activities, in the units of the activities."""
        first, second = self.aligned(x, y)
        return float(np.linalg.norm(first - second))


def align(
    x: Float[np.ndarray, "samples p"], y: Float[np.ndarray, "samples q"], alpha: float = 1.0, centre: bool = True
) -> Alignment:
    """Find the alignment that brings two activities nearest to each other.

    The singular vectors of X^T Y rotate both; zero columns fill up the narrower one.

    Parameters
    ----------
    x, y
        Activities of the same samples; the numbers of neurons may differ.
    alpha
        1: no whitening; 0: full whitening; between them: d = alpha + (1 - alpha) / sqrt(lambda) for every principal
        axis, scaled so that the variance is kept. Take alpha above 0 where the numbers of neurons differ: the filled
        up columns would be whitened, too.
    centre
        Whether the means are subtracted.

    Raises
    ------
    ValueError
        For another number of samples, entries that are not finite, alpha out of range.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> align(x, x[:, ::-1]).angle(x, x[:, ::-1])
    0.0
    """
    x, y = as_finite("x", x, ndim=2), as_finite("y", y, ndim=2)
    if len(x) != len(y):
        raise ValueError(f"y: wanted the {len(x)} samples of x, got {len(y)}")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha: wanted 0 to 1, got {alpha}")
    means = tuple(rows.mean(axis=0) if centre else np.zeros(rows.shape[1]) for rows in (x, y))
    width = max(x.shape[1], y.shape[1])
    wide = [_widened(rows - mean, width) for rows, mean in zip((x, y), means, strict=True)]
    whitening = [_whitening(rows, alpha) for rows in wide]
    first, second = (rows @ transform for rows, transform in zip(wide, whitening, strict=True))
    left, _, right = np.linalg.svd(first.T @ second)
    maps = (whitening[0] @ left)[: x.shape[1]], (whitening[1] @ right.T)[: y.shape[1]]
    return Alignment(means, maps)


def _widened(rows: np.ndarray, width: int) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])))


def _whitening(rows: np.ndarray, alpha: float) -> np.ndarray:
    if alpha > 1 - SMALLEST:
        return np.eye(rows.shape[1])
    variance, axes = np.linalg.eigh(rows.T @ rows)
    variance = np.maximum(variance, SMALLEST)
    scale = alpha + (1 - alpha) / np.sqrt(variance)
    scale *= np.sqrt(variance.sum() / (variance @ scale**2))
    return (axes * scale) @ axes.T
