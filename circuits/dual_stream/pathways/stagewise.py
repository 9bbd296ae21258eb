"""Streams whose error goes down stage by stage: the skeleton of the feedback-alignment family."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np
from biocredit.circuits.core.circuit import Projection
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.initializers import Shape, glorot_uniform
from biocredit.circuits.core.probes import Probe
from biocredit.circuits.dual_stream.ascending.geometry import sources
from biocredit.circuits.dual_stream.ascending.stack import Ascent, Nodes, descend, stages
from biocredit.circuits.dual_stream.ascending.stages import Stage
from biocredit.circuits.dual_stream.pathways.pathway import Credit, DescendingPathway, Goal

Watch = Callable[[str, jax.Array], jax.Array]
"""``watch(name, value) -> value``: the probe, with the path of the stage filled in."""


class Signals(NamedTuple):
    """What reaches the synapses of one stage in the learning phase.

    Attributes
    ----------
    delta
        Error at the potential of the stage's output units.
    h
        Activity of the stage's input units in the inference phase.
    output_error
        Error at the top of the circuit.
    """

    delta: jax.Array
    h: jax.Array
    output_error: jax.Array


@dataclass(frozen=True, kw_only=True)
class Stagewise(DescendingPathway):
    """A stream that says, for one stage, how the error goes down and what the feedback synapses learn.

    In one batch (i) every stage receives ``delta``, (ii) its forward weights change by ``delta x h``, (iii) it
    delivers an error to its input through its feedback kernels, (iv) operations in between apply their exact
    transposed Jacobians. All weights change at the end of the batch.

    Parameters
    ----------
    sparsity
        Fraction of feedback weights that do not exist: an exact number of randomly chosen zeros in every kernel, for
        good. The others start (or are, where they follow from forward weights) stronger by ``1 / sqrt(1 - sparsity)``,
        so that a cell's feedback has the variance that it has without gaps.
    """

    probed: ClassVar[Mapping[str, str]] = {
        "h": "up.*",
        "delta": "down.*.rate",
        "output_error": "up.*.potential target:*",
        "intermediate": "down.*.intermediate.rate",
        "noise": "chance:* up.*.noise",
        "response": "up.*.response",
        "magnitudes drawn anew": "chance:*",
    }
    owns: ClassVar[tuple[str, ...]] = ("B",)
    plastic: ClassVar[tuple[str, ...]] = ()
    sparsity: float = 0.0

    def __post_init__(self):
        require(0 <= self.sparsity < 1, f"sparsity is a fraction from 0 up to, not including, 1; got {self.sparsity}")

    @property
    def strength(self) -> float:
        """What the weights that exist are multiplied by."""
        return float(1 / np.sqrt(1 - self.sparsity))

    def kernel_shapes(self, stage: Stage, outputs: int) -> dict[str, Shape]:
        """Shapes of the feedback kernels of a stage; ``outputs`` counts the circuit's output units."""
        return {"B": stage.kernel_shape(stage.outputs)}

    def draw(self, stage: Stage, shapes: dict[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw the arrays that the stream owns at one stage (:attr:`owns`)."""
        return {name: glorot_uniform(random, shapes[name]) for name in self.owns}

    def kernels(self, stage: Stage, own: Tree) -> Tree:
        """Feedback kernels as they act in this batch.

        ``own`` holds what :meth:`draw` made, and the forward weight ``"W"`` only if the rule says that
        the stream transports something.
        """
        return {"B": own["B"]}

    def deliver(self, stage: Stage, kernels: Tree, signals: Signals, watch: Watch) -> tuple[jax.Array, Tree]:
        """Return the error at the stage's input and gradient estimates for :attr:`plastic`."""
        return stage.adjoint(kernels["B"], signals.delta, signals.h.shape), {}

    def effective(self, kernels: Tree) -> jax.Array:
        """The feedback that the kernels amount to, in the layout of ``W``."""
        return kernels["B"]

    def effective_feedback(self, nodes: Nodes, tree: Tree) -> Tree:
        """Feedback that acts at every stage, by path, in the layout of ``W``: what is compared with ``W``."""
        return {path: self.effective(self._acting(tree, path, stage)) for path, stage in stages(nodes).items()}

    # -- the whole stream ---------------------------------------------------------------------------------

    def initial(self, nodes: Nodes, shapes: Mapping[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw own arrays and masks of every stage."""
        weighted, arrays = stages(nodes), {}
        outputs = list(weighted.values())[-1].outputs
        for path, stage in weighted.items():
            sizes = self.kernel_shapes(stage, outputs)
            own = self.draw(stage, sizes, random)
            if self.sparsity:
                own |= {name: self.strength * own[name] for name in sizes if name in own}
                own |= {f"{name}_mask": sparse_mask(random, size, self.sparsity) for name, size in sizes.items()}
            arrays |= {f"down.{path}.{name}": value for name, value in own.items()}
        return masked(arrays, arrays)

    def synapses(self, nodes: Nodes) -> list[Projection]:
        """One row for every own array of every stage."""
        below, top = sources(nodes), list(stages(nodes))[-1]
        return [
            Projection(
                f"down.{path}.{name}",
                *self.ends(name, f"down.{path}", f"down.{below[path]}", f"down.{top}"),
                "feedback",
                plastic=name in self.plastic,
                mask=f"down.{path}.{name}_mask" if self.sparsity else None,
            )
            for path in stages(nodes)
            for name in self.owns
        ]

    def ends(self, name: str, above: str, below: str, top: str) -> tuple[str, str]:
        """From which population to which one an own array leads; ``top`` has the error of the output."""
        return above, below

    def derived(self, nodes: Nodes) -> set[str]:
        """Feedback kernels of every stage, owned or made from forward weights."""
        found = stages(nodes)
        return {f"down.{path}.{name}" for path, stage in found.items() for name in self.kernel_shapes(stage, 1)}

    def credit(self, nodes: Nodes, tree: Tree, ascent: Ascent, goal: Goal, probe: Probe) -> Credit:
        """Walk down the ascending stream, stage by stage."""

        def at_stage(path: str, stage: Stage, delta: jax.Array, h: jax.Array) -> tuple[jax.Array, Tree]:
            def watch(name: str, value: jax.Array) -> jax.Array:
                return probe(f"down.{path}.{name}", "learning", value)

            kernels = {name: watch(name, kernel) for name, kernel in self._acting(tree, path, stage).items()}
            error, learned = self.deliver(stage, kernels, Signals(delta, h, goal.error), watch)
            forward = {f"up.{path}.{name}": value for name, value in stage.changes(delta, h).items()}
            feedback = {f"down.{path}.{name}": value for name, value in learned.items()}
            return error, forward | masked(feedback, tree)

        error, changes = descend(nodes, ascent.memory, goal.error, at_stage, probe=probe)
        probe("down.input.rate", "learning", error)
        return Credit(changes, {})

    def _acting(self, tree: Tree, path: str, stage: Stage) -> Tree:
        own = {name: tree[f"down.{path}.{name}"] for name in self.owns}
        if self.rule.transports != "nothing":
            own["W"] = tree[f"up.{path}.W"]
        kernels = {
            f"down.{path}.{name}": kernel if name in self.owns or not self.sparsity else self.strength * kernel
            for name, kernel in self.kernels(stage, own).items()
        }
        return {name.rpartition(".")[2]: kernel for name, kernel in masked(kernels, tree).items()}


def sparse_mask(random: np.random.Generator, shape: Shape, sparsity: float) -> np.ndarray:
    """Draw a mask with exactly ``round(sparsity * size)`` missing synapses.

    Examples
    --------
    >>> int(sparse_mask(np.random.default_rng(0), (4, 5), 0.75).sum())
    5
    """
    size = int(np.prod(shape))
    mask = np.ones(size, bool)
    mask[random.permutation(size)[: round(sparsity * size)]] = False
    return mask.reshape(shape)


def masked(arrays: dict[str, Any], tree: Mapping[str, Any]) -> dict[str, Any]:
    """Multiply every array by its mask ``"<name>_mask"``, where the tree has one."""
    masks = {name: tree.get(f"{name}_mask") for name in arrays}
    return {k: v if masks[k] is None else v * masks[k].astype(v.dtype) for k, v in arrays.items()}
