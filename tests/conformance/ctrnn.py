"""A reference case of the network of topic ``neural`` as our circuit: names and layouts."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.analysis.metrics.performance import masked_normalised_error
from biocredit.circuits import CTRNN, Batch
from biocredit.circuits.recurrent.ctrnn import begun
from biocredit.protocols.tasks.reaching import reaches, shared_weights

from tests.conformance.harness import Check

Case = Mapping[str, np.ndarray]
EXACT = {"atol": 1e-12, "rtol": 1e-12}

#: Settings of the learning modes.
MODES: dict[str, dict[str, Any]] = {
    "bptt": {},
    "eprop": {"rule": "eprop"},
    "tbptt": {},
    "feedback": {"feedback": "random"},
}
#: Our names by theirs; rows and columns are exchanged.
INWARD = {"W_in": "W_in_cues", "W_rec": "W_rec", "b": "W_in_constant", "a0": "W_in_start"}


class Noise:
    """What the file adds to the rates, as a probe that knows the step."""

    def __init__(self, noise: np.ndarray, step: Any = None):
        before = np.zeros_like(noise[:, :1])
        self.noise, self.step = noise, step
        self.course = jnp.asarray(np.concatenate([before, noise], axis=1)).swapaxes(0, 1)

    def at(self, step: Any) -> "Noise":
        """Bind to a step."""
        return Noise(self.noise, step)

    def __call__(self, name: str, phase: str, value: jax.Array) -> jax.Array:
        """Add the noise of the step to the rates."""
        return value + self.course[self.step] if name == "cells.rate" else value


def circuit_of(case: Case, mode: str) -> CTRNN:
    """Our circuit with the settings of a learning mode."""
    settings = MODES[mode] | ({"segments": int(case["hp_window"])} if mode == "tbptt" else {})
    readouts = {f"y{k}": 1 for k in range(len(case["W_out"]))}
    inputs = {"cues": case["W_in"].shape[1], "constant": 1, "start": 1}
    times = {"tau": float(case["hp_tau"]), "dt": float(case["hp_dt"])}
    penalty = float(case["hp_l2"])
    return CTRNN(inputs, len(case["W_rec"]), readouts, penalty=penalty, dtype=jnp.float64, **times, **settings)


def weights_of(case: Case) -> dict[str, jax.Array]:
    """Weights of a case by our names."""
    found = {ours: np.atleast_2d(case[theirs].T) for theirs, ours in INWARD.items()}
    for k, row in enumerate(case["W_out"]):
        found |= {f"W_out_y{k}": row[:, None], f"b_out_y{k}": case["b_out"][k : k + 1]}
    return {name: jnp.asarray(value) for name, value in found.items()}


def batch_of(case: Case) -> Batch:
    """The trials of a case."""
    targets, when = {}, shared_weights(jnp.asarray(case["mask"]))
    for k in range(case["target"].shape[2]):
        targets |= {f"y{k}": jnp.asarray(case["target"][..., k : k + 1]), f"when.y{k}": when[..., k]}
    ratio = float(case["hp_tau"]) / float(case["hp_dt"])
    return begun(Batch({"cues": jnp.asarray(case["inputs"])}, targets, {}), ratio)


def theirs(values: Mapping[str, jax.Array], case: Case) -> dict[str, np.ndarray]:
    """Weights or gradients under the names and in the layouts of the file."""
    found = {name: np.asarray(values[ours]).T.reshape(case[name].shape) for name, ours in INWARD.items()}
    outputs = range(len(case["W_out"]))
    found["W_out"] = np.concatenate([values[f"W_out_y{k}"] for k in outputs], axis=1).T
    found["b_out"] = np.concatenate([values[f"b_out_y{k}"] for k in outputs])
    return found


def network(case: Case) -> Iterator[Check]:
    """Activity, errors, gradients and updates."""
    batch, noise = batch_of(case), Noise(case["noise"])
    circuit = circuit_of(case, "bptt")
    tree = circuit.read() | weights_of(case)
    course = circuit.trial(tree, batch, probe=noise)
    output = np.asarray(course["output"])[1:].swapaxes(0, 1)
    yield Check("activity", np.asarray(course["cells.rate"])[1:].swapaxes(0, 1), **EXACT)
    yield Check("output", output, **EXACT)
    yield Check("normalised_error", masked_normalised_error(case["target"], output, case["mask"]), **EXACT)
    if "ne_value" in case:
        error = masked_normalised_error(case["ne_target"], case["ne_output"], case["ne_mask"])
        yield Check("ne_value", error, **EXACT)
    for mode in MODES:
        circuit = circuit_of(case, mode)
        tree = circuit.read() | weights_of(case)
        if mode == "feedback":
            tree["feedback"] = jnp.asarray(case["W_feedback"].T)
        found = circuit.learn(tree, batch, probe=noise)
        if mode == "bptt":
            yield Check("error_main", found.metrics["loss"], **EXACT)
            yield Check("error_activity", found.metrics["rate_loss"], **EXACT)
        for name, value in theirs(found.changes, case).items():
            yield Check(f"grad_{mode}_{name}", value, **EXACT)
        if f"adam_{mode}_history" in case:
            yield from trained(case, mode, circuit, tree, batch, noise)


def trained(case: Case, mode: str, circuit: CTRNN, tree: dict, batch: Batch, noise: Noise) -> Iterator[Check]:
    """Several updates on the same trials."""
    optimizer, history = optax.adam(float(case["hp_learning_rate"])), []
    state = optimizer.init({name: tree[name] for name in circuit.plastic})
    for _ in case[f"adam_{mode}_history"]:
        found = circuit.learn(tree, batch, probe=noise)
        updates, state = optimizer.update(found.changes, state)
        tree = tree | found.tree | {name: tree[name] + updates[name] for name in updates}
        history.append([found.metrics["loss"], found.metrics["rate_loss"], tree["rule.penalty"]])
    yield Check(f"adam_{mode}_history", history, **EXACT)
    for name, value in theirs(tree, case).items():
        yield Check(f"adam_{mode}_{name}", value, **EXACT)


def untrained(case: Case) -> np.ndarray:
    """Activity ``[condition, time, unit]`` of a given network in the eight compared trials, at the compared steps."""
    weights = {name: case[f"network_{name}_f32"].astype(float) for name in ("W_in", "W_rec")}
    cells, channels = weights["W_in"].shape
    times = {"tau": float(case["hp_tau"]), "dt": float(case["hp_dt"])}
    circuit = CTRNN({"cues": channels}, cells, {"arm": 1}, dtype=jnp.float64, **times)
    tree = circuit.read() | {name: jnp.asarray(value.T) for name, value in weights.items()}
    count, steps = len(case["network_procrustes_cv_train"]), int(case["hp_n_T"])
    intervals = [jnp.full(count, int(case[f"hp_interval{k}"])) for k in (1, 2)]
    trials = reaches(jnp.arange(count), *intervals, jnp.zeros((count, 51, 1)), steps=steps)
    batch = Batch({"cues": trials.inputs}, {"arm": trials.target}, {})
    course = np.asarray(circuit.trial(tree, batch)["cells.rate"]).swapaxes(0, 1)
    first = int(case["hp_first_kept_step"])
    return course[:, first : first + case["network_activity_condition3_units0to5"].shape[0]]
