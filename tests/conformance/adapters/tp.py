"""The target-propagation family in its three programs; the arrays of a file tell which one."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.losses import as_target
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.pathways import PATHWAYS
from biocredit.circuits.dual_stream.pathways.counter_current.levels import cut_at_stages
from biocredit.circuits.dual_stream.pathways.target_propagation import Noise, architectures

from tests.conformance.adapters import tp_ernoult, tp_meulemans
from tests.conformance.dual_streams import Arrays, Trainer, batch
from tests.conformance.harness import Check

RULES = {
    "DTP": "difference_target",
    "DRL": "difference_reconstruction",
    "L-DRL": "local_difference_reconstruction",
    "none": "fixed_difference_target",
}
STANDARDISED = {
    (False, "linear"): "nowhere",
    (True, "linear"): "hidden",
    (False, "linear-BN"): "output",
    (True, "linear-BN"): "everywhere",
}

close = partial(Check, atol=1e-14, rtol=1e-9, relative_to="largest")


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Hand the case to the adapter of its program."""
    if "method" in case:
        yield from tp_meulemans.replay(name, case)
    elif "channels" in case:
        yield from tp_ernoult.replay(name, case)
    else:
        yield from shibuya(case)


def shibuya(case: Arrays) -> Iterator[Check]:
    """Feedback iterations, targets and one step for every batch."""
    net = build(case)
    net.write(stored(net, case))
    trainer = Trainer(net, optax.sgd(float(case["lr_forward"])))
    program = Program(net, trainer, case)
    for number in range(int(case["n_batches"])):
        yield from program.batch(number)
        if number == 0:
            yield from same(net, trainer.tree, case, "after_step1")
    yield from same(net, trainer.tree, case, "final")
    yield from program.losses()
    yield close("logits_test_final", net.respond(trainer.tree, {"x": jnp.asarray(case["x_test"])})["choice"])


class Program:
    """The circuit in training, and its losses so far."""

    def __init__(self, net: DualStream, trainer: Trainer, case: Arrays):
        self.net, self.trainer, self.case = net, trainer, case
        self.learn = jax.jit(partial(net.descending.learn_feedback, net.ascending)) if iterations(case) else None
        self.cross_entropy, self.local, self.feedback = [], [], []

    def batch(self, number: int) -> Iterator[Check]:
        """Run one batch; check the signals of the first."""
        x, labels = self.case["x"][number], self.case["labels"][number]
        for iteration in range(iterations(self.case)):
            drawn = noise(self.case, number, iteration)
            credit = self.learn(self.trainer.tree, jnp.asarray(x), drawn)
            self.trainer.tree = self.trainer.tree | credit.tree
            self.feedback.append([summed(credit.metrics[f"feedback_loss.{path}"], x) for path in drawn])
            if (number, iteration) == (0, 0):
                yield from same(self.net, self.trainer.tree, self.case, "after_first_iteration")
        electrode = Electrode()
        outcome = self.net.cycle(self.trainer.tree, batch(x, labels), electrode)
        if number == 0:
            yield from self.first(outcome, {key[0]: value for key, value in electrode.readings.items()}, x, labels)
        self.trainer.apply(outcome)
        self.cross_entropy.append(summed(outcome.metrics["loss"], x))
        names = [population for population, _ in populations(self.net)]
        self.local.append([summed(outcome.metrics[f"local_loss.{name}"], x) for name in names])

    def first(self, outcome: Any, signals: Mapping[str, Any], x: np.ndarray, labels: np.ndarray) -> Iterator[Check]:
        """Activities, targets, errors and changes of the first batch."""
        for number, (name, variable) in enumerate(populations(self.net), start=1):
            yield close(f"h_{number}", signals[f"up.{name}.{variable}"])
            yield close(f"target_{number}", signals[f"down.{name}.rate"])
            yield close(f"local_grad_{number}", summed(outcome.changes[f"up.layer{number}.W"], x))
        output = signals[f"up.{name}.{variable}"]
        yield close("output_grad", summed(self.net.loss(output, as_target(jnp.asarray(labels), output))[1], x))

    def losses(self) -> Iterator[Check]:
        """Losses of all batches."""
        yield close("ce_loss_sum_per_batch", self.cross_entropy)
        yield close("local_losses", self.local)
        if "feedback_losses" in self.case:
            yield close("feedback_losses", np.reshape(self.feedback, self.case["feedback_losses"].shape))


def build(case: Arrays) -> DualStream:
    """The circuit of a case. The file's noise has its deviation in it."""
    standardised = STANDARDISED[str(case["algorithm"]).endswith("-BN"), str(case["last_activation"])]
    settings: dict[str, Any] = {"stepsize": float(case["stepsize"])}
    if iterations(case):
        settings |= {"noise": 1.0, "optimizer": optax.sgd(float(case["lr_feedback"]))}
    stream = PATHWAYS[RULES[str(case["feedback_loss"])]](**settings)
    nodes = architectures.dense(case["dims"].tolist(), standardised=standardised)
    return DualStream(*nodes, stream, dtype=jnp.float64)


def iterations(case: Arrays) -> int:
    """Feedback iterations in a batch."""
    return 0 if str(case["feedback_loss"]) == "none" else int(case["n_feedback_iterations"])


def populations(net: DualStream) -> list[tuple[str, str]]:
    """Name and variable of the populations, from the lowest hidden one to the output."""
    return [list((name, node.variable) for name, node in part.items())[-1] for part in cut_at_stages(net.ascending)]


def noise(case: Arrays, number: int, iteration: int) -> dict[str, Noise]:
    """Noise of one iteration by stage."""
    below = case["noise_in"][number, iteration]
    above: list = [None] * len(below)
    if "noise_out_top" in case:
        above = [*case["noise_out_hidden"][number, iteration], case["noise_out_top"][number, iteration]]
    pairs = enumerate(zip(below, above, strict=True), start=2)
    return {f"layer{level}": jax.tree.map(lambda z: jnp.asarray(z)[None], Noise(*pair)) for level, pair in pairs}


def summed(mean: Any, x: np.ndarray) -> Any:
    """The file sums over trials where we take the mean."""
    return mean * len(x)


def names(net: DualStream) -> dict[str, tuple[str, str]]:
    """Our weights, with the first and the last part of the file's names."""
    kinds = {"W": "W", "Q": "Bfb"}
    split = {name: name.split(".") for name in net.read()}
    return {name: (kinds[kind], path.removeprefix("layer")) for name, (_, path, kind) in split.items() if kind in kinds}


def layout(kind: str, value: Any) -> np.ndarray:
    """Feedback weights of the files are ``[in, out]`` of the ascending stage, ours are laid out like its weights."""
    return np.transpose(value) if kind == "Bfb" else value


def stored(net: DualStream, case: Arrays) -> dict[str, np.ndarray]:
    """Start weights."""
    return {ours: layout(kind, case[f"{kind}_init_{number}"]) for ours, (kind, number) in names(net).items()}


def same(net: DualStream, tree: Mapping[str, Any], case: Arrays, stage: str) -> Iterator[Check]:
    """Check all weights that the file has at this stage."""
    for ours, (kind, number) in names(net).items():
        if f"{kind}_{stage}_{number}" in case:
            yield close(f"{kind}_{stage}_{number}", layout(kind, tree[ours]))
