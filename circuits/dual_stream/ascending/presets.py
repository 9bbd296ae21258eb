"""Ascending streams from the papers, as alternative constructors of :class:`DualStream`."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from biocredit.circuits.core.errors import require
from biocredit.circuits.dual_stream.ascending.geometry import output_shape
from biocredit.circuits.dual_stream.ascending.initial_weights import Start, glorot
from biocredit.circuits.dual_stream.ascending.operations import BatchNorm, Flatten, Transfer
from biocredit.circuits.dual_stream.ascending.pooling import GlobalAveragePool, MaxPool, Subsample
from biocredit.circuits.dual_stream.ascending.stack import Node, Residual
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense

if TYPE_CHECKING:
    from biocredit.circuits.dual_stream.dual_stream import DualStream


def mlp(
    cls: type["DualStream"],
    sizes: Sequence[int],
    descending: Any = "transposed",
    *,
    transfer: str = "relu",
    bias: bool = True,
    start: Start = glorot,
    **options: Any,
) -> "DualStream":
    """A fully connected ascending stream with a linear output.

    Parameters
    ----------
    sizes
        Input, hidden layers, output.
    descending
        Name of a descending stream, or an instance with its settings.
    transfer
        Transfer function of the hidden layers.
    bias
        Whether units have plastic biases.
    start
        How ascending weights start, see :mod:`biocredit.circuits.dual_stream.ascending.initial_weights`.
    **options
        Further arguments of :class:`DualStream`.
    """
    require(len(sizes) >= 2, f"an ascending stream has an input and an output at least, got sizes {list(sizes)}")
    return cls(dense_stack(sizes, transfer, bias, start), (sizes[0],), descending, **options)


def dense_stack(
    sizes: Sequence[int], transfer: str = "relu", bias: bool = True, start: Start = glorot
) -> dict[str, Node]:
    """Stages ``layer1``, ``layer2``, ... with rates ``rate1``, ... between them.

    Examples
    --------
    >>> list(dense_stack([4, 3, 2]))
    ['layer1', 'rate1', 'layer2']
    """
    nodes: dict[str, Node] = {}
    for level, (inputs, outputs) in enumerate(pairwise(sizes), start=1):
        nodes |= {f"layer{level}": Dense(inputs, outputs, bias, start), f"rate{level}": Transfer(transfer)}
    nodes.popitem()
    return nodes


def convolutional(
    cls: type["DualStream"],
    input_shape: tuple[int, int, int],
    convolutions: Sequence[Convolution],
    outputs: int,
    descending: Any = "transposed",
    *,
    transfer: str = "relu",
    **options: Any,
) -> "DualStream":
    """Convolutions with a transfer function after each, then one dense linear output.

    Parameters
    ----------
    input_shape
        Rows, columns, channels of an image.
    convolutions
        Stages ``conv1``, ``conv2``, ...
    outputs
        Number of classes.
    descending, transfer, **options
        As in :meth:`mlp`.
    """
    nodes: dict[str, Node] = {}
    for level, stage in enumerate(convolutions, start=1):
        nodes |= {f"conv{level}": stage, f"rate{level}": Transfer(transfer)}
    nodes["flatten"] = Flatten()
    nodes["readout"] = Dense(output_shape(nodes, input_shape)[0], outputs)
    return cls(nodes, input_shape, descending, **options)


def resnet20(
    cls: type["DualStream"], descending: Any = "transposed", *, classes: int = 10, size: int = 32, **options: Any
) -> "DualStream":
    """ResNet-20 for small colour images (He et al. 2015, arXiv 1512.03385, with shortcuts without parameters)."""
    nodes: dict[str, Node] = {"stem_conv": _convolution(3, 16), "stem_bn": BatchNorm(), "stem_rate": Transfer()}
    inputs = 16
    for index, outputs in enumerate((16, 16, 16, 32, 32, 32, 64, 64, 64), start=1):
        nodes |= basic_block(f"block{index}", inputs, outputs, _subsampled(inputs, outputs))
        inputs = outputs
    nodes |= {"pool": GlobalAveragePool(), "readout": Dense(inputs, classes)}
    return cls(nodes, (size, size, 3), descending, **options)


def resnet18(
    cls: type["DualStream"], descending: Any = "transposed", *, classes: int = 1000, size: int = 224, **options: Any
) -> "DualStream":
    """ResNet-18 for ImageNet (arXiv 1512.03385, with 1 x 1 convolutions as shortcuts)."""
    nodes: dict[str, Node] = {
        "stem_conv": Convolution(3, 64, kernel=7, stride=2, padding=3),
        "stem_bn": BatchNorm(),
        "stem_rate": Transfer(),
        "stem_pool": MaxPool(3, 2, 1),
    }
    inputs = 64
    for index, outputs in enumerate((64, 64, 128, 128, 256, 256, 512, 512), start=1):
        nodes |= basic_block(f"block{index}", inputs, outputs, _projected(inputs, outputs))
        inputs = outputs
    nodes |= {"pool": GlobalAveragePool(), "readout": Dense(inputs, classes)}
    return cls(nodes, (size, size, 3), descending, **options)


def basic_block(name: str, inputs: int, outputs: int, shortcut: dict[str, Node]) -> dict[str, Node]:
    """Two 3 x 3 convolutions with batch normalisation beside a shortcut, and the rate of the sum.

    The first convolution has stride 2 where the number of channels grows.
    """
    body = {
        "conv1": _convolution(inputs, outputs, 1 if inputs == outputs else 2),
        "bn1": BatchNorm(),
        "rate1": Transfer(),
        "conv2": _convolution(outputs, outputs),
        "bn2": BatchNorm(),
    }
    return {name: Residual(body, shortcut), f"{name}_rate": Transfer()}


def _convolution(inputs: int, outputs: int, stride: int = 1) -> Convolution:
    return Convolution(inputs, outputs, kernel=3, stride=stride, padding=1)


def _subsampled(inputs: int, outputs: int) -> dict[str, Node]:
    return {} if inputs == outputs else {"shortcut": Subsample(2, outputs - inputs)}


def _projected(inputs: int, outputs: int) -> dict[str, Node]:
    if inputs == outputs:
        return {}
    return {"shortcut_conv": Convolution(inputs, outputs, kernel=1, stride=2), "shortcut_bn": BatchNorm()}
