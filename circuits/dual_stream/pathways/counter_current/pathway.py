"""Counter-current learning: a descending stream that carries the target, not an error."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Projection
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.errors import choose, renamed, require
from biocredit.circuits.core.initializers import Initializer, Shape
from biocredit.circuits.core.probes import Probe
from biocredit.circuits.dual_stream.ascending import geometry
from biocredit.circuits.dual_stream.ascending.stack import Ascent, Nodes, ascend, descend, stages
from biocredit.circuits.dual_stream.ascending.stages import Stage
from biocredit.circuits.dual_stream.pathways.counter_current import comparisons
from biocredit.circuits.dual_stream.pathways.counter_current.comparisons import Compared, Comparison, unsettled
from biocredit.circuits.dual_stream.pathways.counter_current.levels import (
    NORMALISED,
    CounterLevel,
    counter_levels,
    cut_at_stages,
)
from biocredit.circuits.dual_stream.pathways.pathway import Credit, DescendingPathway, Goal

Pairing = Callable[[jax.Array], tuple[jax.Array, jax.Array]]
"""From targets to what is shown to the descending stream, and which trial belongs to which of its rows."""


def prototypes(target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Every class once, whatever the trials; a trial belongs to its class (released program)."""
    return jnp.eye(target.shape[-1], dtype=target.dtype), target


def same_class(target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The target of every trial; trials of one class belong together."""
    return target, target @ target.T


def same_trial(target: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The target of every trial; a trial belongs to itself alone (paper, and autoencoders)."""
    return target, jnp.eye(len(target), dtype=target.dtype)


PAIRINGS: dict[str, Pairing] = {"prototypes": prototypes, "same_class": same_class, "same_trial": same_trial}


class Run(NamedTuple):
    """The descending stream in one batch: its levels, activities from input to target, and memories by level."""

    levels: list[CounterLevel]
    activities: list[jax.Array]
    ascents: list[Ascent]


@renamed(starts="initializers")
@dataclass(frozen=True, kw_only=True)
class CounterCurrent(DescendingPathway):
    """A second network that runs from the target down to the input, level by level beside the first one.

    At every level a local loss compares the activities of the two streams. Its derivative reaches the synapses that
    lead to this level, upwards in one stream and downwards in the other, and no further. Both streams' activities are
    those of one and the same phase: the descending stream waits for no output (Kao and Hariharan 2024).

    What is not local: a mismatch is an inner product over all units of a level, known to each of them; where
    ``comparison`` has a weight ``within``, so is the similarity of trials within a batch; flooding lets the output gate
    all levels; clipping, if the optimiser does it, sums over a stream.

    Parameters
    ----------
    comparison
        The local loss, see :mod:`biocredit.circuits.dual_stream.pathways.counter_current.comparisons`.
    pairing
        What is shown to the descending stream: class ``"prototypes"``, or the target of every trial, which is paired
        with the ``"same_class"`` or with the ``"same_trial"``.
    normalised
        Batch normalisation of the descending stream: ``"nowhere"``, ``"before"`` or ``"after"`` its synapses.
    flooding
        Trials whose right class has a probability this close to 1 do not teach the inner levels.
    initializers
        How descending weights start, by path of the stage; as the ascending ones by default.

    Notes
    -----
    ``up.<population>.rate`` and ``down.<population>.rate`` face each other, from ``up.input`` and ``down.input`` on;
    the output ``up.<last>`` faces ``down.target``. Their teaching signals are ``up.<population>.error`` and
    ``down.<population>.error``. With prototypes a probe sees one row a class in the descending stream; recordings have
    one a trial. Weights ``down.<path>.W`` lead down from the level that ``up.<path>.W`` leads up to.

    Examples
    --------
    >>> from biocredit.circuits import DualStream
    >>> net = DualStream.mlp([4, 8, 3], "counter_current", activation="elu", bias=False)
    >>> [name for name in net.plastic if name.startswith("down")]
    ['down.layer1.W', 'down.layer2.W']
    """

    rule = CreditRule(
        name="counter_current",
        needs={
            "h": "pre",
            "gain": "post",
            "error": "post",
            "mismatch of the level": "nonlocal",
            "class of the trial": "broadcast",
        },
        probed={
            "h": "*.rate",
            "gain": "*.potential",
            "mismatch of the level": "*.rate",
            "class of the trial": "target:*",
        },
        sometimes={"class of the trial": "prototypes, or trials that are paired by class"},
        phases=1,
        citation="arXiv:2409.19841",
        equation=r"\Delta W_l = \delta_l\, x_{l-1}^{\top}, \qquad "
        r"\delta_l = h'_l \odot \frac{\partial\, d(a_l, b_l)}{\partial a_l}, \qquad "
        r"\Delta \bar{W}_l = \bar{\delta}_l\, \bar{x}_{l+1}^{\top}, \qquad "
        r"\bar{\delta}_l = \bar{h}'_l \odot \frac{\partial\, d(a_l, b_l)}{\partial b_l}",
    )
    comparison: Comparison = comparisons.RELEASED_DENSE
    pairing: str = "prototypes"
    normalised: str = "nowhere"
    flooding: float = 0.0
    initializers: Mapping[str, Initializer] = field(default_factory=dict)

    def __post_init__(self):
        choose(self.pairing, PAIRINGS, "pairing")
        choose(self.normalised, NORMALISED, "place of batch normalisation")
        require(0 <= self.flooding < 1, f"flooding is a distance of probabilities from 0 to 1, got {self.flooding}")

    # -- the descending network ---------------------------------------------------------------------------

    def initial(self, nodes: Nodes, shapes: Mapping[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw weights and running statistics of the descending stages."""
        drawn = {}
        for level in self._levels(nodes, shapes):
            entering = geometry.input_shapes(level.down, geometry.output_shape(level.up, shapes[level.entrance]))
            drawn |= geometry.initial(level.down, entering, random, "down")
        return drawn

    def synapses(self, nodes: Nodes) -> list[Projection]:
        """One row for every weight array of the descending stages, all of them plastic."""
        rows, cut = [], cut_at_stages(nodes)
        for number, part in enumerate(cut, start=1):
            above = list(part)[-1] if number < len(cut) else "target"
            ((path, stage),) = stages(part).items()
            for name in stage.names:
                kind = "feedback" if name == "W" else "bias"
                rows.append(Projection(f"down.{path}.{name}", f"down.{above}", f"down.{path}", kind))
        return rows

    def effective_feedback(self, nodes: Nodes, tree: Tree) -> Tree:
        """Descending weights by path in the layout of ``W``: transposed, kernels turned by 180 degrees."""
        return {
            path: jnp.flip(jnp.swapaxes(tree[f"down.{path}.W"], 0, 1), tuple(range(2, tree[f"down.{path}.W"].ndim)))
            for path in stages(nodes)
        }

    def by_trial(self, name: str, value: jax.Array, target: jax.Array) -> jax.Array:
        """In the descending stream, take for every trial the row of its class."""
        shared = self.pairing == "prototypes" and name.startswith("down.")
        return value[target.argmax(-1)] if shared else value

    def flow(self, nodes: Nodes, shapes: Mapping[str, Shape], tree: Tree, shown: jax.Array, probe: Probe) -> Run:
        """Run the descending stream from what it is shown, ``[row, *unit]``, to the input."""
        levels, activities, ascents = self._levels(nodes, shapes), [probe("down.target.rate", "inference", shown)], []
        for level in reversed(levels):
            ascents.append(ascend(level.down, tree, activities[-1], probe=probe, stream="down"))
            activities.append(ascents[-1].output)
        return Run(levels, activities[::-1], ascents[::-1])

    def _levels(self, nodes: Nodes, shapes: Mapping[str, Shape]) -> list[CounterLevel]:
        return counter_levels(nodes, shapes, self.normalised, self.initializers)

    # -- plasticity ---------------------------------------------------------------------------------------

    def credit(self, nodes: Nodes, tree: Tree, ascent: Ascent, goal: Goal, probe: Probe) -> Credit:
        """Run the descending stream, compare the streams at every level, and change both."""
        shown, match = PAIRINGS[self.pairing](goal.target)
        shapes = {path: h.shape[1:] for path, h in ascent.entering.items()}
        run = self.flow(nodes, shapes, tree, shown, probe)
        compared = self.compare(run, ascent, match, goal)
        changes: Tree = {}
        for number, level in enumerate(run.levels):
            up = probe(f"up.{level.above}.error", "learning", compared[number + 1].up)
            down = probe(f"down.{level.below}.error", "learning", compared[number].down)
            changes |= within(level.up, ascent, up, "up") | within(level.down, run.ascents[number], down, "down")
        names = ["input", *(level.above for level in run.levels)]
        losses = {f"local_loss.{name}": one.loss for name, one in zip(names, compared, strict=True)}
        statistics = {name: value for one in run.ascents for name, value in one.statistics.items()}
        return Credit(changes, statistics, losses | {"total_loss": sum(losses.values())})

    def compare(self, run: Run, ascent: Ascent, match: jax.Array, goal: Goal) -> list[Compared]:
        """Compare the two streams at every level, from the input to the output."""
        rates = [ascent.entering[level.entrance] for level in run.levels]
        top = self.comparison.top(ascent.output, run.activities[-1], goal)
        if not self.flooding:
            return [*self._below(rates, run.activities, match), top]
        keep = unsettled(ascent.output, goal.target, self.flooding)
        kept = [keep.reshape(-1, *(1,) * (rate.ndim - 1)) for rate in rates]
        filtered = self._below([rate * k for rate, k in zip(rates, kept, strict=True)], run.activities, match)
        return [*(one._replace(up=one.up * k) for one, k in zip(filtered, kept, strict=True)), top]

    def _below(self, rates: list[jax.Array], facing: list[jax.Array], match: jax.Array) -> list[Compared]:
        bottom = self.comparison.bottom(rates[0], facing[0], match)
        return [bottom, *(self.comparison.inside(a, b, match) for a, b in zip(rates[1:], facing[1:-1], strict=True))]


@dataclass(frozen=True, kw_only=True)
class PrintedCounterCurrent(CounterCurrent):
    """Counter-current learning as printed: cosines, every trial a class of its own, norm of the mismatch."""

    rule = replace(CounterCurrent.rule, name="counter_current_printed")

    comparison: Comparison = comparisons.PRINTED
    pairing: str = "same_trial"


def within(nodes: Nodes, ascent: Ascent, error: jax.Array, stream: str) -> Tree:
    """Change the synapses of one level's part of a stream by the error at its output; nothing leaves the part."""

    def learn(path: str, stage: Stage, delta: jax.Array, h: jax.Array) -> tuple[jax.Array, Tree]:
        return h, {f"{stream}.{path}.{name}": change for name, change in stage.changes(delta, h).items()}

    return descend(_from_stage(nodes), ascent.memory, error, learn, of=stream)[1]


def _from_stage(nodes: Nodes) -> Nodes:
    """Leave out the nodes below the stage: they have nothing to learn."""
    names = list(nodes)
    first = next(number for number, name in enumerate(names) if isinstance(nodes[name], Stage))
    return {name: nodes[name] for name in names[first:]}
