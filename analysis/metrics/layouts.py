"""How forward and backward weights are laid out, and how to bring one to the layout of the other.

Forward weights are [out, in, *kernel], backward weights [in, out, *kernel]: a backward weight that is the exact
transpose of the forward one has the same entries in swapped order.
"""

import numpy as np
from biocredit.analysis.metrics.arguments import ArrayLike, as_finite
from jaxtyping import Float

__all__ = ["backward_path", "forward_layout"]


def forward_layout(backward: ArrayLike, flip: bool = False) -> Float[np.ndarray, "out inp ..."]:
    """Bring a backward weight [in, out, *kernel] to the layout [out, in, *kernel] of the forward weight.

    Parameters
    ----------
    backward : array_like [in, out, *kernel]
        Dense matrix, or convolution kernel with its spatial axes last.
    flip : bool
        Turn the kernel by 180 degrees: the transpose of a stride-1 convolution is the convolution with the flipped
        kernel. Set it if the backward kernel acts by ordinary convolution.

    Examples
    --------
    >>> forward_layout([[1.0, 2.0, 3.0]]).shape
    (3, 1)
    """
    backward = as_finite("backward", backward)
    if backward.ndim < 2:
        raise ValueError(f"backward: wanted [in, out, *kernel], got shape {backward.shape}")
    swapped = np.swapaxes(backward, 0, 1)
    return np.flip(swapped, axis=tuple(range(2, swapped.ndim))) if flip else swapped


def backward_path(second: ArrayLike, first: ArrayLike) -> Float[np.ndarray, "inp out ..."]:
    """Product R B of a two-step backward route (product feedback, arXiv 2405.20594).

    Parameters
    ----------
    second : array_like [in, m, *kernel]
        R, from the intermediate population to the lower layer.
    first : array_like [m, out] or [m, out, 1, 1]
        B, from the upper layer to the intermediate population (point-wise for convolutions).

    Returns
    -------
    array [in, out, *kernel]

    Examples
    --------
    >>> backward_path([[1.0, 2.0]], [[3.0], [4.0]])
    array([[11.]])
    """
    second, first = as_finite("second", second), as_finite("first", first)
    if first.ndim < 2 or first.size != first.shape[0] * first.shape[1]:
        raise ValueError(f"first: wanted a matrix [m, out] or a 1 x 1 kernel, got shape {first.shape}")
    if second.ndim < 2 or second.shape[1] != first.shape[0]:
        raise ValueError(f"second: wanted [in, {first.shape[0]}, *kernel], got shape {second.shape}")
    return np.einsum("im...,mo->io...", second, first.reshape(first.shape[:2]))
