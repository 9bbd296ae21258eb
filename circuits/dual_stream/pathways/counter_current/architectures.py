"""The networks of the paper (arXiv 2409.19841, released program): ascending streams for any descending one.

Each function returns ``(nodes, input_shape)``, the first two arguments of :class:`biocredit.circuits.DualStream`.
``normalised`` says where batch normalisation (without scale and shift) goes: ``"nowhere"``, ``"before"`` or
``"after"`` the synapses; never at the last layer.
"""

from collections.abc import Sequence
from itertools import pairwise

from biocredit.circuits.core.activations import Curve
from biocredit.circuits.core.errors import choose, renamed, require
from biocredit.circuits.core.initializers import Initializer, Orthogonal, Shape, fan_in_uniform
from biocredit.circuits.dual_stream.ascending.operations import BatchNorm, Flatten, Transfer
from biocredit.circuits.dual_stream.ascending.pooling import MaxPool, Upsample
from biocredit.circuits.dual_stream.ascending.stack import Node
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense, Stage
from biocredit.circuits.dual_stream.pathways.counter_current.levels import NORMALISED

Architecture = tuple[dict[str, Node], Shape]

DENSE = {
    "mnist": (784, 256, 256, 256, 256, 256, 10),
    "fashion_mnist": (784, 256, 256, 256, 256, 256, 10),
    "cifar10": (3072, 1024, 1024, 1024, 10),
    "cifar100": (3072, 1024, 1024, 1024, 100),
}
"""Layer sizes of the dense networks by data set."""

CHANNELS = (128, 128, 256, 256, 512)
"""Channels of the convolutional networks above the image."""

WIDTHS = (128, 256, 1024, 2048)
"""Channels of the autoencoder's encoder."""


@renamed(transfer="activation")
def dense(sizes: Sequence[int], *, activation: str | Curve = "elu", normalised: str = "nowhere") -> Architecture:
    """Fully connected layers without biases.

    Examples
    --------
    >>> list(dense([4, 3, 2])[0])
    ['layer1', 'rate1', 'layer2']
    """
    require(len(sizes) >= 2, f"a stream has an input and an output at least, got sizes {list(sizes)}")
    nodes: dict[str, Node] = {}
    for number, (inputs, outputs) in enumerate(pairwise(sizes[:-1]), start=1):
        stage = Dense(inputs, outputs, bias=False, initializer=fan_in_uniform)
        nodes |= _block(number, "layer", stage, normalised) | {f"rate{number}": Transfer(activation)}
    nodes[f"layer{len(sizes) - 1}"] = Dense(sizes[-2], sizes[-1], bias=False, initializer=fan_in_uniform)
    return nodes, (sizes[0],)


@renamed(transfer="activation")
def pooling(
    channels: Sequence[int] = (3, *CHANNELS),
    classes: int = 10,
    *,
    first_kernel: int = 3,
    activation: str | Curve = "elu",
    normalised: str = "nowhere",
) -> Architecture:
    """3 x 3 convolutions without biases, each pooled 2 x 2, down to one position; then a dense layer.

    Parameters
    ----------
    channels
        Of the image and after every convolution; the image has a side of ``2 ** (len(channels) - 1)``.
    first_kernel
        Size of the first convolution's kernels; 5 makes better pictures.
    """
    nodes: dict[str, Node] = {}
    for number, (inputs, outputs) in enumerate(pairwise(channels), start=1):
        size = first_kernel if number == 1 else 3
        stage = Convolution(inputs, outputs, size, padding=size // 2, initializer=fan_in_uniform)
        nodes |= _block(number, "conv", stage, normalised)
        nodes |= {f"rate{number}": Transfer(activation), f"pool{number}": MaxPool()}
    return _headed(nodes, channels, classes)


@renamed(transfer="activation")
def strided(
    channels: Sequence[int] = (3, *CHANNELS),
    classes: int = 10,
    *,
    initializer: Initializer = fan_in_uniform,
    activation: str | Curve = "elu",
    normalised: str = "nowhere",
) -> Architecture:
    """3 x 3 convolutions with biases and stride 2 down to one position; then a dense layer.

    ``initializer`` is how the weights of convolutions begin; other arguments are those of :func:`pooling`.
    """
    nodes: dict[str, Node] = {}
    for number, (inputs, outputs) in enumerate(pairwise(channels), start=1):
        stage = Convolution(inputs, outputs, 3, stride=2, padding=1, bias=True, initializer=initializer)
        nodes |= _block(number, "conv", stage, normalised) | {f"rate{number}": Transfer(activation)}
    return _headed(nodes, channels, classes)


def autoencoder(
    widths: Sequence[int] = WIDTHS, side: int = 96, channels: int = 3, *, normalised: str = "after"
) -> Architecture:
    """Convolutions with stride 2 and back again by upsampling, with biases, rectified; the last one is linear.

    Parameters
    ----------
    widths
        Channels after each stage of the encoder.
    side, channels
        Of the image; the side is divisible by ``2 ** len(widths)``.

    Notes
    -----
    Let the descending stream start from :func:`autoencoder_initializers`.
    """
    require(side % 2 ** len(widths) == 0, f"a side of {side} cannot be halved {len(widths)} times")
    nodes: dict[str, Node] = {}
    for number, (inputs, outputs) in enumerate(pairwise((channels, *widths)), start=1):
        stage = Convolution(inputs, outputs, 3, stride=2, padding=1, bias=True, initializer=Orthogonal())
        nodes |= _block(number, "encoder", stage, normalised) | {f"encoder_rate{number}": Transfer("relu")}
    for number, (outputs, inputs) in reversed(list(enumerate(pairwise((channels, *widths)), start=1))):
        gain = 0.0 if number == 1 else 0.001
        stage = Convolution(inputs, outputs, 3, padding=1, bias=True, initializer=Orthogonal(gain))
        where = normalised if number > 1 else "nowhere"
        nodes |= {f"decoder_upsample{number}": Upsample()} | _block(number, "decoder", stage, where)
        nodes |= {f"decoder_rate{number}": Transfer("relu")} if number > 1 else {}
    return nodes, (side, side, channels)


def autoencoder_initializers(depth: int = len(WIDTHS)) -> dict[str, Initializer]:
    """How the descending weights of the autoencoder start: as the ascending ones do, seen from the other end."""
    encoder = {f"encoder{n}": Orthogonal(0.0 if n == 1 else 0.001, biases=True) for n in range(1, depth + 1)}
    return encoder | {f"decoder{n}": Orthogonal(biases=True) for n in range(1, depth + 1)}


def _block(number: int, name: str, stage: Stage, normalised: str) -> dict[str, Node]:
    where = choose(normalised, NORMALISED, "place of batch normalisation")
    norm: dict[str, Node] = {f"{name}_norm{number}": BatchNorm(affine=False)}
    return (norm if "before" in where else {}) | {f"{name}{number}": stage} | (norm if "after" in where else {})


def _headed(nodes: dict[str, Node], channels: Sequence[int], classes: int) -> Architecture:
    """Add the dense layer; the convolutions before it have left one position."""
    require(len(channels) >= 2, f"a convolutional stream needs an image and a convolution, got {list(channels)}")
    nodes |= {"flatten": Flatten(), "readout": Dense(channels[-1], classes, bias=False, initializer=fan_in_uniform)}
    return nodes, (2 ** (len(channels) - 1),) * 2 + (channels[0],)
