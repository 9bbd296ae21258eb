"""Online rules of Marschall, Cho & Savin on their network, frozen weights (topic ``modprop_onlinerules``)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits import Batch, RateRNN
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.recurrent import StepRule
from biocredit.circuits.recurrent.credit.local_signals import join
from biocredit.circuits.recurrent.rules import STEP_RULES

from tests.conformance.harness import Check

Case = Mapping[str, np.ndarray]


def replay(name: str, case: Case) -> Iterator[Check]:
    """Every rule of the family on the same stretch of time."""
    yield from _deterministic(case)
    yield from _random(case)
    yield from _learned(case)


def _array(case: Case, name: str) -> jnp.ndarray:
    return jnp.asarray(case[name], jnp.float64)


def _run(case: Case, rule: Any, noise: jnp.ndarray | None = None, feedback: str = "symmetric", **memory: Any) -> dict:
    """What every step brought; ``memory`` overrides parts of the rule's initial state."""
    transfer = {"identity": "linear"}.get(str(case["activation"]), str(case["activation"]))
    if noise is not None:
        rule = replace(rule, draw=lambda key, step, states, dtype: noise[step])
    sizes = {"x": int(case["n_in"])}, {"cells": int(case["n_h"])}, {"y": int(case["n_out"])}
    fixed = {"loss": "half_squared_error", "answer": "every", "reduction": "sum", "leak": "after", "bias": True}
    net = RateRNN(*sizes, rule=rule, activation=transfer, feedback=feedback, dtype=jnp.float64, **fixed)
    names = {"W_rec": "W_rec", "W_in": "W_in", "b_rec": "b_rec", "W_out": "W_out", "b_out": "b_out", "feedback": "W_FB"}
    tree = net.read()
    tree |= {ours: _array(case, theirs).T for ours, theirs in names.items() if ours in tree}
    tree |= {"keep": 1 - _array(case, "alpha"), "mask_rec": jnp.ones_like(tree["W_rec"])}
    tree |= {f"rule.{name}": value for name, value in memory.items() if f"rule.{name}" in tree}
    carry = net.begin(tree, 1, start={"rate": _array(case, "a_init")[None]})
    kept = {name: value[None] for name, value in memory.items() if name in carry.rule}
    carry = carry._replace(rule=carry.rule | kept)
    batch = Batch({"x": _array(case, "x")[None]}, {"y": _array(case, "y_target")[None]})

    def step(carry: tuple, now: Any) -> tuple:
        running, tree = carry
        electrode, now = Electrode(), jax.tree.map(lambda value: value[None], now)
        running, found = net.advance(tree, running, now, electrode)
        seen = {
            "rate": electrode.readings["cells.rate", "inference"],
            "output": electrode.readings["output", "inference"],
        }
        rule = jax.tree.map(lambda value: value[0], running.rule)
        learned = {name.removeprefix("rule."): value for name, value in found.tree.items()}
        kept = {"changes": join(found.changes), "memory": {**rule, **learned}}
        kept |= {"dW_out": found.changes["W_out"].T, "db_out": found.changes["b_out"]}
        return (running, tree | found.tree), kept | {name: value[0, 0] for name, value in seen.items()}

    return jax.jit(lambda: jax.lax.scan(step, (carry, tree), net.arrange(batch))[1])()


def _witness() -> StepRule:
    """Make a rule of one's own that changes nothing and keeps what it is told."""

    def start(weights: Any) -> dict:
        states, regressors = weights["incoming"].shape
        blank = jnp.zeros((states, regressors))
        return {"jacobian": jnp.zeros((states, states)), "credit": jnp.zeros(states), "incoming": blank}

    def keep(state: Any, signals: Any) -> tuple:
        told = {"jacobian": signals["jacobian"], "credit": signals["credit"], "incoming": state["incoming"]}
        return told, {"incoming": state["incoming"]}

    return StepRule(name="witness", init=start, update=keep, needs={"jacobian": "nonlocal", "credit": "broadcast"})


def _deterministic(case: Case) -> Iterator[Check]:
    exact, horizon = _run(case, "rtrl"), int(case["fbptt_horizon"])
    witness = _run(case, _witness())["memory"]
    yield Check("grad_rec__rtrl", exact["changes"])
    yield Check("a", exact["rate"])
    yield Check("z_out", exact["output"])
    yield Check("q", witness["credit"])
    yield Check("jacobian_final", witness["jacobian"][-1])
    for name in ("dW_out", "db_out"):
        yield Check(f"{name}_final", exact[name][-1])
    influence = np.asarray(exact["memory"]["D"]["rate"][-1])
    yield Check("rtrl_influence_final", influence.transpose(2, 0, 1).reshape(influence.shape[-1], -1))
    yield Check("grad_rec__rflo", _run(case, "rflo")["changes"])
    yield Check("grad_rec__rflo_fb", _run(case, "rflo", feedback="random")["changes"])
    yield Check("grad_rec__fbptt", _run(case, STEP_RULES["future_bptt"](horizon))["changes"])
    yield Check("grad_rec__ebptt", _run(case, STEP_RULES["efficient_bptt"](horizon))["changes"])


def _random(case: Case) -> Iterator[Check]:
    for name, short in {"uoro": "uoro", "kf_rtrl": "kf", "reverse_kf_rtrl": "rkf"}.items():
        start = {factor: _array(case, f"{short}_{factor}0") for factor in ("A", "B")}
        run = _run(case, STEP_RULES[name](), _array(case, f"{short}_nu"), **start)
        yield Check(f"grad_rec__{name}", run["changes"])
        for series in ("p0", "p1", "A"):
            if f"{short}_{series}" in case:
                yield Check(f"{short}_{series}", run["memory"][series])


def _learned(case: Case) -> Iterator[Check]:
    kicks = _array(case, "kernl_zeta")
    rule = STEP_RULES["kernl"](float(case["kernl_lr"]), float(case["kernl_sigma"]))
    sensitivity, leak = _array(case, "kernl_A0"), _array(case, "kernl_alpha0")
    run = _run(case, rule, kicks[1:], A=sensitivity, leak=leak, kick=kicks[0])
    memory = run["memory"]
    yield Check("grad_rec__kernl", run["changes"])
    yield Check("kernl_A_final", memory["A"][-1])
    yield Check("kernl_alpha_final", memory["leak"][-1])
    yield Check("kernl_Omega", memory["Omega"])
    yield Check("kernl_Gamma", memory["Gamma"])
    start = _array(case, "dni_A0")
    run = _run(case, STEP_RULES["dni"](float(case["dni_lr"])), A=start, frozen=start)
    yield Check("grad_rec__dni", run["changes"])
    yield Check("dni_A_final", run["memory"]["A"][-1])
    yield Check("dni_A_loss", run["memory"]["loss"])
