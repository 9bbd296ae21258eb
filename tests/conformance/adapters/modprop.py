"""Temporal credit rules in rate networks with cell types (topic ``modprop``, except the online rules of others)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.analysis.metrics.alignment import angle_to_either_sign
from biocredit.circuits import Batch, RateRNN
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.recurrent import cell_types, wiring
from biocredit.circuits.recurrent.credit.influence import reach
from biocredit.circuits.recurrent.deep_rewiring import deep_rewiring, effective, tf1_adam
from biocredit.protocols.tasks.temporal import xor_label, xor_stimulus

from tests.conformance.harness import Check

Case = Mapping[str, np.ndarray]

#: Name of a loss in the files: our loss, mean over trials, decision at the last step.
LOSS_NAMES = {
    "ce_last": ("cross_entropy", True, True),
    "ce_all": ("cross_entropy", True, False),
    "mse_sum": ("half_squared_error", False, False),
}
WEIGHTS = ("W_in", "W_rec", "W_out", "b_out")


def replay(name: str, case: Case) -> Iterator[Check]:
    """Replay a case by its kind."""
    kinds: dict[str, Callable[[Case], Iterator[Check]]] = {
        "rules": _rules,
        "tf_rules": _program,
        "tf_signs": _program,
        "online": _online,
        "signed_init": _signed_init,
        "xor_stimulus": _xor,
    }
    yield from kinds[str(case["case_kind"])](case)


def close(name: str, value: Any, rtol: float = 1e-9) -> Check:
    """Compare relative to the largest entry of the reference."""
    return Check(name, value, atol=1e-14, rtol=rtol, relative_to="largest")


# -- a case as a network, its weights, its trials --------------------------------------------------------------


def build(case: Case, rule: str, **settings: Any) -> RateRNN:
    """The circuit of a case with one rule; ``<rule>_S`` has taps, ``<rule>_last_S`` is truncated."""
    loss, mean, last = LOSS_NAMES[str(case["loss"])] if "loss" in case else LOSS_NAMES["mse_sum"]
    if rule.endswith("_last_S"):
        rule, settings = rule.removesuffix("_last_S"), {"truncation": int(case["S_last"])}
    elif rule.endswith("_S"):
        rule, settings = rule.removesuffix("_S"), {"taps": int(case["S"])}
    types = {f"type{k}": int(count) for k, count in enumerate(np.bincount(case["type_id"]))}
    fixed = {"loss": loss, "reduction": "mean" if mean else "sum", "answer": "last" if last else "every", "mu": 0.0}
    ports = {"x": case["W_in"].shape[0]}, types, {"y": case["W_out"].shape[1]}
    return RateRNN(*ports, rule=rule, dtype=jnp.float64, **fixed, **settings)


def tree_of(case: Case, rule: str) -> dict[str, jax.Array]:
    """Weights and constants of a case."""
    names = {"keep": "eta", "threshold": "thr", "mu": "mu", "mask_rec": "conn_mask"}
    names |= {"feedback": "B_fb", "type_weights": "W_ab_fixed", **{name: name for name in WEIGHTS}}
    tree = build(case, rule).read()
    given = {ours: case[theirs] for ours, theirs in names.items() if ours in tree and theirs in case}
    return tree | {name: jnp.asarray(value, jnp.float64) for name, value in given.items()}


def batch_of(case: Case) -> Batch:
    """Trials of a case."""
    return Batch({"x": jnp.asarray(case["x"])}, {"y": jnp.asarray(case["target"])})


def trial_first(values: jax.Array) -> jax.Array:
    """Put the trial before the time."""
    return values.swapaxes(0, 1)


# -- what every case has in common -----------------------------------------------------------------------------


def _activity(case: Case) -> Iterator[Check]:
    """States, rates, learning signals and traces."""
    net, tree, batch, electrode = (
        build(case, "three_factor"),
        tree_of(case, "three_factor"),
        batch_of(case),
        Electrode(),
    )
    outcome = net.learn(tree, batch, None, electrode)
    seen = {name: value for (name, _), value in electrode.readings.items()}
    yield close("loss_value", outcome.metrics["loss"])
    for ours, theirs in (("state", "s"), ("rate", "z"), ("gain", "h")):
        yield close(theirs, trial_first(seen[f"cells.{ours}"]))
    yield close("y", trial_first(seen["output"]))
    yield close("L", trial_first(seen["cells.learning_signal"]))
    yield close("secretion", trial_first(seen["cells.secretion"]))
    cells, vector = len(case["W_rec"]), running(case, "three_factor")[1]["traces"].vector["state"][..., 0]
    yield close("eps_rec", trial_first(vector[..., :cells]))
    yield close("eps_in", trial_first(vector[..., cells:-1]))
    yield close("W_ab", cell_types.type_means(tree["W_rec"], one_hot(case)))
    if "error" in case:
        yield close("error", trial_first(seen["error"]))


def one_hot(case: Case) -> jax.Array:
    """Membership of cells in types."""
    return jnp.asarray(cell_types.one_hot(case["type_id"], int(case["type_id"].max()) + 1))


def running(case: Case, rule: str) -> Any:
    """Memory of a rule before and after each step of running time, stacked."""
    net, tree, batch = build(case, rule), tree_of(case, rule), batch_of(case)

    def step(carry: Any, now: Any) -> Any:
        after, _ = net.advance(tree, carry, jax.tree.map(lambda value: value[None], now))
        return after, (carry.rule, after.rule)

    return jax.jit(lambda: jax.lax.scan(step, net.begin(tree, len(batch.inputs["x"])), net.arrange(batch))[1])()


def gradient(case: Case, rule: str) -> dict[str, jax.Array]:
    """Changes by weight name."""
    return build(case, rule).learn(tree_of(case, rule), batch_of(case)).changes


def mean_gain(case: Case) -> jax.Array:
    """Mean over the trial of the gain of each cell."""
    net, electrode = build(case, "nspec"), Electrode()
    net.learn(tree_of(case, "nspec"), batch_of(case), None, electrode)
    return electrode.readings["cells.gain", "inference"].mean(0)


def tested_rules(case: Case) -> list[str]:
    """Rules whose gradients a case holds."""
    return [name.removeprefix("dW_rec__") for name in case if name.startswith("dW_rec__")]


# -- B: rules -------------------------------------------------------------------------------------------------


def _rules(case: Case) -> Iterator[Check]:
    yield from _activity(case)
    changes = {rule: gradient(case, rule) for rule in tested_rules(case)}
    for rule, found in changes.items():
        yield close(f"dW_in__{rule}", found["W_in"])
        yield close(f"dW_rec__{rule}", found["W_rec"])
    yield close("dW_out", changes["bptt"]["W_out"])
    yield close("db_out", changes["bptt"]["b_out"])
    for key, weight in (("alignment_deg_rec", "W_rec"), ("alignment_deg_in", "W_in")):
        found = [changes[rule][weight] for rule in case["alignment_rules"].tolist()]
        yield Check(key, [angle_to_either_sign(values, changes["bptt"][weight]) for values in found], atol=1e-5)
    yield from _influences(case)
    yield from _modulators(case)
    yield from _snapshots(case)
    yield from _optimised(case)


def _influences(case: Case) -> Iterator[Check]:
    influence = running(case, "rtrl")[1]["D"]["state"][-1, 0].transpose(2, 0, 1)
    cells = len(case["W_rec"])
    yield close("rtrl_influence_final_rec", influence[:, :cells])
    yield close("rtrl_influence_final_in", influence[:, cells:-1])
    yield close("snap2_pattern", reach(tree_of(case, "rtrl")["W_rec"], 1))


def _modulators(case: Case) -> Iterator[Check]:
    net, tree, electrode = build(case, "modprop_wab"), tree_of(case, "modprop_wab"), Electrode()
    net.learn(tree, batch_of(case), None, electrode)
    links = net.network.links(tree, "none")
    taps = links.taps(int(case["S"]))
    concentration = trial_first(electrode.readings["modulator", "learning"])
    yield close("K_mix", links.mix)
    yield close("F_taps", taps)
    yield close("modulator_conc", concentration)
    yield close("receptor_signal", cell_types.receptor_signal(concentration[0, case["snapshot_times"]], taps))
    yield close("hbar", mean_gain(case))


def _snapshots(case: Case) -> Iterator[Check]:
    before, after = running(case, "modprop_wab")
    times, cells = case["snapshot_times"], len(case["W_rec"])
    traces = jax.tree.map(lambda value: value[times, 0], after["traces"])
    for name, values in (("G", before["G"]["state"][times, 0]), ("elig", traces.trace)):
        yield close(f"{name}_rec_snapshots", values[..., :cells, :])
        yield close(f"{name}_in_snapshots", values[..., cells:-1, :])


def _optimised(case: Case) -> Iterator[Check]:
    steps = sorted({int(name.rpartition("step")[2]) for name in case if "__step" in name})
    rules = {name.split("__")[1] for name in case if "__step" in name}
    for rule in sorted(rules):
        for count, weights, _, _ in train(case, rule, tf1_adam(float(case["lr"])), max(steps)):
            if count in steps:
                for name in WEIGHTS:
                    yield close(f"{name}__{rule}__step{count}", weights[name], rtol=1e-8)


def train(case: Case, rule: str, optimizer: optax.GradientTransformation, steps: int) -> Iterator[tuple]:
    """Update on the same batch; yield count, stored weights, optimiser state, loss after the update."""
    net, tree, batch = build(case, rule), tree_of(case, rule), batch_of(case)
    weights = {name: jnp.asarray(value) for name, value in stored(case).items()}
    state = optimizer.init(weights)

    masks = {"W_rec": tree["mask_rec"]}

    @jax.jit
    def gradient(acting: Any) -> tuple:
        outcome = net.learn(tree | acting, batch)
        return {name: outcome.changes[name] for name in WEIGHTS}, outcome.metrics["loss"]

    acting = {name: tree[name] for name in WEIGHTS}
    for count in range(1, steps + 1):
        updates, state = optimizer.update(gradient(acting)[0], state, weights)
        weights = optax.apply_updates(weights, updates)
        acting = effective(weights, getattr(state, "signs", {}), masks)
        yield count, weights, acting, gradient(acting)[1]


def stored(case: Case) -> dict[str, np.ndarray]:
    """Weights as the optimiser sees them: signed magnitudes, entries without a synapse included."""
    weights = {name: case[name] for name in WEIGHTS}
    if "W_rec_theta" in case:
        weights["W_rec"] = case["W_rec_theta"] * case["neuron_sign"][:, None]
    return weights


# -- A: the authors' program ----------------------------------------------------------------------------------


def _program(case: Case) -> Iterator[Check]:
    yield from _activity(case)
    for rule in tested_rules(case):
        found = gradient(case, rule)
        for name in WEIGHTS:
            yield close(f"d{name}__{rule}", found[name])
        if f"W_rec__{rule}__last" in case:
            yield from _trained(case, rule)
    if "hbar" in case:
        yield close("hbar", mean_gain(case))


def _trained(case: Case, rule: str) -> Iterator[Check]:
    signed = ("W_in",) if case["W_in_sign"].any() else ()
    optimizer = deep_rewiring(
        float(case["lr"]),
        constrained=("W_rec", "W_out", *signed),
        l1=float(case["l1"]),
        l2=float(case["l2"]),
        connectivity=float(case["rewire_p"]),
        masks={"W_rec": tree_of(case, rule)["mask_rec"]},
    )
    last = int(case["n_steps"])
    for count, weights, acting, loss in train(case, rule, optimizer, last):
        for mark in [mark for mark, at in (("step1", 1), ("last", last)) if at == count]:
            yield close(f"loss__{rule}__{mark}", loss)
            for name in WEIGHTS:
                yield close(f"{name}__{rule}__{mark}", acting[name], rtol=1e-8)
            sign = case["neuron_sign"][:, None]
            yield close(f"theta_rec__{rule}__{mark}", sign * weights["W_rec"], rtol=1e-8)
            yield close(f"theta_out__{rule}__{mark}", sign * weights["W_out"], rtol=1e-8)


# -- C: online ------------------------------------------------------------------------------------------------


def _online(case: Case) -> Iterator[Check]:
    kinds = {name.removeprefix("y__") for name in case if name.startswith("y__")}
    for kind in sorted(kinds):
        rule, _, schedule = kind.partition("__")
        block = 1 if schedule == "every_step" else int(case["update_block"])
        yield from _ran(case, rule, kind, block)


def _ran(case: Case, rule: str, kind: str, block: int) -> Iterator[Check]:
    net, tree = build(case, rule), tree_of(case, rule)
    inputs, target = (jnp.asarray(case[name])[:, None] for name in ("x", "target"))
    optimizer = tf1_adam(float(case["lr"]))
    state, carry = optimizer.init({name: tree[name] for name in WEIGHTS}), net.begin(tree, 1)
    outputs, starts = [], range(0, len(inputs), block)

    @jax.jit
    def advance(tree: Any, carry: Any, *stretch: jax.Array) -> Any:
        electrode = Electrode(lambda name, phase: name == "output")
        carry, found = net.advance(tree, carry, stretch, electrode)
        return carry, found, electrode.readings["output", "inference"]

    for start in starts:
        stretch = slice(start, start + block)
        ones = jnp.ones_like(inputs[stretch, :, 0])
        carry, found, output = advance(tree, carry, inputs[stretch], target[stretch], ones)
        changes = {name: found.changes[name] for name in WEIGHTS}
        updates, state = optimizer.update(changes, state)
        tree |= optax.apply_updates({name: tree[name] for name in WEIGHTS}, updates)
        outputs.append(output[:, 0])
    for name in WEIGHTS:
        yield close(f"{name}_final__{kind}", tree[name], rtol=1e-8)
    yield close(f"y__{kind}", jnp.concatenate(outputs), rtol=1e-8)
    yield close(f"s_final__{kind}", carry.running.state["state"][0], rtol=1e-8)
    yield Check(f"n_updates__{kind}", len(starts), atol=0)
    if f"G_rec_final__{kind}" in case:
        yield close(f"G_rec_final__{kind}", carry.rule["G"]["state"][0, :, : len(tree["W_rec"])], rtol=1e-8)


# -- E, F: initial weights and stimuli ------------------------------------------------------------------------


def _signed_init(case: Case) -> Iterator[Check]:
    magnitude, weight = wiring.signed_dense(case["abs_normal"], case["neuron_sign"])
    yield close("theta_balanced", magnitude)
    yield close("W_square", weight)
    yield close("W_rec", wiring.cut(weight, wiring.no_self(len(weight))))
    yield close("W_out_from_same_draw", wiring.cut(weight, np.ones((len(weight), int(case["n_out"])))))


def _xor(case: Case) -> Iterator[Check]:
    shape = {name: float(case[name]) for name in ("amplitude", "baseline", "bump_sd")}
    stimulus = xor_stimulus(jnp.asarray(case["cues"]), int(case["cue_steps"]), int(case["delay_steps"]), **shape)
    yield close("x_noise_free", stimulus)
    yield Check("labels", xor_label(jnp.asarray(case["cues"])), atol=0)
