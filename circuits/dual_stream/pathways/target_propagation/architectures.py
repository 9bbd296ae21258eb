"""The networks of the papers of the target family: ascending streams for any descending one.

Each function returns ``(nodes, input_shape)``, the first two arguments of :class:`biocredit.circuits.DualStream`.
"""

from collections.abc import Sequence
from itertools import pairwise

from biocredit.circuits.core.activations import Curve
from biocredit.circuits.core.errors import choose, renamed, require
from biocredit.circuits.core.initializers import (
    Initializer,
    Orthogonal,
    fan_in_uniform_biases,
    glorot_normal,
)
from biocredit.circuits.dual_stream.ascending import geometry
from biocredit.circuits.dual_stream.ascending.normalisation import Standardise
from biocredit.circuits.dual_stream.ascending.operations import Flatten, Transfer
from biocredit.circuits.dual_stream.ascending.pooling import MaxPool
from biocredit.circuits.dual_stream.ascending.stack import Node
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense
from biocredit.circuits.dual_stream.pathways.counter_current.architectures import Architecture

STANDARDISED = {"nowhere": (), "hidden": ("hidden",), "output": ("output",), "everywhere": ("hidden", "output")}
"""Which populations are standardised over the batch."""


@renamed(transfer="activation")
def dense(
    sizes: Sequence[int],
    *,
    standardised: str = "nowhere",
    activation: str | Curve = "tanh",
    bias: bool = False,
    initializer: Initializer = Orthogonal(),  # noqa: B008  (frozen)
) -> Architecture:
    """Fully connected layers without biases, from orthogonal weights (arXiv 2212.10352).

    Parameters
    ----------
    sizes
        Input, hidden layers, output.
    standardised
        ``"nowhere"``; ``"hidden"``: behind the transfer function of hidden layers ("-BN"); ``"output"``: of the output
        ("linear-BN"); ``"everywhere"``: both.
    activation, bias, initializer
        Of every layer; the output has no transfer function.

    Examples
    --------
    >>> list(dense([4, 3, 2], standardised="hidden")[0])
    ['layer1', 'rate1', 'norm1', 'layer2']
    """
    where = choose(standardised, STANDARDISED, "place of standardisation")
    require(len(sizes) >= 2, f"a stream has an input and an output at least, got sizes {list(sizes)}")
    nodes: dict[str, Node] = {}
    for number, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        last = number == len(sizes) - 1
        nodes[f"layer{number}"] = Dense(inputs, outputs, bias, initializer)
        nodes |= {} if last else {f"rate{number}": Transfer(activation)}
        nodes |= {f"norm{number}": Standardise()} if ("output" if last else "hidden") in where else {}
    return nodes, (sizes[0],)


def dense_with_biases(sizes: Sequence[int]) -> Architecture:
    """The same with biases, from Glorot-normal weights (arXiv 2006.14331)."""
    return dense(sizes, bias=True, initializer=glorot_normal)


@renamed(transfer="activation")
def pooling(
    channels: Sequence[int] = (3, 128, 128, 256, 256, 512),
    *,
    side: int = 32,
    classes: int = 10,
    activation: str | Curve = "elu",
) -> Architecture:
    """3 x 3 convolutions with biases, each pooled 2 x 2, then a dense layer (arXiv 2201.13415)."""
    layers = len(channels) - 1
    require(side % 2**layers == 0, f"a side of {side} cannot be halved {layers} times")
    stages = [
        Convolution(i, o, 3, padding=1, bias=True, initializer=fan_in_uniform_biases) for i, o in pairwise(channels)
    ]
    return pooled(stages, [classes], (side, side, channels[0]), activation=activation)


@renamed(transfer="activation")
def pooled(
    convolutions: Sequence[Convolution],
    sizes: Sequence[int],
    input_shape: tuple[int, int, int],
    *,
    activation: str | Curve = "tanh",
    dense_activation: str | Curve | None = None,
) -> Architecture:
    """Convolutions, each pooled 2 x 2, then dense layers with biases; the last one is linear (arXiv 1909.01311).

    Parameters
    ----------
    convolutions
        Stages ``conv1``, ``conv2``, ...
    sizes
        Dense layers behind them, the output last.
    input_shape
        Rows, columns, channels.
    activation, dense_activation
        Transfer functions behind convolutions and behind dense layers (the same by default).
    """
    nodes: dict[str, Node] = {}
    for number, stage in enumerate(convolutions, start=1):
        nodes |= {f"conv{number}": stage, f"rate_conv{number}": Transfer(activation), f"pool{number}": MaxPool()}
    nodes["flatten"] = Flatten()
    inputs = geometry.output_shape(nodes, input_shape)[0]
    head, _ = dense(
        [inputs, *sizes], activation=dense_activation or activation, bias=True, initializer=fan_in_uniform_biases
    )
    return nodes | head, input_shape
