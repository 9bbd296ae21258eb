"""Adjoint Propagation: chains, multi-task graphs, initialisation, stimuli, Lyapunov exponents."""

from collections.abc import Iterator, Mapping

import jax.numpy as jnp
import numpy as np
import optax
from biocredit.analysis.metrics import dynamics, lyapunov
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.initializers import Constant, assemble, rescale, spectral_radius
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.modular import ModularRNN, Plasticity
from biocredit.circuits.modular import adjoint_propagation as propagation
from biocredit.circuits.modular.presets import chain, resource_reuse
from biocredit.circuits.modular.region import Block
from biocredit.protocols.tasks.gabor import gabor
from biocredit.protocols.training.update import update_weights

from tests.conformance.harness import Check

Arrays = Mapping[str, np.ndarray]

#: Absolute tolerance of the specification; local errors are also held to a relative one.
TOLERANCE = {"atol": 1e-9}
SMALL = {"atol": 1e-9, "rtol": 1e-6}
GIVEN = Constant(0.0)
ERRORS = ("short_trajectory", "end_point")


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Recognise the kind of case by its arrays and replay it."""
    for key, kind in KINDS.items():
        if key in case:
            yield from kind(case)
            return


def number(case: Arrays, name: str) -> float:
    """Read a hyper-parameter."""
    return case[f"hp_{name}"].item()


class Replay:
    """A circuit with the weights of a case, stepped with the case's optimiser."""

    def __init__(self, net: ModularRNN, names: Mapping[str, str], case: Arrays, prefixes: tuple[str, ...]):
        self.net, self.names, self.case = net, names, case
        self.start = net.read()
        for ours, theirs in names.items():
            for prefix in prefixes:
                if f"{prefix}{theirs}" in case and ours in self.start:
                    self.start[ours] = jnp.asarray(case[f"{prefix}{theirs}"])
        rates = {"b1": number(case, "adam_beta1"), "b2": number(case, "adam_beta2"), "eps": number(case, "adam_eps")}
        self.adam = optax.adam(number(case, "eta"), **rates)
        self.sgd = optax.sgd(number(case, "eta"))

    def learn(self, tree: dict, batch: Batch, **settings: object) -> tuple[dict, dict, Mapping]:
        """Run both phases; return changes, metrics and all signals."""
        electrode = Electrode()
        outcome = self.net.learn(tree, batch, None, electrode, **settings)
        return outcome.changes, outcome.metrics, electrode.readings

    def step(self, optimizer: optax.GradientTransformation, tree: dict, state: object, changes: dict) -> tuple:
        """Apply changes as a protocol does."""
        weights = {name: tree[name] for name in changes}
        state = optimizer.init(weights) if state is None else state
        return update_weights(self.net, optimizer, tree, state, changes)

    def weights(self, prefix: str, tree: dict) -> Iterator[Check]:
        """Compare all weights that the file holds under a prefix; absent biases are zero."""
        for ours, theirs in self.names.items():
            if f"{prefix}{theirs}" in self.case:
                reference = self.case[f"{prefix}{theirs}"]
                yield Check(f"{prefix}{theirs}", tree.get(ours, np.zeros_like(reference)), **TOLERANCE)


def plasticity(case: Arrays, decay_everywhere: bool) -> dict[str, Plasticity | None]:
    """Translate the case's flags."""
    decay, factor = number(case, "weight_decay"), number(case, "alpha_rec")
    everywhere = decay if decay_everywhere else 0.0
    return {
        "inference": Plasticity(decay=everywhere),
        "recurrent": Plasticity(factor, decay) if number(case, "rec_learning") else None,
        "bias": Plasticity(decay=decay) if number(case, "bias_learning") else None,
        "readout_bias": Plasticity(decay=everywhere) if number(case, "bias_learning") else None,
    }


def settings(case: Arrays, iterations: tuple[int, int]) -> dict[str, object]:
    """Settings of the phases."""
    return {
        "error": ERRORS[number(case, "epe")],
        "iterations": iterations,
        "error_strength": number(case, "beta"),
    }


def build(arguments: dict, case: Arrays, biases: list[str], decay_everywhere: bool) -> ModularRNN:
    """Build the circuit of a case; its weights are given later."""
    given = dict.fromkeys(("inference", "feedback", "bias", "readout_bias"), GIVEN)
    return ModularRNN(
        **arguments | {"initial": arguments["initial"] | given},
        plasticity=plasticity(case, decay_everywhere),
        batch_divisor=number(case, "batch_divisor"),
        dtype=jnp.float64,
    )


def biased(case: Arrays, names: list[str]) -> bool:
    """Whether the regions need biases: they learn, or are not zero."""
    return bool(number(case, "bias_learning")) or any(np.any(case[name]) for name in names)


def chain_case(case: Arrays) -> Iterator[Check]:
    """A chain of regions: first step in detail, then five steps."""
    count, biases = number(case, "n_regions"), [f"init_b_rec_{k + 1}" for k in range(number(case, "n_regions"))]
    arguments = chain(
        {"image": number(case, "n_input")},
        {"choice": number(case, "n_out")},
        regions=count,
        neurons=number(case, "n_neurons"),
        layout_code=number(case, "layout"),
        roles={role: number(case, f"n_{role}") for role in ("RI", "SI", "RE", "SE")},
        activation=number(case, "activation"),
        bias=biased(case, biases),
        connection_rate=1.0,
    )
    for region in arguments["regions"].values():
        region.blocks = {role: Block(case[f"idx_{role}"]) for role in ("RI", "SI", "RE", "SE")}
    run = Replay(build(arguments, case, biases, False), chain_names(count), case, ("init_", "", "mask_"))
    phases = settings(case, (number(case, "T1"), number(case, "T2")))
    phases |= {"feedforward_gain": number(case, "ff_scale"), "feedback_gain": number(case, "fb_scale")}
    batches = [Batch({"image": x}, {"choice": y}) for x, y in zip(case["x"], case["labels"], strict=True)]

    changes, _, signals = run.learn(run.start, batches[0], **phases)
    yield from chain_signals(run, count, signals)
    yield from all_changes(run, batches[0], signals, lambda theirs: f"step1_d{theirs}")
    yield from run.weights("sgd1_", run.step(run.sgd, run.start, None, changes)[0])
    tree, state, losses = run.start, None, []
    for done, batch in enumerate(batches, start=1):
        changes, metrics, _ = run.learn(tree, batch, **phases)
        tree, state = run.step(run.adam, tree, state, changes)
        losses.append(metrics["loss"])
        yield from run.weights(f"after{done}_", tree)
    yield Check("loss_per_step", np.array(losses), **TOLERANCE)


def chain_names(count: int) -> dict[str, str]:
    """Our weight names and those of a chain file."""
    names = {"image->V1.RI": "W_in", f"V{count}.SI->choice": "W_out", "choice.bias": "b_out"}
    names[f"choice~>V{count}.RE"] = "W_fb_out"
    for k in range(1, count + 1):
        names |= {f"V{k}.W_rec": f"W_rec_{k}", f"V{k}.bias": f"b_rec_{k}", f"V{k}.mask": f"rec_{k}"}
        if k < count:
            names |= {f"V{k}.SI->V{k + 1}.RI": f"W_inf_{k}", f"V{k + 1}.SE~>V{k}.RE": f"W_fb_{k}"}
    return names


def chain_signals(run: Replay, count: int, signals: Mapping) -> Iterator[Check]:
    """Activity of the first step."""
    yield Check("step1_logits", signals["choice.output", "inference"], **TOLERANCE)
    yield Check("step1_p", signals["choice.probability", "inference"], **TOLERANCE)
    yield Check("step1_e_out", signals["choice.error", "inference"], **TOLERANCE)
    for k in range(1, count + 1):
        yield from region_signals(f"V{k}", f"_{k}", signals, "step1_")


def region_signals(region: str, suffix: str, signals: Mapping, prefix: str) -> Iterator[Check]:
    """Clamp currents, states and errors of one region."""
    names = {"c_inf": ("clamp", "inference"), "z": ("rate", "inference"), "c_nudged": ("clamp", "learning")}
    names |= {"y": ("rate", "learning"), "e": ("error", "learning")}
    for theirs, (ours, phase) in names.items():
        if (f"{region}.{ours}", phase) in signals:
            tolerance = SMALL if theirs in "ye" else TOLERANCE
            yield Check(f"{prefix}{theirs}{suffix}", signals[f"{region}.{ours}", phase], **tolerance)


def all_changes(run: Replay, batch: Batch, signals: Mapping, called: object) -> Iterator[Check]:
    """Changes of every weight in the file, plastic or not."""
    wiring = run.net.wiring
    rate = {
        name.removesuffix(".rate"): v
        for (name, phase), v in signals.items()
        if name.endswith(".rate") and phase == "inference"
    }
    error = {name.removesuffix(".error"): v for (name, _), v in signals.items() if name.endswith(".error")}
    wanted = {ours: called(theirs) for ours, theirs in run.names.items() if called(theirs) in run.case}
    changes = propagation.changes(wiring, tuple(wanted), batch.inputs, rate, error, run.net.batch_divisor)
    for ours, theirs in wanted.items():
        yield Check(theirs, changes[ours], **SMALL)


def graph_case(case: Arrays) -> Iterator[Check]:
    """The multi-task graphs of figure 5."""
    biases = [f"init_b_rec_{k}" for k in (1, 2, 3, 4)]
    arguments = resource_reuse(
        dict.fromkeys(("x1", "x2"), number(case, "n_input")),
        dict.fromkeys(("o1", "o2"), number(case, "n_classes")),
        path="C" if "fixed_W_r1_r3" in case else "B",
        neurons=number(case, "n_neurons"),
        bias=biased(case, biases),
        connection_rate=1.0,
    )
    run = Replay(build(arguments, case, biases, True), graph_names(), case, ("init_", "fixed_", "mask_"))
    for region in arguments["regions"].values():
        region.activation = number(case, "activation")
    phases = settings(case, (number(case, "T"),) * 2)
    modes = ("task2", "task1") if "step1_task2_z_3" in case else (None,)
    yield from graph_steps(run, case, phases, modes)


def graph_names() -> dict[str, str]:
    """Our weight names and those of a graph file."""
    names = {"x1->R1.b1": "W_x1_r1", "R1.b3->R2.b1": "W_r1_r2", "R2.b3->o1": "W_r2_o1"}
    names |= {"x2->R3.b5": "W_x2_r3", "R3.b2->R4.b1": "W_r3_r4", "R4.b3->o2": "W_r4_o2"}
    names |= {"R1.b4->R3.b1": "W_r1_r3", "R4.b2->o1": "W_r4_o1", "o1.bias": "b_o1", "o2.bias": "b_o2"}
    names |= {"o1~>R2.b4": "F_o1_r2", "o1~>R4.b5": "F_o1_r4", "o2~>R4.b4": "F_o2_r4"}
    names |= {"R4.b6~>R3.b3": "F_r4_r3", "R3.b4~>R1.b6": "F_r3_r1"}
    for k in (1, 2, 3, 4):
        names |= {f"R{k}.W_rec": f"W_rec_{k}", f"R{k}.bias": f"b_rec_{k}", f"R{k}.mask": f"rec_{k}"}
    return names


def graph_steps(run: Replay, case: Arrays, phases: dict, modes: tuple) -> Iterator[Check]:
    """Steps of all tasks at once, or of one task after the other."""
    tree, states, losses = run.start, dict.fromkeys(modes), {1: [], 2: []}
    for step in range(number(case, "n_steps")):
        inputs = {"x1": case["x1"][step], "x2": case["x2"][step]}
        batch = Batch(inputs, {"o1": case["labels1"][step], "o2": case["labels2"][step]})
        for mode in modes:
            changes, metrics, signals = run.learn(tree, batch, mode=mode, **phases)
            tree, states[mode] = run.step(run.adam, tree, states[mode], changes)
            if step == 0:
                yield from graph_signals(run, batch, mode, signals)
                yield from run.weights(f"after_{mode}_step1_", tree)
            for k in (1, 2):
                if f"loss.o{k}" in metrics:
                    losses[k].append(metrics[f"loss.o{k}"])
                elif mode in (f"task{k}",):
                    losses[k].append(metrics["loss"])
        yield from run.weights(f"after{step + 1}_", tree)
    for k in (1, 2):
        yield Check(f"loss_per_step_task{k}", np.array(losses[k]), **TOLERANCE)


def graph_signals(run: Replay, batch: Batch, mode: str | None, signals: Mapping) -> Iterator[Check]:
    """Activity and changes of the first step."""
    prefix = "step1_" if mode is None else f"step1_{mode}_"
    for k in (1, 2, 3, 4):
        for check in region_signals(f"R{k}", f"_{k}", signals, prefix):
            if check.name in run.case:
                yield check
    for k in (1, 2):
        for theirs, ours in (("logits", "output"), ("p", "probability"), ("e_o", "error")):
            if f"step1_{theirs}{k}" in run.case and (f"o{k}.{ours}", "inference") in signals:
                yield Check(f"step1_{theirs}{k}", signals[f"o{k}.{ours}", "inference"], **TOLERANCE)
    plastic = set(run.net.plastic_in(mode)) if mode else set(run.names)
    yield from all_changes(
        run, batch, signals, lambda theirs: f"step1_d_{theirs}" if ours_of(run, theirs) in plastic else ""
    )


def ours_of(run: Replay, theirs: str) -> str:
    """Our name of a weight of the file."""
    return next(ours for ours, name in run.names.items() if name == theirs)


def sparse_init(case: Arrays) -> Iterator[Check]:
    """Assembly and scaling of a recurrent matrix."""
    raw = assemble(case["rows"], case["cols"], case["values"], number(case, "n"))
    yield Check("W_raw", raw, **TOLERANCE)
    yield Check("spectral_radius_raw", spectral_radius(raw), **TOLERANCE)
    yield Check("W", rescale(raw, number(case, "SR")), **TOLERANCE)


def gabor_images(case: Arrays) -> Iterator[Check]:
    """Stimuli without noise."""
    shape = [number(case, name) for name in ("size", "spatial_freq", "sigma", "phase", "contrast")]
    images = [gabor(float(angle), *shape) for angle in case["orientation_deg"]]
    yield Check("images", np.stack(images), atol=1e-6)


def lyapunov_case(case: Arrays) -> Iterator[Check]:
    """Trajectories and exponents of a driven region, for every input."""
    system = dynamics.RateMap(case["W_rec"], bias=case["b_rec"])
    steps, window = len(case["log_growth"]), 8
    drive = np.broadcast_to(case["current"], (steps, *case["current"].shape))
    growth = lyapunov.tangent_growth(system, case["h0"], drive, case["v0"])
    states = dynamics.trajectory(system, case["h0"], drive[: len(case["states"]) - 1])
    yield Check("states", states, **TOLERANCE)
    yield Check("log_growth", growth, **TOLERANCE)
    yield Check("ftmle8", growth[:window].mean(0), **TOLERANCE)
    yield Check("mle", lyapunov.mean_after(growth, number(case, "n_transient")), **TOLERANCE)
    differences = [dynamics.one_step_differences(states[:, trial]) for trial in range(states.shape[1])]
    yield Check("one_step_difference_norm", np.stack(differences, axis=-1), **TOLERANCE)


KINDS = {
    "init_W_in": chain_case,
    "init_W_x1_r1": graph_case,
    "W_raw": sparse_init,
    "images": gabor_images,
    "log_growth": lyapunov_case,
}
