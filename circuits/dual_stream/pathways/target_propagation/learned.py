"""Feedback that learns from noise within a trial, by an optimiser of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.initializers import Shape
from biocredit.circuits.core.probes import Probe, active, untouched
from biocredit.circuits.dual_stream.ascending.stack import Nodes, ascend
from biocredit.circuits.dual_stream.pathways.pathway import Credit
from biocredit.circuits.dual_stream.pathways.target_propagation.feedback_losses import FeedbackLoss, Noise, scaled
from biocredit.circuits.dual_stream.pathways.target_propagation.levels import TargetLevel
from biocredit.circuits.dual_stream.pathways.target_propagation.pathway import TargetPropagation
from biocredit.circuits.dual_stream.pathways.target_propagation.reconstruction import Scene, scene

Draw = Callable[[Any, jax.Array, jax.Array], Noise]
"""``draw(source, h_below, h_above) -> noise`` of standard deviation 1."""


def given(noise: Noise, below: jax.Array, above: jax.Array) -> Noise:
    """Take the noise as it is given."""
    return noise


def drawn(key: jax.Array, below: jax.Array, above: jax.Array) -> Noise:
    """Draw normal noise for both populations of a level."""
    keys = jax.random.split(key)
    return Noise(*(jax.random.normal(k, h.shape, h.dtype) for k, h in zip(keys, (below, above), strict=True)))


def spread_over(value: Any, count: int, what: str) -> tuple:
    """One setting for every level, or one each from the lowest level with feedback."""
    if not isinstance(value, Sequence) or isinstance(value, optax.GradientTransformation):
        return (value,) * count
    require(len(value) == count, f"{what}: got {len(value)} values for {count} levels with feedback")
    return tuple(value)


@dataclass(frozen=True, kw_only=True)
class LearnedFeedback(TargetPropagation):
    """Before the targets come down, feedback weights make ``iterations`` steps down a local loss at noisy activity.

    Parameters
    ----------
    noise
        Standard deviation; like the next two one for all levels, or one each from the lowest level with feedback.
    iterations
        Steps in every trial.
    optimizer
        Makes a step out of the gradient of the loss, which is a mean over trials. Its state lies in the circuit's tree.
    """

    feedback_loss: ClassVar[FeedbackLoss]
    noise: float | tuple[float, ...] = 0.01
    iterations: int | tuple[int, ...] = 5
    optimizer: optax.GradientTransformation | tuple[optax.GradientTransformation, ...] = field(
        default_factory=lambda: optax.sgd(1e-3)
    )

    def __post_init__(self):
        super().__post_init__()
        least = min(self.noise) if isinstance(self.noise, tuple) else self.noise
        require(least >= 0, f"a standard deviation cannot be negative, got {self.noise}")
        fewest = min(self.iterations) if isinstance(self.iterations, tuple) else self.iterations
        require(fewest >= 1, f"learned feedback makes 1 or more steps in a trial, got {self.iterations}")

    def groups(self, levels: list[TargetLevel]) -> list[list[TargetLevel]]:
        """Levels that learn in turns within an iteration; one group after the other."""
        return [levels[::-1]]

    def initial(self, nodes: Nodes, shapes: Mapping[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw feedback weights, and states of the optimisers."""
        weights = super().initial(nodes, shapes, random)
        states = {}
        for level, optimizer in self._by_level(self.levels(nodes), "optimizer"):
            stem = f"down.{level.path}"
            states |= optimizer_start(optimizer, stem, {f"{stem}.{k}": weights[f"{stem}.{k}"] for k in level.names})
        return weights | states

    def _by_level(self, levels: list[TargetLevel], what: str) -> list[tuple[TargetLevel, Any]]:
        return list(zip(levels, spread_over(getattr(self, what), len(levels), what), strict=True))

    # -- learning -------------------------------------------------------------------------------------------

    def rehearse(self, nodes: Nodes, tree: Tree, x: jax.Array, key: jax.Array, probe: Probe) -> Credit:
        """Learn from fresh noise."""
        keys = {}
        for number, (level, count) in enumerate(self._by_level(self.levels(nodes), "iterations")):
            keys[level.path] = jax.random.split(jax.random.fold_in(key, number), count)
        return self.learn_feedback(nodes, tree, x, keys, probe, drawn)

    def learn_feedback(
        self,
        nodes: Nodes,
        tree: Tree,
        x: jax.Array,
        noise: Mapping[str, Any],
        probe: Probe = untouched,
        draw: Draw = given,
    ) -> Credit:
        """Learn from given noise.

        Parameters
        ----------
        nodes, tree, x
            Ascending stream, arrays of the circuit, inputs.
        noise
            By path of the stage:
            :class:`~biocredit.circuits.dual_stream.pathways.target_propagation.feedback_losses.Noise` of standard
            deviation 1 with a leading axis of iterations, or whatever ``draw`` turns into it.
        probe
            See :mod:`biocredit.circuits.core.probes`; the phase is ``"feedback"``.

        Returns
        -------
        Credit
            New feedback weights and optimiser states; losses by path, means over iterations and trials.
        """
        levels, probe = self.levels(nodes), active(probe)
        seen = scene(levels, nodes, tree, ascend(nodes, tree, x, probe=probe, phase="feedback"), probe, "feedback")
        settings = {
            level.path: (deviation, optimizer, draw)
            for (level, deviation), (_, optimizer) in zip(
                self._by_level(levels, "noise"), self._by_level(levels, "optimizer"), strict=True
            )
        }
        changed, metrics = {}, {}
        for group in self.groups(levels):
            new, losses = self._learn_group(group, seen, tree | changed, noise, settings)
            changed |= new
            metrics |= {f"feedback_loss.{path}": loss.mean() for path, loss in losses.items()}
        return Credit({}, changed, metrics)

    def _learn_group(
        self, group: list[TargetLevel], seen: Scene, tree: Tree, noise: Mapping, settings: Mapping
    ) -> tuple:
        """Go through the iterations of levels that learn in turns."""
        stems = tuple(f"down.{level.path}." for level in group)

        def iteration(own: Tree, sources: Mapping[str, Any]) -> tuple[Tree, Tree]:
            losses = {}
            for level in group:
                deviation, optimizer, draw = settings[level.path]
                ends = seen.rates[level.below], seen.rates[level.above]
                eps = jax.tree.map(lambda z: deviation * z, draw(sources[level.path], *ends))  # noqa: B023
                found = scaled(type(self).feedback_loss(level, seen, tree | own, eps), 1 / len(ends[0]))
                own = own | optimizer_step(optimizer, f"down.{level.path}", tree | own, found.changes)
                losses[level.path] = found.loss
            return own, losses

        start = {name: jnp.asarray(value) for name, value in tree.items() if name.startswith(stems)}
        return jax.lax.scan(iteration, start, {level.path: noise[level.path] for level in group})


# -- an optimiser whose state is part of the circuit's tree --------------------------------------------------------


def optimizer_start(
    optimizer: optax.GradientTransformation, stem: str, weights: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Initial state, by names that begin with ``stem``."""
    leaves = jax.tree.leaves(optimizer.init(dict(weights)))
    return {f"{stem}.optimizer{number}": np.asarray(leaf) for number, leaf in enumerate(leaves)}


def optimizer_step(optimizer: optax.GradientTransformation, stem: str, tree: Tree, changes: Tree) -> Tree:
    """Make one step; return the new weights and the new state by full name.

    Examples
    --------
    >>> optimizer_step(optax.sgd(0.5), "down.layer2", {"Q": jax.numpy.ones(1)}, {"Q": jax.numpy.ones(1)})
    {'Q': Array([0.5], dtype=float32)}
    """
    weights = {name: tree[name] for name in changes}
    form = jax.tree.structure(jax.eval_shape(optimizer.init, weights))
    names = [f"{stem}.optimizer{number}" for number in range(form.num_leaves)]
    state = jax.tree.unflatten(form, [tree[name] for name in names])
    updates, state = optimizer.update(changes, state, weights)
    return optax.apply_updates(weights, updates) | dict(zip(names, jax.tree.leaves(state), strict=True))
