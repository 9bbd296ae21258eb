"""Counter-current learning: dense, convolutional and autoencoder circuits, and back-propagation on the same streams."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.circuit import Batch, Outcome
from biocredit.circuits.core.losses import as_target
from biocredit.circuits.core.optimizers import total_norm
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.operations import BatchNorm
from biocredit.circuits.dual_stream.ascending.stack import stages
from biocredit.circuits.dual_stream.pathways.counter_current import (
    RELEASED_AUTOENCODER,
    RELEASED_CONVOLUTIONAL,
    RELEASED_DENSE,
    CounterCurrent,
    architectures,
    comparisons,
)
from biocredit.circuits.dual_stream.pathways.counter_current.levels import cut_at_stages
from biocredit.circuits.dual_stream.pathways.counter_current.training import Descent, TwoStreamTraining

from tests.conformance.dual_streams import Arrays, to_ours, to_theirs
from tests.conformance.harness import Check

NORMALISED = ("nowhere", "before", "after")


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Load the weights, make the steps, compare every signal of the first step and what is left in the end."""
    circuit, run = build(case), training(case)
    names = our_names(circuit)
    stored = {ours: case[f"{theirs}_init"] for ours, theirs in names.items() if f"{theirs}_init" in case}
    circuit.write(stored)
    replayed = Replay(circuit, run.steps(int(case["n_steps"])), names)
    yield from replayed.first(case)
    yield from replayed.all(case)


# -- from names and settings of a file to a circuit ------------------------------------------------------------


def build(case: Arrays) -> DualStream:
    """The circuit of a case."""
    kind = next(kind for kind in KINDS if kind in case)
    (nodes, shape), comparison, settings = KINDS[kind](case)
    if str(case["method"]) == "CCL":
        descending = CounterCurrent(comparison=comparison, normalised=NORMALISED[int(case["bw_bn"])], **settings)
    else:
        descending = "transposed"
    loss = "mean_squared_error" if kind == "widths" else "cross_entropy"
    return DualStream(nodes, shape, descending, loss=loss, dtype=jnp.float64)


def dense(case: Arrays) -> tuple[Any, Any, dict]:
    """Dense layers."""
    nodes = architectures.dense(case["dims"].tolist(), normalised=NORMALISED[int(case["fw_bn"])])
    return nodes, replace(RELEASED_DENSE, between=float(case["loss_scale_C"])), flooded(case)


def convolutional(case: Arrays) -> tuple[Any, Any, dict]:
    """Convolutions with pooling or stride, and a dense layer."""
    settings = {"classes": int(case["n_classes"]), "normalised": NORMALISED[int(case["fw_bn"])]}
    if int(case["pool"]):
        settings["first_kernel"] = case["U1_init"].shape[-1]
    make = architectures.pooling if int(case["pool"]) else architectures.strided
    weights = {"between": float(case["loss_scale_C"]), "within": float(case["loss_scale_ssl"])}
    return make(case["channels"].tolist(), **settings), replace(RELEASED_CONVOLUTIONAL, **weights), flooded(case)


def autoencoder(case: Arrays) -> tuple[Any, Any, dict]:
    """Convolutional autoencoder."""
    where = NORMALISED[int(case["fw_bn"])]
    sizes = {"side": int(case["image_size"]), "channels": int(case["num_chn"])}
    nodes = architectures.autoencoder(case["widths"].tolist(), **sizes, normalised=where)
    weights = {"values": float(case["loss_scale_C"]), "shapes": float(case["loss_scale_D"])}
    return nodes, replace(RELEASED_AUTOENCODER, **weights), {"pairing": "same_trial"}


KINDS = {"dims": dense, "channels": convolutional, "widths": autoencoder}


def flooded(case: Arrays) -> dict[str, float]:
    """The released program's threshold, where the filter is on."""
    return {"flooding": comparisons.FLOODING if float(case["filter_target"]) else 0.0}


def training(case: Arrays) -> TwoStreamTraining:
    """Optimiser settings."""
    keys = {"learning_rate": "lr", "momentum": "mmt", "decay": "wd", "clip": "grad_clip"}
    up, down = (Descent(**{ours: float(case[f"{key}_{net}"]) for ours, key in keys.items()}) for net in "FB")
    return TwoStreamTraining(up, down, warm_up=int(case["warmup"]), centralise=bool(case["GradC"]))


def our_names(circuit: DualStream) -> dict[str, str]:
    """Our plastic weights, with the file's names."""
    numbers = {path: number for number, path in enumerate(stages(circuit.ascending), start=1)}
    streams, kinds = {"up": "U", "down": "V"}, {"W": "", "b": "b"}
    split = {name: name.split(".") for name in circuit.plastic}
    return {name: f"{kinds[kind]}{streams[stream]}{numbers[path]}" for name, (stream, path, kind) in split.items()}


def our_norms(circuit: DualStream) -> dict[str, str]:
    """Our running statistics, with the file's names."""
    found = {}
    for number, part in enumerate(cut_at_stages(circuit.ascending), start=1):
        path = next(iter(stages(part)))
        up = [f"up.{name}" for name, node in part.items() if isinstance(node, BatchNorm)]
        for stem, theirs in [*((one, "F") for one in up), (f"down.{path}_norm", "B")]:
            found |= {f"{stem}.{kind}": f"bn{theirs}{number}_{kind}_end" for kind in ("running_mean", "running_var")}
    return {ours: theirs for ours, theirs in found.items() if ours in circuit.read()}


def batch(case: Arrays, step: int) -> Batch:
    """Trials of one step; the autoencoder's target is an image."""
    target = to_ours(case["target"][step]) if "target" in case else case["y"][step]
    return Batch({"x": jnp.asarray(to_ours(case["x"][step]))}, {"choice": jnp.asarray(target)})


# -- the steps -------------------------------------------------------------------------------------------------


@dataclass
class Replay:
    """A circuit, its optimiser step by step, and the file's names of its weights."""

    circuit: DualStream
    steps: dict[str, optax.GradientTransformation]
    names: dict[str, str]

    def __post_init__(self) -> None:
        self.tree = self.circuit.read()
        weights = {name: self.tree[name] for name in self.names}
        self.states = {name: step.init(weights) for name, step in self.steps.items()}

    def learn(self, outcome: Outcome) -> dict[str, dict]:
        """Update weights and statistics; return what the changes are after every step."""
        changes, after, weights = outcome.changes, {}, {name: self.tree[name] for name in self.names}
        for name, step in self.steps.items():
            changes, self.states[name] = step.update(changes, self.states[name], weights)
            after[name] = changes
        self.tree = self.tree | outcome.tree | optax.apply_updates(weights, changes)
        return after

    def first(self, case: Arrays) -> Iterator[Check]:
        """Check signals and losses of the first step."""
        electrode = Electrode()
        outcome = self.circuit.cycle(self.tree, batch(case, 0), electrode)
        signals = {name: value for (name, _), value in electrode.readings.items()}
        cut = cut_at_stages(self.circuit.ascending)
        populations = [("input", "rate"), *((list(part)[-1], list(part.values())[-1].variable) for part in cut)]
        for number, (name, variable) in enumerate(populations):
            yield Check(f"a{number}", to_theirs(signals[f"up.{name}.{variable}"]))
            if f"b{number}" in case:
                facing = "target" if number == len(cut) else name
                yield Check(f"b{number}", to_theirs(signals[f"down.{facing}.rate"]))
                yield Check(f"loss_l{number}", outcome.metrics[f"local_loss.{name}"])
        yield Check("loss_total", total(outcome))
        if "filter_kept_mask" in case:
            output = signals[f"up.{populations[-1][0]}.potential"]
            target = as_target(jnp.asarray(case["y"][0]), output)
            yield Check("filter_kept_mask", comparisons.unsettled(output, target, comparisons.FLOODING))

    def all(self, case: Arrays) -> Iterator[Check]:
        """Check changes of the first step, weights of the first and the last, and the end."""
        last = int(case["n_steps"])
        losses, norms = [], {"up": [], "down": []}
        scale = self.steps["warm_up"]
        state = scale.init({})
        for step in range(1, last + 1):
            outcome = self.circuit.cycle(self.tree, batch(case, step - 1))
            scaled, state = scale.update({"loss": total(outcome)}, state)
            losses.append(scaled["loss"])
            after = self.learn(outcome)
            for stream, found in norms.items():
                mine = {name: one for name, one in after["centralise"].items() if name.startswith(stream)}
                found.append(total_norm(mine))
            if step == 1:
                yield from self.changes(after, case)
            if step in (1, last):
                yield from (Check(f"{theirs}_step{step}", self.tree[ours]) for ours, theirs in self.names.items())
        yield Check("loss_scaled_per_step", np.array(losses))
        yield Check("grad_norm_F_per_step", np.array(norms["up"]))
        yield Check("grad_norm_B_per_step", np.array(norms["down"]))
        for ours, theirs in our_norms(self.circuit).items():
            yield Check(theirs, self.tree[ours])
        yield Check("output_eval_end", to_theirs(self.circuit.respond(self.tree, batch(case, 0).inputs)["choice"]))

    def changes(self, after: dict[str, dict], case: Arrays) -> Iterator[Check]:
        """Check the changes after warm-up, centralisation and clipping."""
        for step, prefix in {"warm_up": "grad_", "centralise": "gradgc_", "clip": "gradclip_"}.items():
            for ours, theirs in self.names.items():
                if f"{prefix}{theirs}" in case:
                    yield Check(f"{prefix}{theirs}", after[step][ours])


def total(outcome: Outcome) -> Any:
    """The sum of all local losses, or the only loss."""
    return outcome.metrics.get("total_loss", outcome.metrics["loss"])
