"""Spiking networks and their temporal credit rules (topic ``spiking``): names and layouts only."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.analysis.metrics.alignment import angle_to_either_sign
from biocredit.circuits import ALIF, LIF, Batch, FiringRate, SpikingRNN
from biocredit.circuits.core.initializers import spectral_radius
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.recurrent import cell_types, deep_rewiring, tf1_adam, wiring
from biocredit.circuits.recurrent.deep_rewiring import effective
from biocredit.protocols.tasks.cognitive.evidence import cue_rates
from biocredit.protocols.tasks.spikes import whole_cycles

from tests.conformance.harness import Check

Case = Mapping[str, np.ndarray]

WEIGHTS = ("W_in", "W_rec", "W_out", "b_out")
LOSSES = {"mse_sum": ("half_squared_error", "sum", "every"), "ce_last": ("cross_entropy", "mean", "last")}
#: Our name of a constant of the files.
CONSTANTS = {
    "alpha": "alpha",
    "rho": "rho",
    "threshold": "theta",
    "reset": "theta",
    "dampening": "gamma",
    "current_gain": "current_gain",
    "adaptation_gain": "adaptation_gain",
    "dead_steps": "dead_steps",
    "readout_keep": "kappa",
    "readout_gain": "readout_gain",
    "mu": "mu",
}
#: Our rule, and our weights of the learning signal, for each rule of the files.
RULES = {
    "eprop_symmetric": ("eprop", "symmetric"),
    "eprop_random": ("eprop", "random"),
    "eprop_adaptive": ("eprop", "adaptive"),
    "reg_eprop": ("eprop", "random"),
    "reg_online_eprop": ("eprop", "random"),
}
#: The same for files of our own and of MDGL, whose eligibility traces keep the reset unless they say otherwise.
LOCAL_RULES = {
    "eprop": ("three_factor", "symmetric"),
    "eprop_cut": ("eprop", "symmetric"),
    "eprop_random": ("three_factor", "random"),
    "eprop_random_cut": ("eprop", "random"),
    "rflo": ("rflo", "random"),
}


def replay(name: str, case: Case) -> Iterator[Check]:
    """Replay a case by its kind."""
    kinds: dict[str, Callable[[Case], Iterator[Check]]] = {
        "eprop_lif": _program,
        "eprop_alif": _program,
        "eprop_adaptive": _adaptive,
        "factorization": _factorization,
        "alif_light": _light,
        "mdgl": _mdgl,
        "spiking_rules": _rules,
        "sparse_signed_init": _sparse,
        "spiking_tasks": _tasks,
    }
    yield from kinds[str(case["case_kind"])](case)


def close(name: str, value: Any, rtol: float = 1e-9) -> Check:
    """Compare relative to the largest entry of the reference."""
    return Check(name, value, atol=1e-13, rtol=rtol, relative_to="largest")


@dataclass(frozen=True)
class Constant(ALIF):
    """A cell whose pseudo-derivative is one number at all times."""

    gain: float = 0.0

    def advance(self, constants: Any, state: Any, own: Any, current: Any, emit: Any) -> Any:
        """As the cell it is, but for the pseudo-derivative."""
        new, emission = super().advance(constants, state, own, current, emit)
        return new, emission._replace(gain=jnp.full_like(emission.gain, self.gain))


# -- a case as a circuit, its weights, its trials ----------------------------------------------------------------


def network(case: Case, rule: str, table: Mapping = RULES, **settings: Any) -> SpikingRNN:
    """The circuit of a case with one rule; ``<rule>_S`` has taps."""
    ours, feedback = table.get(rule, (rule, "symmetric"))
    if ours.endswith("_S"):
        ours, settings = ours.removesuffix("_S"), {"taps": int(case["S"]), **settings}
    counts = np.bincount(case["type_id"]) if "type_id" in case else [int(case["n_rec"])]
    if str(case["loss"]) == "ce_window":
        loss, reduction, answer = "cross_entropy", "mean", int(case["window"])
    else:
        loss, reduction, answer = LOSSES[str(case["loss"])]
    filters = {} if float(case["hp_kappa"]) else {"tau_out": None}
    fixed = {"cells": ALIF() if "beta" in case else LIF(), "feedback": feedback, "dtype": jnp.float64, **filters}
    fixed |= {"loss": loss, "reduction": reduction, "answer": answer, "mu": 0.0}
    types = {f"type{k}": int(count) for k, count in enumerate(counts)}
    ports = {"x": int(case["n_in"])}, types, {"y": int(case["n_out"])}
    return SpikingRNN(*ports, rule=ours, **{**fixed, **settings})


def tree_of(net: SpikingRNN, case: Case, **others: Any) -> dict[str, jax.Array]:
    """Weights and constants of a case."""
    given = {name: case[name] for name in WEIGHTS if name in case}
    given |= {ours: case[f"hp_{theirs}"] for ours, theirs in CONSTANTS.items() if f"hp_{theirs}" in case}
    named = {"mask_rec": "conn_mask", "feedback": "B_fb", "type_weights": "W_ab_fixed", "beta": "beta"}
    given |= {ours: case[theirs] for ours, theirs in named.items() if theirs in case}
    tree = net.read()
    given = {**given, **others}
    return tree | {name: jnp.asarray(value, jnp.float64) for name, value in given.items() if name in tree}


def batch_of(case: Case) -> Batch:
    """Trials of a case."""
    return Batch({"x": jnp.asarray(case["x"])}, {"y": jnp.asarray(case["target"])})


def trial_first(values: jax.Array) -> jax.Array:
    """Put the trial before the time."""
    return jnp.swapaxes(values, 0, 1)


def changes(case: Case, rule: str, table: Mapping = RULES, others: Mapping = {}, **settings: Any) -> dict:
    """Changes by weight name."""
    net = network(case, rule, table, **settings)
    return jax.jit(lambda tree: net.learn(tree, batch_of(case)).changes)(tree_of(net, case, **others))


def _activity(case: Case, table: Mapping, rule: str, **settings: Any) -> Iterator[Check]:
    """What cells did, under the names that the file has."""
    net, electrode = network(case, rule, table, **settings), Electrode()
    tree = tree_of(net, case)
    outcome = net.learn(tree, batch_of(case), None, electrode)
    seen = {name: trial_first(value) for (name, _), value in electrode.readings.items() if value.ndim == 3}
    course = {name: trial_first(value) for name, value in net.trial(tree, batch_of(case)).items()}
    names = {"v": "cells.voltage", "b": "cells.adaptation", "z": "cells.spike", "u": "cells.scaled_voltage"}
    names |= {"psi": "cells.pseudo_derivative", "z_filtered": "cells.filtered_spikes", "y": "output", "error": "error"}
    for theirs, ours in names.items():
        if theirs in case and ours in course:
            yield close(theirs, course[ours])
    if "secretion" in case:
        yield close("secretion", seen["cells.secretion"])
    yield close("loss_value", outcome.metrics["loss"])
    if "rate" in case:
        yield close("rate", course["cells.spike"].mean((0, 1)))
    if "accuracy" in case:
        yield close("accuracy", outcome.metrics["accuracy"])
    if "loss_reg_value" in case and "rate_loss" in outcome.metrics:
        yield close("loss_reg_value", outcome.metrics["rate_loss"])


def _stretch(case: Case, rule: str, table: Mapping = RULES, **settings: Any) -> Any:
    """Memory of a rule before and after each step of running time, stacked."""
    net = network(case, rule, table, **{"tau_out": None, **settings})
    tree, batch = tree_of(net, case), batch_of(case)

    def step(carry: Any, now: Any) -> Any:
        after, _ = net.advance(tree, carry, jax.tree.map(lambda value: value[None], now))
        return after, (carry.rule, after.rule)

    return jax.jit(lambda: jax.lax.scan(step, net.begin(tree, len(batch.inputs["x"])), net.arrange(batch))[1])()


def _snapshots(case: Case, rule: str, table: Mapping, elig: str | None, eps: bool, mask: Any = 1) -> Iterator[Check]:
    cells, traces = int(case["n_rec"]), _stretch(case, rule, table)[1]["traces"]
    times = case["snapshot_times"]
    parts = {"rec": (slice(None, cells), mask), "in": (slice(cells, -1), 1)}
    trace = jax.vmap(jax.vmap(lambda one: one.trace))(jax.tree.map(lambda value: value[times, :1][:, :, None], traces))[
        :, 0, 0
    ]
    for name, (part, keep) in parts.items():
        if elig is not None:
            yield close(f"{elig}_{name}_snapshots", np.asarray(trace[:, part]) * keep)
        for theirs, ours in (("eps_v", "voltage"), ("eps_a", "adaptation")):
            key = f"{theirs}_{name}_snapshots"
            if eps and key in case:
                values = jnp.broadcast_to(traces.vector[ours][times, 0], trace.shape)
                yield close(key, np.asarray(values[:, part]) * keep)


# -- the authors' programs -----------------------------------------------------------------------------------------


def _regular(case: Case, kind: str | None = None) -> FiringRate:
    return FiringRate(float(case["hp_reg"]), float(case["hp_reg_rate"]), kind or str(case["reg_kind"]))


def _program(case: Case) -> Iterator[Check]:
    rates = {"rates": _regular(case)}
    yield from _activity(case, RULES, "eprop_symmetric", **rates)
    no_self = wiring.no_self(int(case["n_rec"]))
    for rule in ("eprop_symmetric", "eprop_random", "bptt"):
        found = changes(case, rule, **rates)
        for name in ("W_in", "W_rec"):
            yield close(f"d{name}__{rule}", found[name])
        if rule == "eprop_symmetric":
            yield close("dW_out", found["W_out"])
        if f"dW_in__{rule}_task" in case:
            found = changes(case, rule)
            yield close(f"dW_in__{rule}_task", found["W_in"])
            yield close(f"dW_rec__{rule}_task", found["W_rec"])
        yield from _signals(case, rule)
    silent = {"feedback": np.zeros_like(case["B_fb"])}
    for kind, label in ((str(case["reg_kind"]), "reg_eprop"), ("online", "reg_online_eprop")):
        if f"dW_in__{label}" in case:
            net = network(case, label, rates=_regular(case, kind))
            outcome = net.learn(tree_of(net, case, **silent), batch_of(case))
            yield close(f"dW_in__{label}", outcome.changes["W_in"])
            yield close(f"dW_rec__{label}", outcome.changes["W_rec"])
            if kind == "online":
                yield close("loss_reg_online_value", outcome.metrics["rate_loss"])
    if "snapshot_times" in case:
        yield from _snapshots(case, "eprop_symmetric", RULES, "elig", True, no_self)
    if "eps_rec" in case:
        yield from _presynaptic(case)
    make = optax.sgd if str(case["case_kind"]) == "eprop_lif" else tf1_adam
    for rule in ("eprop_symmetric", "eprop_random", "bptt"):
        yield from _trained(case, rule, make(float(case["hp_lr"])), ("W_in", "W_rec", "W_out"), **rates)


def _presynaptic(case: Case) -> Iterator[Check]:
    """Traces that belong to the presynaptic cell, and those of the last step."""
    cells, memory = int(case["n_rec"]), _stretch(case, "eprop_symmetric", tau_out=20.0)[1]["traces"]
    vector = trial_first(memory.vector["voltage"][..., 0])
    yield close("eps_rec", vector[..., :cells])
    yield close("eps_in", vector[..., cells:-1])
    last = jax.tree.map(lambda value: value[-1], memory)
    yield close("elig_rec_last", last.trace[:, :cells])
    yield close("elig_rec_filtered_last", last.filtered[:, :cells])


def _signals(case: Case, rule: str, table: Mapping = RULES, name: str | None = None) -> Iterator[Check]:
    """Learning signals, causal and as they look ahead."""
    if f"L__{rule}" not in case and f"Lbar__{rule}" not in case:
        return
    net = network(case, rule, table)
    seen = watched(net, tree_of(net, case), batch_of(case))
    for theirs, ours in ((f"Lbar__{rule}", "causal_signal"), (f"L__{rule}", "learning_signal")):
        if theirs in case:
            yield close(theirs, trial_first(seen[ours]))


def watched(net: SpikingRNN, tree: Mapping, batch: Batch) -> dict[str, jax.Array]:
    """What a rule of one's own sees when it keeps what it is told."""
    from dataclasses import replace

    seen = {}
    rule = net.network.rule

    def update(state: Any, signals: Any) -> Any:
        seen.update({k: signals[k] for k in ("causal_signal", "learning_signal")})
        return rule.update(state, signals)

    net.network = replace(net.network, rule=replace(rule, update=update))
    net.learn(tree, batch)
    return seen


def _trained(
    case: Case, rule: str, optimizer: Any, names: tuple[str, ...], table: Mapping = RULES, **settings: Any
) -> Iterator[Check]:
    """Updates on the same batch; the loss is that after the update."""
    net, batch = network(case, rule, table, **settings), batch_of(case)
    tree, last = tree_of(net, case), int(case["n_steps"])
    state, losses = optimizer.init({name: tree[name] for name in names}), []
    learn = jax.jit(lambda tree: net.learn(tree, batch)[::2])
    ours = {"B_fb": "feedback"}
    for count in range(1, last + 1):
        weights = {name: tree[name] for name in names}
        found = learn(tree)[0]
        updates, state = optimizer.update({name: found[name] for name in names}, state, weights)
        tree = tree | optax.apply_updates(weights, net.constrain(tree, updates))
        losses.append(learn(tree)[1]["loss"])
        for mark in [mark for mark, at in (("step1", 1), ("last", last)) if at == count]:
            for name in (*names, "B_fb"):
                if f"{name}__{rule}__{mark}" in case:
                    yield close(f"{name}__{rule}__{mark}", tree[ours.get(name, name)], 1e-8)
    yield close(f"loss__{rule}__trajectory", jnp.stack(losses), 1e-8)
    if f"z_sum__{rule}__last" in case:
        yield close(f"z_sum__{rule}__last", net.trial(tree, batch)["cells.spike"].sum((0, 1)))


def _adaptive(case: Case) -> Iterator[Check]:
    rule, settings = "eprop_adaptive", {"feedback_decay": float(case["hp_feedback_decay"])}
    yield from _activity(case, RULES, rule)
    found = changes(case, rule, **settings)
    for theirs, ours in (("dW_in__eprop_adaptive", "W_in"), ("dW_rec__eprop_adaptive", "W_rec")):
        yield close(theirs, found[ours])
    for theirs, ours in (("dW_out", "W_out"), ("dB_fb", "feedback"), ("db_out", "b_out")):
        yield close(theirs, found[ours])
    names = ("W_in", "W_rec", "W_out", "b_out", "feedback")
    yield from _trained(case, rule, tf1_adam(float(case["hp_lr"])), names, **settings)


def _factorization(case: Case) -> Iterator[Check]:
    yield from _activity(case, RULES, "eprop_symmetric")
    for rule in ("bptt", "eprop_symmetric"):
        found = changes(case, rule)
        yield close(f"dW_in__{rule}", found["W_in"])
        yield close(f"dW_rec__{rule}", found["W_rec"])
    net = network(case, "eprop_symmetric")
    yield close("L", trial_first(watched(net, tree_of(net, case), batch_of(case))["learning_signal"]))
    no_self = wiring.no_self(int(case["n_rec"]))
    yield from _snapshots(case, "eprop_symmetric", RULES, "elig", True, no_self)


def _light(case: Case) -> Iterator[Check]:
    cells = {"cells": ALIF(scale="effective")}
    yield from _activity(case, RULES, "eprop_symmetric", **cells)
    for rule in ("bptt", "eprop_symmetric"):
        found = changes(case, rule, **cells)
        yield close(f"dW_in__{rule}", found["W_in"])
        yield close(f"dW_rec__{rule}", found["W_rec"])
    net = network(case, "eprop_symmetric", **cells)
    tree = tree_of(net, case)
    yield close("threshold", trial_first(net.trial(tree, batch_of(case))["cells.threshold"]))
    yield close("L", trial_first(watched(net, tree, batch_of(case))["learning_signal"]))


# -- MDGL ------------------------------------------------------------------------------------------------------------


def _mdgl(case: Case) -> Iterator[Check]:
    yield from _activity(case, LOCAL_RULES, "eprop")
    size = int(case["n_rec"])
    everywhere, no_self = {"mask_rec": np.ones((size, size))}, {"mask_rec": wiring.no_self(size)}
    for rule in ("eprop", "mdgl", "mdgl_types", "mdgl_nonlocal", "mdgl_online", "bptt"):
        found = changes(case, rule, LOCAL_RULES, no_self if rule == "bptt" else everywhere)
        yield close(f"dW_in__{rule}", found["W_in"])
        yield close(f"dW_rec__{rule}", found["W_rec"])
    yield close("dW_out", found["W_out"])
    yield close("db_out", found["b_out"])
    net = network(case, "eprop", LOCAL_RULES)
    yield close("L", trial_first(watched(net, tree_of(net, case), batch_of(case))["learning_signal"]))
    yield from _snapshots(case, "eprop", LOCAL_RULES, "elig", False)
    yield from _means(case)
    for rule in ("eprop", "mdgl", "mdgl_types", "bptt"):
        yield from _rewired(case, rule, no_self if rule == "bptt" else everywhere)


def _means(case: Case) -> Iterator[Check]:
    types = cell_types.one_hot(case["type_id"], int(case["type_id"].max()) + 1)
    weights = jnp.asarray(case["W_rec"])
    yield close("W_ab_all" if "W_ab_all" in case else "W_ab", cell_types.type_means(weights, jnp.asarray(types)))
    yield close("W_ab_existing", cell_types.partner_means(weights, jnp.asarray(types))[1])


def _rewired(case: Case, rule: str, masks: Mapping) -> Iterator[Check]:
    net, batch = network(case, rule, LOCAL_RULES), batch_of(case)
    tree, last = tree_of(net, case, **masks), int(case["n_steps"])
    names = {"in": "W_in", "rec": "W_rec", "out": "W_out"}
    signed = {ours: jnp.asarray(case[f"theta_{k}"] * case[f"sign_{k}"]) for k, ours in names.items()}
    weights = {**signed, "b_out": tree["b_out"]}
    acting_masks = {"W_rec": jnp.asarray(wiring.no_self(int(case["n_rec"])))}
    optimizer = deep_rewiring(
        float(case["hp_lr"]),
        constrained=tuple(signed),
        penalised=(),
        l1=float(case["hp_l1"]),
        l2=0.0,
        connectivity=float(case["hp_rewire_p"]),
        count_absent=False,
        masks=acting_masks,
    )
    state, losses = optimizer.init(weights), []
    learn = jax.jit(lambda tree: net.learn(tree, batch)[::2])
    for count in range(1, last + 1):
        found = learn(tree)[0]
        updates, state = optimizer.update({name: found[name] for name in weights}, state, weights)
        weights = optax.apply_updates(weights, updates)
        tree = tree | effective(weights, state.signs, acting_masks)
        losses.append(learn(tree)[1]["loss"])
        for mark in [mark for mark, at in (("step1", 1), ("last", last)) if at == count]:
            for k, ours in names.items():
                yield close(f"theta_{k}__{rule}__{mark}", case[f"sign_{k}"] * weights[ours], 1e-8)
                yield close(f"{ours}__{rule}__{mark}", tree[ours], 1e-8)
            yield close(f"b_out__{rule}__{mark}", tree["b_out"], 1e-8)
    yield close(f"loss__{rule}__trajectory", jnp.stack(losses), 1e-8)
    yield close(f"z_sum__{rule}__last", net.trial(tree, batch)["cells.spike"].sum((0, 1)))


# -- our own -----------------------------------------------------------------------------------------------------------


def _rules(case: Case) -> Iterator[Check]:
    yield from _activity(case, LOCAL_RULES, "eprop")
    found = {}
    for rule in [name.removeprefix("dW_rec__") for name in case if name.startswith("dW_rec__")]:
        if rule == "bptt_constant_psi":
            found[rule] = changes(case, "bptt", LOCAL_RULES, cells=Constant(gain=float(case["hp_mu"])))
        else:
            found[rule] = changes(case, rule, LOCAL_RULES)
        yield close(f"dW_in__{rule}", found[rule]["W_in"])
        yield close(f"dW_rec__{rule}", found[rule]["W_rec"])
    yield close("dW_out", found["bptt"]["W_out"])
    yield close("db_out", found["bptt"]["b_out"])
    for name, rule in (("L", "eprop"), ("L_random", "eprop_random")):
        net = network(case, rule, LOCAL_RULES)
        yield close(name, trial_first(watched(net, tree_of(net, case), batch_of(case))["learning_signal"]))
    yield from _angles(case, found)
    yield from _means(case)
    yield from _modulators(case)
    for rule, elig, eps in (("eprop", "elig", True), ("eprop_cut", "elig_cut", False), ("rflo", "elig_rflo", False)):
        yield from _snapshots(case, rule, LOCAL_RULES, elig, eps)
    for rule in sorted({name.split("__")[1] for name in case if "__step" in name}):
        yield from _steps(case, rule)


def _angles(case: Case, found: Mapping) -> Iterator[Check]:
    for key, weight in (("alignment_deg_rec", "W_rec"), ("alignment_deg_in", "W_in")):
        each = [found[rule][weight] for rule in case["alignment_rules"].tolist()]
        yield Check(key, [angle_to_either_sign(values, found["bptt"][weight]) for values in each], atol=1e-5)


def _modulators(case: Case) -> Iterator[Check]:
    times, cells = case["snapshot_times"], int(case["n_rec"])
    names = (("modprop_wab", "none", ("K_mix", "K_radius", "F_taps", "receptor_signal", "G")),)
    names += (
        ("modprop_wab_self", "local", ("K_self", "K_self_radius", "F_self_taps", "receptor_signal_self", "G_self")),
    )
    for rule, paths, keys in names:
        net, electrode = network(case, rule, LOCAL_RULES), Electrode(lambda name, phase: name == "modulator")
        tree = tree_of(net, case)
        net.learn(tree, batch_of(case), None, electrode)
        concentration = trial_first(electrode.readings["modulator", "learning"])
        links = net.network.links(tree, paths)
        taps = links.taps(int(case["S"]))
        yield close("modulator_conc", concentration)
        yield close(keys[0], links.mix)
        yield close(keys[1], spectral_radius(links.mix))
        yield close(keys[2], taps)
        yield close(keys[3], cell_types.receptor_signal(concentration[0, times], taps))
        memory = _stretch(case, rule, LOCAL_RULES)[0]["G"]
        g = jnp.stack([memory[name] for name in ("voltage", "adaptation") if name in memory], 1)[times, :, 0]
        g = g[:, 0] if paths == "none" else g
        yield close(f"{keys[4]}_rec_snapshots", g[..., :cells, :])
        yield close(f"{keys[4]}_in_snapshots", g[..., cells:-1, :])


def _steps(case: Case, rule: str) -> Iterator[Check]:
    net, batch, optimizer = network(case, rule, LOCAL_RULES), batch_of(case), tf1_adam(float(case["hp_lr"]))
    tree = tree_of(net, case)
    state = optimizer.init({name: tree[name] for name in WEIGHTS})
    learn = jax.jit(lambda tree: net.learn(tree, batch).changes)
    marks = sorted({int(name.rpartition("step")[2]) for name in case if f"__{rule}__step" in name})
    for count in range(1, max(marks) + 1):
        weights, found = {name: tree[name] for name in WEIGHTS}, learn(tree)
        updates, state = optimizer.update({name: found[name] for name in WEIGHTS}, state, weights)
        tree = tree | optax.apply_updates(weights, net.constrain(tree, updates))
        if count in marks:
            for name in WEIGHTS:
                yield close(f"{name}__{rule}__step{count}", tree[name], 1e-8)


def _sparse(case: Case) -> Iterator[Check]:
    pairs = case["pre_index"], case["post_index"]
    theta, weight = wiring.sparse_signed(case["abs_normal"], case["neuron_sign"], case["columns"], pairs)
    yield close("theta", theta)
    yield close("W", weight)
    yield close("sign", np.broadcast_to(case["neuron_sign"][:, None], weight.shape))


def _tasks(case: Case) -> Iterator[Check]:
    periods, weights, phases = (case[f"sines_{name}"] for name in ("periods", "weights", "phases"))
    raw, target = whole_cycles(int(case["sines_seq_len"]), periods, weights, phases)
    yield close("sines_target_raw", raw)
    yield close("sines_target", target)
    for part in ("", "small_"):
        names = {"cue": "cue_steps", "interval": "cue_interval", "steps": "seq_len", "recall": "recall_steps"}
        names |= {"channels": "n_input"}
        sizes = {ours: int(case[part + theirs]) for ours, theirs in names.items()}
        rates = {"rate": float(case[f"{part}cue_rate"])}
        rates |= {"background": float(case[f"{part}noise_rate"])} if f"{part}noise_rate" in case else {}
        yield close(f"{part}probability", cue_rates(jnp.asarray(case[f"{part}cues"]), **sizes, **rates))
    left_first, steps = jnp.asarray(case["mdgl_cues"]) == 0, int(case["mdgl_seq_len"])
    yield close("mdgl_rate", cue_rates(left_first.astype(int), steps=steps, leading=False))
