"""Predictive coding (Whittington and Bogacz)."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax
from biocredit.analysis.metrics.alignment import norm_ratio
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.energy_based import predictive_coding_dynamics as hierarchy
from biocredit.circuits.energy_based.predictive_coding import PredictiveCoding

from tests.conformance.harness import Check

Arrays = Mapping[str, np.ndarray]

RELATIVE = {"atol": 1e-13, "rtol": 1e-9, "relative_to": "largest"}
#: Relaxation of the cases' scan over variances (said by the specification, not by the files).
CONVERGED = {"iterations": 6000, "dt": 0.1}


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Relax, compare values, errors, energy and changes, then the limit of a large variance."""
    batch = Batch({"x": jnp.asarray(case["x"])}, {"y": jnp.asarray(case["y"])})
    net = circuit(case, float(case["output_variance"]))
    settings = {"iterations": int(case["T_inference"]), "dt": float(case["dt"])}
    tree, x = net.read(), net.clamp(batch.inputs)
    start, course = hierarchy.feedforward(net.hierarchy, tree, x), net.trial(tree, batch, **settings)
    yield Check("energy_per_step", np.mean(course["energy"], axis=(1, 2)), **RELATIVE)
    for number, layer in enumerate(net.layers, start=1):
        yield Check(f"x_feedforward_{number}", start[number - 1], **RELATIVE)
        yield Check(f"x_relaxed_{number}", course[f"{layer}.value"][-1], **RELATIVE)
        yield Check(f"eps_{number}", course[f"{layer}.error"][-1], **RELATIVE)
    yield from weights(net, batch, settings, case)
    yield from limit(batch, case)


def circuit(case: Arrays, variance: float) -> PredictiveCoding:
    """Build the circuit of a case, with its weights."""
    first, *hidden, last = map(int, case["layer_sizes"])
    task = SimpleNamespace(inputs={"x": first}, readouts={"y": last})
    net = PredictiveCoding.chain(task, hidden, variance=variance, dtype=jnp.float64)
    numbers = range(1, len(net.layers) + 1)
    net.write({f"layer{n}.{kind}": case[f"{kind}_init_{n}"] for n in numbers for kind in "Wb"})
    return net


def weights(net: PredictiveCoding, batch: Batch, settings: dict[str, Any], case: Arrays) -> Iterator[Check]:
    """Changes (the file's are added, ours subtracted), the weights after them, and the gradient."""
    tree, sgd = net.read(), optax.sgd(float(case["lr"]))
    changes = net.learn(tree, batch, **settings).changes
    updates, _ = sgd.update(changes, sgd.init(changes))
    after = optax.apply_updates(tree, net.constrain(tree, updates))
    x, y = net.clamp(batch.inputs), net.wanted(batch.targets)
    gradient = hierarchy.backpropagated(net.hierarchy, tree, x, y)
    for number, layer in enumerate(net.layers, start=1):
        for kind in "Wb":
            yield Check(f"d{kind}_{number}", -changes[f"{layer}.{kind}"], **RELATIVE)
            yield Check(f"{kind}_after_step1_{number}", after[f"{layer}.{kind}"], **RELATIVE)
            yield Check(f"grad_bp_{kind}_{number}", gradient[f"{layer}.{kind}"], **RELATIVE)


def limit(batch: Batch, case: Arrays) -> Iterator[Check]:
    """Relative deviation from the gradient as the variance of the output grows."""

    def deviation(variance: float) -> float:
        net = circuit(case, variance)
        changes = net.learn(net.read(), batch, **CONVERGED).changes
        gradient = np.concatenate([case[f"grad_bp_W_{n}"].ravel() for n in range(1, len(net.layers) + 1)])
        scaled = np.concatenate([variance * np.ravel(changes[f"{layer}.W"]) for layer in net.layers])
        return norm_ratio(scaled - gradient, gradient)

    found = [deviation(variance) for variance in case["output_variance_scan"].tolist()]
    yield Check("relerr_vs_bp_scan", found, atol=1e-9, rtol=1e-7)
