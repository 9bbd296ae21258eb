"""L-DRL on a convolutional network in the program of Ernoult et al."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.stack import stages
from biocredit.circuits.dual_stream.pathways.counter_current.levels import cut_at_stages
from biocredit.circuits.dual_stream.pathways.target_propagation import (
    LocalDifferenceReconstructionErnoult,
    Noise,
    architectures,
)
from biocredit.circuits.dual_stream.schedules import momentum_sgd

from tests.conformance.dual_streams import Arrays, Trainer, batch, to_ours
from tests.conformance.harness import Check

KINDS = {"W": "f_weight", "b": "f_bias", "Q": "b_weight", "d": "b_bias"}

close = partial(Check, atol=1e-14, rtol=1e-9, relative_to="largest")


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Learn feedback, then bring targets down, in every batch."""
    net = build(case)
    net.write({ours: layout(theirs, case[f"init__{theirs}"]) for ours, theirs in names(net).items()})
    settings = [float(case[key]) for key in ("lr_forward", "momentum", "weight_decay_forward")]
    trainer, learn = (
        Trainer(net, momentum_sgd(*settings)),
        jax.jit(partial(net.descending.learn_feedback, net.ascending)),
    )
    for number in range(int(case["n_batches"])):
        one, electrode = batch(case["x"][number], case["labels"][number]), Electrode()
        credit = learn(trainer.tree, one.inputs["x"], noise(net, case, number))
        trainer.tree = trainer.tree | credit.tree
        outcome = net.cycle(trainer.tree, one, electrode)
        if number == 0:
            yield from same(net, trainer.tree, "after_feedback_step1")
            yield from first(net, credit.metrics, outcome, electrode)
        trainer.apply(outcome)
        if number == 0:
            yield from same(net, trainer.tree, "after_step1")
    yield from same(net, trainer.tree, "final")


def build(case: Arrays) -> DualStream:
    """The circuit of a case."""
    images, channels = case["x"].shape, case["channels"].tolist()
    classes = case[f"init__layers_{len(channels)}_f_weight"].shape[0]
    nodes = architectures.pooling(
        (images[2], *channels), side=images[3], classes=classes, activation=str(case["activation"])
    )
    stream = LocalDifferenceReconstructionErnoult(
        stepsize=float(case["beta"]),
        noise=tuple(case["noise_std"].tolist()),
        iterations=tuple(case["feedback_iterations"].tolist()),
        optimizer=tuple(momentum_sgd(rate, float(case["momentum"])) for rate in case["lr_feedback"].tolist()),
    )
    return DualStream(*nodes, stream, dtype=jnp.float64)


def first(net: DualStream, feedback: Mapping[str, Any], outcome: Any, electrode: Electrode) -> Iterator[Check]:
    """Losses, prediction and changes of the first batch."""
    paths = list(stages(net.ascending))
    yield close("feedback_mean_losses", [feedback[f"feedback_loss.{path}"] for path in paths[1:]])
    yield close("softmax_pred_step1", jax.nn.softmax(electrode.readings[f"up.{paths[-1]}.potential", "inference"]))
    populations = [list(part)[-1] for part in cut_at_stages(net.ascending)]
    yield close("forward_local_losses_step1", [outcome.metrics[f"local_loss.{name}"] for name in populations])
    yield from same(net, outcome.changes, "forward_grad_step1")


def noise(net: DualStream, case: Arrays, number: int) -> dict[str, Noise]:
    """Noise of all iterations by stage."""
    found = {}
    for level, path in list(enumerate(stages(net.ascending)))[1:]:
        count = int(case["feedback_iterations"][level - 1])
        ends = []
        for side, population in zip("xy", (level - 1, level), strict=True):
            draws = [case[f"noise_{side}_b{number}_l{level}_it{iteration}"] for iteration in range(count)]
            ends.append(jnp.stack([in_population(net, population, one) for one in draws]))
        found[path] = Noise(*ends)
    return found


def in_population(net: DualStream, level: int, signal: np.ndarray) -> np.ndarray:
    """A signal in the form of our population: the uppermost map is flat, in the order of the file's maps."""
    flat = "flatten" in cut_at_stages(net.ascending)[level]
    return signal.reshape(len(signal), -1) if flat else to_ours(signal)


def names(net: DualStream) -> dict[str, str]:
    """Our weights, with the file's names."""
    numbers = {path: number for number, path in enumerate(stages(net.ascending))}
    split = {name: name.split(".") for name in net.read()}
    known = {name: (path, kind) for name, (_, path, kind) in split.items() if kind in KINDS}
    return {name: f"layers_{numbers[path]}_{KINDS[kind]}" for name, (path, kind) in known.items()}


def layout(theirs: str, value: Any) -> np.ndarray:
    """Dense feedback weights of the file are ``[in, out]`` of the ascending stage, ours are like its weights."""
    value = np.asarray(value)
    return value.T if theirs.endswith("b_weight") and value.ndim == 2 else value


def same(net: DualStream, arrays: Mapping[str, Any], stage: str) -> Iterator[Check]:
    """Check arrays by our names."""
    for ours, theirs in names(net).items():
        if ours in arrays:
            yield close(f"{stage}__{theirs}", layout(theirs, arrays[ours]))
