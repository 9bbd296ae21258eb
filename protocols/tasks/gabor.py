"""Two-alternative forced choice on the orientation of a Gabor patch, as pure functions.

An observer sees a grating under a Gaussian window, tilted a few degrees to one side or the other, in pixel noise,
and says which way it is tilted (Adjoint Propagation, appendix 2).
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt32

Key = PRNGKeyArray | UInt32[Array, "2"]
Scalar = float | Float[Array, ""]


def gabor(
    orientation_deg: Scalar,
    size: int = 32,
    spatial_frequency: float = 0.15,
    sigma: float = 10.0,
    phase: float = 0.0,
    contrast: float = 1.0,
) -> Float[Array, "size size"]:
    r"""A Gabor patch without noise, scaled to a largest absolute value of one.

    With pixel coordinates :math:`u` along columns and :math:`v` along rows, both running from
    :math:`\lfloor -n/2 \rfloor` to :math:`\lfloor n/2 \rfloor - 1`, and :math:`r = u \cos\theta + v \sin\theta`,

    .. math:: g = c \cos(2 \pi k r + \varphi) \exp(-(u^2 + v^2) / 2 \sigma^2),
              \qquad g \leftarrow g / (\max|g| + 10^{-9})

    Parameters
    ----------
    orientation_deg : scalar
        Orientation :math:`\theta` in degrees.
    size : int
        Pixels a side, :math:`n`.
    spatial_frequency : float
        :math:`k` in cycles a pixel.
    sigma : float
        Standard deviation of the window in pixels.
    phase : float
        :math:`\varphi` in radians.
    contrast : float
        :math:`c`; the scaling leaves next to nothing of it (it is kept as published).

    Returns
    -------
    array [size, size]
        Values from -1 to 1.

    Examples
    --------
    >>> gabor(6.0).shape, round(float(gabor(6.0)[16, 16]), 6)
    ((32, 32), 1.0)
    """
    pixels = jnp.linspace(math.floor(-size / 2), math.floor(size / 2) - 1, size)
    u, v = pixels[None, :], pixels[:, None]
    theta = jnp.deg2rad(jnp.asarray(orientation_deg, float))
    r = u * jnp.cos(theta) + v * jnp.sin(theta)
    window = jnp.exp(-(u**2 + v**2) / (2 * sigma**2))
    patch = contrast * jnp.cos(2 * jnp.pi * spatial_frequency * r + phase) * window
    return patch / (jnp.max(jnp.abs(patch)) + 1e-9)


def noisy(image: Float[Array, "*shape"], noise_sd: Scalar, key: Key) -> Float[Array, "*shape"]:
    """The image with Gaussian noise of standard deviation ``noise_sd`` on every pixel, cut off at -1 and 1."""
    noise = jax.random.normal(key, image.shape, image.dtype)
    return jnp.clip(image + jnp.asarray(noise_sd, image.dtype) * noise, -1, 1)


def trial(
    key: Key,
    noise_sd: Scalar = 0.0,
    tilt_deg: float = 6.0,
    jitter_deg: float = 0.5,
    size: int = 32,
) -> tuple[Float[Array, " pixels"], Int[Array, ""], Float[Array, ""]]:
    """Draw one trial: +``tilt_deg`` (label 1, clockwise) or -``tilt_deg`` (label 0) with equal chance, jittered.

    Parameters
    ----------
    key : PRNG key
        The same key gives the same trial.
    noise_sd : scalar
        Standard deviation of the pixel noise (the paper: 0, 0.2, 1, 2, 4).
    tilt_deg, jitter_deg : float
        Orientation in degrees, and the standard deviation of its Gaussian jitter.
    size : int
        Pixels a side.

    Returns
    -------
    image : array [size * size]
        The noisy patch, flattened row by row.
    label : int32
        0 or 1.
    orientation_deg : scalar
        Orientation that was shown.

    Examples
    --------
    A block of 200 trials:

    >>> images, labels, orientations = jax.vmap(trial)(jax.random.split(jax.random.key(0), 200))
    >>> images.shape, labels.shape, orientations.shape
    ((200, 1024), (200,), (200,))
    """
    side, jitter, noise = jax.random.split(key, 3)
    label = jax.random.bernoulli(side).astype(jnp.int32)
    centre = jnp.where(label == 1, tilt_deg, -tilt_deg)
    orientation = centre + jitter_deg * jax.random.normal(jitter, dtype=centre.dtype)
    return noisy(gabor(orientation, size), noise_sd, noise).ravel(), label, orientation
