"""What is known of a rule only after training: whether weights become alike, and how well the circuit does.

Every rule is trained in the same way, on the same digits, with the same constants: what the properties of Li Ji-An and
Benna's table 1 (arXiv 2405.20594) are measured on.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from biocredit.analysis.metrics.audited import Property
from biocredit.analysis.metrics.plausibility import PROPERTIES, Evidence
from biocredit.circuits import DualStream
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.dual_stream.schedules import momentum_sgd
from biocredit.protocols.training.two_phase import TwoPhase

#: Hidden layers, epochs, trials in a batch, learning rate, momentum, decay of all weights.
HIDDEN, EPOCHS, BATCH, RATE, MOMENTUM, DECAY = (64, 64), 40, 50, 0.05, 0.9, 0.01
#: Properties of table 1 by the names that the audit gives them; the others need no training.
TRAINED = {
    "no_symmetry": "no symmetry",
    "path_aligned": "path like back-propagation",
    "bp_level": "accuracy of back-propagation",
}


@dataclass(frozen=True)
class Trained:
    """Weights before and after training, and the accuracy on trials that were not trained on."""

    start: Any
    end: Any
    accuracy: float


def train(net: Circuit, task: Any, epochs: int = EPOCHS) -> Trained:
    """Train a circuit with the constants of all rules."""
    optimizer = optax.identity() if net.self_changing else momentum_sgd(RATE, MOMENTUM, DECAY)
    run = TwoPhase(net, task, optimizer=optimizer, seeds=1, batch_size=BATCH)
    start = {name: np.asarray(value)[0] for name, value in run.tree.items()}
    run.train(epochs=epochs, progress=False)
    end = {name: np.asarray(value)[0] for name, value in run.tree.items()}
    return Trained(start, end, float(np.mean(run.test()["accuracy"])))


@cache
def _reference(task: Any, epochs: int) -> float:
    return train(DualStream.for_task(task, "transposed", hidden=HIDDEN), task, epochs).accuracy


def after_training(net: Circuit, task: Any, epochs: int = EPOCHS) -> dict[str, Property]:
    """Train a static circuit, and back-propagation in the same network; return what is known only then.

    Parameters
    ----------
    net
        The circuit, with hidden layers of :data:`HIDDEN`.
    task
        What it is trained on.
    epochs
        Of both.
    """
    trained = train(net, task, epochs)
    evidence = evidence_of(net, trained, _reference(task, epochs))
    how = f"after {epochs} epochs of {task.name}, hidden layers {HIDDEN}"
    units = {
        "bp_level": "accuracy below back-propagation",
        "path_aligned": "mean angle to the forward weights, degrees",
    }
    found = {}
    for key, name in TRAINED.items():
        if key == "path_aligned" and not evidence.path_end:
            found[name] = Property("no", 90.0, f"no path from stage to stage; {how}")
            continue
        one = PROPERTIES[key](evidence)
        found[name] = Property(
            one.verdict, float(one.value), f"{units.get(key, 'mean angle of reciprocal weights')}; {how}"
        )
    return found


def evidence_of(net: Circuit, trained: Trained, reference: float) -> Evidence:
    """Collect what table 1 asks of a trained circuit."""
    start, end = ({k: jnp.asarray(v) for k, v in tree.items()} for tree in (trained.start, trained.end))
    path = _turned(net.effective_feedback(end))
    pairs = net.reciprocal() & path.keys()
    forward = {name: np.asarray(value) for name, value in net.forward_weights(end).items() if name in path}
    before = {name: np.asarray(value) for name, value in net.forward_weights(start).items() if name in path}
    back = [{name: value for name, value in _turned(net.effective_feedback(one)).items() if name in pairs}
            for one in (start, end)]  # fmt: skip
    reciprocal = {"reciprocal_start": back[0], "reciprocal_end": back[1]} if pairs else {}
    return Evidence(before, forward, path, trained.accuracy, reference, **reciprocal)


def _turned(feedback: Any) -> dict[str, np.ndarray]:
    return {name: np.swapaxes(np.asarray(value), 0, 1) for name, value in feedback.items()}
