"""Direct projections to every hidden population, of the target or of the output error (Frenkel et al. 2021)."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Projection
from biocredit.circuits.core.credit_rule import CreditRule, Place, Tree
from biocredit.circuits.core.errors import choose, require
from biocredit.circuits.core.initializers import Shape, he_uniform
from biocredit.circuits.core.probes import Probe
from biocredit.circuits.dual_stream.ascending.geometry import output_shape
from biocredit.circuits.dual_stream.ascending.operations import Transfer
from biocredit.circuits.dual_stream.ascending.stack import Ascent, Node, Nodes
from biocredit.circuits.dual_stream.ascending.stages import Stage
from biocredit.circuits.dual_stream.pathways.counter_current.levels import cut_at_stages
from biocredit.circuits.dual_stream.pathways.counter_current.pathway import within
from biocredit.circuits.dual_stream.pathways.pathway import Credit, DescendingPathway, Goal

PREDICTIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "softmax": jax.nn.softmax,
    "sigmoid": jax.nn.sigmoid,
    "linear": lambda output: output,
}
"""From the circuit's output to its prediction of the target."""


def firing(part: Nodes) -> dict[str, Node]:
    """A part up to the first transfer function behind its stage: pooling is not propagated through."""
    names = list(part)
    stage = next(number for number, name in enumerate(names) if isinstance(part[name], Stage))
    fires = [number for number, name in enumerate(names) if isinstance(part[name], Transfer) and number > stage]
    return {name: part[name] for name in names[: min(fires, default=stage) + 1]}


@dataclass(frozen=True, kw_only=True)
class DirectProjection(DescendingPathway):
    """A fixed random projection ``"down.<path>.P"``, ``[class, *unit]``, brings one signal to all hidden populations.

    It stands in for the gradient with respect to their rates. The uppermost stage follows the gradient of the loss.

    Parameters
    ----------
    reduction
        Hidden changes are a ``"sum"`` over trials, as in the released program, while the output follows the mean;
        with ``"mean"`` both do.
    projection
        Draws a projection.
    """

    reduction: Literal["sum", "mean"] = "sum"
    projection: Callable[[np.random.Generator, Shape], np.ndarray] = field(default=he_uniform)

    def __post_init__(self):
        wanted = "'sum' or 'mean'"
        require(self.reduction in ("sum", "mean"), f"reduction over trials: got {self.reduction!r}, wanted {wanted}")

    @abstractmethod
    def signal(self, output: jax.Array, goal: Goal) -> jax.Array:
        """What is projected, ``[trial, class]``."""

    def hidden(self, nodes: Nodes) -> dict[str, dict[str, Node]]:
        """Hidden parts by path of their stage."""
        cut = [firing(part) for part in cut_at_stages(nodes)[:-1]]
        return {next(name for name, node in part.items() if isinstance(node, Stage)): part for part in cut}

    def initial(self, nodes: Nodes, shapes: Mapping[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw the projections."""
        classes = list(_stages(nodes))[-1].outputs
        return {
            f"down.{path}.P": self.projection(random, (classes, *output_shape(part, shapes[next(iter(part))])))
            for path, part in self.hidden(nodes).items()
        }

    def synapses(self, nodes: Nodes) -> list[Projection]:
        """One row a projection; none is plastic."""
        return [
            Projection(f"down.{path}.P", f"down.{list(nodes)[-1]}", f"down.{list(part)[-1]}", "feedback", plastic=False)
            for path, part in self.hidden(nodes).items()
        ]

    def credit(self, nodes: Nodes, tree: Tree, ascent: Ascent, goal: Goal, probe: Probe) -> Credit:
        """Project the signal to every hidden population at once."""

        def watch(name: str, value: jax.Array) -> jax.Array:
            return probe(f"down.{name}", "learning", value)

        top = watch(f"{list(nodes)[-1]}.rate", goal.error)
        changes = within(cut_at_stages(nodes)[-1], ascent, top, "up")
        signal = self.signal(ascent.output, goal) / (len(goal.target) if self.reduction == "mean" else 1)
        for path, part in self.hidden(nodes).items():
            projection = watch(f"{path}.P", tree[f"down.{path}.P"])
            error = watch(f"{list(part)[-1]}.rate", jnp.tensordot(signal, projection, 1))
            changes |= within(part, ascent, error, "up")
        return Credit(changes, {})


def _stages(nodes: Nodes) -> list[Stage]:
    return [node for node in nodes.values() if isinstance(node, Stage)]


#: One signal s, the target or the error of the prediction, reaches all hidden populations at once.
PROJECTED = r"\Delta W = (h' \odot P^{\top} s)\, x^{\top}"


def _declared(name: str, signal: str, phases: int) -> CreditRule:
    needs: dict[str, Place] = {"h": "pre", "gain": "post", "error": "post", signal: "broadcast"}
    probed = {"h": "up.*.rate", "gain": "up.*.potential", "error": "down.*.rate", signal: "target:* up.*.potential"}
    source = "10.3389/fnins.2021.629892"
    return CreditRule(name=name, citation=source, needs=needs, probed=probed, phases=phases, equation=PROJECTED)


@dataclass(frozen=True, kw_only=True)
class DirectRandomTarget(DirectProjection):
    """DRTP: the target itself is projected, so that hidden populations need not wait for the output."""

    rule = _declared("direct_random_target", "target", 1)

    def signal(self, output: jax.Array, goal: Goal) -> jax.Array:
        """The target."""
        return goal.target


@dataclass(frozen=True, kw_only=True)
class DirectError(DirectProjection):
    """DFA as in the same program: prediction minus target is projected to the rates (not to the stages' inputs).

    Parameters
    ----------
    prediction
        How the output becomes a prediction: ``"softmax"``, ``"sigmoid"`` or ``"linear"``.
    """

    rule = _declared("direct_error", "error of the prediction", 2)
    prediction: str = "softmax"

    def __post_init__(self):
        super().__post_init__()
        choose(self.prediction, PREDICTIONS, "prediction")

    def signal(self, output: jax.Array, goal: Goal) -> jax.Array:
        """The error of the prediction."""
        return PREDICTIONS[self.prediction](output) - goal.target
