"""Stacks: ordered stages and operations, run up (activity) and down (errors).

A stack is a dictionary ``{name: node}``. A node is a :class:`~biocredit.circuits.dual_stream.ascending.stages.Stage`,
an :class:`~biocredit.circuits.dual_stream.ascending.operations.Operation`, or a :class:`Residual` of two stacks. The
*path* of a node is its name, prefixed by the names of the blocks around it (``"block1.conv2"``); its parameters are
``"<stream>.<path>.<name>"`` in the circuit's tree (``"up.block1.conv2.W"``).

How to add a descending stream
------------------------------
1. An error that goes down stage by stage: subclass
:class:`~biocredit.circuits.dual_stream.pathways.stagewise.Stagewise`
   and say how a stage delivers an error and what its own synapses learn.
2. Anything else (a stream driven by the target, one with its own dynamics): subclass
   :class:`~biocredit.circuits.dual_stream.pathways.pathway.DescendingPathway` and define ``credit``. A stream that is
   itself a network is one more stack of the same nodes: run it with ``ascend(nodes, tree, h, stream="down")``.
   For a loss that is local to a level, keep one small stack per level: ``descend`` with a ``deliver`` that
   returns ``stage.changes(delta, h)`` takes the loss's derivative through the level's own operations.
3. Enter it in ``biocredit.circuits.dual_stream.pathways.PATHWAYS``.

Every signal passes through the probe. The output of a node is the population ``"up.<path>"``, with the variable
``potential`` for a stage and ``rate`` for anything else (``"up.layer1.potential"``, ``"up.rate1.rate"``); the error
that arrives there is the rate of the population ``"down.<path>"``. The bottom is ``"input"``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import jax
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.dual_stream.ascending.operations import Operation
from biocredit.circuits.dual_stream.ascending.stages import Stage

Deliver = Callable[[str, Stage, jax.Array, jax.Array], tuple[jax.Array, Tree]]
"""``deliver(path, stage, delta, h) -> (error at the stage's input, changes)``, changes keyed by full name."""


@dataclass(frozen=True)
class Residual:
    """Two routes from the same input whose outputs are added; an empty shortcut is the identity."""

    variable: ClassVar[str] = "rate"
    body: Mapping[str, Any]
    shortcut: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        shared = set(self.body) & set(self.shortcut)
        require(not shared, f"body and shortcut of a residual block share the names {sorted(shared)}")


Node = Stage | Operation | Residual
Nodes = Mapping[str, Node]


class Ascent(NamedTuple):
    """What the way up leaves behind.

    Attributes
    ----------
    output
        Activity at the top.
    memory
        By path, what a node keeps for the way down; for a stage, its input.
    statistics
        Running statistics that changed, by full name.
    entering
        By path, the activity that enters a node.
    """

    output: jax.Array
    memory: dict[str, Any]
    statistics: Tree
    entering: Tree


def leaves(nodes: Nodes, prefix: str = "") -> Iterator[tuple[str, Stage | Operation]]:
    """Walk over ``(path, node)`` in ascending order, into residual blocks."""
    for name, node in nodes.items():
        if isinstance(node, Residual):
            yield from leaves(node.body, f"{prefix}{name}.")
            yield from leaves(node.shortcut, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", node


def stages(nodes: Nodes) -> dict[str, Stage]:
    """The weighted nodes by path."""
    return {path: node for path, node in leaves(nodes) if isinstance(node, Stage)}


def ascend(
    nodes: Nodes,
    tree: Tree,
    h: jax.Array,
    *,
    training: bool = True,
    probe: Probe = untouched,
    stream: str = "up",
    phase: str = "inference",
    prefix: str = "",
) -> Ascent:
    """Run activity through a stack.

    Parameters
    ----------
    nodes
        The stack.
    tree
        Flat dictionary with the parameters ``"<stream>.<path>.<name>"``.
    h
        Input, the leading axis is the trial.
    training
        Whether batch normalisation uses the statistics of this batch.
    probe
        Sees activity (see above) and parameters, by full name.
    stream, phase, prefix
        First part of the names, phase given to the probe, path of the enclosing block with a dot.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from biocredit.circuits.dual_stream.ascending.operations import Transfer
    >>> from biocredit.circuits.dual_stream.ascending.stages import Dense
    >>> nodes = {"layer1": Dense(2, 2, bias=False), "rate1": Transfer("relu")}
    >>> ascend(nodes, {"up.layer1.W": -jnp.eye(2)}, jnp.array([[1.0, -1.0]])).output
    Array([[0., 1.]], dtype=float32)
    """
    options = {"training": training, "probe": probe, "stream": stream, "phase": phase}
    memory, statistics, entering = {}, {}, {}
    for name, node in nodes.items():
        path = prefix + name
        run = _ascend_residual if isinstance(node, Residual) else _ascend_leaf
        h, kept, running, entered = run(node, tree, h, path, options)
        memory |= kept
        statistics |= running
        entering |= entered
        h = probe(f"{stream}.{path}.{node.variable}", phase, h)
    return Ascent(h, memory, statistics, entering)


def _ascend_leaf(node: Stage | Operation, tree: Tree, h: jax.Array, path: str, options: dict[str, Any]) -> Ascent:
    stem = f"{options['stream']}.{path}"
    parameters = {k: options["probe"](f"{stem}.{k}", options["phase"], tree[f"{stem}.{k}"]) for k in node.names}
    if isinstance(node, Stage):
        return Ascent(node.forward(parameters, h), {path: h}, {}, {path: h})
    output, memory, running = node.forward(parameters, h, options["training"])
    return Ascent(output, {path: memory}, {f"{stem}.{k}": value for k, value in running.items()}, {path: h})


def _ascend_residual(node: Residual, tree: Tree, h: jax.Array, path: str, options: dict[str, Any]) -> Ascent:
    body = ascend(node.body, tree, h, prefix=f"{path}.", **options)
    short = ascend(node.shortcut, tree, h, prefix=f"{path}.", **options)
    kept = (one | other for one, other in zip(body[1:], short[1:], strict=True))
    return Ascent(body.output + short.output, *kept)


def descend(
    nodes: Nodes,
    memory: Mapping[str, Any],
    error: jax.Array,
    deliver: Deliver,
    *,
    probe: Probe = untouched,
    of: str = "up",
    stream: str = "down",
    phase: str = "learning",
    prefix: str = "",
) -> tuple[jax.Array, Tree]:
    """Take an error from the output of a stack to its input.

    Operations and residual additions use their exact transposed Jacobians; what a stage delivers to its input,
    and what changes there, is up to ``deliver``.

    Parameters
    ----------
    nodes, memory
        The stack and the memory of its ascent.
    error
        Error at the output, shaped like it.
    deliver
        See :data:`Deliver`.
    of
        The stream that the stack belongs to: first part of the names of its operations' changes.
    probe, stream, phase, prefix
        As in :func:`ascend`; the error that arrives at the output of a node is ``"<stream>.<path>.rate"``.

    Returns
    -------
    The error at the input, and all changes by full name.
    """
    options = {"probe": probe, "of": of, "stream": stream, "phase": phase}
    changes: Tree = {}
    for name, node in reversed(nodes.items()):
        path = prefix + name
        error = probe(f"{stream}.{path}.rate", phase, error)
        if isinstance(node, Residual):
            below, of_body = descend(node.body, memory, error, deliver, prefix=f"{path}.", **options)
            short, of_short = descend(node.shortcut, memory, error, deliver, prefix=f"{path}.", **options)
            error, own = below + short, of_body | of_short
        elif isinstance(node, Stage):
            error, own = deliver(path, node, error, memory[path])
        else:
            error, local = node.transposed(memory[path], error)
            own = {f"{of}.{path}.{k}": value for k, value in local.items()}
        changes |= own
    return error, changes
