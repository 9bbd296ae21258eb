"""The feedback-alignment family on dense, convolutional and residual circuits: one batch, several updates."""

import re
from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.geometry import sources
from biocredit.circuits.dual_stream.ascending.operations import BatchNorm, Transfer
from biocredit.circuits.dual_stream.ascending.pooling import GlobalAveragePool, Subsample
from biocredit.circuits.dual_stream.ascending.stack import Node, Residual, stages
from biocredit.circuits.dual_stream.ascending.stages import Convolution, Dense
from biocredit.circuits.dual_stream.pathways import PATHWAYS

from tests.conformance.dual_streams import (
    Arrays,
    Names,
    Trainer,
    alignment,
    batch,
    layers,
    optimizer,
    same_arrays,
    stored,
    to_theirs,
)
from tests.conformance.harness import Check

RULES = {
    "bp": "transposed",
    "fa": "random",
    "dfa": "direct",
    "usf": "usf",
    "brsf": "brsf",
    "frsf": "frsf",
    "pfa": "product",
    "pfao": "product_orthogonal",
    "kp": "product",
}


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Load the arrays, run the updates, compare every signal of the first and every weight."""
    kind, rule, *_ = name.removeprefix("feedback_alignment_").split("_")
    net, names = CIRCUITS[kind](case, descending(rule, case))
    net.write(stored(net, names, case, "_step0") | stored(net, names, case, "") | masks(names, case))
    trainer = Trainer(net, optimizer(case))
    yield from SIGNALS[kind](net, names, case, first_trial(trainer, names, case))
    yield from alignment(net, names, case, "_step0", with_magnitudes(trainer.tree, names, case, 1))
    losses = []
    for step in range(1, int(case["n_steps"]) + 1):
        trainer.tree = with_magnitudes(trainer.tree, names, case, step)
        for label, path in names.items():
            if f"B{label}_used_step{step}" in case:
                yield Check(f"B{label}_used_step{step}", net.effective_feedback(trainer.tree)[path])
        losses.append(trainer.step(case["x"], case["y"]).metrics["loss"])
        yield from same_arrays(net, names, case, f"_step{step}", trainer.tree)
        yield from alignment(net, names, case, f"_step{step}", trainer.tree)
    last = net.cycle(trainer.tree, batch(case["x"], case["y"])).metrics["loss"]
    yield Check("losses", np.array([*losses, last])[: len(case["losses"])])
    yield from evaluation(net, case, trainer.tree)


def descending(rule: str, case: Arrays) -> Any:
    """The stream of a case, with the settings that shape its arrays; identity B means no expansion."""
    settings = {"sparsity": float(case["sparsity"])} if "sparsity" in case else {}
    if "expansion_ratio" in case:
        settings["expansion"] = case["expansion_ratio"].item()
    elif rule == "kp":
        settings["expansion"] = 1
    return PATHWAYS[RULES[rule]](**settings)


def masks(names: Names, case: Arrays) -> dict[str, np.ndarray]:
    """0/1 masks of sparse feedback."""
    kinds = {(label, path, kind) for label, path in names.items() for kind in "BR" if f"mask{kind}{label}" in case}
    return {f"down.{path}.{kind}_mask": case[f"mask{kind}{label}"] != 0 for label, path, kind in kinds}


def with_magnitudes(tree: dict, names: Names, case: Arrays, step: int) -> dict:
    """The magnitudes that the file drew for this update (brSF)."""
    drawn = {path: f"M{label}_used_step{step}" for label, path in names.items()}
    return tree | {f"down.{path}.M": jnp.asarray(case[key]) for path, key in drawn.items() if key in case}


def first_trial(trainer: Trainer, names: Names, case: Arrays) -> tuple[dict[str, np.ndarray], Any]:
    """All signals and changes of the first update."""
    electrode, tree = Electrode(), with_magnitudes(trainer.tree, names, case, 1)
    outcome = trainer.net.cycle(tree, batch(case["x"], case["y"]), electrode)
    return {name: value for (name, _), value in electrode.readings.items()}, outcome


def layered_signals(net: DualStream, names: Names, case: Arrays, trial: tuple) -> Iterator[Check]:
    """Potentials, rates, errors by number of the layer."""
    signals, outcome = trial
    top = len(names)
    yield Check("logits", signals[f"up.{names[str(top)]}.potential"])
    for level in range(1, top):
        yield Check(f"z{level}", to_theirs(signals[f"up.{names[str(level)]}.potential"]))
        yield Check(f"h{level}", to_theirs(signals[f"up.rate{level}.rate"]))
    for label, path in names.items():
        below = "input" if label == "1" else f"rate{int(label) - 1}"
        yield Check(f"delta{label}", to_theirs(signals[f"down.{path}.rate"]))
        yield Check(f"err_in{label}", to_theirs(signals[f"down.{below}.rate"]))
        if f"ebar{label}" in case:
            yield Check(f"ebar{label}", to_theirs(signals[f"down.{path}.intermediate.rate"]))
        if f"usf_scale{label}" in case:
            yield Check(f"usf_scale{label}", np.abs(signals[f"down.{path}.B"]).max())
    yield from first_changes(names, case, outcome)


def first_changes(names: Names, case: Arrays, outcome: Any) -> Iterator[Check]:
    """Loss and gradients of the first update."""
    yield Check("loss", outcome.metrics["loss"])
    paths = {path: label for label, path in names.items()}
    for name, change in outcome.changes.items():
        stem, _, kind = name.rpartition(".")
        yield Check(f"g{kind}{paths[stem.partition('.')[2]]}", change)


def block_signals(net: DualStream, names: Names, case: Arrays, trial: tuple) -> Iterator[Check]:
    """Activity and error at every node of the residual circuit."""
    signals, outcome = trial
    below, weighted = sources(net.ascending), stages(net.ascending)
    for key in case:
        side, _, node = key.partition("_")
        if side in ("act", "err"):
            path = node_path(node)
            if f"down.{path}.rate" not in signals:  # an identity shortcut is no node: its signals are its source's
                path = below[path.replace("shortcut", "conv1")]
            variables = {"act": ("up", "potential" if path in weighted else "rate"), "err": ("down", "rate")}
            stream, variable = variables[side]
            yield Check(key, to_theirs(signals[f"{stream}.{path}.{variable}"]))
    yield from first_changes(names, case, outcome)


def node_path(node: str) -> str:
    """Path of a node of the residual case: ``blk1_conv2`` is ``block1.conv2``."""
    node = {"logits": "fc"}.get(node, node).replace("relu", "rate")
    ends = re.fullmatch(r"blk(\d+)_(sum|out)", node)
    if ends:
        return f"block{ends[1]}" + {"sum": "", "out": "_rate"}[ends[2]]
    return re.sub(r"^blk(\d+)_", r"block\1.", node)


def evaluation(net: DualStream, case: Arrays, tree: dict) -> Iterator[Check]:
    """Output with running statistics."""
    if "logits_eval" in case:
        yield Check("logits_eval", net.respond(tree, batch(case["x"], case["y"]).inputs)["choice"])


def dense(case: Arrays, stream: Any) -> tuple[DualStream, Names]:
    """A circuit of dense layers."""
    net = DualStream.mlp(case["sizes"].tolist(), stream, dtype=jnp.float64)
    return net, layers(case)


def convolutional(case: Arrays, stream: Any) -> tuple[DualStream, Names]:
    """Convolutions and a dense output."""
    stages = []
    while f"stride{len(stages) + 1}" in case:
        level = len(stages) + 1
        outputs, inputs, *kernel = case[f"W{level}_step0"].shape
        geometry = [tuple(case[f"{what}{level}"].tolist()) for what in ("stride", "padding", "dilation")]
        stages.append(Convolution(inputs, outputs, tuple(kernel), *geometry, bias=True))
    top = len(stages) + 1
    shape = (*case["x"].shape[2:], case["x"].shape[1])
    net = DualStream.convolutional(shape, stages, case[f"W{top}_step0"].shape[0], stream, dtype=jnp.float64)
    return net, {str(level): f"conv{level}" for level in range(1, top)} | {str(top): "readout"}


def residual(case: Arrays, stream: Any) -> tuple[DualStream, Names]:
    """Stem, blocks with identity or down-sampling shortcuts, pooled read-out."""
    labels = [key.removeprefix("W_").removesuffix("_step0") for key in case if re.fullmatch(r"W_\w+_step0", key)]
    norms = [key.removeprefix("gamma_").removesuffix("_step0") for key in case if re.fullmatch(r"gamma_\w+_step0", key)]
    size, number = case["act_stem_relu"].shape[2], 1
    stem = kernel(case, "stem_conv", stride=-(-case["x"].shape[2] // size))
    nodes: dict[str, Node] = {"stem_conv": stem, "stem_bn": norm(case), "stem_rate": Transfer()}
    while f"W_blk{number}_conv1_step0" in case:
        after = case[f"act_blk{number}_conv1"].shape[2]
        nodes |= block(case, number, stride=-(-size // after))
        size, number = after, number + 1
    nodes |= {"pooled": GlobalAveragePool(), "fc": Dense(*reversed(case["W_fc_step0"].shape))}
    net = DualStream(nodes, (*case["x"].shape[2:], case["x"].shape[1]), stream, dtype=jnp.float64)
    return net, {f"_{label}": node_path(label) for label in labels + norms}


def block(case: Arrays, number: int, stride: int) -> dict[str, Node]:
    """One basic block."""
    first, second = kernel(case, f"blk{number}_conv1", stride), kernel(case, f"blk{number}_conv2")
    body = {"conv1": first, "bn1": norm(case), "rate1": Transfer(), "conv2": second, "bn2": norm(case)}
    same = stride == 1 and first.inputs == first.outputs
    shortcut = {} if same else {"shortcut": Subsample(stride, first.outputs - first.inputs)}
    return {f"block{number}": Residual(body, shortcut), f"block{number}_rate": Transfer()}


def kernel(case: Arrays, label: str, stride: int = 1) -> Convolution:
    """A convolution that keeps the size of the map (up to its stride)."""
    outputs, inputs, *size = case[f"W_{label}_step0"].shape
    return Convolution(inputs, outputs, tuple(size), stride, tuple(side // 2 for side in size))


def norm(case: Arrays) -> BatchNorm:
    """Batch normalisation with the file's constants."""
    return BatchNorm(momentum=float(case["bn_momentum"]), epsilon=float(case["bn_eps"]))


CIRCUITS = {"mlp": dense, "conv": convolutional, "resblock": residual}
SIGNALS = {"mlp": layered_signals, "conv": layered_signals, "resblock": block_signals}
