"""One family of per-trial rules: they differ in what sends messages back, and with which gain they pass.

Every rule of the family gives each cell a credit q_t = a_t + owner_t R_t, where a_t is the cell's own secretion, R_t
the message that comes back from later steps, and ``owner`` the gain of the cell that owns the synapse; messages are
handed on with the gain ``path`` (:mod:`biocredit.circuits.recurrent.credit.returning`). The weight change is then one
matrix product over time and trials: the recursion of the eligibility traces is transposed, from the N x N synapses
onto the N credits, and run backwards. Memory O(T N). (Own derivation from arXiv 2206.01338, Eq. 4-8 and 22, and
doi:10.1038/s41467-020-17236-y.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.probes import gain, gated, still
from biocredit.circuits.recurrent.cell_types import affinity, modulators, per_type_path, seen_types, to_cells
from biocredit.circuits.recurrent.credit.returning import (
    Hop,
    every_hop,
    filtered_back,
    next_hop,
    nothing,
    secretion,
    some_taps,
    within_cells,
)
from biocredit.circuits.recurrent.credit.temporal_rule import Signals
from biocredit.circuits.recurrent.readout import filtered, over_time

Gain = Callable[[Signals], jax.Array]
Route = Callable[[Signals, jax.Array, jax.Array, str], jax.Array]

#: Signals of every rule of the family.
LOCAL = (
    *("input", "presynaptic_rate", "rate", "gain", "direction", "learning_signal", "causal_signal", "rate_signal"),
    *("neuron", "probe"),
)


def own_gain(signals: Signals) -> jax.Array:
    """The cell's own pseudo-derivative ``[time, trial, neuron]``."""
    return signals["gain"]


def mean_gain(signals: Signals) -> jax.Array:
    """mu, one number for all cells ``[1, 1, neuron]``."""
    return jnp.broadcast_to(signals["mu"], (1, 1, signals["gain"].shape[-1]))


def neuron_gain(signals: Signals) -> jax.Array:
    """Mean gain over the trial times mu, per cell ``[1, trial, neuron]``."""
    return signals["mu"] * signals["mean_gain"]


def through_synapses(signals: Signals, sent: jax.Array, path: jax.Array, paths: str) -> jax.Array:
    """Messages return through the synapses themselves."""
    course = gain(signals["probe"], "W_rec", "learning", sent.dtype)
    if course is not None:
        after = jnp.concatenate([course[1:], jnp.ones_like(course[:1])])
        window = signals.get("window")
        signals = {**signals, "window": after if window is None else after * window}
    return _spread(signals, sent, path, Hop(signals["neuron"].seen(paths), signals["recurrent_weights"]))


def through_types(means: str) -> Route:
    """Messages return as modulators: one concentration per secreting type, one receptor per receiving type."""

    def route(signals: Signals, sent: jax.Array, path: jax.Array, paths: str) -> jax.Array:
        membership = signals["membership"]
        summed = per_type_path(path, membership)[..., None, :]
        hop = _between_types(signals, means, paths)
        return _received(signals, sent, lambda sources: _spread(signals, sources, summed, hop))

    return route


def next_synapses(weights: str = "recurrent_weights") -> Route:
    """Messages return over one synapse from the next step, and end there."""

    def route(signals: Signals, sent: jax.Array, path: jax.Array, paths: str) -> jax.Array:
        sent = gated(signals["probe"], "W_rec", "learning", sent)
        return next_hop(Hop(signals["neuron"].seen(paths), signals[weights]), sent, signals["direction"])

    return route


def next_types(signals: Signals, sent: jax.Array, path: jax.Array, paths: str) -> jax.Array:
    """Modulators act over one synapse from the next step, and end there."""
    hop = _between_types(signals, "type_means", paths)
    return _received(signals, sent, lambda sources: next_hop(hop, sources, {}))


def _between_types(signals: Signals, means: str, paths: str) -> Hop:
    membership = signals["membership"]
    weights = still(signals["probe"])("type_means", "learning", signals[means])
    return Hop(seen_types(signals["neuron"], paths, membership), weights, membership.sum(0))


def _received(signals: Signals, sent: jax.Array, back: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """What each cell receives: for every receiving type, the concentrations as its receptors weigh them, sent back."""
    probe, membership, types = signals["probe"], signals["membership"], signals["types"]
    modulator = modulators(sent, membership, types, probe)
    table = affinity(types, modulator.dtype, probe).swapaxes(1, 2)[:, None]
    received = back(modulator[..., None, :] * table)
    own = jnp.eye(len(types), dtype=received.dtype)
    return to_cells(jnp.einsum("tbgf,gf->tbg", received, own), membership)


def _spread(signals: Signals, sent: jax.Array, path: jax.Array, hop: Hop) -> jax.Array:
    taps, window = signals.get("taps"), signals.get("window")
    direction = signals["direction"] if sent.shape == signals["gain"].shape else {}
    if taps is None:
        return every_hop(hop, sent, path, direction, window)
    require(path.ndim == sent.ndim and path.shape[:2] == (1, 1), "taps need a gain that is the same in all steps")
    require(window is None, "taps need recurrent synapses that are the same in all steps: act on whole trials")
    return some_taps(hop, sent, path.reshape(-1), taps)


class Credits(NamedTuple):
    """Credit of what the readout sees of each cell, ``[time, trial, neuron]``.

    Attributes
    ----------
    direct, received
        Through the readout, and by messages; of the filtered output where ``causal``.
    sent
        What the cells secreted.
    """

    direct: jax.Array
    received: jax.Array | None
    sent: jax.Array


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
    own, paths
        Paths of a cell's own output in eligibility traces, and in the cells that hand a message on:
        ``"local"`` (all), ``"cut"`` (without the reset), ``"none"``.
    causal
        Whether each step's credit meets traces that the readout has filtered, in place of a learning signal that
        looks ahead. The same numbers where no message travels or nothing is filtered.
    spreads
        Whether the firing-rate regularisation travels with the messages.
    """

    route: Route | None = None
    path: Gain = own_gain
    owner: Gain = own_gain
    own: str = "local"
    paths: str = "local"
    causal: bool = False
    spreads: bool = False

    def update(self, state: Tree, signals: Signals) -> tuple[Tree, Tree]:
        """Return the changes of input and recurrent weights, and of the current's bias, for a batch of trials."""
        return state, synaptic_changes(signals, self.credit(signals), self.own)

    def credit(self, signals: Signals) -> jax.Array:
        """Credit q_t that pairs with the eligibility of the same step, ``[time, trial, neuron]``."""
        found = self.credits(signals, filtered_gain(signals)[0] if self.causal else None)
        return self.of_output(signals, found)

    def credits(self, signals: Signals, seen_gain: jax.Array | None = None) -> Credits:
        """Credit through the readout and by messages; ``seen_gain`` is the gain as the readout filters it."""
        seen = signals["neuron"].seen(self.own)
        causal = seen_gain is not None and signals["neuron"].readout is not None
        signal, rho = signals["causal_signal" if causal else "learning_signal"], signals["rate_signal"]
        whole = signal + rho if self.spreads and rho is not None else signal
        sent = secretion(seen, whole, seen_gain if causal else signals["gain"])
        sent = signals["probe"]("cells.secretion", "learning", sent)
        if self.route is None:
            return Credits(signal, None, sent)
        return Credits(signal, self.route(signals, sent, self.path(signals), self.paths), sent)

    def of_output(self, signals: Signals, found: Credits) -> jax.Array:
        """Turn credit of what the readout sees into credit q_t, gain included."""
        seen, rho, received = signals["neuron"].seen(self.own), signals["rate_signal"], found.received
        filters = self.causal and signals["neuron"].readout is not None
        if filters:
            direct = filtered_back(found.direct, *signals["neuron"].readout) * signals["gain"]
            received = None if received is None else filtered_back(received, *signals["neuron"].readout)
        else:
            direct = found.sent
        if rho is not None and (filters or not self.spreads):
            direct = direct + secretion(seen, jnp.broadcast_to(rho, found.direct.shape), signals["gain"])
        credit = direct if received is None else direct + self.owner(signals) * received
        return signals["probe"]("cells.credit", "learning", credit)


def filtered_gain(signals: Signals, before: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
    """Gain as the readout filters it, and its last value."""
    values, readout = signals["gain"], signals["neuron"].readout
    return (values, values[-1]) if readout is None else filtered(values, *readout, before)


#: Steps whose credit is filtered and paired at a time, few enough to stay in the cache of a processor.
BLOCK = 20


def synaptic_changes(signals: Signals, credit: jax.Array, own: str) -> Tree:
    """Pair credit q_t with the traces of presynaptic activity, from the last block of steps to the first.

    Within a block it is one matrix product over time and trials. Rates and inputs meet the credit of the step after
    them, or of their own step, where they are presynaptic activity, so no array is shifted in time but the small input.
    """
    seen, inputs, rate = signals["neuron"].seen(own), signals["input"], signals["rate"]
    outside = jnp.concatenate([inputs, jnp.ones_like(inputs[..., :1])], axis=-1)
    coming = jnp.concatenate([outside[1:], jnp.zeros_like(outside[:1])])
    start = signals["presynaptic_rate"][0]

    def block(first: jax.Array, steps: int, carry: tuple) -> tuple:
        cut = partial(jax.lax.dynamic_slice_in_dim, start_index=first, slice_size=steps)
        q, psi, pre, x = (cut(values) for values in (credit, signals["gain"], rate, coming))
        after, drive = within_cells(seen, q, psi, jax.tree.map(cut, signals["direction"]), carry[0])
        return after, carry[1] + over_time(pre, drive), carry[2] + over_time(x, drive)

    width, cells = outside.shape[-1], credit.shape[-1]
    empty = (nothing(seen, start), *(jnp.zeros((pre, cells), credit.dtype) for pre in (cells, width)))
    blocks, rest = divmod(credit.shape[0], BLOCK)
    carry = block(blocks * BLOCK, rest, empty) if rest else empty
    if blocks:
        carry = jax.lax.fori_loop(0, blocks, lambda i, carry: block((blocks - 1 - i) * BLOCK, BLOCK, carry), carry)
    first, among, onto = carry
    drive = seen.back(first)[2]
    among, onto = among + start.T @ drive, onto + outside[0].T @ drive
    return {"W_in": onto[:-1], "W_rec": among, "b_rec": onto[-1]}


def split(gradient: jax.Array, neurons: int) -> dict[str, Any]:
    """Cut the change of all synapses onto the cells into recurrent, input and bias parts."""
    return {"W_rec": gradient[:neurons], "W_in": gradient[neurons:-1], "b_rec": gradient[-1]}
