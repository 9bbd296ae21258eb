"""Weight mirrors: with momentum and decay, and as in the authors' sigmoid program."""

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.pathways import WeightMirror
from biocredit.circuits.dual_stream.schedules import keep_factor_sgd

from tests.conformance import sigmoid_program
from tests.conformance.dual_streams import (
    Arrays,
    Names,
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
    """Mirror phase 0, then an update and a mirror phase for every batch."""
    settings = {name: float(case[key]) for name, key in SETTINGS.items()}
    sizes = {"batches": int(case["mirror_batches"]), "trials": int(case["mirror_batch_size"])}
    net = DualStream.mlp(case["sizes"].tolist(), WeightMirror(**settings, **sizes), dtype=jnp.float64)
    names = layers(case)
    net.write(stored(net, names, case, "_init"))
    trainer, losses = Trainer(net, optimizer(case)), []
    yield from alignment(net, names, case, "_init", trainer.tree)
    mirror(trainer, {path: case[f"mirror_noise{label}"][0] for label, path in names.items()})
    for label, path in names.items():
        yield Check(f"B{label}_after_first_mirror", trainer.tree[f"down.{path}.B"])
    yield from first_gradients(trainer, names, case)
    for step, (x, y) in enumerate(zip(case["X"], case["Y"], strict=True), start=1):
        losses.append(trainer.step(x, y).metrics["loss"])
        mirror(trainer, {path: case[f"mirror_noise{label}"][step] for label, path in names.items()})
        yield from same_arrays(net, names, case, f"_step{step}", trainer.tree)
    yield Check("losses", losses)
    yield from same_arrays(net, names, case, "_final", trainer.tree)
    yield from alignment(net, names, case, "_final", trainer.tree)


def released(case: Arrays) -> Iterator[Check]:
    """The authors' program: rounds of mirroring before the epoch, one round after every update."""
    trials = int(case["batch_size"])
    stream = WeightMirror.released(float(case["mirror_lr"]), float(case["noise_amplitude"]), trials)
    trainer, names = sigmoid_program.trainer_of(case, stream, keep_factor_sgd(float(case["lr"]), 1.0, trials))
    yield from sigmoid_program.first_batch(trainer, names, case)
    mirror(trainer, rounds(case, names, "init"))
    later = rounds(case, names, "batch")
    for number, (x, y) in enumerate(sigmoid_program.batches(case)):
        trainer.step(x, y)
        mirror(trainer, {path: noise[number : number + 1] for path, noise in later.items()})
    yield from sigmoid_program.final(names, trainer.tree)


def rounds(case: Arrays, names: Names, when: str) -> dict[str, np.ndarray]:
    """Noise by round; the file has units before trials."""
    return {path: np.swapaxes(case[f"mirror_noise_{when}{label}"], 1, 2) for label, path in names.items()}


def mirror(trainer: Trainer, noise: dict[str, np.ndarray]) -> None:
    """One mirror phase with the file's noise."""
    given = {path: jnp.asarray(value) for path, value in noise.items()}
    trainer.tree |= trainer.net.descending.mirror(trainer.net.ascending, trainer.tree, given)


SETTINGS = {"learning_rate": "mirror_lr", "decay": "mirror_decay", "sigma": "noise_sigma"}
