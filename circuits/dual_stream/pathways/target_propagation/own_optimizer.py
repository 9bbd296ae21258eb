"""Optimisers of feedback weights that learn within a trial: their state is part of the circuit's tree."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import optax
from biocredit.circuits.core.credit_rule import Tree


def start(optimizer: optax.GradientTransformation, stem: str, weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Initial state, by names that begin with ``stem``."""
    leaves = jax.tree.leaves(optimizer.init(dict(weights)))
    return {f"{stem}.optimizer{number}": np.asarray(leaf) for number, leaf in enumerate(leaves)}


def step(optimizer: optax.GradientTransformation, stem: str, tree: Tree, changes: Tree) -> Tree:
    """Make one step; return the new weights and the new state by full name.

    Examples
    --------
    >>> step(optax.sgd(0.5), "down.layer2", {"Q": jax.numpy.ones(1)}, {"Q": jax.numpy.ones(1)})
    {'Q': Array([0.5], dtype=float32)}
    """
    weights = {name: tree[name] for name in changes}
    form = jax.tree.structure(jax.eval_shape(optimizer.init, weights))
    names = [f"{stem}.optimizer{number}" for number in range(form.num_leaves)]
    state = jax.tree.unflatten(form, [tree[name] for name in names])
    updates, state = optimizer.update(changes, state, weights)
    return optax.apply_updates(weights, updates) | dict(zip(names, jax.tree.leaves(state), strict=True))
