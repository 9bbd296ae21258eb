"""Kolen-Pollack feedback: with momentum and decay, and as in the authors' sigmoid program."""

from collections.abc import Iterator

import jax.numpy as jnp
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.schedules import keep_factor_sgd

from tests.conformance import sigmoid_program
from tests.conformance.dual_streams import (
    Arrays,
    Trainer,
    alignment,
    first_gradients,
    layers,
    optimizer,
    same_arrays,
    stored,
)
from tests.conformance.harness import Check


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Dispatch on the program."""
    yield from (released if name.endswith("released_sigmoid") else independent)(case)


def independent(case: Arrays) -> Iterator[Check]:
    """A new batch in every update."""
    net, names = DualStream.mlp(case["sizes"].tolist(), "kolen_pollack", dtype=jnp.float64), layers(case)
    net.write(stored(net, names, case, "_init"))
    trainer, losses = Trainer(net, optimizer(case)), []
    yield from alignment(net, names, case, "_init", trainer.tree)
    yield from first_gradients(trainer, names, case)
    for step, (x, y) in enumerate(zip(case["X"], case["Y"], strict=True), start=1):
        losses.append(trainer.step(x, y).metrics["loss"])
        yield from same_arrays(net, names, case, f"_step{step}", trainer.tree)
    yield Check("losses", losses)
    yield from same_arrays(net, names, case, "_final", trainer.tree)
    yield from alignment(net, names, case, "_final", trainer.tree)


def released(case: Arrays) -> Iterator[Check]:
    """The authors' program."""
    rate, keep, trials = float(case["lr"]), float(case["keep_factor"]), int(case["batch_size"])
    trainer, names = sigmoid_program.trainer_of(case, "kolen_pollack", keep_factor_sgd(rate, keep, trials))
    yield from sigmoid_program.first_batch(trainer, names, case)
    for x, y in sigmoid_program.batches(case):
        trainer.step(x, y)
    yield from sigmoid_program.final(names, trainer.tree)
