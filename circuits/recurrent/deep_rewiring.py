"""The optimiser of the ModProp program: Adam as in TensorFlow 1, fixed signs, L1, L2 and deep rewiring.

Optax transformations, usable with any circuit. A constrained weight is sign * theta where theta > 0 and absent
otherwise; its sign is the one it has when the optimiser starts. What is stored is sign * theta itself, so an entry
that has just crossed zero carries the wrong sign until the next update sets it to zero (:func:`effective` gives the
weight that acts). Adam is odd in the gradient, so training sign * theta is training theta.

Sources: Bellec, Kappel, Maass & Legenstein 2018, arXiv 1711.05136; Kingma & Ba 2015, arXiv 1412.6980.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import nearest, require

#: Magnitude of a synapse that has just been revived.
NEWBORN = 1e-12


class AdamState(NamedTuple):
    """Number of steps, first and second moments."""

    count: jax.Array
    mean: Tree
    square: Tree


def scale_by_tf1_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> optax.GradientTransformation:
    """Adam with the epsilon of TensorFlow 1, which the bias correction does not scale.

    The direction is sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps); the usual convention amounts to
    eps / sqrt(1 - b2^t) in its place (3.2e-7 rather than 1e-8 at t = 1).

    Examples
    --------
    >>> adam = optax.chain(scale_by_tf1_adam(), optax.scale_by_learning_rate(1e-3))
    >>> step, _ = adam.update({"w": jnp.ones(1)}, adam.init({"w": jnp.ones(1)}))
    >>> round(float(step["w"][0]), 6)
    -0.001
    """

    def init(params: Tree) -> AdamState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return AdamState(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(changes: Tree, state: AdamState, params: Tree | None = None) -> tuple[Tree, AdamState]:
        count = state.count + 1
        mean = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mean, changes)
        square = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state.square, changes)

        def direction(m: jax.Array, v: jax.Array) -> jax.Array:
            t = count.astype(m.dtype)
            return jnp.sqrt(1 - b2**t) / (1 - b1**t) * m / (jnp.sqrt(v) + eps)

        return jax.tree.map(direction, mean, square), AdamState(count, mean, square)

    return optax.GradientTransformation(init, update)


def tf1_adam(learning_rate: optax.ScalarOrSchedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8):
    """Adam in the convention of TensorFlow 1, see :func:`scale_by_tf1_adam`."""
    return optax.chain(scale_by_tf1_adam(b1, b2, eps), optax.scale_by_learning_rate(learning_rate))


class RewiringState(NamedTuple):
    """Signs of the constrained weights (0 where there is no synapse), random key, count, state of Adam."""

    signs: Tree
    key: jax.Array
    count: jax.Array
    adam: AdamState


def deep_rewiring(
    learning_rate: optax.ScalarOrSchedule,
    constrained: tuple[str, ...] = ("W_rec", "W_out"),
    penalised: tuple[str, ...] = ("W_in", "W_rec", "W_out"),
    l1: float = 0.01,
    l2: float = 5e-4,
    connectivity: float = 0.99,
    masks: Mapping[str, jax.Array] | None = None,
    seed: int = 0,
    count_absent: bool = True,
) -> optax.GradientTransformation:
    """Train signed, sparse weights so that no sign ever flips.

    Order of one update: add ``l2`` times the acting weight to the gradient; Adam for every entry, absent ones too;
    entries that were silent before go to zero; L1 shrinks the others by ``learning_rate * l1``; if too few synapses
    are left, silent ones are revived at random.

    Parameters
    ----------
    learning_rate
        Number or optax schedule.
    constrained
        Names of the weights with fixed signs.
    penalised
        Names of the weights with the L2 penalty ``l2 / 2 * ||W||^2``.
    l1, l2
        Strength of the penalties.
    connectivity
        Fraction of all entries of the constrained weights that must be present. Entries that are zero when the
        optimiser starts are no synapses: they count as present and stay as they are.
    masks
        0 where a stored entry never acts, by name (the diagonal in the released program): it shrinks and counts.
    seed
        Seed of the random revival.
    count_absent
        Whether entries that never are a synapse count as present (arXiv 2206.01338); else only synapses do
        (doi:10.1073/pnas.2111821118).
    """
    adam = scale_by_tf1_adam()

    def init(params: Tree) -> RewiringState:
        for name in constrained:
            require(name in params, f"unknown constrained weights {name!r}: {nearest(name, params)}")
        signs = {name: jnp.sign(params[name]) for name in constrained}
        return RewiringState(
            signs, jax.random.key_data(jax.random.key(seed)), jnp.zeros((), jnp.int32), adam.init(params)
        )

    def update(changes: Tree, state: RewiringState, params: Tree) -> tuple[Tree, RewiringState]:
        acting = effective(params, state.signs, masks)
        changes = {k: g + l2 * acting[k] if k in penalised else g for k, g in changes.items()}
        direction, adam_state = adam.update(changes, state.adam)
        rate = learning_rate(state.count) if callable(learning_rate) else learning_rate
        moved = {name: params[name] - jnp.asarray(rate, g.dtype) * g for name, g in direction.items()}
        key, draw = jax.random.split(jax.random.wrap_key_data(state.key))
        present = {name: _prune(moved[name], params[name], sign, rate * l1) for name, sign in state.signs.items()}
        moved |= revive(present, state.signs, connectivity, draw, count_absent)
        steps = {name: moved[name] - params[name] for name in changes}
        return steps, RewiringState(state.signs, jax.random.key_data(key), state.count + 1, adam_state)

    return optax.GradientTransformation(init, update)


def effective(weights: Tree, signs: Tree, masks: Mapping[str, jax.Array] | None = None) -> Tree:
    """Return the weights that act: constrained entries of the wrong sign, or masked out, count as absent."""
    acting = weights | {name: jnp.where(sign * weights[name] > 0, weights[name], 0) for name, sign in signs.items()}
    return acting | {name: acting[name] * mask for name, mask in (masks or {}).items()}


def _prune(moved: jax.Array, before: jax.Array, sign: jax.Array, shrink: jax.Array | float) -> jax.Array:
    kept = jnp.where(sign * before > 0, moved, 0)
    return jnp.where(sign * kept > 0, kept - jnp.asarray(shrink, kept.dtype) * sign, kept)


def revive(weights: Tree, signs: Tree, connectivity: float, key: jax.Array, count_absent: bool = True) -> Tree:
    """Bring back silent synapses until the wanted fraction is present.

    Each matrix revives a share proportional to its size (rounded up or down at random, right in expectation), at
    places drawn uniformly among its silent entries.
    """
    total = sum(weight.size for weight in weights.values())
    silent = {name: (signs[name] != 0) & (signs[name] * weights[name] <= 0) for name in weights}
    absent = {name: silent[name] if count_absent else signs[name] * weights[name] <= 0 for name in weights}
    missing = jnp.maximum(int(total * connectivity) - total + sum(jnp.sum(gone) for gone in absent.values()), 0)
    revived = {}
    for number, (name, weight) in enumerate(weights.items()):
        share, scores = jax.random.split(jax.random.fold_in(key, number))
        wanted = jnp.round(missing * weight.size / total + jax.random.uniform(share, (), weight.dtype) - 0.5)
        score = jnp.where(silent[name], jax.random.uniform(scores, weight.shape, weight.dtype), -1)
        least = jnp.sort(score.ravel())[::-1][jnp.clip(wanted.astype(jnp.int32), 0, weight.size - 1)]
        revived[name] = jnp.where(silent[name] & (score > least), NEWBORN * signs[name], weight)
    return revived
