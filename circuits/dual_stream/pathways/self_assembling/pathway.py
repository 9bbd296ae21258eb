"""The descending stream of self-assembling learning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.activations import activation
from biocredit.circuits.core.circuit import Projection
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.errors import choose, nearest, renamed, require
from biocredit.circuits.core.initializers import Gaussian, Initializer, Shape, identity
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.dual_stream.ascending.stack import Ascent, Nodes
from biocredit.circuits.dual_stream.pathways.pathway import Credit, DescendingPathway, Goal
from biocredit.circuits.dual_stream.pathways.self_assembling.kinds import KINDS, kind_of
from biocredit.circuits.dual_stream.pathways.self_assembling.levels import AssemblyLevel, levels
from biocredit.circuits.dual_stream.pathways.self_assembling.modulation import Modulation, modulate
from biocredit.circuits.dual_stream.pathways.self_assembling.plasticity import heterosynaptic
from biocredit.circuits.dual_stream.pathways.self_assembling.transfers import TRANSFERS, Received

INITIALIZERS: Mapping[str, Initializer] = {
    "Wbar": Gaussian(over="fan_out"),
    "V": Gaussian(0.003, "one"),
    "Vbar": Gaussian(0.003, "one"),
}
"""Small lateral weights: alignment comes from their growth out of small initial values."""

UNIT: Mapping[str, Initializer] = {"V": identity, "Vbar": identity}


class Exchange(NamedTuple):
    """Signals of one level in the learning phase, ``[trial, unit]``.

    Attributes
    ----------
    arriving
        Rate of the descending cells that send to the level.
    rate, slope
        Of the descending cells.
    onto_ascending, onto_descending
        Currents between the streams.
    """

    arriving: jax.Array
    rate: jax.Array
    slope: jax.Array
    onto_ascending: jax.Array
    onto_descending: jax.Array


#: How probes name what the synapses need.
PROBED = {
    "h": "*.rate",
    "delivered current": "*.current down.*.rate",
    "slope of the cell": "up.*.potential",
    "forward weights": "up.*.W",
}

#: A synapse changes with its own input times what the other pathway delivers to its cell.
ASSEMBLY = (
    r"\Delta W = (h' \odot u)\, x^{\top}, \qquad "
    r"\Delta \bar{W} = (\bar{h}' \odot \bar{u})\, \bar{x}_{\mathrm{above}}^{\top}, \qquad "
    r"\Delta V = x\, \bar{x}^{\top}, \qquad "
    r"\Delta \bar{V} = \bar{x}\, x^{\top}, \qquad "
    r"u = V \bar{x}, \qquad "
    r"\bar{u} = \bar{V} x"
)


@renamed(starts="initializers")
@dataclass(frozen=True, kw_only=True)
class SelfAssembling(DescendingPathway):
    """Two streams with four plastic matrices between neighbouring levels, all of them random at the start.

    Minus the derivative of the loss runs down the descending stream, ``hbar_l = f(Wbar_l hbar_{l+1})``. At every level
    the streams exchange currents, ``u = V hbar`` onto the ascending and ``ubar = Vbar h`` onto the descending cells. A
    synapse changes with its own input times what the *other* pathway delivers to its cell (means over trials):
    ``W: (g u) h_below^T``, ``Wbar: (gbar ubar) hbar_above^T``, ``V: h hbar^T``, ``Vbar: hbar h^T``. At the output both
    lateral matrices are the identity, fixed (Liao et al. 2024; reconstructed). Every plastic weight also decays, which
    is what makes the streams align: take the optimiser of
    :class:`biocredit.circuits.dual_stream.pathways.self_assembling.PerKindTraining`.

    Parameters
    ----------
    widths
        Descending cells at each hidden level; as many as ascending ones by default.
    transfer
        Name of a descending transfer function, see
        :mod:`biocredit.circuits.dual_stream.pathways.self_assembling.transfers`.
    gated
        Kinds among ``"W"`` and ``"Wbar"`` whose delivered current counts only as far as the cell responds to it (times
        the slope of its transfer function). The paper's text fits all choices; without gated ``"W"`` a linear
        descending stream hardly beats a linear read-out.
    plastic
        Kinds that learn; the others stay as they are.
    initializers
        How descending weights start, by kind.
    modulation
        A third phase of every trial, in which the currents onto the ascending cells act on them at once; metrics
        ``modulated_loss`` and ``modulated_accuracy``. It changes no weight. None by default.

    Notes
    -----
    The populations of a hidden level are ``up.<rate>`` and ``down.<rate>``, called after the transfer function that
    gives the ascending rates (``up.rate1``, ``down.rate1``), with the variables ``rate`` and ``current``; the error is
    ``down.<last stage>.rate``. Weights: ``down.<rate>.V``, ``down.<rate>.Vbar``, ``down.<stage above>.Wbar``, all
    ``[post, pre]``.

    Examples
    --------
    >>> from biocredit.circuits import DualStream
    >>> net = DualStream.mlp([4, 8, 3], SelfAssembling(widths=(12,)), bias=False)
    >>> {name: net.read()[name].shape for name in net.plastic if name.startswith("down")}
    {'down.layer2.Wbar': (12, 3), 'down.rate1.V': (8, 12), 'down.rate1.Vbar': (12, 8)}
    """

    rule = CreditRule(
        name="self_assembling",
        needs={"h": "pre", "delivered current": "post", "slope of the cell": "post"},
        probed=PROBED,
        phases=2,
        exact_when="V = I, upstream_jacobian and Wbar equal to the transpose of W",
        citation="arXiv:2412.20018",
        equation=ASSEMBLY,
    )
    widths: tuple[int, ...] | None = None
    transfer: str = "identity"
    gated: tuple[str, ...] = ("W",)
    plastic: tuple[str, ...] = KINDS
    initializers: Mapping[str, Initializer] = field(default_factory=dict)
    modulation: Modulation | None = None

    def __post_init__(self):
        choose(self.transfer, TRANSFERS, "descending transfer function")
        for what, given, valid in (
            ("gated", self.gated, KINDS[:2]),
            ("plastic", self.plastic, KINDS),
            ("initializers", self.initializers, KINDS[1:]),
        ):
            for kind in given:
                require(kind in valid, f"{what}: unknown kind of synapses {kind!r}: {nearest(kind, valid)}")

    # -- special cases ------------------------------------------------------------------------------------

    @classmethod
    def kolen_pollack(cls) -> Self:
        """One descending partner a cell, joined one to one: Kolen-Pollack learning, if rates and decay are equal."""
        return cls(transfer="upstream_jacobian", gated=(), plastic=("W", "Wbar"), initializers=UNIT)

    @classmethod
    def feedback_alignment(cls) -> Self:
        """As :meth:`kolen_pollack` with fixed random descending weights: feedback alignment."""
        return cls(transfer="upstream_jacobian", gated=(), plastic=("W",), initializers=UNIT)

    # -- weights ------------------------------------------------------------------------------------------

    def initial(self, nodes: Nodes, shapes: Mapping[str, Shape], random: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw the three descending kinds at every level."""
        initializers = {**INITIALIZERS, **self.initializers}
        sizes = self._weight_shapes(nodes)
        return {name: initializers[kind_of(name)](random, size)["W"] for name, size in sizes.items()}

    def _weight_shapes(self, nodes: Nodes) -> dict[str, Shape]:
        hidden = levels(nodes)
        widths = self._check_widths(hidden)
        senders = [*widths, list(nodes.values())[-1].outputs][1:]
        found = {}
        for level, width, sender in zip(hidden, widths, senders, strict=True):
            shapes = {"Wbar": (width, sender), "V": (level.size, width), "Vbar": (width, level.size)}
            found |= {name: shapes[kind] for kind, name in level.names().items()}
        return found

    def _check_widths(self, hidden: list[AssemblyLevel]) -> list[int]:
        widths = [level.size for level in hidden] if self.widths is None else list(self.widths)
        wanted = f"one width for each of the {len(hidden)} hidden levels"
        require(len(widths) == len(hidden) and min(widths, default=1) > 0, f"widths: got {widths}, wanted {wanted}")
        for level, width in zip(hidden, widths, strict=True):
            paired = self.transfer != "upstream_jacobian" or width == level.size
            require(paired, f"upstream_jacobian at {level.rate} needs {level.size} descending cells, got {width}")
        return widths

    def synapses(self, nodes: Nodes) -> list[Projection]:
        """Three rows a level."""
        rows = []
        for level in levels(nodes):
            up, down = f"up.{level.rate}", f"down.{level.rate}"
            ends = {"Wbar": (f"down.{level.next}", down), "V": (down, up), "Vbar": (up, down)}
            use = {"Wbar": "feedback", "V": "descending to ascending", "Vbar": "ascending to descending"}
            for kind, name in level.names().items():
                rows.append(Projection(name, *ends[kind], use[kind], plastic=kind in self.plastic))
        return rows

    def effective_feedback(self, nodes: Nodes, tree: Tree) -> Tree:
        """``V_above Wbar^T V^T`` at every stage but the first; ``W V V^T`` once the circuit has assembled itself."""
        found, above = {}, jnp.eye(list(nodes.values())[-1].outputs)
        for level in reversed(levels(nodes)):
            names = level.names()
            lateral = tree[names["V"]]
            found[level.above] = above.astype(lateral.dtype) @ (lateral @ tree[names["Wbar"]]).T
            above = lateral
        return found

    # -- the learning phase -------------------------------------------------------------------------------

    def exchange(
        self, nodes: Nodes, tree: Tree, ascent: Ascent, error: jax.Array, probe: Probe = untouched
    ) -> dict[str, Exchange]:
        """Run the descending stream; returns the signals by :attr:`AssemblyLevel.rate`, the top level first.

        Parameters
        ----------
        nodes, tree, ascent
            The ascending stream, all arrays, and what the inference phase left behind.
        error
            Minus the derivative of each trial's loss with respect to the output, ``[trial, output]``.
        probe
            Sees every signal.
        """
        f, found = TRANSFERS[self.transfer], {}
        arriving = probe(f"down.{list(nodes)[-1]}.rate", "learning", error)
        for level in reversed(levels(nodes)):
            weights = {kind: probe(name, "learning", tree[name]) for kind, name in level.names().items()}
            potential = probe(f"down.{level.rate}.potential", "learning", arriving @ weights["Wbar"].T)
            current = ascent.entering[level.above] @ weights["Vbar"].T
            current = probe(f"down.{level.rate}.current", "learning", current)
            rate, slope = f(Received(potential, self._slope(nodes, level, ascent), current))
            rate = probe(f"down.{level.rate}.rate", "learning", rate)
            onto = probe(f"up.{level.rate}.current", "learning", rate @ weights["V"].T)
            found[level.rate] = Exchange(arriving, rate, slope, onto, current)
            arriving = rate
        return found

    def _slope(self, nodes: Nodes, level: AssemblyLevel, ascent: Ascent) -> jax.Array:
        return activation(nodes[level.rate].name).slope(ascent.entering[level.rate])

    def drives(
        self, nodes: Nodes, tree: Tree, ascent: Ascent, error: jax.Array, probe: Probe = untouched
    ) -> tuple[Tree, Tree]:
        """What drives every weight array in one batch, by full name; and the currents onto the ascending cells."""
        signals = self.exchange(nodes, tree, ascent, error, probe)
        top = list(nodes)[-1]
        delivered = {top: next((one.arriving for one in signals.values()), error)}
        found: Tree = {}
        for level in levels(nodes):
            one, h = signals[level.rate], ascent.entering[level.above]
            slope = self._slope(nodes, level, ascent)
            delivered[level.stage] = slope * one.onto_ascending if "W" in self.gated else one.onto_ascending
            onto = one.slope * one.onto_descending if "Wbar" in self.gated else one.onto_descending
            lateral = heterosynaptic(h, one.rate)
            own = {"Wbar": heterosynaptic(onto, one.arriving), "V": lateral, "Vbar": lateral.T}
            found |= {name: own[kind] for kind, name in level.names().items()}
        for path, current in delivered.items():
            summed = nodes[path].changes(current, ascent.entering[path])
            found |= {f"up.{path}.{name}": value / len(current) for name, value in summed.items()}
        return found, {f"up.{path}.current": one.onto_ascending for path, one in signals.items()}

    def credit(self, nodes: Nodes, tree: Tree, ascent: Ascent, goal: Goal, probe: Probe) -> Credit:
        """Run the descending stream; the plastic kinds change by minus their drives. Then modulate, if asked for."""
        drives, currents = self.drives(nodes, tree, ascent, -goal.error * len(goal.error), probe)
        changes = {name: -drive for name, drive in drives.items() if kind_of(name) in self.plastic}
        if self.modulation is None:
            return Credit(changes, {})
        x = ascent.entering[next(iter(nodes))]
        return Credit(changes, {}, modulated=modulate(nodes, tree, x, currents, self.modulation, probe).output)


@dataclass(frozen=True, kw_only=True)
class TiedSelfAssembling(SelfAssembling):
    """One descending partner a cell whose weights are the transposed ascending ones: gradient descent."""

    rule = CreditRule(
        name="self_assembling_tied",
        needs={"h": "pre", "delivered current": "post", "forward weights": "nonlocal"},
        probed=PROBED,
        transports="weights",
        phases=2,
        exact=True,
        exact_when="always",
        citation="arXiv:2412.20018",
        equation=ASSEMBLY,
    )
    transfer: str = "upstream_jacobian"
    gated: tuple[str, ...] = ()
    plastic: tuple[str, ...] = ("W",)
    initializers: Mapping[str, Initializer] = field(default_factory=lambda: UNIT)

    def credit(self, nodes: Nodes, tree: Tree, ascent: Ascent, goal: Goal, probe: Probe) -> Credit:
        """Copy the ascending weights first."""
        tied = {level.names()["Wbar"]: tree[f"up.{level.above}.W"].T for level in levels(nodes)}
        return super().credit(nodes, tree | tied, ascent, goal, probe)._replace(tree=tied)
