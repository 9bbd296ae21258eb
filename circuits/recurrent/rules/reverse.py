"""One family of per-trial rules: they differ in what sends messages back, and with which gain they pass.

Every rule of the family gives each neuron a credit q_t = a_t + owner_t R_t, where a_t is the neuron's own secretion,
R_t the message that comes back from later steps, and ``owner`` the gain of the cell that owns the synapse; messages
are handed on with the gain ``path`` (:mod:`biocredit.circuits.recurrent.rules.messages`). The weight change is then
one matrix product over time and trials: the exponential filter of the eligibility trace is moved from the N x N
synapses onto the N credits and run backwards. Memory O(T N). (Own derivation from arXiv 2206.01338, Eq. 4-8 and 22.)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.probes import gain, gated, still
from biocredit.circuits.recurrent.cell_types import affinity, keep_per_type, modulators, per_type_path, to_cells
from biocredit.circuits.recurrent.leak import per_neuron
from biocredit.circuits.recurrent.readout import over_time
from biocredit.circuits.recurrent.rules.messages import every_hop, next_hop, some_taps

Signals = Mapping[str, Any]
Gain = Callable[[Signals], jax.Array]
Route = Callable[[Signals, jax.Array, jax.Array], jax.Array]

LOCAL = ("input", "presynaptic_rate", "rate", "gain", "learning_signal", "neuron", "probe")


def own_gain(signals: Signals) -> jax.Array:
    """h_t, the derivative of the cell's transfer function ``[time, trial, neuron]``."""
    return signals["gain"]


def mean_gain(signals: Signals) -> jax.Array:
    """mu, one number for all cells ``[1, 1, neuron]``."""
    like = signals["gain"]
    return jnp.broadcast_to(signals["mu"], (1, 1, like.shape[-1]))


def neuron_gain(signals: Signals) -> jax.Array:
    """Mean of h over the trial times mu, per neuron ``[1, trial, neuron]``."""
    return signals["mu"] * signals["mean_gain"]


def through_synapses(signals: Signals, secretion: jax.Array, path: jax.Array) -> jax.Array:
    """Messages return through the synapses themselves."""
    course = gain(signals["probe"], "W_rec", "learning", secretion.dtype)
    if course is not None:
        later = jnp.concatenate([course[1:], jnp.ones_like(course[:1])])
        window = signals.get("window")
        signals = {**signals, "window": later if window is None else later * window}
    return _spread(signals, secretion, path, signals["recurrent_weights"], signals["neuron"].keep)


def through_types(means: str) -> Route:
    """Messages return as modulators: one concentration per secreting type, one receptor per receiving type."""

    def route(signals: Signals, secretion: jax.Array, path: jax.Array) -> jax.Array:
        keep = keep_per_type(signals["neuron"].keep, signals["membership"])
        summed = per_type_path(path, signals["membership"])[..., None, :]
        weights = still(signals["probe"])("type_means", "learning", signals[means])
        return _received(signals, secretion, lambda sources: _spread(signals, sources, summed, weights, keep))

    return route


def next_synapses(signals: Signals, secretion: jax.Array, path: jax.Array) -> jax.Array:
    """Messages return over one synapse from the next step, and end there."""
    secretion = gated(signals["probe"], "W_rec", "learning", secretion)
    return next_hop(secretion, signals["recurrent_weights"], signals["neuron"].keep)


def next_types(signals: Signals, secretion: jax.Array, path: jax.Array) -> jax.Array:
    """Modulators act over one synapse from the next step, and end there."""
    keep = keep_per_type(signals["neuron"].keep, signals["membership"])
    weights = still(signals["probe"])("type_means", "learning", signals["type_means"])
    return _received(signals, secretion, lambda sources: next_hop(sources, weights, keep))


def _received(signals: Signals, secretion: jax.Array, back: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """What each cell receives: for every receiving type, the concentrations as its receptors weigh them, sent back."""
    probe, membership, types = signals["probe"], signals["membership"], signals["types"]
    modulator = modulators(secretion, membership, types, probe)
    table = affinity(types, modulator.dtype, probe).swapaxes(1, 2)[:, None]
    received = back(modulator[..., None, :] * table)
    own = jnp.eye(len(types), dtype=received.dtype)
    return to_cells(jnp.einsum("tbgf,gf->tbg", received, own), membership)


def _spread(signals: Signals, secretion: jax.Array, path: jax.Array, feedback: jax.Array, keep: jax.Array) -> jax.Array:
    leak, taps, window = signals["neuron"].leak, signals.get("taps"), signals.get("window")
    if taps is None:
        return every_hop(secretion, path, feedback, keep, leak, window)
    require(path.ndim == secretion.ndim and path.shape[:2] == (1, 1), "taps need a gain that is the same in all steps")
    require(window is None, "taps need recurrent synapses that are the same in all steps: act on whole trials")
    return some_taps(secretion, path.reshape(-1), feedback, keep, leak, taps)


@dataclass(frozen=True)
class Credit:
    """One member of the family.

    Attributes
    ----------
    route
        How messages come back; ``None`` if they do not.
    path
        Gain of the cells that hand a message on.
    owner
        Gain of the cell that owns the synapse.
    """

    route: Route | None = None
    path: Gain = own_gain
    owner: Gain = own_gain

    def update(self, state: Tree, signals: Signals) -> tuple[Tree, Tree]:
        """Return the changes of input and recurrent weights, and of the current's bias, for a batch of trials."""
        return state, synaptic_changes(signals, self.state_credit(signals))

    def state_credit(self, signals: Signals) -> jax.Array:
        """Credit q_t that pairs with the eligibility of the same step, ``[time, trial, neuron]``."""
        neuron = signals["neuron"]
        secretion = neuron.leak.secretion(signals["learning_signal"], signals["gain"], neuron.keep)
        secretion = signals["probe"]("cells.secretion", "learning", secretion)
        credit = secretion
        if self.route is not None:
            credit = secretion + self.owner(signals) * self.route(signals, secretion, self.path(signals))
        return signals["probe"]("cells.credit", "learning", credit)


#: Steps whose credit is filtered and paired at a time, few enough to stay in the cache of a processor.
BLOCK = 20


def synaptic_changes(signals: Signals, credit: jax.Array) -> Tree:
    """Pair credit q_t with the traces of presynaptic activity, from the last block of steps to the first.

    Within a block it is one matrix product over time and trials. Rates and inputs meet the credit of the step after
    them, or of their own step, where they are presynaptic activity, so no array is shifted in time but the small input.
    """
    neuron, inputs, rate = signals["neuron"], signals["input"], signals["rate"]
    outside = jnp.concatenate([inputs, jnp.ones_like(inputs[..., :1])], axis=-1)
    coming = jnp.concatenate([outside[1:], jnp.zeros_like(outside[:1])])
    start = signals["presynaptic_rate"][0]

    def block(first: jax.Array, steps: int, carry: tuple) -> tuple:
        q, pre, x = (jax.lax.dynamic_slice_in_dim(values, first, steps) for values in (credit, rate, coming))
        after, later = neuron.leak.credit_of_current(q, neuron.keep, carry[0])
        return after, carry[1] + over_time(pre, later), carry[2] + over_time(x, later)

    width, cells = outside.shape[-1], credit.shape[-1]
    nothing = (jnp.zeros_like(start), *(jnp.zeros((pre, cells), credit.dtype) for pre in (cells, width)))
    blocks, rest = divmod(credit.shape[0], BLOCK)
    carry = block(blocks * BLOCK, rest, nothing) if rest else nothing
    if blocks:
        carry = jax.lax.fori_loop(0, blocks, lambda i, carry: block((blocks - 1 - i) * BLOCK, BLOCK, carry), carry)
    first, among, onto = carry
    weigh = per_neuron(1 - neuron.keep, 2)
    among, onto = (among + start.T @ first) * weigh, (onto + outside[0].T @ first) * weigh
    return {"W_in": onto[:-1], "W_rec": among, "b_rec": onto[-1]}
