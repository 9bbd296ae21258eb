"""Steps of self-assembling learning: plain gradient steps, with a rate and a decay for each kind of synapses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.errors import nearest, renamed, require
from biocredit.circuits.dual_stream.pathways.self_assembling.kinds import KINDS, PerKind, kind_of
from biocredit.circuits.dual_stream.pathways.self_assembling.levels import levels
from biocredit.circuits.dual_stream.pathways.self_assembling.plasticity import Regulariser, plain


@renamed(rates="learning_rates")
@dataclass(frozen=True)
class PerKindTraining:
    """Change every weight array by ``rate * (drive - decay * R(X))``; the decay is inside the rate.

    Parameters
    ----------
    learning_rates
        Learning rates ``eta``. All equal, with large lateral weights at the start, diverges; descending synapses must
        be slow.
    decay
        Decay ``gamma``; the paper has one for all kinds. Weights that are not plastic do not decay.
    regularisers
        ``R`` by kind; plain decay by default. Biases always decay plainly.
    clip
        Largest Frobenius norm of a drive, before decay; 0 for no limit. 0.3 kept runs stable that blew up without.

    Raises
    ------
    CircuitError
        For a negative number, or a product of rate and decay of 1 or more.
    """

    learning_rates: PerKind = PerKind(0.1, 0.001, 0.1, 0.1)  # noqa: RUF009  (a tuple)
    decay: PerKind = PerKind.same(1e-4)  # noqa: RUF009  (a tuple)
    regularisers: Mapping[str, Regulariser] = field(default_factory=dict)
    clip: float = 0.0

    def __post_init__(self):
        self.learning_rates.check("a learning rate")
        self.decay.check("a decay")
        for kind, rate, decay in zip(KINDS, self.learning_rates, self.decay, strict=True):
            require(rate * decay < 1, f"rate times decay of {kind} must stay below 1, got {rate * decay:g}")
        for kind in self.regularisers:
            require(kind in KINDS, f"regularisers: unknown kind of synapses {kind!r}: {nearest(kind, KINDS)}")
        require(self.clip >= 0, f"the limit of a drive cannot be negative, got {self.clip}")

    def optimizer(self) -> optax.GradientTransformation:
        """All of it as an optax transformation of a circuit's changes."""
        return optax.chain(clip_each(self.clip), optax.partition({kind: self._of(kind) for kind in KINDS}, _kinds))

    def remedy(self) -> str:
        """Say what the rates were and what may help, for a run that diverged.

        Examples
        --------
        >>> PerKindTraining(PerKind(1.0, 0.01, 0.2, 0.2).scaled(0.5)).remedy()
        'learning rates 0.5 x (W 1, Wbar 0.01, V 0.2, Vbar 0.2): lower the rate, or V, Vbar or Wbar; or try clip=0.3'
        """
        ratios = ", ".join(
            f"{kind} {rate / (self.learning_rates.W or 1):.3g}" for kind, rate in self.learning_rates._asdict().items()
        )
        clip = "" if self.clip else "; or try clip=0.3"
        return f"learning rates {self.learning_rates.W or 1:g} x ({ratios}): lower the rate, or V, Vbar or Wbar{clip}"

    def _of(self, kind: str) -> optax.GradientTransformation:
        decay = regularised(getattr(self.decay, kind), self.regularisers.get(kind, plain))
        return optax.chain(decay, optax.sgd(getattr(self.learning_rates, kind)))


def _kinds(weights: Mapping[str, jax.Array]) -> dict[str, str]:
    return {name: kind_of(name) for name in weights}


def clip_each(limit: float) -> optax.GradientTransformation:
    """Scale every array whose norm exceeds ``limit`` down to it, each on its own; a limit of 0 means none.

    Examples
    --------
    >>> clip_each(1.0).update({"W": jnp.array([3.0, 4.0])}, optax.EmptyState())[0]["W"]
    Array([0.6, 0.8], dtype=float32)
    """
    if limit == 0:
        return optax.identity()

    def clipped(change: jax.Array) -> jax.Array:
        return change * (limit / jnp.maximum(jnp.linalg.norm(change.reshape(-1)), limit))

    return optax.stateless(lambda changes, params: jax.tree.map(clipped, changes))


def regularised(decay: float, regulariser: Regulariser = plain) -> optax.GradientTransformation:
    """Add ``decay * R(X)`` to the change of every matrix ``X``, ``decay * X`` to that of any other array."""

    def added(change: jax.Array, weight: jax.Array) -> jax.Array:
        return change + decay * (regulariser(weight) if weight.ndim == 2 else weight)

    return optax.stateless(lambda changes, params: jax.tree.map(added, changes, params))


def advice(net: Circuit, training: PerKindTraining) -> list[str]:
    """Say in words what in a set-up does nothing, or is known to go wrong.

    Parameters
    ----------
    net
        A dual stream with self-assembling descending stream.
    training
        How it is going to learn.
    """
    stream, tree, rates, found = net.descending, net.read(), training.learning_rates, []
    if "Vbar" in stream.plastic and "Wbar" not in stream.plastic:
        found.append("Vbar is plastic, but reaches the ascending stream through plastic Wbar only: it has no effect")
    for level in levels(net.ascending) if "V" in stream.plastic and rates.V >= 0.3 * rates.W else ():
        lateral = np.asarray(tree[level.names()["V"]])
        size = lateral.std() * np.sqrt(lateral.shape[1])
        if round(size, 1) > 1:
            found.append(f"V at {level.rate} starts large (sd * sqrt(width) = {size:.2g}): training often diverges")
    return found
