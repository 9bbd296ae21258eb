"""Has a dual-stream circuit assembled itself? Residuals of self-assembling learning (arXiv 2412.20018).

At one level, W and V are the forward and lateral weights of the ascending and descending side, Wb and Vb their
partners. The circuit learns by the gradient, up to a matrix learning rate, when the exchange residual has vanished.
How far V is from its partner is `biocredit.analysis.metrics.alignment.weight_distance`.
"""

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite, layerwise
from jaxtyping import Float

__all__ = ["exchange_residual", "matrix_learning_rate", "matrix_learning_rate_gap"]


def exchange_residual(
    descending: ArrayLike, above: ArrayLike, partner: ArrayLike, ascending: ArrayLike
) -> Float[np.ndarray, "lower upper"]:
    """``M = Wb V_above^T - Vb W^T`` of one level.

    Parameters
    ----------
    descending : array_like [lower, a]
        Wb of this level.
    above : array_like [upper, a]
        V of the level above; the identity at the top.
    partner : array_like [lower, b]
        Vb of this level.
    ascending : array_like [upper, b]
        W of this level.

    Raises
    ------
    ValueError
        If the products do not fit together.

    Examples
    --------
    >>> exchange_residual([[2.0]], [[1.0]], [[0.5]], [[4.0]])
    array([[0.]])
    """
    names = ("descending", "above", "partner", "ascending")
    wb, v, vb, w = (
        as_finite(name, x, 2) for name, x in zip(names, (descending, above, partner, ascending), strict=True)
    )
    if wb.shape[1] != v.shape[1] or vb.shape[1] != w.shape[1] or (len(wb), len(v)) != (len(vb), len(w)):
        shapes = ", ".join(f"{name} {x.shape}" for name, x in zip(names, (wb, v, vb, w), strict=True))
        raise ValueError(f"descending: wanted matrices of which Wb V^T and Vb W^T have one shape, got {shapes}")
    return wb @ v.T - vb @ w.T


@layerwise
def matrix_learning_rate(lateral: ArrayLike) -> Float[np.ndarray, "units units"]:
    """``H = V V^T``: what the gradient is multiplied by at a level of an assembled circuit; never negative.

    Examples
    --------
    >>> matrix_learning_rate([[2.0]])
    array([[4.]])
    """
    v = as_finite("lateral", lateral, ndim=2)
    return v @ v.T


@layerwise
def matrix_learning_rate_gap(currents: ArrayLike, errors: ArrayLike, lateral: ArrayLike) -> float:
    """Largest deviation of the currents ``u`` from ``H g``, over the largest current.

    Parameters
    ----------
    currents : array_like [trial, unit]
        Descending currents onto the ascending cells of one level.
    errors : array_like [trial, unit]
        What they should be up to H: minus the gradient with respect to the cells' activity.
    lateral : array_like [unit, a]
        V of the level.

    Examples
    --------
    >>> matrix_learning_rate_gap([[8.0]], [[2.0]], [[2.0]])
    0.0
    """
    u, g = (as_finite(name, x, ndim=2) for name, x in (("currents", currents), ("errors", errors)))
    if u.shape != g.shape:
        raise ValueError(f"currents: got {u.shape}, wanted {g.shape} like errors")
    largest = np.abs(u).max()
    if largest == 0:
        raise ValueError("currents: all of them are zero")
    return float(np.abs(u - g @ matrix_learning_rate(lateral)).max() / largest)
