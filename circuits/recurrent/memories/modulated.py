"""Type-specific modulators with all lags, online: the recursion of Proposition 1 and its form for k steps at once."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import still
from biocredit.circuits.recurrent import eligibility as traces
from biocredit.circuits.recurrent.cell_types import (
    affinity,
    first_tap,
    keep_per_type,
    mixing,
    modulators,
    to_cells,
)
from biocredit.circuits.recurrent.memories.pairing import each_trial, paired
from biocredit.circuits.recurrent.rules import FAMILY


class Modulated:
    """Type-specific modulators with all lags: G ``[trial, type, pre, post]`` (Proposition 1).

    G_{t+1}[f] = sum_f2 K[f, f2] G_t[f2] + F_1[f, type of post] e_t; the change at t is e_t paired with the learning
    signal plus sum_f c_t[f] G_t[f].
    """

    @staticmethod
    def start(network: Any, tree: Tree, trials: int, width: int, trace: jax.Array) -> Tree:
        """Return synapses without a past."""
        cells, types = len(network.type_id), len(network.names)
        return {"G": jnp.zeros((trials, types, width, cells), trace.dtype)}

    @classmethod
    def learn(
        cls, network: Any, memory: Tree, trace: jax.Array, presynaptic: jax.Array, signals: Tree
    ) -> tuple[jax.Array, Tree]:
        """Use the recursion for one step, matrix products for a stretch of several."""
        form = cls.one_step if presynaptic.shape[0] == 1 else cls.stretch
        return form(network, memory["G"], trace, presynaptic, signals)

    @staticmethod
    def one_step(
        network: Any, g: jax.Array, trace: jax.Array, presynaptic: jax.Array, signals: Tree
    ) -> tuple[jax.Array, Tree]:
        """O(C^2 N^2) operations and one pass over G."""
        table = receptors(signals)
        trace = traces.advance(trace, presynaptic[0], signals["neuron"].keep)
        secretion = signals["probe"]("cells.secretion", "learning", signals["learning_signal"] * signals["gain"])
        sensed = modulated(secretion, table, signals)[0]
        types = range(g.shape[1])
        arrived = sum(sensed[:, sends, None, :] * g[:, sends] for sends in types)
        gradient = (trace * secretion[0][:, None, :] + arrived).sum(0)
        owner = FAMILY[network.rule.name].owner(signals)[0]
        taken_up = to_cells(table.first, signals["membership"])[None] * owner[:, None, :]
        mixed = sum(table.mix[None, :, sends, None, None] * g[:, None, sends] for sends in types)
        return gradient, {"G": mixed + taken_up[:, :, None, :] * trace[:, None]}

    @staticmethod
    def stretch(
        network: Any, g: jax.Array, trace: jax.Array, presynaptic: jax.Array, signals: Tree
    ) -> tuple[jax.Array, Tree]:
        """Take k steps at once: the rule's per-trial form within the stretch, G at its two ends only."""
        table, keep, steps = receptors(signals), signals["neuron"].keep, presynaptic.shape[0]
        family = FAMILY[network.rule.name]
        within = paired(presynaptic, trace, family.state_credit(signals), keep)
        secretion = signals["learning_signal"] * signals["gain"]
        sensed = modulated(signals["probe"]("cells.secretion", "learning", secretion), table, signals)
        powers, last = table.powers(steps)
        felt = jnp.einsum("tbfp,tfh->bhp", sensed, powers)
        gradient = within + (felt[:, :, None, :] * g).sum((0, 1))
        owner = jnp.broadcast_to(family.owner(signals), secretion.shape)
        taps = to_cells(powers[::-1] @ table.first, signals["membership"])
        old = (last[None, :, :, None, None] * g[:, None]).sum(2)
        new = jax.vmap(lambda probe: each_trial(presynaptic, trace, owner * probe[:, None, :], keep), 1, 1)(taps)
        return gradient, {"G": old + new}


class Receptors(NamedTuple):
    """Mixing matrix K, first probe F_1, receptor gains ``[time or 1, secreting, receiving]``."""

    mix: jax.Array
    first: jax.Array
    gains: jax.Array

    def powers(self, steps: int) -> tuple[jax.Array, jax.Array]:
        """K^0 .. K^(steps-1), and K^steps."""
        last, series = jax.lax.scan(
            lambda power, _: (power @ self.mix, power), jnp.eye(len(self.mix), dtype=self.mix.dtype), length=steps
        )
        return series, last


def receptors(signals: Tree) -> Receptors:
    """Return the receptor table of this moment's weights."""
    membership, probe = signals["membership"], signals["probe"]
    means = signals["fixed_type_means"] if "fixed_type_means" in signals else signals["type_means"]
    means = still(probe)("type_means", "learning", means)
    keep = keep_per_type(signals["neuron"].keep, membership)
    mix = mixing(means, keep, signals["mu"], membership.sum(0))
    return Receptors(mix, first_tap(means, keep), affinity(signals["types"], means.dtype, probe))


def modulated(secretion: jax.Array, table: Receptors, signals: Tree) -> jax.Array:
    """What each cell feels of each modulator, ``[time, trial, secreting type, neuron]``."""
    membership = signals["membership"]
    concentration = modulators(secretion, membership, signals["types"], signals["probe"])
    return concentration[..., None] * to_cells(table.gains, membership)[:, None]
