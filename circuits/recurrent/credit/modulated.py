"""Type-specific modulators with all lags, online: the recursion of Proposition 1 and its form for k steps at once."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import still
from biocredit.circuits.recurrent.cell_types import affinity, chain, modulators, seen_types, to_cells
from biocredit.circuits.recurrent.cells.model import Seen, State
from biocredit.circuits.recurrent.credit.eligibility import Traces
from biocredit.circuits.recurrent.credit.pairing import advanced, begun, paired
from biocredit.circuits.recurrent.credit.reverse import Credit, Credits, filtered_gain
from biocredit.circuits.recurrent.credit.temporal_rule import Beginning, Signals


@dataclass(frozen=True)
class Modulated:
    """Type-specific modulators with all lags: G ``[trial, type, pre, post]`` by state variable (Proposition 1).

    G[f] is what past eligibilities did to the state of a cell of type f. It goes on as the state of such a cell does,
    with the mean gain for that of the types on the way; the change at t is e_t paired with the learning signal plus
    the concentrations c_t[f] times what G_t[f] is in terms of outputs.

    Attributes
    ----------
    rule
        The rule.
    means
        Signal that holds the type weights.
    """

    rule: Credit
    means: str

    def start(self, neuron: Any, beginning: Beginning) -> Tree:
        """Return synapses without a past."""
        shape = beginning.trials, beginning.types, beginning.presynaptic, beginning.cells
        seen = neuron.seen(self.rule.paths)
        g = {name: jnp.zeros(shape, beginning.dtype) for name in seen.cell.variables}
        return {**begun(self.rule, neuron, beginning), "G": g}

    def learn(self, memory: Tree, presynaptic: jax.Array, signals: Signals) -> tuple[jax.Array, Tree]:
        """Use the recursion for one step, matrix products for a stretch of several."""
        rule, table = self.rule, receptors(signals, self.means, self.rule.paths)
        gain, last = filtered_gain(signals, memory["gain"])
        found = replace(rule, route=None).credits(signals, gain)
        sensed = modulated(found.sent, table, signals)
        traces = advanced(signals, memory["traces"], presynaptic, rule)
        form = self.one_step if presynaptic.shape[0] == 1 else self.stretch
        total, g = form(memory, traces, presynaptic, signals, found, sensed, table)
        return total, {"traces": traces, "gain": last, "G": g}

    def one_step(
        self,
        memory: Tree,
        traces: Traces,
        presynaptic: jax.Array,
        signals: Signals,
        found: Credits,
        sensed: jax.Array,
        table: "Receptors",
    ) -> tuple[jax.Array, State]:
        """O(C^2 N^2) operations and one pass over G."""
        g, seen = memory["G"], table.seen
        types = range(sensed.shape[2])
        slopes = [{k: v if v.ndim == 0 else v[f] for k, v in seen.direction({}).items()} for f in types]
        outputs = [sum(value * g[name][:, f] for name, value in slopes[f].items()) for f in types]
        arrived = sum(sensed[0, :, f, None, :] * outputs[f] for f in types)
        gradient = (direct(traces, found, signals) + arrived).sum(0)
        owner = self.rule.owner(signals)
        credited = traces.credited if owner is signals["gain"] else weighed(traces, signals) * owner[0][:, None, :]
        entering = to_cells(table.means.T, signals["membership"])
        after = []
        for f in types:
            drive = sum(table.means[one, f] * table.counts[one] * signals["mu"] * outputs[one] for one in types)
            constants = {k: v if v.ndim == 0 else v[f] for k, v in seen.constants.items()}
            state = {name: values[:, f] for name, values in g.items()}
            own = signals["mu"] * outputs[f] if seen.returns else 0.0
            after.append(seen.cell.integrate(constants, state, own, drive + entering[f][None, None, :] * credited))
        return gradient, {name: jnp.stack([state[name] for state in after], axis=1) for name in g}

    def stretch(
        self,
        memory: Tree,
        traces: Traces,
        presynaptic: jax.Array,
        signals: Signals,
        found: Credits,
        sensed: jax.Array,
        table: "Receptors",
    ) -> tuple[jax.Array, State]:
        """Take k steps at once: the rule's per-trial form within the stretch, G at its two ends only."""
        g, steps, types = memory["G"], presynaptic.shape[0], len(table.counts)
        links = chain(table.seen, table.means, signals["mu"], table.counts)
        received = self.rule.route(signals, found.sent, self.rule.path(signals), self.rule.paths)
        gradient = paired(signals, memory["traces"], presynaptic, found._replace(received=received), self.rule)
        powers, last = links.powers(steps)
        stacked = jnp.concatenate([g[name] for name in table.seen.cell.variables], axis=1)
        felt = jnp.einsum("tbfp,tfh->bhp", sensed, links.output @ powers)
        gradient = gradient + (felt[:, :, None, :] * stacked).sum((0, 1))
        entering = to_cells(powers[::-1] @ links.first, signals["membership"])
        silence = jnp.zeros_like(found.direct)

        def enters(course: jax.Array) -> jax.Array:
            one = Credits(silence, jnp.broadcast_to(course[:, None, :], silence.shape), silence)
            return paired({**signals, "rate_signal": None}, memory["traces"], presynaptic, one, self.rule, each=True)

        new = jax.vmap(enters, 1, 1)(entering) + jnp.einsum("hf,bfqp->bhqp", last, stacked)
        names = table.seen.cell.variables
        return gradient, {name: new[:, k * types : (k + 1) * types] for k, name in enumerate(names)}


def direct(traces: Traces, found: Credits, signals: Signals) -> jax.Array:
    """Each trial's direct term of one step: traces times what the cell itself is credited with."""
    if signals["neuron"].readout is not None:
        return traces.filtered * found.direct[0][:, None, :]
    return weighed(traces, signals) * found.sent[0][:, None, :]


def weighed(traces: Traces, signals: Signals) -> jax.Array:
    """Eligibility traces over the gain."""
    varying = jax.tree.map(lambda values: values[0], signals["direction"])
    slopes = signals["neuron"].seen("local").direction(varying)
    return sum(
        vector * (slopes[k] if slopes[k].ndim == 0 else slopes[k].reshape(-1, 1, slopes[k].shape[-1]))
        for k, vector in traces.vector.items()
    )


class Receptors(NamedTuple):
    """Types as credit sees them, their mean weights and numbers of cells, receptor gains ``[time or 1, f, g]``."""

    seen: Seen
    means: jax.Array
    counts: jax.Array
    gains: jax.Array


def receptors(signals: Signals, means: str, paths: str) -> Receptors:
    """Return the receptor table of this moment's weights."""
    membership, probe = signals["membership"], signals["probe"]
    weights = still(probe)("type_means", "learning", signals[means])
    gains = affinity(signals["types"], weights.dtype, probe)
    return Receptors(seen_types(signals["neuron"], paths, membership), weights, membership.sum(0), gains)


def modulated(sent: jax.Array, table: Receptors, signals: Signals) -> jax.Array:
    """What each cell feels of each modulator, ``[time, trial, secreting type, neuron]``."""
    membership = signals["membership"]
    concentration = modulators(sent, membership, signals["types"], signals["probe"])
    return concentration[..., None] * to_cells(table.gains, membership)[:, None]
