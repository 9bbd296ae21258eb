"""The sigmoid networks of arXiv 1904.05391: what the cases of Kolen-Pollack and weight-mirror learning share."""

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from biocredit.analysis.metrics.alignment import angle
from biocredit.circuits.dual_stream import DualStream

from tests.conformance.dual_streams import Arrays, Names, Trainer, batch, layers
from tests.conformance.harness import Check


def trainer_of(case: Arrays, stream: Any, optimizer: optax.GradientTransformation) -> tuple[Trainer, Names]:
    """The circuit of a case with its weights; the file stores B the other way round."""
    options = {"activation": "sigmoid", "loss": "binary_cross_entropy", "dtype": jnp.float64}
    net = DualStream.mlp(case["sizes"].tolist(), stream, **options)
    names = layers(case)
    for label, path in names.items():
        net.write({f"up.{path}.{kind}": case[f"{kind}{label}_init"] for kind in "Wb"})
        net.write({f"down.{path}.B": case[f"B{label}_init"].T})
    return Trainer(net, optimizer), names


def batches(case: Arrays) -> list[tuple[np.ndarray, np.ndarray]]:
    """Consecutive batches of the epoch."""
    number = int(case["n_batches"])
    return list(zip(np.split(case["X"], number), np.split(case["Y"], number), strict=True))


def first_batch(trainer: Trainer, names: Names, case: Arrays) -> Iterator[Check]:
    """Loss and changes for the first batch with the initial weights; the program sums the weights' over the batch."""
    x, y = batches(case)[0]
    outcome = trainer.net.cycle(trainer.tree, batch(x, y))
    yield Check("loss_batch1", outcome.metrics["loss"])
    for label, path in names.items():
        yield Check(f"gW{label}_batch1_sum", outcome.changes[f"up.{path}.W"] * len(x))
        yield Check(f"gb{label}_batch1_mean", outcome.changes[f"up.{path}.b"])


def final(names: Names, tree: dict) -> Iterator[Check]:
    """Weights and angles at the end."""
    for label, path in names.items():
        yield Check(f"W{label}_final", tree[f"up.{path}.W"])
        yield Check(f"b{label}_final", tree[f"up.{path}.b"])
        yield Check(f"B{label}_final", tree[f"down.{path}.B"].T)
        yield Check(f"angle_deg{label}_final", angle(tree[f"up.{path}.W"], tree[f"down.{path}.B"]))
