"""Levels: an ascending stream cut where the two streams meet, and the descending stages that face it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from biocredit.circuits.core.errors import choose, require
from biocredit.circuits.core.initializers import Initializer, Shape
from biocredit.circuits.dual_stream.ascending.geometry import output_shape
from biocredit.circuits.dual_stream.ascending.operations import BatchNorm, Flatten, Transfer, Unflatten
from biocredit.circuits.dual_stream.ascending.pooling import AveragePool, MaxPool, Upsample
from biocredit.circuits.dual_stream.ascending.stack import Node, Nodes, Residual
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Stage

NORMALISED = {"nowhere": (), "before": ("before",), "after": ("after",)}
"""Where a descending stream is batch-normalised: before or after the synapses of each level."""


@dataclass(frozen=True)
class CounterLevel:
    """The nodes between two neighbouring levels, upwards and downwards.

    Parameters
    ----------
    path
        Name of the stage, in both streams.
    below, above
        Populations at the two ends, as the ascending stream names them.
    up, down
        Nodes of the two streams.
    """

    path: str
    below: str
    above: str
    up: Nodes
    down: Nodes

    @property
    def entrance(self) -> str:
        """Path of the first ascending node."""
        return next(iter(self.up))


def cut_at_stages(nodes: Nodes) -> list[dict[str, Node]]:
    """Cut a stack into parts with one stage each.

    Batch normalisation or upsampling just before a stage belongs to that stage, what follows it to the same part.

    Examples
    --------
    >>> from biocredit.circuits.dual_stream.ascending.stages import Dense
    >>> stack = {"layer1": Dense(4, 3), "rate1": Transfer("elu"), "norm2": BatchNorm(), "layer2": Dense(3, 2)}
    >>> [list(part) for part in cut_at_stages(stack)]
    [['layer1', 'rate1'], ['norm2', 'layer2']]
    """
    found: list[dict[str, Node]] = [{}]
    for name, node in nodes.items():
        require(not isinstance(node, Residual), f"{name}: two streams that face each other have no shortcuts")
        if isinstance(node, Stage) and _has_stage(found[-1]):
            found.append(_cut_preparation(found[-1]))
        found[-1][name] = node
    require(_has_stage(found[-1]), "an ascending stream needs a stage at least")
    return found


def _has_stage(part: Nodes) -> bool:
    return any(isinstance(node, Stage) for node in part.values())


def _cut_preparation(part: dict[str, Node]) -> dict[str, Node]:
    """Take the last nodes from a part if they prepare the next stage."""
    taken: dict[str, Node] = {}
    while isinstance(list(part.values())[-1], BatchNorm | Upsample):
        name, node = part.popitem()
        taken = {name: node} | taken
    return taken


def counter_levels(
    nodes: Nodes,
    shapes: Mapping[str, Shape],
    normalised: str = "nowhere",
    initializers: Mapping[str, Initializer] | None = None,
) -> list[CounterLevel]:
    """Cut an ascending stream into levels and build the descending stages that face it.

    A descending stage has the geometry of its partner, read backwards: pooling and strides become upsampling,
    upsampling becomes a stride. The population that it drives has the transfer function of the ascending
    population at that level; at the input it is linear and never batch-normalised.

    Parameters
    ----------
    nodes
        The ascending stream: a chain, no residual blocks.
    shapes
        Shape of the activity that enters every node.
    normalised
        Key of :data:`NORMALISED`.
    initializers
        How descending weights start, by path; as their partners by default.

    Raises
    ------
    CircuitError
        If the two streams do not fit together.
    """
    choose(normalised, NORMALISED, "place of batch normalisation")
    below, transfer, found = "input", "linear", []
    for number, part in enumerate(cut_at_stages(nodes)):
        path = next(name for name, node in part.items() if isinstance(node, Stage))
        where = NORMALISED[normalised] if number else ()
        partner = _partner(part[path], part, (initializers or {}).get(path))
        down = {
            **_undone(part, shapes),
            **({f"{path}_norm": BatchNorm(affine=False)} if "before" in where else {}),
            path: partner,
            **({f"{path}_norm": BatchNorm(affine=False)} if "after" in where else {}),
            below: Transfer(transfer),
        }
        found.append(CounterLevel(path, below, list(part)[-1], part, down))
        _check(found[-1], shapes)
        below, transfer = found[-1].above, _transfer(part)
    return found


def _partner(stage: Stage, part: Nodes, initializer: Initializer | None) -> Stage:
    """Return the stage that leads back from the outputs of a stage to its inputs."""
    turned = replace(stage, inputs=stage.outputs, outputs=stage.inputs, initializer=initializer or stage.initializer)
    if not isinstance(turned, Convolution):
        return turned
    stride = [node.factor for node in part.values() if isinstance(node, Upsample)]
    return replace(turned, stride=stride[0] if stride else 1)


def _undone(part: Nodes, shapes: Mapping[str, Shape]) -> dict[str, Node]:
    """Undo, from the top, what an ascending part does to the shape of its activity."""
    undone: dict[str, Node] = {}
    for name, node in reversed(part.items()):
        if isinstance(node, Flatten):
            undone[f"{name}_undone"] = Unflatten(shapes[name])
        elif isinstance(node, MaxPool | AveragePool):
            undone[f"{name}_undone"] = Upsample(node.stride)
        elif isinstance(node, Convolution) and node.stride != (1, 1):
            undone[f"{name}_undone"] = Upsample(node.stride[0])
    return undone


def _transfer(part: Nodes) -> str:
    """Name of the last transfer function of a part."""
    names = [node.name for node in part.values() if isinstance(node, Transfer)]
    return names[-1] if names else "linear"


def _check(level: CounterLevel, shapes: Mapping[str, Shape]) -> None:
    low = shapes[level.entrance]
    back = output_shape(level.down, output_shape(level.up, low))
    require(
        back == low,
        f"{level.path}: activity of shape {low} goes up, but {back} comes down; a side must be divisible by "
        "pooling and stride, and an odd kernel padded by half its size",
    )
