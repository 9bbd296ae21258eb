"""Adjoint Propagation in time: the running dynamics carries the output error from its receivers to the other cells.

An experiment, no published rule: the two phases of Adjoint Propagation (eLife 2026, 15:e108237) belong to regions that
have settled, and its authors suggest (replies R3-6 and R3-11 to the reviewers) a leaky presynaptic filter as
eligibility where time runs. At every step t the readout's error enters some of the cells, the receivers of error,
through random weights, and the dynamics is followed for k further steps with and without it. The difference of a
cell's state, for a small error, is its local error; a synapse changes by that times the cell's gain times the leaky
filter of its presynaptic activity. With d_0 = 0 and the error current e on during all k steps:

* ``"recurrent"``: the difference spreads by the cells' own dynamics, leaks included: d_j = integrate(d_{j-1}, W (gain
  d_{j-1}) + e);
* ``"fast"``: it spreads without delay through error-carrying synapses of its own, fixed and random, of spectral radius
  ``radius``: d_j = F (gain d_{j-1}) + e;
* ``"transposed"``: the same where these synapses are the transposed recurrent ones, scaled to that radius: what
  learning to mirror them could reach at best.

With error at all cells and k = 1 the fast form is RFLO (doi:10.7554/eLife.43299).
"""

from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import choose, require
from biocredit.circuits.core.initializers import rescale, stream
from biocredit.circuits.recurrent.cells.model import along
from biocredit.circuits.recurrent.credit.family import reverse_rule
from biocredit.circuits.recurrent.credit.reverse import Credit
from biocredit.circuits.recurrent.credit.temporal_rule import Signals, TemporalRule

#: Leaky presynaptic filter times gain.
FILTERED = Credit(own="none")


def by_dynamics(signals: Signals, state: Tree, error: jax.Array, steps: int) -> jax.Array:
    """Spread an error current by the cells' own dynamics; return the difference of the first state variable."""
    seen = signals["neuron"].seen("none")
    slopes = seen.slopes(signals["gain"], {})

    def follow(_: int, apart: Tree) -> Tree:
        sent = sum(slopes[name] * value for name, value in apart.items())
        return seen.cell.integrate(seen.constants, apart, 0.0, sent @ signals["recurrent_weights"] + error)

    rest = dict.fromkeys(seen.cell.variables, jnp.zeros_like(error))
    return jax.lax.fori_loop(0, steps, follow, rest)[seen.cell.variables[0]]


def by_fast_synapses(signals: Signals, path: jax.Array, error: jax.Array, steps: int) -> jax.Array:
    """Spread an error current through synapses without delay."""
    return jax.lax.fori_loop(1, steps, lambda _, apart: (signals["gain"] * apart) @ path + error, error)


def through_random(signals: Signals, state: Tree, error: jax.Array, steps: int) -> jax.Array:
    """Spread through fixed random synapses."""
    return by_fast_synapses(signals, state["path"], error, steps)


def through_transposed(signals: Signals, state: Tree, error: jax.Array, steps: int) -> jax.Array:
    """Spread through the transposed recurrent synapses, scaled."""
    return by_fast_synapses(signals, state["shrinkage"] * signals["recurrent_weights"].T, error, steps)


PATHS: dict[str, Callable[[Signals, Tree, jax.Array, int], jax.Array]] = {
    "recurrent": by_dynamics,
    "fast": through_random,
    "transposed": through_transposed,
}


@dataclass(frozen=True)
class Spread:
    """How the output error reaches the cells.

    Parameters
    ----------
    steps
        k, steps for which the error is followed.
    receivers
        Fraction of the cells that receive it, the last ones.
    path
        A name in :data:`PATHS`.
    radius
        Spectral radius of the fast synapses.
    """

    steps: int = 5
    receivers: float = 0.25
    path: Literal["recurrent", "fast", "transposed"] = "recurrent"
    radius: float = 0.5

    def __post_init__(self):
        choose(self.path, PATHS, "path of the error")
        require(self.steps >= 1, f"the error is followed for 1 or more steps, got steps={self.steps}")
        require(0 < self.receivers <= 1, f"receivers of error must be a fraction in (0, 1], got {self.receivers}")
        require(self.radius >= 0, f"radius must be 0 or more, got {self.radius}")


def start(settings: Spread, weights: Mapping[str, jax.Array]) -> Tree:
    """Return which cells receive error, and the synapses that carry it."""
    cells = weights["W_rec"].shape[0]
    receives = np.arange(cells) >= cells - max(round(settings.receivers * cells), 1)
    state = {"receives": receives.astype(np.float64)}
    if settings.path == "fast":
        drawn = stream(int(weights["seed"]), "error_path").standard_normal((cells, cells))
        state["path"] = rescale(drawn, settings.radius)
    if settings.path == "transposed":
        state["shrinkage"] = np.float64(settings.radius / np.abs(np.linalg.eigvals(np.asarray(weights["W_rec"]))).max())
    return state


def update(settings: Spread, state: Tree, signals: Signals) -> tuple[Tree, Tree]:
    """Spread the error of each step, then pair it with presynaptic filters."""

    def local(signal: jax.Array) -> jax.Array:
        return PATHS[settings.path](signals, state, along(state["receives"], signal.ndim) * signal, settings.steps)

    spread = {name: local(signals[name]) for name in ("learning_signal", "causal_signal")}
    return state, FILTERED.update({}, ChainMap(spread, signals))[1]


@dataclass(frozen=True, kw_only=True)
class AdjointRule(TemporalRule):
    """A rule with settings of its own, from which its functions follow.

    Parameters
    ----------
    settings
        See :class:`Spread`.
    """

    settings: Spread = Spread()

    def __post_init__(self):
        object.__setattr__(self, "init", partial(start, self.settings))
        object.__setattr__(self, "update", partial(update, self.settings))


LOCAL_RULE = reverse_rule("adjoint", FILTERED, "recurrent_weights")

RULES = (
    AdjointRule(
        name="adjoint",
        update=update,
        needs=LOCAL_RULE.needs,
        memory="O(T N)",
        operations="O(k T N^2)",
        citation="10.7554/eLife.108237",
        equation=r"\Delta_{qp} = \sum_t d_{t,p}\, h_{t,p}\, \varepsilon_{t,q}, \qquad "
        r"d_{t} = \mathrm{spread}_k (L_t)",
        exact_when="no recurrent synapses, a fast path, k = 1, error at all cells through the readout's weights",
        random_feedback=True,
    ),
)
