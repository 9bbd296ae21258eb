"""Target propagation: the descending stream tells every population what it should have been doing."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Projection
from biocredit.circuits.core.credit_rule import Place, Tree
from biocredit.circuits.core.errors import renamed, require
from biocredit.circuits.core.initializers import Initializer, Shape, Within
from biocredit.circuits.core.probes import Probe
from biocredit.circuits.dual_stream.ascending.stack import Ascent, Nodes
from biocredit.circuits.dual_stream.pathways.counter_current.levels import cut_at_stages
from biocredit.circuits.dual_stream.pathways.counter_current.pathway import within
from biocredit.circuits.dual_stream.pathways.pathway import Credit, DescendingPathway, Goal
from biocredit.circuits.dual_stream.pathways.target_propagation.levels import TargetLevel, inverse_levels
from biocredit.circuits.dual_stream.pathways.target_propagation.reconstruction import Scene, bring_down, scene

#: Every level moves towards its target, which feedback brings down, corrected by what it makes of the activity.
TOWARDS_TARGETS = (
    r"\Delta W_l = h'_l \odot (x_l - \tau_l)\, x_{l-1}^{\top}, \qquad "
    r"\tau_{l-1} = x_{l-1} + g_l(\tau_l) - g_l(x_l)"
)
NEEDS: dict[str, Place] = {"h": "pre", "gain": "post", "target of the population": "post"}
"""What a synapse may see, in either stream."""

OF_NOISE: dict[str, Place] = {"noise": "pre", "response to noise": "post", "reconstruction": "post"}
"""What it sees besides where feedback learns from noise."""

UNPROBED = {"unprobed": ("down.*",), "sometimes": dict.fromkeys(OF_NOISE, "feedback learns; no probe sees it")}
"""What an audit has to know of such feedback."""


@renamed(start="initializer")
@dataclass(frozen=True, kw_only=True)
class TargetPropagation(DescendingPathway):
    """Targets travel down, every population approaches its own.

    The output's target is a gradient step away from the output. Every target below is the corrected reconstruction
    ``t_l = g(t_{l+1}) + h_l - g(h_{l+1})`` by feedback synapses ``"down.<path>.Q"`` (and ``d``) of the stage above.
    Ascending synapses descend the squared distance of their population to its target, and nothing leaves the level.

    Parameters
    ----------
    stepsize
        Size of the step at the output.
    initializer
        How feedback weights start, seen from the upper population.

    Notes
    -----
    ``down.<population>.rate`` is a population's target, ``down.<population>.reconstruction`` what the feedback makes
    of the activity above, ``up.<population>.error`` the derivative of the local loss. Metrics by population:
    ``local_loss``, a mean over trials, and ``target_size``, the length of target minus activity over that of the
    activity: below 1e-6 in single precision a population learns rounding errors.
    """

    probed: ClassVar[Mapping[str, str]] = {
        "h": "up.*.rate",
        "gain": "up.*.potential",
        "target of the population": "down.*.rate up.*.error",
    }
    distance: ClassVar[float] = 1.0
    stepsize: float = 0.01
    initializer: Initializer = field(default=Within(0.01))

    def __post_init__(self):
        require(self.stepsize > 0, f"the step of the output's target must be positive, got {self.stepsize}")

    def levels(self, nodes: Nodes) -> list[TargetLevel]:
        """Cut the ascending stream into levels with feedback."""
        return inverse_levels(nodes)

    @abstractmethod
    def output_target(self, output: jax.Array, goal: Goal) -> jax.Array:
        """Target of the output population."""

    # -- arrays ---------------------------------------------------------------------------------------------

    def initial(self, nodes: Nodes, shapes: Mapping[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw the feedback weights of every level."""
        arrays = {}
        for level in self.levels(nodes):
            drawn = self.initializer(random, _turned(level.stage.kernel_shape(level.stage.outputs)))
            drawn = {"Q": np.swapaxes(drawn["W"], 0, 1), "d": drawn["b"]}
            arrays |= {f"down.{level.path}.{name}": drawn[name] for name in level.names}
        return arrays

    def synapses(self, nodes: Nodes) -> list[Projection]:
        """One row for every feedback weight; they change by a rule of the stream's own."""
        return [
            Projection(
                f"down.{level.path}.{name}",
                f"down.{level.above}",
                f"down.{level.below}",
                "feedback" if name == "Q" else "bias",
                plastic=False,
            )
            for level in self.levels(nodes)
            for name in level.names
        ]

    def effective_feedback(self, nodes: Nodes, tree: Tree) -> Tree:
        """Feedback weights by path, in the layout of ``W``; the lowest stage has none."""
        return {level.path: tree[f"down.{level.path}.Q"] for level in self.levels(nodes)}

    # -- targets --------------------------------------------------------------------------------------------

    def targets(self, seen: Scene, tree: Tree, goal: Goal) -> dict[str, jax.Array]:
        """Targets by population, from the output down to the lowest population above the input."""
        top = seen.levels[-1].above if seen.levels else list(seen.rates)[-1]
        found = {top: seen.watch(f"down.{top}.rate", self.output_target(seen.ascent.output, goal))}
        for level in reversed(seen.levels):
            down = bring_down(level, seen, tree, found[level.above], seen.ascent)
            seen.watch(f"down.{level.below}.reconstruction", down.still)
            found[level.below] = seen.watch(f"down.{level.below}.rate", down.rate)
        return found

    def credit(self, nodes: Nodes, tree: Tree, ascent: Ascent, goal: Goal, probe: Probe) -> Credit:
        """Bring the target down and let every population approach its own."""
        seen = scene(self.levels(nodes), nodes, tree, ascent, probe, "learning")
        targets = self.targets(seen, tree, goal)
        changes, metrics = {}, {}
        for part in cut_at_stages(nodes):
            name = list(part)[-1]
            h, away = seen.rates[name], seen.rates[name] - targets[name]
            error = seen.watch(f"up.{name}.error", (2 * self.distance / len(h)) * away)
            changes |= within(part, ascent, error, "up")
            metrics[f"local_loss.{name}"] = self.distance * (away**2).sum() / len(h)
            metrics[f"target_size.{name}"] = jnp.linalg.norm(away) / jnp.linalg.norm(h)
        return Credit(changes, {}, metrics)


def _turned(shape: Shape) -> Shape:
    """Shape of a kernel seen from its outputs."""
    return (shape[1], shape[0], *shape[2:])


def per_trial(output: jax.Array, goal: Goal, stepsize: float) -> jax.Array:
    """Step down the gradient of every trial's own loss."""
    return output - (stepsize * len(output)) * goal.error
