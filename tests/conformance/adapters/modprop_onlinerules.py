"""Online rules of Marschall, Cho & Savin on their network, frozen weights (topic ``modprop_onlinerules``)."""

from collections.abc import Iterator, Mapping

import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.activations import activation
from biocredit.circuits.recurrent.dynamics import Neuron
from biocredit.circuits.recurrent.leak import LeakAfter
from biocredit.circuits.recurrent.online_family import (
    Moment,
    OnlineRule,
    begin,
    dni,
    drive,
    efficient_bptt,
    future_bptt,
    join,
    kernl,
    kf_rtrl,
    no_chance,
    point_at,
    reverse_kf_rtrl,
    rflo,
    rtrl,
    start,
    uoro,
)

from tests.conformance.harness import Check

Case = Mapping[str, np.ndarray]

FROZEN = optax.set_to_zero()


def replay(name: str, case: Case) -> Iterator[Check]:
    """Every rule of the family on the same stretch of time."""
    yield from _deterministic(case)
    yield from _random(case)
    yield from _learned(case)


def _transfer(case: Case) -> str:
    """Our name of the transfer function."""
    return {"identity": "linear"}.get(str(case["activation"]), str(case["activation"]))


def _array(case: Case, name: str) -> jnp.ndarray:
    return jnp.asarray(case[name], jnp.float64)


def _run(case: Case, rule: OnlineRule, noise: jnp.ndarray | None = None, random_feedback: bool = False, **memory):
    """What every step brought; ``memory`` overrides parts of the rule's initial state."""
    keep, threshold = 1 - _array(case, "alpha"), jnp.zeros(())
    neuron = Neuron(keep, threshold, activation(_transfer(case)), LeakAfter)
    weights = {name: _array(case, name).T for name in ("W_rec", "W_in", "b_rec", "W_out", "b_out")}
    if random_feedback:
        weights["feedback"] = _array(case, "W_FB").T
    point = point_at(neuron, _array(case, "a_init"))
    course = begin(rule, neuron, weights, FROZEN, point, {**start(rule, weights, keep), **memory})
    noise = no_chance(None, int(case["T"]), int(case["n_h"]), jnp.float64) if noise is None else noise
    streams = _array(case, "x"), _array(case, "y_target"), noise
    return drive(rule, neuron, course, streams, FROZEN, keep=_kept)[1]


def _kept(moment: Moment) -> dict:
    changes = join(moment.changes)
    signals = {name: moment.signals[name] for name in ("jacobian", "credit")}
    readout = {"dW_out": moment.changes["W_out"].T, "db_out": moment.changes["b_out"]}
    state = {"rate": moment.point.rate, "output": moment.output, "memory": moment.memory}
    return {"changes": changes, **signals, **readout, **state}


def _deterministic(case: Case) -> Iterator[Check]:
    exact, horizon = _run(case, rtrl()), int(case["fbptt_horizon"])
    yield Check("grad_rec__rtrl", exact["changes"])
    for name, ours in {"a": "rate", "z_out": "output", "q": "credit"}.items():
        yield Check(name, exact[ours])
    for name, ours in {"jacobian": "jacobian", "dW_out": "dW_out", "db_out": "db_out"}.items():
        yield Check(f"{name}_final", exact[ours][-1])
    influence = np.asarray(exact["memory"]["M"][-1])
    yield Check("rtrl_influence_final", influence.transpose(0, 2, 1).reshape(len(influence), -1))
    yield Check("grad_rec__rflo", _run(case, rflo())["changes"])
    yield Check("grad_rec__rflo_fb", _run(case, rflo(), random_feedback=True)["changes"])
    yield Check("grad_rec__fbptt", _run(case, future_bptt(horizon))["changes"])
    yield Check("grad_rec__ebptt", _run(case, efficient_bptt(horizon))["changes"])


def _random(case: Case) -> Iterator[Check]:
    rules = {"uoro": ("uoro", uoro()), "kf_rtrl": ("kf", kf_rtrl()), "reverse_kf_rtrl": ("rkf", reverse_kf_rtrl())}
    for name, (short, rule) in rules.items():
        start = {factor: _array(case, f"{short}_{factor}0") for factor in ("A", "B")}
        run = _run(case, rule, _array(case, f"{short}_nu"), **start)
        yield Check(f"grad_rec__{name}", run["changes"])
        for series in ("p0", "p1", "A"):
            if f"{short}_{series}" in case:
                yield Check(f"{short}_{series}", run["memory"][series])


def _learned(case: Case) -> Iterator[Check]:
    kicks = _array(case, "kernl_zeta")
    rule = kernl(float(case["kernl_lr"]), float(case["kernl_sigma"]))
    sensitivity, leak = _array(case, "kernl_A0"), _array(case, "kernl_alpha0")
    run = _run(case, rule, kicks[1:], A=sensitivity, leak=leak, kick=kicks[0])
    memory = run["memory"]
    yield Check("grad_rec__kernl", run["changes"])
    yield Check("kernl_A_final", memory["A"][-1])
    yield Check("kernl_alpha_final", memory["leak"][-1])
    yield Check("kernl_Omega", memory["Omega"])
    yield Check("kernl_Gamma", memory["Gamma"])
    start = _array(case, "dni_A0")
    run = _run(case, dni(float(case["dni_lr"])), A=start, frozen=start)
    yield Check("grad_rec__dni", run["changes"])
    yield Check("dni_A_final", run["memory"]["A"][-1])
    yield Check("dni_A_loss", run["memory"]["loss"])
