"""Reconstructions of a population's activity from the one above, with the difference correction.

``g(u)`` is what the feedback synapses make of the activity ``u`` above. The difference correction
``c(r, h) = r + h - g(f(h))`` makes the target of a population equal to its activity whenever the target above
equals the activity above, whatever the feedback weights are (Lee et al. 2015, arXiv 1412.7525).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import Probe
from biocredit.circuits.dual_stream.ascending.stack import Ascent, Nodes, ascend
from biocredit.circuits.dual_stream.ascending.stages import bias_product, spread
from biocredit.circuits.dual_stream.pathways.target_propagation.levels import (
    TargetLevel,
    in_phase,
    lead_down,
    rates,
    through,
)

Learn = Callable[[jax.Array], Tree]
"""From an error at a reconstruction to the gradient of the feedback weights, by full name."""


class Scene(NamedTuple):
    """One batch as the feedback synapses see it.

    Attributes
    ----------
    levels
        From the lowest with feedback to the top.
    ascent, rates
        The clean way up, and activity by population.
    run
        ``run(level, h)``: activity ``h`` once more up through one level.
    watch
        The probe with its phase filled in.
    """

    levels: list[TargetLevel]
    ascent: Ascent
    rates: dict[str, jax.Array]
    run: Callable[[TargetLevel, jax.Array], Ascent]
    watch: Callable[[str, jax.Array], jax.Array]

    def from_top(self, level: TargetLevel) -> list[TargetLevel]:
        """The levels from the top down to this one."""
        return self.levels[self.levels.index(level) :][::-1]


def scene(levels: list[TargetLevel], nodes: Nodes, tree: Tree, ascent: Ascent, probe: Probe, phase: str) -> Scene:
    """Set the scene from what the ascending stream has done."""

    def run(level: TargetLevel, h: jax.Array) -> Ascent:
        return ascend(level.up, tree, h, probe=probe, phase=phase)

    return Scene(levels, ascent, rates(nodes, ascent), run, in_phase(probe, phase))


class Reconstruction(NamedTuple):
    """Activity below as the feedback synapses say, ``g(u)``, and what they learn from an error there."""

    rate: jax.Array
    learn: Learn


def reconstruct(level: TargetLevel, seen: Scene, tree: Tree, u: jax.Array, led_by: Ascent) -> Reconstruction:
    """Send ``u`` down through the feedback synapses of a level.

    Parameters
    ----------
    tree
        Holds the present feedback weights.
    u
        Activity of the upper population.
    led_by
        The ascent that produced ``u``: pooled activity returns to the places of its maxima.
    """
    weights = {name: seen.watch(f"down.{level.path}.{name}", tree[f"down.{level.path}.{name}"]) for name in level.names}
    u = lead_down(level, u, led_by)
    z = level.stage.adjoint(weights["Q"], u, led_by.memory[level.path].shape)
    rate, back = through(level.tail, z + spread(weights["d"], z) if "d" in weights else z)

    def learn(error: jax.Array) -> Tree:
        error = back(error)
        found = {"Q": level.stage.local_product(u, error), "d": bias_product(error)}
        return {f"down.{level.path}.{name}": found[name] for name in level.names}

    return Reconstruction(rate, learn)


class Descended(NamedTuple):
    """A corrected reconstruction ``g(u) + h - g(f(h))``.

    Attributes
    ----------
    rate
        The corrected activity, standardised where the population is.
    learn
        What the feedback synapses learn from an error there, with a constant correction ``g(f(h))``.
    learn_both
        The same with a correction that counts as a function of the feedback weights.
    still
        The correction.
    """

    rate: jax.Array
    learn: Learn
    learn_both: Learn
    still: jax.Array


def bring_down(level: TargetLevel, seen: Scene, tree: Tree, u: jax.Array, led_by: Ascent) -> Descended:
    """Bring a target (or any activity) of the upper population down to the lower one, with the correction."""
    moving = reconstruct(level, seen, tree, u, led_by)
    still = reconstruct(level, seen, tree, seen.rates[level.above], seen.ascent)
    rate, back = through(level.norm, moving.rate + seen.rates[level.below] - still.rate)

    def learn(error: jax.Array) -> Tree:
        return moving.learn(back(error))

    def learn_both(error: jax.Array) -> Tree:
        return added(moving.learn(back(error)), still.learn(-back(error)))

    return Descended(rate, learn, learn_both, still.rate)


def added(one: Tree, other: Tree) -> Tree:
    """Sum of two sets of changes of the same weights."""
    return {name: value + other[name] for name, value in one.items()}
