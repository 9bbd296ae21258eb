"""Ascending streams from the papers, as alternative constructors of :class:`DualStream`."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from biocredit.circuits.core.activations import Curve
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.initializers import Initializer, Shape, glorot
from biocredit.circuits.core.losses import suited
from biocredit.circuits.core.ports import joined_shape
from biocredit.circuits.dual_stream.ascending.geometry import output_shape
from biocredit.circuits.dual_stream.ascending.operations import BatchNorm, Flatten, Transfer
from biocredit.circuits.dual_stream.ascending.pooling import GlobalAveragePool, MaxPool, Subsample
from biocredit.circuits.dual_stream.ascending.stack import Node, Residual
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense

Stream = TypeVar("Stream", bound=Circuit)


def for_task(
    cls: type[Stream],
    task: Any,
    descending: Any = "transposed",
    *,
    hidden: Sequence[int | Convolution] = (100,),
    activation: str | Curve = "relu",
    bias: bool = True,
    initializer: Initializer = glorot,
    **options: Any,
) -> Stream:
    """An ascending stream between the inputs and the readout of a task, with a loss that suits it.

    Parameters
    ----------
    task
        Anything with ``inputs`` and ``readouts``, sizes by name; ``image_shape`` where there are convolutions.
    descending
        Name of a descending stream, or an instance with its settings.
    hidden
        From the bottom up: convolutions (of images ``[row, column, channel]``), then numbers of units of dense layers.
    activation
        Transfer function of the hidden layers, a name or a function.
    bias, initializer
        Of dense layers, see :meth:`mlp`.
    **options
        Further arguments of :class:`DualStream`.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from biocredit.circuits import DualStream
    >>> task = SimpleNamespace(inputs={"image": 64}, readouts={"choice": 3}, image_shape=(8, 8))
    >>> maps = Convolution(1, 4, stride=2, padding=1)
    >>> list(DualStream.for_task(task, "random", hidden=(maps, 20)).ascending)
    ['conv1', 'rate1', 'flatten', 'layer2', 'rate2', 'layer3']
    """
    require(len(task.readouts) == 1, f"a dual stream has one readout, got {sorted(task.readouts)}")
    ((readout, outputs),) = task.readouts.items()
    ports = dict(task.inputs)
    if any(isinstance(layer, Convolution) for layer in hidden):
        require(len(ports) == 1 and hasattr(task, "image_shape"), "convolutions need a task with one input, of images")
        rows, columns, *channels = task.image_shape
        ports = dict.fromkeys(ports, (rows, columns, *(channels or [1])))
    nodes = mixed_stack(joined_shape(ports), [*hidden, outputs], activation, bias, initializer)
    options = {"loss": suited(task, task.readouts), "inputs": ports, "readout": readout, **options}
    return cls(nodes, joined_shape(ports), descending, **options)


def mixed_stack(
    input_shape: Shape,
    layers: Sequence[int | Convolution],
    activation: str | Curve,
    bias: bool,
    initializer: Initializer,
) -> dict[str, Node]:
    """Convolutions, then dense layers, with a transfer function after each but the last, which is the output."""
    nodes: dict[str, Node] = {}
    for level, layer in enumerate(layers, start=1):
        shape = output_shape(nodes, input_shape) if nodes else input_shape
        if isinstance(layer, Convolution):
            require(len(shape) == 3, "convolutions come before dense layers")
            nodes[f"conv{level}"] = layer
        else:
            nodes |= {"flatten": Flatten()} if len(shape) == 3 else {}
            nodes[f"layer{level}"] = Dense(int(np.prod(shape)), layer, bias, initializer)
        nodes[f"rate{level}"] = Transfer(activation)
    nodes.popitem()
    return nodes


def mlp(
    cls: type[Stream],
    sizes: Sequence[int],
    descending: Any = "transposed",
    *,
    activation: str | Curve = "relu",
    bias: bool = True,
    initializer: Initializer = glorot,
    **options: Any,
) -> Stream:
    """A fully connected ascending stream with a linear output.

    Parameters
    ----------
    sizes
        Input, hidden layers, output.
    descending
        Name of a descending stream, or an instance with its settings.
    activation
        Transfer function of the hidden layers, a name or a function.
    bias
        Whether units have plastic biases.
    initializer
        How ascending weights start, see :mod:`biocredit.circuits.core.initializers`.
    **options
        Further arguments of :class:`DualStream`.
    """
    require(len(sizes) >= 2, f"an ascending stream has an input and an output at least, got sizes {list(sizes)}")
    return cls(dense_stack(sizes, activation, bias, initializer), (sizes[0],), descending, **options)


def dense_stack(
    sizes: Sequence[int], activation: str | Curve = "relu", bias: bool = True, initializer: Initializer = glorot
) -> dict[str, Node]:
    """Stages ``layer1``, ``layer2``, ... with rates ``rate1``, ... between them.

    Examples
    --------
    >>> list(dense_stack([4, 3, 2]))
    ['layer1', 'rate1', 'layer2']
    """
    return mixed_stack((sizes[0],), sizes[1:], activation, bias, initializer)


def convolutional(
    cls: type[Stream],
    input_shape: tuple[int, int, int],
    convolutions: Sequence[Convolution],
    outputs: int,
    descending: Any = "transposed",
    *,
    activation: str | Curve = "relu",
    **options: Any,
) -> Stream:
    """Convolutions with a transfer function after each, then one dense linear output.

    Parameters
    ----------
    input_shape
        Rows, columns, channels of an image.
    convolutions
        Stages ``conv1``, ``conv2``, ...
    outputs
        Number of classes.
    descending, activation, **options
        As in :meth:`mlp`.
    """
    nodes = mixed_stack(input_shape, [*convolutions, outputs], activation, True, glorot)
    *below, (_, last) = nodes.items()
    return cls({**dict(below), "readout": last}, input_shape, descending, **options)


def resnet20(
    cls: type[Stream], descending: Any = "transposed", *, classes: int = 10, size: int = 32, **options: Any
) -> Stream:
    """ResNet-20 for small colour images (He et al. 2015, arXiv 1512.03385, with shortcuts without parameters)."""
    nodes: dict[str, Node] = {"stem_conv": _convolution(3, 16), "stem_bn": BatchNorm(), "stem_rate": Transfer()}
    inputs = 16
    for index, outputs in enumerate((16, 16, 16, 32, 32, 32, 64, 64, 64), start=1):
        nodes |= basic_block(f"block{index}", inputs, outputs, _subsampled(inputs, outputs))
        inputs = outputs
    nodes |= {"pool": GlobalAveragePool(), "readout": Dense(inputs, classes)}
    return cls(nodes, (size, size, 3), descending, **options)


def resnet18(
    cls: type[Stream], descending: Any = "transposed", *, classes: int = 1000, size: int = 224, **options: Any
) -> Stream:
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
