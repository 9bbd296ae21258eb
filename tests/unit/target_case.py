"""Small target-propagation circuits, and the family's equations written out in plain functions of arrays."""

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.pathways.target_propagation import Noise, architectures

SIZES = [6, 5, 4, 3]


def dense(stream, sizes=SIZES, **options):
    return DualStream(*architectures.dense(sizes, **options), stream, dtype=jnp.float64)


def convolutional(stream, **options):
    nodes = architectures.pooling([2, 3, 4], side=4, classes=3, **options)
    return DualStream(*nodes, stream, dtype=jnp.float64)


def seeded(net, seed=0, scale=0.5):
    """Weights of any scale in both streams: the published starts have tiny values, where errors hide."""
    random = np.random.default_rng(seed)
    drawn = {name: scale * random.normal(size=value.shape) for name, value in net.read().items() if "optim" not in name}
    return net.read() | {name: jnp.asarray(value) for name, value in drawn.items()}


def trials(net, count=7, seed=1):
    random = np.random.default_rng(seed)
    x = jnp.asarray(random.normal(size=(count, *net.input_shape)))
    return Batch({"x": x}, {"choice": jnp.asarray(random.integers(0, 3, count))})


def dense_noise(sizes, count=7, seed=2, scale=0.3):
    """Noise of one iteration below and above every level with feedback, by path."""
    random = np.random.default_rng(seed)

    def draw(size):
        return scale * jnp.asarray(random.normal(size=(count, size)))

    return {f"layer{level}": Noise(draw(sizes[level - 1]), draw(sizes[level])) for level in range(2, len(sizes))}


class Written:
    """Forward and feedback functions of a dense circuit as the specification writes them.

    ``W[l]`` leads from population ``l - 1`` to ``l``; ``Q[l]``, laid out like ``W[l]``, leads back.
    """

    def __init__(self, tree, sizes, standardised=False):
        self.top = len(sizes) - 1
        self.W = {level: tree[f"up.layer{level}.W"] for level in range(1, self.top + 1)}
        self.standardised = standardised

    def norm(self, y):
        if not self.standardised:
            return y
        mean, deviation = jnp.mean(y, 0, keepdims=True), jnp.std(y, 0, ddof=1, keepdims=True)
        return (y - mean) / (deviation + 1e-12)

    def f(self, level, h):
        z = h @ self.W[level].T
        return z if level == self.top else self.norm(jnp.tanh(z))

    def g(self, Q, u):
        return self.norm(jnp.tanh(u @ Q))

    def rates(self, x):
        h = [x]
        for level in range(1, self.top + 1):
            h.append(self.f(level, h[-1]))
        return h

    def c(self, r, h, still):
        return self.norm(r + h - still)

    def around(self, level, Q, h, eps, constant):
        """Noisy activity up to the top and down again with corrections; ``Q`` of all levels."""
        q = h[level - 1] + eps
        for one in range(level, self.top + 1):
            q = self.f(one, q)
        for one in range(self.top, level - 1, -1):
            still = self.g(Q[one], h[one])
            q = self.c(self.g(Q[one], q), h[one - 1], jax.lax.stop_gradient(still) if constant else still)
        return q


def written_losses(rule, net, level, Q, *, h, noise):
    """The loss of one level, summed over trials and units, as a function of all feedback weights ``Q``."""
    eps, above = noise
    below, hold = h[level - 1], jax.lax.stop_gradient
    if rule == "denoising":
        q = below + eps
        return jnp.sum((net.g(Q[level], net.f(level, q)) - q) ** 2)
    if rule == "reconstruct_clean":
        return jnp.sum((below - net.around(level, Q, h, eps, constant=True)) ** 2)
    if rule == "reconstruct_noisy":
        return jnp.sum((below + eps - net.around(level, Q, h, eps, constant=False)) ** 2)
    still = net.g(Q[level], h[level])
    still = hold(still) if rule == "local_difference" else still
    q = net.c(net.g(Q[level], net.f(level, below + eps)), below, still)
    r = net.c(net.g(Q[level], h[level] + above), below, still)
    factor = 1 if rule == "local_difference" else 2
    return factor * (-jnp.sum(eps * (q - below)) + jnp.sum((r - below) ** 2) / 2)
