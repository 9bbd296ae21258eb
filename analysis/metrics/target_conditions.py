"""When does a fixed backward network send useful targets? Jacobian conditions of target propagation.

Shibuya et al., "Fixed-weight difference target propagation", arXiv 2212.10352: with J_f the Jacobian of the forward
layer ``f = phi(W h)`` and J_g that of the backward layer ``g = phi(Q f)`` at f, the weak condition asks for
``tr(J_f J_g) > 0`` and the strict one for eigenvalues with positive real parts. All of it at one sample.
"""

from typing import NamedTuple

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite, layerwise
from biocredit.analysis.metrics.nonlinearities import Activation, activation_named
from jaxtyping import Float

__all__ = ["TargetConditions", "loop_jacobian", "mean_target_conditions", "target_conditions"]


class TargetConditions(NamedTuple):
    """What `target_conditions` returns."""

    trace: float
    """``tr(J_f J_g)``; the weak condition holds if it is positive."""
    positive_fraction: float
    """Share of eigenvalues with positive real part; the strict condition holds if it is 1."""
    smallest_symmetric: float
    """Smallest eigenvalue of the symmetric part: positive means positive definite, which is stronger than strict."""


def loop_jacobian(
    forward: ArrayLike, backward: ArrayLike, activity: ArrayLike, activation: str | Activation = "tanh"
) -> Float[np.ndarray, "upper upper"]:
    """``J_f J_g`` of one layer at one sample.

    Parameters
    ----------
    forward : array_like [upper, lower]
        W, the weights of the forward layer.
    backward : array_like [lower, upper]
        Q, the weights of the backward layer.
    activity : array_like [lower]
        Input h of the layer.
    activation : str or (value, slope)

    Examples
    --------
    >>> loop_jacobian([[2.0]], [[3.0]], [0.0])
    array([[6.]])
    """
    w, q = as_finite("forward", forward, ndim=2), as_finite("backward", backward, ndim=2)
    h = as_finite("activity", activity, ndim=1)
    if q.shape != w.shape[::-1]:
        raise ValueError(f"backward: wanted shape {w.shape[::-1]} for the forward weights {w.shape}, got {q.shape}")
    if h.shape != w.shape[1:]:
        raise ValueError(f"activity: wanted shape {w.shape[1:]}, got {h.shape}")
    f = activation_named(activation)
    up = w @ h
    down = q @ f.value(up)
    return (f.slope(up)[:, None] * w) @ (f.slope(down)[:, None] * q)


@layerwise
def target_conditions(
    forward: ArrayLike, backward: ArrayLike, activity: ArrayLike, activation: str | Activation = "tanh"
) -> TargetConditions:
    """Weak and strict condition of one layer at one sample; parameters as in `loop_jacobian`.

    Examples
    --------
    >>> target_conditions([[2.0]], [[3.0]], [0.0])
    TargetConditions(trace=6.0, positive_fraction=1.0, smallest_symmetric=6.0)
    """
    jacobian = loop_jacobian(forward, backward, activity, activation)
    return TargetConditions(
        trace=float(np.trace(jacobian)),
        positive_fraction=float(np.mean(np.linalg.eigvals(jacobian).real > 0)),
        smallest_symmetric=float(np.linalg.eigvalsh((jacobian + jacobian.T) / 2)[0]),
    )


def mean_target_conditions(
    forward: ArrayLike, backward: ArrayLike, activities: ArrayLike, activation: str | Activation = "tanh"
) -> TargetConditions:
    """Mean of `target_conditions` over samples, for example the first of every validation batch.

    Parameters
    ----------
    activities : array_like [samples, lower]

    Examples
    --------
    >>> mean_target_conditions([[2.0]], [[3.0]], [[0.0], [0.0]]).trace
    6.0
    """
    activities = as_finite("activities", activities, ndim=2)
    if not len(activities):
        raise ValueError("activities: wanted at least one sample, got none")
    each = [target_conditions(forward, backward, activity, activation) for activity in activities]
    return TargetConditions(*(float(mean) for mean in np.mean(each, axis=0)))
