"""Equilibrium propagation, in the energy form (Scellier and Bengio) and in the discrete form (Laborieux)."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.analysis.metrics.alignment import norm_ratio
from biocredit.circuits.core.circuit import Batch, Outcome
from biocredit.circuits.energy_based import contrastive_hebbian as contrast
from biocredit.circuits.energy_based import equilibrium_dynamics as equilibrium
from biocredit.circuits.energy_based.equilibrium_dynamics import EnergyDescent, FixedPointIteration
from biocredit.circuits.energy_based.equilibrium_propagation import EquilibriumPropagation

from tests.conformance.harness import Check

Arrays = Mapping[str, np.ndarray]

RELATIVE = {"atol": 1e-13, "rtol": 1e-9, "relative_to": "largest"}
FINITE_DIFFERENCES = {"atol": 1e-9, "rtol": 1e-6, "relative_to": "largest"}
#: Steps after which the cases' parameter scans count as converged (said by the specification, not by the files).
CONVERGED = 4000

FIRING = {
    "tanh": "tanh",
    "mysig": "steep_sigmoid",
    "logistic4": "steep_sigmoid",
    "hard_sigmoid": "hard_sigmoid",
    "hard_clip": "hard_sigmoid",
    "my_hard_sig": "half_hard_sigmoid",
    "ctrd_hard_sig": "centred_hard_sigmoid",
}
ESTIMATES = {
    "onesided_plus": ("one_sided", 1),
    "onesided_minus": ("one_sided", -1),
    "symmetric": ("symmetric", 1),
}


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Relax, nudge, compare states and gradient estimates."""
    net, batch = circuit(case), Batch({"x": jnp.asarray(case["x"])}, {"y": jnp.asarray(case["labels"])})
    yield from phases(net, batch, case)
    for label, (estimator, sign) in ESTIMATES.items():
        if f"grad_{label}_W_1" in case:
            outcome = learn(net, batch, case, estimator, sign * float(case["beta"]))
            yield from layers(net, outcome.changes, f"grad_{label}_{{}}_{{}}", **RELATIVE)
            yield from weights_after(net, outcome, label.partition("_")[0], case)
    loss = next(key for key in ("loss_free_mean", "cost_free_mean") if key in case)
    still = next(key for key in ("free_phase_residual", "free_residual") if key in case)
    yield Check(loss, outcome.metrics["loss"], **RELATIVE)
    yield Check(still, outcome.metrics["residual"], atol=1e-12, rtol=1e-2)
    yield from comparisons(net, batch, case)


def circuit(case: Arrays) -> EquilibriumPropagation:
    """Build the circuit of a case, with its weights."""
    first, *hidden, last = map(int, case["layer_sizes"])
    rates = case["learning_rates"].tolist() if "learning_rates" in case else None
    task = SimpleNamespace(inputs={"x": first}, readouts={"y": last})
    net = EquilibriumPropagation.chain(task, hidden, **form(case), factors=rates, dtype=jnp.float64)
    numbers = range(1, len(net.layers) + 1)
    net.write({f"layer{n}.{kind}": case[f"{kind}_init_{n}"] for n in numbers for kind in "Wb"})
    return net


def form(case: Arrays) -> dict[str, Any]:
    """Dynamics and loss by our names."""
    if "activation" in case:
        firing, entropy = FIRING[str(case["activation"])], str(case["loss"]) == "cel"
        dynamics = FixedPointIteration(firing, readout_activation="linear" if entropy else firing)
        return {"dynamics": dynamics, "loss": "cross_entropy" if entropy else "half_squared_error"}
    bounds = (0.0, 1.0) if case["state_clipped_to_unit_interval"] else (-np.inf, np.inf)
    dynamics = EnergyDescent(FIRING[str(case["rho"])], float(case["step_size"]), bounds)
    return {"dynamics": dynamics, "loss": "half_squared_error" if case["cost_has_half_factor"] else "squared_error"}


def phases(net: EquilibriumPropagation, batch: Batch, case: Arrays) -> Iterator[Check]:
    """States at the end of the free phase and of both nudged phases."""
    tree, x = net.read(), net.clamp(batch.inputs)
    start = equilibrium.at_rest(net.network, x)
    free, _ = equilibrium.relax(net.network, tree, x, start, steps=int(case["T_free"]))
    nudged = settle(net, batch, free, "symmetric", float(case["beta"]), int(case["T_nudged"]))
    for phase, states in {"free": free, "minus": nudged.below, "plus": nudged.above}.items():
        for number, state in enumerate(states, start=1):
            yield Check(f"s_{phase}_{number}", state, **RELATIVE)


def settle(
    net: EquilibriumPropagation, batch: Batch, free: tuple, estimator: str, beta: float, steps: int
) -> contrast.Nudged:
    """Nudge from the free state."""
    x, target = net.clamp(batch.inputs), net.wanted(batch.targets)
    options = {"estimator": estimator, "beta": beta, "steps": steps, "key": jax.random.key(0)}
    return contrast.nudge(net.network, net.read(), x, target, free, **options)


def learn(net: EquilibriumPropagation, batch: Batch, case: Arrays, estimator: str, beta: float) -> Outcome:
    """All phases through the circuit itself."""
    iterations = (int(case["T_free"]), int(case["T_nudged"]))
    settings = {"iterations": iterations, "beta": beta, "estimator": estimator}
    return net.learn(net.read(), batch, jax.random.key(0), **settings)


def layers(net: EquilibriumPropagation, found: Mapping[str, Any], pattern: str, **tolerance: Any) -> Iterator[Check]:
    """Check arrays of all weights; the pattern takes the kind and the number of the layer."""
    for number, layer in enumerate(net.layers, start=1):
        for kind in "Wb":
            yield Check(pattern.format(kind, number), found[f"{layer}.{kind}"], **tolerance)


def weights_after(net: EquilibriumPropagation, outcome: Outcome, label: str, case: Arrays) -> Iterator[Check]:
    """Weights after one plain gradient step; rates by layer are the circuit's factors."""
    if f"W_after_{label}_step_1" not in case:
        return
    tree, sgd = net.read(), optax.sgd(float(case["lr"]) if "lr" in case else 1.0)
    updates, _ = sgd.update(outcome.changes, sgd.init(outcome.changes))
    after = optax.apply_updates(tree, net.constrain(tree, updates))
    yield from layers(net, after, f"{{}}_after_{label}_step_{{}}", **RELATIVE)


def comparisons(net: EquilibriumPropagation, batch: Batch, case: Arrays) -> Iterator[Check]:
    """Gradients by back-propagation or finite differences, and the error of the estimators against them."""
    tree, x, target = net.read(), net.clamp(batch.inputs), net.wanted(batch.targets)
    rest = equilibrium.at_rest(net.network, x)
    if "grad_bptt_truncated_W_1" in case:
        free, _ = equilibrium.relax(net.network, tree, x, rest, steps=int(case["T_free"]))
        steps = int(case["T_nudged"])
        gradient = contrast.backpropagated(net.network, tree, x, target, free, steps)
        yield from layers(net, gradient, "grad_bptt_truncated_{}_{}", **RELATIVE)
    if "grad_fd_W_1" in case:
        gradient = contrast.backpropagated(net.network, tree, x, target, rest, CONVERGED)
        for number, layer in enumerate(net.layers, start=1):
            yield Check(f"grad_fd_W_{number}", gradient[f"{layer}.W"], **FINITE_DIFFERENCES)
        yield from scan(net, batch, case)


def scan(net: EquilibriumPropagation, batch: Batch, case: Arrays) -> Iterator[Check]:
    """Relative error of both estimators for several strengths of nudging."""
    tree, x = net.read(), net.clamp(batch.inputs)
    reference = np.concatenate([case[f"grad_fd_W_{n}"].ravel() for n in range(1, len(net.layers) + 1)])
    rest = equilibrium.at_rest(net.network, x)
    free, _ = equilibrium.relax(net.network, tree, x, rest, steps=CONVERGED)

    def deviation(estimator: str, beta: float) -> float:
        nudged = settle(net, batch, free, estimator, beta, CONVERGED)
        changes = contrast.changes(net.network, tree, x, nudged)
        estimate = np.concatenate([np.ravel(changes[f"{layer}.W"]) for layer in net.layers])
        return norm_ratio(estimate - reference, reference)

    for label, estimator in {"onesided": "one_sided", "symmetric": "symmetric"}.items():
        found = [deviation(estimator, beta) for beta in case["betas_scan"].tolist()]
        yield Check(f"relerr_{label}_scan", found, atol=1e-8, rtol=1e-6)
