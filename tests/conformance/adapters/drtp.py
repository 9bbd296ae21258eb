"""Direct random target projection in the program of Frenkel et al., dense and convolutional."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.activations import activation
from biocredit.circuits.core.initializers import fan_in_uniform_biases
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.operations import Transfer
from biocredit.circuits.dual_stream.ascending.stack import Nodes, stages
from biocredit.circuits.dual_stream.ascending.stages import Convolution
from biocredit.circuits.dual_stream.pathways.target_propagation import DirectError, DirectRandomTarget, architectures
from biocredit.circuits.dual_stream.schedules import momentum_sgd

from tests.conformance.dual_streams import Arrays, Trainer, batch, to_ours, to_theirs
from tests.conformance.harness import Check

WITHIN_LOSS = {
    ("BCE", "sigmoid"): ("mean_binary_cross_entropy", "sigmoid"),
    ("CE", "none"): ("cross_entropy", "softmax"),
}
"""Output transfer functions that are part of our loss, with the prediction that they make."""

LOSSES = {"CE": "cross_entropy", "MSE": "mean_squared_error"}

OPTIMIZERS = {
    "NAG": lambda case: optax.sgd(float(case["lr"]), float(case["momentum"]), nesterov=True),
    "SGD": lambda case: momentum_sgd(float(case["lr"]), float(case["momentum"])),
    "Adam": lambda case: optax.adam(float(case["lr"])),
}

close = partial(Check, atol=1e-14, rtol=1e-9, relative_to="largest")


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Make the updates; compare everything of the first one, and the end."""
    net = build(case)
    net.write({ours: to_ours_in(ours, case[start(theirs)]) for ours, theirs in names(net).items()})
    trainer, losses = Trainer(net, OPTIMIZERS[str(case["optimizer"])](case)), []
    for number in range(int(case["n_batches"])):
        electrode = Electrode()
        outcome = net.cycle(trainer.tree, trials(net, case, number), electrode)
        trainer.apply(outcome)
        losses.append(outcome.metrics["loss"])
        if number == 0:
            yield from signals(net, case, electrode)
            yield from same(net, outcome.changes, "grad_{}")
            yield from same(net, trainer.tree, "{}_after_step1")
    yield from same(net, trainer.tree, "{}_final")
    yield close("loss_per_batch", losses)


def build(case: Arrays) -> DualStream:
    """The circuit of a case."""
    given = str(case["loss"]), str(case["output_activation"])
    loss, prediction = WITHIN_LOSS.get(given, (LOSSES.get(given[0]), "linear"))
    nodes, shape = network(case)
    if given not in WITHIN_LOSS and given[1] != "none":
        nodes = dict(nodes) | {"rate_output": Transfer(given[1])}
    rules = {"DRTP": DirectRandomTarget(), "DFA": DirectError(prediction=prediction)}
    return DualStream(nodes, shape, rules[str(case["train_mode"])], loss=loss, dtype=jnp.float64)


def network(case: Arrays) -> tuple[Nodes, tuple[int, ...]]:
    """Layers from the topology, ``CONV_<channels>_<kernel>_<stride>_<padding>_FC_<units>``."""
    side, channels = int(case["input_size"]), int(case["input_channels"])
    words = str(case["topology"]).replace("CONV", "|CONV").replace("FC", "|FC").split("|")[1:]
    layers = [(word.strip("_").split("_")[0], [int(n) for n in word.strip("_").split("_")[1:]]) for word in words]
    convolutions, inputs = [], channels
    for kind, (outputs, *geometry) in layers:
        if kind == "CONV":
            convolutions.append(Convolution(inputs, outputs, *geometry, bias=True))
            inputs = outputs
    sizes = [numbers[0] for kind, numbers in layers if kind == "FC"]
    hidden, conv = (transfer(str(case[f"{kind}_activation"])) for kind in ("hidden", "conv"))
    if convolutions:
        return architectures.pooled(
            convolutions, sizes, (side, side, channels), activation=conv, dense_activation=hidden
        )
    sizes = [channels * side * side, *sizes]
    return architectures.dense(sizes, activation=hidden, bias=True, initializer=fan_in_uniform_biases)


def transfer(theirs: str) -> str:
    """Our name of a transfer function."""
    return {"none": "linear"}.get(theirs, theirs)


def trials(net: DualStream, case: Arrays, number: int) -> Any:
    """One batch, flat for dense circuits."""
    x = case["x"][number]
    flat = len(net.input_shape) == 1
    return batch(x.reshape(len(x), -1) if flat else x, case["labels"][number])


def signals(net: DualStream, case: Arrays, electrode: Electrode) -> Iterator[Check]:
    """Rates of all layers before pooling; the output's is part of the loss for us."""
    readings = {name: value for (name, _), value in electrode.readings.items()}
    nodes = list(net.ascending.items())
    for level, path in enumerate(stages(net.ascending), start=1):
        position = next(number for number, (name, _) in enumerate(nodes) if name == path)
        after = nodes[position + 1][0] if position + 1 < len(nodes) else None
        if after:
            yield close(f"h_{level}", to_theirs(readings[f"up.{after}.rate"]))
        else:
            output = activation(transfer(str(case["output_activation"])))
            yield close(f"h_{level}", output(readings[f"up.{path}.potential"]))


def names(net: DualStream) -> dict[str, tuple[str, int]]:
    """Our arrays, with the kind and the layer in the file's names."""
    numbers = {path: number for number, path in enumerate(stages(net.ascending), start=1)}
    split = {name: name.split(".") for name in net.read()}
    return {name: ({"P": "Bproj"}.get(kind, kind), numbers[path]) for name, (_, path, kind) in split.items()}


def start(theirs: tuple[str, int]) -> str:
    """Name of an array at the start; projections stay as they are."""
    kind, level = theirs
    return f"{kind}_{level}" if kind == "Bproj" else f"{kind}_init_{level}"


def to_ours_in(ours: str, value: np.ndarray) -> np.ndarray:
    """Projections have the layout of maps, kernels have the same in both."""
    return to_ours(value) if ours.endswith(".P") else value


def same(net: DualStream, arrays: Mapping[str, Any], form: str) -> Iterator[Check]:
    """Check plastic weights, or their changes."""
    for ours, (kind, level) in names(net).items():
        if ours in net.plastic:
            yield close(f"{form.format(kind)}_{level}", arrays[ours])
