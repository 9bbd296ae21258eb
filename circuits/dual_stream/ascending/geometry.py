"""Shapes and initial parameters of a stack."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import require
from biocredit.circuits.dual_stream.ascending.operations import Operation, Transfer
from biocredit.circuits.dual_stream.ascending.stack import Nodes, Residual, leaves
from biocredit.circuits.dual_stream.ascending.stages import Shape, Stage


def initial(
    nodes: Nodes, shapes: Mapping[str, Shape], random: np.random.Generator, stream: str = "up"
) -> dict[str, np.ndarray]:
    """Draw the parameters of every node by full name; ``shapes`` are those of :func:`input_shapes`."""
    drawn = {path: node.initial(random, shapes[path]) for path, node in leaves(nodes)}
    return {f"{stream}.{path}.{name}": value for path, own in drawn.items() for name, value in own.items()}


def sources(nodes: Nodes, below: str = "input", prefix: str = "") -> dict[str, str]:
    """Path of the node whose output enters each leaf; ``"input"`` at the bottom.

    Examples
    --------
    >>> from biocredit.circuits.dual_stream.ascending.stages import Dense
    >>> sources({"layer1": Dense(2, 2), "block": Residual({"layer2": Dense(2, 2)}), "layer3": Dense(2, 1)})
    {'layer1': 'input', 'block.layer2': 'layer1', 'layer3': 'block'}
    """
    entering: dict[str, str] = {}
    for name, node in nodes.items():
        path = prefix + name
        if isinstance(node, Residual):
            entering |= sources(node.body, below, f"{path}.") | sources(node.shortcut, below, f"{path}.")
        else:
            entering[path] = below
        below = path
    return entering


def input_shapes(nodes: Nodes, shape: Shape, prefix: str = "") -> dict[str, Shape]:
    """Shape of the activity (without the trial axis) that enters every leaf, for an input of this shape.

    Raises
    ------
    CircuitError
        If a node cannot take what the node below gives.
    """
    return _shapes(nodes, shape, prefix)[0]


def output_shape(nodes: Nodes, shape: Shape) -> Shape:
    """Shape of the activity at the top of a stack, without the trial axis."""
    return _shapes(nodes, shape, "")[1]


def _shapes(nodes: Nodes, shape: Shape, prefix: str) -> tuple[dict[str, Shape], Shape]:
    entering: dict[str, Shape] = {}
    for name, node in nodes.items():
        path = prefix + name
        if isinstance(node, Residual):
            inner, after = _shapes(node.body, shape, f"{path}.")
            short, other = _shapes(node.shortcut, shape, f"{path}.")
            require(after == other, f"{path}: the body gives {after}, the shortcut {other}; they cannot be added")
            entering |= inner | short
        else:
            entering[path] = shape
            after = _shape_after(path, node, shape)
        shape = after
    return entering, shape


def _shape_after(path: str, node: Stage | Operation, shape: Shape) -> Shape:
    enter = jax.ShapeDtypeStruct((2, *shape), jnp.float32)
    if isinstance(node, Stage):
        require(shape[-1] == node.inputs, f"{path}: got {shape[-1]} inputs or channels, wanted {node.inputs}")
        sizes = {"W": node.kernel_shape(node.outputs), "b": (node.outputs,)}
        weights = {name: jax.ShapeDtypeStruct(size, jnp.float32) for name, size in sizes.items()}
        return jax.eval_shape(node.forward, weights, enter).shape[1:]
    return jax.eval_shape(node, enter).shape[1:]


def transfers(nodes: Nodes, top: str = "linear") -> dict[str, str]:
    """Name of the transfer function that each stage's potentials meet first; ``top`` above the last one.

    Examples
    --------
    >>> from biocredit.circuits.dual_stream.ascending.operations import Transfer
    >>> from biocredit.circuits.dual_stream.ascending.stages import Dense
    >>> transfers({"layer1": Dense(2, 2), "rate1": Transfer("tanh"), "layer2": Dense(2, 1)})
    {'layer1': 'tanh', 'layer2': 'linear'}
    """
    met: dict[str, str] = {}
    waiting: list[str] = []
    for path, node in leaves(nodes):
        if isinstance(node, Stage):
            waiting.append(path)
        elif isinstance(node, Transfer):
            met |= dict.fromkeys(waiting, node.name)
            waiting = []
    return met | dict.fromkeys(waiting, top)
