"""What feedback synapses learn from noise: one local loss a level, as explicit rules.

Every rule is ``rule(level, seen, tree, noise) -> Learned``: the loss summed over trials and units, and its gradient
with respect to the feedback weights of this level alone. A scale (mean over trials, over units) is up to the caller.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.dual_stream.pathways.target_propagation.levels import TargetLevel
from biocredit.circuits.dual_stream.pathways.target_propagation.reconstruction import (
    Descended,
    Scene,
    added,
    bring_down,
    reconstruct,
)


class Noise(NamedTuple):
    """Noise at one level.

    Attributes
    ----------
    below
        Added to the lower population, shaped like its activity.
    above
        Added to the upper population; only the rules of the L-DRL kind use it.
    """

    below: jax.Array
    above: jax.Array | None = None


class Learned(NamedTuple):
    """A loss and its gradient by full name."""

    loss: jax.Array
    changes: Tree


FeedbackLoss = Callable[[TargetLevel, Scene, Tree, Noise], Learned]


def scaled(learned: Learned, factor: float) -> Learned:
    """Multiply a loss and its gradient."""
    return jax.tree.map(lambda value: factor * value, learned)


def denoising(level: TargetLevel, seen: Scene, tree: Tree, noise: Noise) -> Learned:
    """DTP: ``|g(f(q)) - q|^2`` at the noisy activity ``q = h + eps``; teaches an inverse (arXiv 1412.7525)."""
    noisy = seen.rates[level.below] + noise.below
    ahead = seen.run(level, noisy)
    back = reconstruct(level, seen, tree, ahead.output, ahead)
    mismatch = back.rate - noisy
    return Learned((mismatch**2).sum(), back.learn(2 * mismatch))


def around_top(level: TargetLevel, seen: Scene, tree: Tree, noise: Noise) -> Descended:
    """Send noisy activity up to the output and bring it down again with corrections."""
    u, ascents = seen.rates[level.below] + noise.below, {}
    descending = seen.from_top(level)
    for one in reversed(descending):
        ascents[one.path] = seen.run(one, u)
        u = ascents[one.path].output
    for one in descending:
        down = bring_down(one, seen, tree, u, ascents[one.path])
        u = down.rate
    return down


def reconstruct_clean(level: TargetLevel, seen: Scene, tree: Tree, noise: Noise) -> Learned:
    """DRL as in the released program of arXiv 2212.10352: the *clean* activity is to be reconstructed.

    The correction is a constant, so the least loss is that of feedback which ignores its input.
    """
    down = around_top(level, seen, tree, noise)
    mismatch = down.rate - seen.rates[level.below]
    return Learned((mismatch**2).sum(), down.learn(2 * mismatch))


def reconstruct_noisy(level: TargetLevel, seen: Scene, tree: Tree, noise: Noise) -> Learned:
    """DRL of Meulemans et al. 2020: the *noisy* activity is to be reconstructed, through all levels above.

    With weight decay it teaches a regularised inverse of everything above (arXiv 2006.14331, eq. 13).
    """
    down = around_top(level, seen, tree, noise)
    mismatch = down.rate - (seen.rates[level.below] + noise.below)
    return Learned((mismatch**2).sum(), down.learn_both(2 * mismatch))


class Perturbed(NamedTuple):
    """Reconstructions at noise below and at noise above, and how far they are from the activity."""

    below: Descended
    above: Descended
    shift: jax.Array
    spread: jax.Array


def perturb(level: TargetLevel, seen: Scene, tree: Tree, noise: Noise) -> Perturbed:
    """Perturb the two populations of a level, one after the other."""
    h = seen.rates[level.below]
    ahead = seen.run(level, h + noise.below)
    below = bring_down(level, seen, tree, ahead.output, ahead)
    above = bring_down(level, seen, tree, seen.rates[level.above] + noise.above, seen.ascent)
    return Perturbed(below, above, below.rate - h, above.rate - h)


def local_difference(level: TargetLevel, seen: Scene, tree: Tree, noise: Noise) -> Learned:
    """L-DRL as in the released program of arXiv 2212.10352: ``-eps (q - h) + |r - h|^2 / 2``, constant corrections.

    Its expectation is ``sigma^2 (|J_g|^2 / 2 - tr J_g J_f)`` to leading order, least where the Jacobian of the
    feedback is the transpose of that of the forward path.
    """
    found = perturb(level, seen, tree, noise)
    loss = (found.spread**2).sum() / 2 - jnp.sum(noise.below * found.shift)
    return Learned(loss, added(found.below.learn(-noise.below), found.above.learn(found.spread)))


def local_difference_both(level: TargetLevel, seen: Scene, tree: Tree, noise: Noise) -> Learned:
    """L-DRL of Ernoult et al. 2022: twice :func:`local_difference`, with corrections that count as functions of Q."""
    found = perturb(level, seen, tree, noise)
    loss = (found.spread**2).sum() / 2 - jnp.sum(noise.below * found.shift)
    changes = added(found.below.learn_both(-noise.below), found.above.learn_both(found.spread))
    return scaled(Learned(loss, changes), 2.0)
