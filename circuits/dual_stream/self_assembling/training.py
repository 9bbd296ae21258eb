"""Steps of self-assembling learning: plain gradient steps with a rate for each kind of synapses."""

from typing import TYPE_CHECKING

import jax
import numpy as np
import optax

from circuits.dual_stream.self_assembling.kinds import KINDS, PerKind, kind_of
from circuits.dual_stream.self_assembling.levels import levels
from circuits.errors import require

if TYPE_CHECKING:
    from circuits.dual_stream.dual_stream import DualStream


def optimizer(rates: PerKind, decay: PerKind | None = None) -> optax.GradientTransformation:
    """Step against the changes with the rate of each kind; decay is part of the changes, and so inside the rate.

    Parameters
    ----------
    rates
        Learning rates.
    decay
        Decay of the stream, to refuse a pair of rate and decay that overshoots zero.

    Raises
    ------
    CircuitError
        For a negative rate, or a product of rate and decay of 1 or more.
    """
    rates.check("a learning rate")
    for kind in KINDS if decay else ():
        product = getattr(rates, kind) * getattr(decay, kind)
        require(product < 1, f"rate times decay of {kind} must stay below 1, got {product:g}")
    steps = {kind: optax.sgd(getattr(rates, kind)) for kind in KINDS}
    return optax.partition(steps, lambda weights: jax.tree_util.tree_map_with_path(_kind, weights))


def _kind(path: tuple, _: jax.Array) -> str:
    return kind_of(path[-1].key)


def advice(net: "DualStream", rates: PerKind) -> list[str]:
    """Say in words what in a set-up does nothing, or is known to go wrong.

    Parameters
    ----------
    net
        A dual stream with self-assembling descending stream.
    rates
        Learning rates.
    """
    stream, tree, found = net.descending, net.read(), []
    if "Vbar" in stream.plastic and "Wbar" not in stream.plastic:
        found.append("Vbar is plastic, but reaches the ascending stream through plastic Wbar only: it has no effect")
    for level in levels(net.ascending) if rates.V >= 0.3 * rates.W else ():
        lateral = np.asarray(tree[level.names()["V"]])
        size = lateral.std() * np.sqrt(lateral.shape[1])
        if size > 1 and not np.array_equal(lateral, np.eye(*lateral.shape)):
            found.append(f"V at {level.rate} starts large (sd * sqrt(width) = {size:.2g}): training often diverges")
    return found
