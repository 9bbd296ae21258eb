"""From directions to steps: optax transformations that published rules need and optax does not have.

Gradient centralisation is ``optax.centralize()``. All of these work with any rule.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from biocredit.circuits.core.errors import require


class Warmth(NamedTuple):
    """Updates that were made so far."""

    updates: jax.Array


def warm_up(steps: int, batches_per_epoch: int | None = None) -> optax.GradientTransformation:
    """Begin with small changes: factor ``1/steps, 2/steps, ...`` in the first ``steps`` updates, then 1.

    Parameters
    ----------
    steps
        Updates of the warm-up; 0 for none.
    batches_per_epoch
        If given, the numerator starts again with every epoch, as in the released program of counter-current learning
        (arXiv 2409.19841): with fewer batches than ``steps`` the factor is a saw.

    Examples
    --------
    >>> transformation = warm_up(4)
    >>> changes, state = transformation.update({"W": jnp.ones(1)}, transformation.init({}))
    >>> float(changes["W"][0])
    0.25
    """
    require(steps >= 0, f"a warm-up takes 0 or more updates, got {steps}")
    require(batches_per_epoch is None or batches_per_epoch > 0, f"an epoch has batches, got {batches_per_epoch}")

    def update(changes: optax.Updates, state: Warmth, params: optax.Params | None = None):
        if steps:  # a product with 1 would cost one more pass over all weights
            number = state.updates if batches_per_epoch is None else state.updates % batches_per_epoch
            factor = jnp.where(state.updates < steps, (number + 1).astype(jnp.result_type(float)) / steps, 1.0)
            changes = jax.tree.map(lambda change: change * factor.astype(change.dtype), changes)
        return changes, Warmth(optax.safe_increment(state.updates))

    return optax.GradientTransformation(lambda params: Warmth(jnp.zeros((), jnp.int32)), update)


def total_norm(changes: optax.Updates) -> jax.Array:
    """Length of all changes together, as one vector."""
    return jnp.sqrt(sum(jnp.sum(change**2) for change in jax.tree.leaves(changes)))


def clip_norm(limit: float, margin: float = 1e-6) -> optax.GradientTransformation:
    """Multiply all changes by ``min(1, limit / (norm + margin))``, with the norm over all of them together.

    Parameters
    ----------
    limit
        Largest norm; 0 for no limit.
    margin
        As PyTorch has it; ``optax.clip_by_global_norm`` has none.
    """
    require(limit >= 0, f"the limit of a norm cannot be negative, got {limit}")
    if limit == 0:
        return optax.identity()

    def update(changes: optax.Updates, params: optax.Params | None = None):
        factor = jnp.minimum(1.0, limit / (total_norm(changes) + margin))
        return jax.tree.map(lambda change: change * factor.astype(change.dtype), changes)

    return optax.stateless(update)


def decaying_momentum(learning_rate: float, decay: float) -> optax.GradientTransformation:
    """Gradient descent with momentum 0.9; every weight also decays, inside the rate.

    Examples
    --------
    >>> transformation = decaying_momentum(0.5, 0.1)
    >>> weights = {"W": jnp.ones(1)}
    >>> steps, _ = transformation.update({"W": jnp.ones(1)}, transformation.init(weights), weights)
    >>> round(float(steps["W"][0]), 6)
    -0.55
    """
    return optax.chain(optax.add_decayed_weights(decay), optax.sgd(learning_rate, 0.9))


def decaying_adam(learning_rate: float, decay: float) -> optax.GradientTransformation:
    """Adam; every weight also decays, beside the moments (arXiv 1711.05101)."""
    return optax.adamw(learning_rate, weight_decay=decay)


#: Optimisers of a learning rate and a decay, by name.
DECAYING = {"momentum": decaying_momentum, "adam": decaying_adam}


def by_stream(**transformations: optax.GradientTransformation) -> optax.GradientTransformation:
    """Treat streams apart: ``up=...`` takes all weights whose names begin with ``"up."``, and so on.

    Norms, momenta and rates of one stream do not see the other.
    """

    def stream_of(weights: Mapping[str, jax.Array]) -> dict[str, str]:
        streams = {name: name.partition(".")[0] for name in weights}
        unknown = sorted(set(streams.values()) - set(transformations))
        require(not unknown, f"no transformation for the streams {unknown}, only for {sorted(transformations)}")
        return streams

    return optax.partition(transformations, stream_of)


def cosine_by_epoch(start: float, end: float, epochs: int, batches_per_epoch: int) -> optax.Schedule:
    """Learning rate that falls from ``start`` to ``end`` along half a cosine, once an epoch (arXiv 1608.03983).

    Examples
    --------
    >>> round(float(cosine_by_epoch(1.0, 0.001, 100, 7)(50 * 7 + 6)), 6)
    0.5005
    """
    require(epochs > 0, f"a schedule needs epochs, got {epochs}")
    require(min(start, end) >= 0, f"a learning rate cannot be negative, got {start} and {end}")

    def schedule(update: jax.Array | int) -> jax.Array:
        done = jnp.minimum(jnp.asarray(update) // batches_per_epoch, epochs).astype(jnp.result_type(float))
        return end + (start - end) * (1 + jnp.cos(jnp.pi * done / epochs)) / 2

    return schedule
