"""DTP and DRL in the program of Meulemans et al."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.optimizers import by_stream
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.pathways import PATHWAYS
from biocredit.circuits.dual_stream.pathways.counter_current.levels import cut_at_stages
from biocredit.circuits.dual_stream.pathways.target_propagation import Noise, architectures

from tests.conformance.dual_streams import Arrays, Trainer, batch
from tests.conformance.harness import Check

RULES = {"DTPNetwork": "difference_target_meulemans", "DTPDRLNetwork": "difference_reconstruction_meulemans"}

close = partial(Check, atol=1e-14, rtol=1e-9, relative_to="largest")


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Learn both streams in every batch; compare everything of the first one, and the end."""
    settings = {"stepsize": float(case["target_stepsize"]), "noise": float(case["sigma"])}
    nodes = architectures.dense_with_biases(case["dims"].tolist())
    net = DualStream(*nodes, PATHWAYS[RULES[str(case["method"])]](**settings), dtype=jnp.float64)
    net.write({ours: layout(kind, case[f"{kind}_init_{level}"]) for ours, (kind, level) in names(net).items()})
    trainer, losses, reconstruction = Trainer(net, optimizer(case)), [], []
    for number in range(int(case["n_batches"])):
        electrode = Electrode()
        outcome = learn(net, trainer.tree, case, number, electrode)
        trainer.apply(outcome)
        losses.append(outcome.metrics["loss"])
        found = [outcome.metrics[f"feedback_loss.layer{level}"] for level in range(2, len(case["dims"]))]
        reconstruction.append(found)
        if number == 0:
            yield from signals(net, electrode)
            yield from same(net, outcome.changes, "grad")
            yield from same(net, trainer.tree, "", "_after_step1")
    yield from same(net, trainer.tree, "", "_final")
    yield close("ce_loss_mean_per_batch", losses)
    yield close("reconstruction_losses", reconstruction)


def learn(net: DualStream, tree: Mapping[str, Any], case: Arrays, number: int, electrode: Electrode) -> Any:
    """Feedback learning with the file's noise, then targets."""
    levels = range(2, len(case["dims"]))
    noise = {f"layer{level}": Noise(jnp.asarray(case[f"noise_unit_normal_{level}"][number])) for level in levels}
    one = batch(case["x"][number], case["labels"][number])
    feedback = net.descending.learn_feedback(net.ascending, tree, one.inputs["x"], noise)
    outcome = net.cycle(tree, one, electrode)
    changes, metrics = feedback.changes | outcome.changes, feedback.metrics | outcome.metrics
    return outcome._replace(changes=changes, metrics=metrics)


def signals(net: DualStream, electrode: Electrode) -> Iterator[Check]:
    """Activities and targets of the first batch."""
    readings = {name: value for (name, _), value in electrode.readings.items()}
    for level, part in enumerate(cut_at_stages(net.ascending), start=1):
        population, node = list(part.items())[-1]
        yield close(f"h_{level}", readings[f"up.{population}.{node.variable}"])
        yield close(f"target_{level}", readings[f"down.{population}.rate"])


def optimizer(case: Arrays) -> optax.GradientTransformation:
    """One optimiser a stream, with the file's settings."""
    up = step(case, float(case["lr_forward_effective"]), feedback=False)
    down = step(case, float(case["lr_feedback"]), feedback=True)
    decay = optax.add_decayed_weights(float(case["feedback_weight_decay"]))
    return by_stream(up=up, down=optax.chain(decay, down))


def step(case: Arrays, rate: float, *, feedback: bool) -> optax.GradientTransformation:
    """Plain gradient descent, or Adam with the constants of one stream."""
    if str(case["optimizer"]) == "SGD":
        return optax.sgd(rate)
    betas, epsilon = (constants(case, kind, feedback=feedback) for kind in ("beta", "eps"))
    return optax.adam(rate, *betas, *epsilon)


def constants(case: Arrays, kind: str, *, feedback: bool) -> list[float]:
    """Constants of Adam of one kind: those of the stream, or those of both."""
    keys = sorted(key for key in case if key.startswith("adam_") and kind in key)
    own = [key for key in keys if ("fb" in key or "feedback" in key) == feedback]
    return [float(value) for key in own or keys for value in np.ravel(case[key])]


def names(net: DualStream) -> dict[str, tuple[str, str]]:
    """Our weights, with the kind and the layer in the file's names."""
    split = {name: name.split(".") for name in net.read()}
    return {name: (kind, path.removeprefix("layer")) for name, (_, path, kind) in split.items()}


def layout(kind: str, value: Any) -> np.ndarray:
    """Feedback weights of the files are ``[in, out]`` of the ascending stage, ours are laid out like its weights."""
    return np.transpose(value) if kind == "Q" else value


def same(net: DualStream, arrays: Mapping[str, Any], prefix: str, suffix: str = "") -> Iterator[Check]:
    """Check arrays by our names."""
    for ours, (kind, level) in names(net).items():
        yield close("_".join(filter(None, (prefix, f"{kind}{suffix}", level))), layout(kind, arrays[ours]))
