"""What the adapters of dual-stream circuits share: names, layouts, one optimiser step."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from biocredit.analysis.metrics.alignment import angle, norm_ratio
from biocredit.circuits.core.circuit import Batch, Outcome
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.schedules import momentum_sgd

from tests.conformance.harness import Check

Arrays = Mapping[str, np.ndarray]
Names = Mapping[str, str]
"""From the part of a file's array names that stands for a layer to the path of our node."""


def to_ours(signal: np.ndarray) -> np.ndarray:
    """Feature maps of the files have channels before rows and columns; ours have them last."""
    return np.moveaxis(signal, 1, -1) if signal.ndim == 4 else signal


def to_theirs(signal: Any) -> np.ndarray:
    """The way back."""
    signal = np.asarray(signal)
    return np.moveaxis(signal, -1, 1) if signal.ndim == 4 else signal


def batch(x: np.ndarray, y: np.ndarray) -> Batch:
    """Trials of one batch."""
    return Batch({"x": jnp.asarray(to_ours(x))}, {"y": jnp.asarray(y)})


def layers(case: Arrays) -> Names:
    """Names of a dense circuit: layer ``1`` of the file is our ``layer1``."""
    return {str(level): f"layer{level}" for level in range(1, len(case["sizes"]))}


def optimizer(case: Arrays) -> optax.GradientTransformation:
    """Gradient descent with the file's settings."""
    return momentum_sgd(*(float(case[key]) for key in ("lr", "momentum", "weight_decay")))


def matching(net: DualStream, names: Names, case: Arrays, suffix: str) -> dict[str, str]:
    """Our arrays that the file has too: ``up.layer1.W`` is ``W1_step0`` for the suffix ``_step0``."""
    labels = {path: label for label, path in names.items()}
    found = {}
    for name in net.read():
        stem, _, kind = name.rpartition(".")
        key = f"{kind}{labels.get(stem.partition('.')[2])}{suffix}"
        if key in case:
            found[name] = key
    return found


def stored(net: DualStream, names: Names, case: Arrays, suffix: str) -> dict[str, np.ndarray]:
    """Arrays of the file by our names."""
    return {name: case[key] for name, key in matching(net, names, case, suffix).items()}


def same_arrays(net: DualStream, names: Names, case: Arrays, suffix: str, tree: Mapping[str, Any]) -> Iterator[Check]:
    """Check every array of the file with this suffix that our tree has."""
    for name, key in matching(net, names, case, suffix).items():
        yield Check(key, tree[name])


def alignment(net: DualStream, names: Names, case: Arrays, suffix: str, tree: Mapping[str, Any]) -> Iterator[Check]:
    """Angle and norm ratio of the acting feedback to the forward weight."""
    for label, path in names.items():
        if f"angle_deg{label}{suffix}" in case:
            forward, backward = tree[f"up.{path}.W"], net.effective_feedback(tree)[path]
            yield Check(f"angle_deg{label}{suffix}", angle(forward, backward))
            if f"norm_ratio{label}{suffix}" in case:
                yield Check(f"norm_ratio{label}{suffix}", norm_ratio(backward, forward))


class Trainer:
    """A circuit and its optimiser, one update at a time."""

    def __init__(self, net: DualStream, optimizer: optax.GradientTransformation):
        self.net, self.optimizer, self.tree = net, optimizer, net.read()
        self.state = optimizer.init({name: self.tree[name] for name in net.plastic})

    def apply(self, outcome: Outcome) -> None:
        """Change the weights."""
        weights = {name: self.tree[name] for name in outcome.changes}
        updates, self.state = self.optimizer.update(outcome.changes, self.state, weights)
        updates = self.net.constrain(self.tree, updates)
        self.tree = self.tree | outcome.tree | optax.apply_updates(weights, updates)

    def step(self, x: np.ndarray, y: np.ndarray) -> Outcome:
        """One batch: both phases, then plasticity."""
        outcome = self.net.cycle(self.tree, batch(x, y))
        self.apply(outcome)
        return outcome


def first_gradients(trainer: Trainer, names: Names, case: Arrays) -> Iterator[Check]:
    """Errors and changes of the first update."""
    electrode = Electrode()
    outcome = trainer.net.cycle(trainer.tree, batch(case["X"][0], case["Y"][0]), electrode)
    for label, path in names.items():
        yield Check(f"delta{label}", electrode.readings[f"down.{path}.rate", "learning"])
        yield Check(f"gW{label}", outcome.changes[f"up.{path}.W"])
        yield Check(f"gb{label}", outcome.changes[f"up.{path}.b"])
