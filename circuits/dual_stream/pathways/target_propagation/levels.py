"""Levels of a target-carrying stream: what leads up from one population to the next, and what leads back down."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import jax
from biocredit.circuits.core.probes import Probe
from biocredit.circuits.dual_stream.ascending.normalisation import Standardise
from biocredit.circuits.dual_stream.ascending.operations import BatchNorm, Operation, Transfer
from biocredit.circuits.dual_stream.ascending.stack import Ascent, Node, Nodes
from biocredit.circuits.dual_stream.ascending.stages import Stage
from biocredit.circuits.dual_stream.pathways.counter_current.levels import cut_at_stages

Operations = dict[str, Operation]


@dataclass(frozen=True)
class TargetLevel:
    """Two neighbouring populations and the synapses between them, in both directions.

    Parameters
    ----------
    path, stage
        The ascending stage; its feedback synapses ``"down.<path>.Q"`` have its geometry and the layout of its ``W``.
    below, above
        Populations, named after the last node of their part of the ascending stream.
    up
        Nodes of the way up.
    lead
        Operations of ``up`` that a signal meets on its way down before the feedback synapses, from the top: a
        transfer function is applied once more, any other is undone by its transposed Jacobian (max-pooling: every
        value goes back to where the maximum was).
    tail
        Operations behind the feedback synapses.
    norm
        Operations after the difference correction.
    """

    path: str
    stage: Stage
    below: str
    above: str
    up: Nodes
    lead: Operations
    tail: Operations
    norm: Operations

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the feedback weights: a bias where the ascending stage has one."""
        return ("Q", "d") if self.stage.bias else ("Q",)

    @property
    def entrance(self) -> str:
        """Path of the first ascending node."""
        return next(iter(self.up))


def inverse_levels(nodes: Nodes) -> list[TargetLevel]:
    """Feedback that resembles what drives the population below: ``g(u) = psi(Q u + d)``.

    ``psi`` is the transfer function of the population below, with its standardisation, if it has one; a target is
    then standardised too (arXiv 1412.7525, 2006.14331, 2212.10352).
    """
    found = []
    for lower, part in pairwise(cut_at_stages(nodes)):
        tail = {name: node for name, node in _after(lower).items() if isinstance(node, Transfer | Standardise)}
        norm = {name: node for name, node in tail.items() if isinstance(node, Standardise)}
        found.append(_level(lower, part, (Transfer, Standardise, BatchNorm), tail, norm))
    return found


def mirrored_levels(nodes: Nodes) -> list[TargetLevel]:
    """Feedback that runs the ascending part backwards: ``g(u) = Q rho(unpool(u)) + d`` (Ernoult et al. 2022)."""
    return [_level(lower, part, (Standardise, BatchNorm), {}, {}) for lower, part in pairwise(cut_at_stages(nodes))]


def _level(lower: Nodes, part: Nodes, passed: tuple[type, ...], tail: Operations, norm: Operations) -> TargetLevel:
    path = next(name for name, node in part.items() if isinstance(node, Stage))
    lead = {name: node for name, node in reversed(_after(part).items()) if not isinstance(node, passed)}
    return TargetLevel(path, part[path], list(lower)[-1], list(part)[-1], part, lead, tail, norm)


def _after(part: Nodes) -> dict[str, Node]:
    """The nodes behind the stage of a part."""
    names = list(part)
    first = next(number for number, name in enumerate(names) if isinstance(part[name], Stage))
    return {name: part[name] for name in names[first + 1 :]}


def rates(nodes: Nodes, ascent: Ascent) -> dict[str, jax.Array]:
    """Activity of every population by name, from ``"input"`` to the output."""
    cut = cut_at_stages(nodes)
    entering = [ascent.entering[next(iter(part))] for part in cut]
    names = ["input", *(list(part)[-1] for part in cut)]
    return dict(zip(names, [*entering, ascent.output], strict=True))


def through(operations: Operations, h: jax.Array) -> tuple[jax.Array, Callable[[jax.Array], jax.Array]]:
    """Apply operations one after the other; return the result, and the way back for an error."""
    passed = []
    for node in operations.values():
        h, memory, _ = node.forward({}, h, True)
        passed.append((node, memory))

    def back(error: jax.Array) -> jax.Array:
        for node, memory in reversed(passed):
            error = node.transposed(memory, error)[0]
        return error

    return h, back


def lead_down(level: TargetLevel, u: jax.Array, ascent: Ascent) -> jax.Array:
    """Bring activity of the upper population to the feedback synapses; ``ascent`` knows where the maxima were."""
    for name, node in level.lead.items():
        u = node(u) if isinstance(node, Transfer) else node.transposed(ascent.memory[name], u)[0]
    return u


def in_phase(probe: Probe, phase: str) -> Callable[[str, jax.Array], jax.Array]:
    """The probe with its phase filled in."""
    return lambda name, value: probe(name, phase, value)
