"""Several epochs of product feedback alignment under both schedules."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from biocredit.analysis.metrics.alignment import angle, norm_ratio
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.pathways import Product
from biocredit.circuits.dual_stream.schedules import TrainingSchedule

from tests.conformance.dual_streams import Arrays, Trainer, layers, same_arrays, stored
from tests.conformance.harness import Check


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Train, compare weights, losses and alignment after every epoch."""
    epochs, batches = case["X"].shape[:2]
    stream = Product(expansion=case["expansion_ratio"].item())
    net = DualStream.mlp(case["sizes"].tolist(), stream, dtype=jnp.float64)
    names = layers(case)
    net.write(stored(net, names, case, "_init") | stored(net, names, case, ""))
    settings = training(case)
    rate, decay = settings.learning_rate_schedule(batches), settings.weight_decay_schedule(batches)
    yield Check("lr_by_epoch", [rate(epoch * batches) for epoch in range(epochs)])
    yield Check("wd_by_epoch", [decay(epoch * batches) for epoch in range(epochs)])
    trainer, losses, aligned = Trainer(net, settings.optimizer(batches)), [], [angles(net, net.read())]
    for epoch in range(epochs):
        for x, y in zip(case["X"][epoch], case["Y"][epoch], strict=True):
            losses.append(trainer.step(x, y).metrics["loss"])
        yield from same_arrays(net, names, case, f"_epoch{epoch}", trainer.tree)
        aligned.append(angles(net, trainer.tree))
    yield Check("losses", np.reshape(losses, (epochs, batches)))
    yield Check("angle_deg", [row[0] for row in aligned])
    yield Check("norm_ratio", [row[1] for row in aligned])


def training(case: Arrays) -> TrainingSchedule:
    """Schedules of the file."""
    epochs, _, batch_size = case["Y"].shape
    steps = [(float(case[k]), tuple(case[m].tolist()), float(case[f])) for k, m, f in SCHEDULES]
    return TrainingSchedule(epochs, batch_size, *steps[0], *steps[1], momentum=float(case["momentum"]))


def angles(net: DualStream, tree: dict) -> tuple[list[float], list[float]]:
    """Path angle and norm ratio of every layer."""
    pairs = [(tree[f"up.{path}.W"], feedback) for path, feedback in net.effective_feedback(tree).items()]
    return [angle(w, b) for w, b in pairs], [norm_ratio(b, w) for w, b in pairs]


SCHEDULES = (("lr", "lr_milestones", "lr_gamma"), ("weight_decay", "wd_milestones", "wd_gamma"))
