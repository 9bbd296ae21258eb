"""Phaseless alignment learning: rate level and dendritic microcircuit, with the noise of the files."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.microcircuit import dendritic_dynamics as dendritic
from biocredit.circuits.microcircuit import rate_level_dynamics as rate_level

from tests.conformance.dual_streams import Arrays
from tests.conformance.harness import Check

OUTPUT_ERRORS = {
    "rate": {"compared": "rate"},
    "mse": {"compared": "lookahead"},
    "softmax": {"compared": "lookahead", "loss": "cross_entropy"},
}
TRANSFERS = {"logistic": "sigmoid", "soft_relu": "softplus"}


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Dispatch on the version."""
    yield from (microcircuit if "microcircuit" in name else rate)(case)


def column(case: Arrays, name: str) -> tuple[float, ...]:
    """One number a layer."""
    return tuple(case[name].tolist())


def numbered(case: Arrays, pattern: str, count: int) -> tuple[jax.Array, ...]:
    """Arrays of layers 1 to ``count``."""
    return tuple(jnp.asarray(case[pattern.format(n)]) for n in range(1, count + 1))


def rate(case: Arrays) -> Iterator[Check]:
    """All steps, then weights and activity."""
    constants, depth, trials = rate_constants(case), len(case["activations"]), int(case["batch_size"])
    initial = [numbered(case, pattern, depth) for pattern in ("W{}_init", "b{}_init", "B{}_init")]
    traces = [tuple(jnp.zeros_like(value) for value in values) for values in initial[:2]]
    weights = [rate_level.Weights(*one) for one in zip(*initial, *traces, strict=True)]
    layers = rate_level.silent(tuple(case["sizes"][1:].tolist()), trials, jnp.float64)
    shown = case["pattern_of_step"]
    given = (jnp.asarray(case["inputs"][shown]), jnp.asarray(case["targets"][shown]), numbered(case, "xi{}", depth))

    def step(carry: tuple, now: tuple) -> tuple[tuple, tuple]:
        weights, layers, clock = carry
        x, y, noise = now
        weights, layers = rate_level.step(constants, weights, layers, clock, x, y, list(noise))
        return (weights, layers, clock + 1), (layers[-1].rate, layers[-1].error)

    (weights, layers, _), (rates, errors) = jax.lax.scan(step, (weights, layers, jnp.zeros(trials)), given)
    yield Check("output_rate", rates)
    yield Check("output_error", errors)
    for n, (weight, layer) in enumerate(zip(weights, layers, strict=True), start=1):
        yield from (Check(f"{kind}{n}_final", getattr(weight, kind)) for kind in "WbB")
        signals = {"u": layer.voltage, "rate": layer.rate, "rate_hp": layer.highpass, "err": layer.error}
        yield from (Check(f"{name}{n}_final", value) for name, value in signals.items())


def rate_constants(case: Arrays) -> rate_level.Constants:
    """Constants by our names; learning rates are given as a base and factors."""
    base = float(case["lr"])
    return rate_level.Constants(
        activations=tuple(TRANSFERS.get(name, name) for name in case["activations"].tolist()),
        learning_rate=tuple(base * factor for factor in column(case, "lr_factors")),
        feedback_learning_rate=tuple(base * factor for factor in column(case, "bw_lr_factors")),
        decay=column(case, "alpha"),
        sigma=column(case, "sigma"),
        tau_noise=column(case, "tau_xi"),
        tau_highpass=column(case, "tau_HP"),
        tau_lowpass=column(case, "tau_LO"),
        dt=float(case["dt"]),
        tau=float(case["tau"]),
        beta=float(case["beta"]),
        **OUTPUT_ERRORS[str(case["target_type"])],
    )


def microcircuit(case: Arrays) -> Iterator[Check]:
    """Settle, then learn; compare the state after each."""
    constants, depth = dendritic_constants(case), len(case["layers"]) - 1
    weights, state = dendritic_start(case, constants, depth)
    settled = int(case["n_settle"])
    inputs, targets = jnp.asarray(case["input_rate"])[:, None], jnp.asarray(case["target_voltage"])[:, None]
    noise = tuple(values[:, None] for values in numbered(case, "xi{}", depth - 1))

    def settle(state: Any, x: jax.Array) -> tuple[Any, jax.Array]:
        state = dendritic.settle(constants, weights, state, x)
        return state, state.lookahead[-1][0]

    def step(carry: tuple, now: tuple) -> tuple[tuple, jax.Array]:
        carry = dendritic.step(constants, *carry, *now)
        return carry, carry[1].lookahead[-1][0]

    state, before = jax.lax.scan(settle, state, inputs[:settled])
    yield from dendritic_checks(weights, state, "settled")
    (weights, state), after = jax.lax.scan(step, (weights, state), (inputs[settled:], targets[settled:], noise))
    yield from dendritic_checks(weights, state, "final")
    yield Check("output_lookahead", np.concatenate([before, after]))


VOLTAGES = {"uP": "voltage", "uP_old": "previous", "rP": "rate", "rP_hp": "highpass"}
INTER = {"uI": "inter_voltage", "uI_old": "inter_previous"}
WEIGHTS = {"WPP": "up", "BPP": "down", "WIP": "to_inter", "BPI": "from_inter"}


def dendritic_start(case: Arrays, constants: dendritic.Constants, depth: int) -> tuple[Any, Any]:
    """Weights and state of the file; what it does not hold is zero."""
    state = dendritic.at_rest(constants, tuple(case["layers"].tolist()), 1, jnp.float64)
    known = {ours: numbered(case, theirs + "{}_init", depth) for theirs, ours in VOLTAGES.items()}
    known |= {ours: numbered(case, theirs + "{}_init", depth - 1) for theirs, ours in INTER.items()}
    state = state._replace(**{name: tuple(value[None] for value in values) for name, values in known.items()})
    load = partial(numbered, case)
    up, others = load("WPP{}_init", depth), [load(name + "{}_init", depth - 1) for name in list(WEIGHTS)[1:]]
    return dendritic.Weights(up, *others, tuple(jnp.zeros_like(value) for value in up)), state


def dendritic_checks(weights: Any, state: Any, when: str) -> Iterator[Check]:
    """All voltages, rates and weights."""
    for theirs, ours in (VOLTAGES | INTER).items():
        yield from (Check(f"{theirs}{n}_{when}", value[0]) for n, value in enumerate(getattr(state, ours), start=1))
    for theirs, ours in WEIGHTS.items():
        yield from (Check(f"{theirs}{n}_{when}", value) for n, value in enumerate(getattr(weights, ours), start=1))


def dendritic_constants(case: Arrays) -> dendritic.Constants:
    """Constants by our names."""
    tuples = {name: column(case, key) for name, key in TUPLES.items()}
    numbers = {name: float(case[key]) for name, key in NUMBERS.items()}
    return dendritic.Constants(
        activation=TRANSFERS.get(str(case["activation"]), str(case["activation"])), **tuples, **numbers
    )


TUPLES = {
    "learning_rate": "eta_fw",
    "feedback_learning_rate": "eta_bw",
    "interneuron_learning_rate": "eta_IP",
    "cancel_learning_rate": "eta_PI",
    "decay": "alpha",
    "sigma": "noise_scale",
}
NUMBERS = {
    "dt": "dt",
    "tau_noise": "tauxi",
    "tau_highpass": "tauHP",
    "tau_lowpass": "tauLO",
    "leak": "gl",
    "basal": "gbas",
    "apical": "gapi",
    "dendritic": "gden",
    "nudge_interneuron": "gnI",
    "nudge_output": "gntgt",
}
