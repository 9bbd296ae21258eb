"""What every descending stream is and declares."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import jax
import numpy as np
from biocredit.circuits.core.circuit import Projection
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.dual_stream.ascending.stack import Ascent, Nodes
from biocredit.circuits.dual_stream.ascending.stages import Shape, Stage


class Goal(NamedTuple):
    """What arrives at the top of the circuit in the learning phase.

    Attributes
    ----------
    error
        Derivative of the loss with respect to the output, ``1 / trials`` included.
    target
        Wanted output (one-hot for classes).
    loss
        The loss itself.
    """

    error: jax.Array
    target: jax.Array
    loss: jax.Array


class Credit(NamedTuple):
    """What a descending stream says about one batch.

    Attributes
    ----------
    changes
        Gradient estimates of plastic weights of both streams, by full name.
    tree
        Other persistent arrays that changed.
    metrics
        Scalars of the stream's own, such as local losses.
    modulated
        Output of a further phase in which the sample is still there, if the stream has one; scored like the first.
    """

    changes: Tree
    tree: Tree
    metrics: Tree = {}  # noqa: RUF012  (never changed)
    modulated: jax.Array | None = None


class DescendingPathway(ABC):
    """A proposal for how credit travels down; instances are frozen dataclasses of its settings.

    A class says in :attr:`rule` what its synapses need; the rule of a circuit holds the instance as its settings.
    """

    rule: ClassVar[CreditRule]
    #: How probes name what the family's rules need, see :class:`~biocredit.circuits.core.credit_rule.CreditRule`.
    probed: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def initial(self, nodes: Nodes, shapes: Mapping[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw the stream's own arrays, named ``"down.<path>.<name>"``.

        Parameters
        ----------
        nodes
            The ascending stream.
        shapes
            Shape of the activity that enters each of its leaves (without the trial axis).
        random
            Where the numbers come from.
        """

    @abstractmethod
    def synapses(self, nodes: Nodes) -> list[Projection]:
        """Rows of the stream's weights for the circuit's register; says which of them are plastic."""

    def effective_feedback(self, nodes: Nodes, tree: Tree) -> Tree:
        """Feedback that acts at a stage, by path, in the layout of its forward weight (default: none compares)."""
        return {}

    def kernel_shapes(self, stage: Stage, outputs: int) -> dict[str, Shape]:
        """Shapes of the feedback kernels that belong to a stage alone, by name (default: none)."""
        return {}

    def prepare(
        self, nodes: Nodes, shapes: Mapping[str, Shape], tree: Tree, key: jax.Array, probe: Probe = untouched
    ) -> Tree:
        """Arrays that change before a trial, without a stimulus: fresh magnitudes, a mirror phase (default: none)."""
        return {}

    def rehearse(self, nodes: Nodes, tree: Tree, x: jax.Array, key: jax.Array, probe: Probe) -> Credit:
        """What feedback synapses learn from noise around the response to ``x``, before credit (default: nothing)."""
        return Credit({}, {})

    def derived(self, nodes: Nodes) -> set[str]:
        """Tapped weights that are computed anew in every batch and so are not in the tree (default: none)."""
        return set()

    def by_trial(self, name: str, value: jax.Array, target: jax.Array) -> jax.Array:
        """Return a signal with one row for every trial, for recording (default: it is so already)."""
        return value

    @abstractmethod
    def credit(self, nodes: Nodes, tree: Tree, ascent: Ascent, goal: Goal, probe: Probe) -> Credit:
        """Run the learning phase of one batch.

        Parameters
        ----------
        nodes, tree
            The ascending stream and all arrays of the circuit by full name.
        ascent
            Output and memory of the inference phase.
        goal
            Error and target at the top.
        probe
            Sees every signal of the descending stream, as ``"down.<path>.rate"``, phase ``"learning"``.
        """
