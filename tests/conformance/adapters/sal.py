"""Self-assembling learning: single steps of every variant, ablations, modulation, transport, competition."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.analysis.metrics.alignment import cosine, weight_distance
from biocredit.analysis.metrics.representation import effective_rank
from biocredit.analysis.metrics.self_assembly import exchange_residual, matrix_learning_rate, matrix_learning_rate_gap
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream.ascending.presets import dense_stack
from biocredit.circuits.dual_stream.ascending.stack import ascend, descend
from biocredit.circuits.dual_stream.pathways.self_assembling import KINDS, Modulation, plasticity
from biocredit.circuits.dual_stream.pathways.self_assembling.kinds import kind_of
from biocredit.circuits.dual_stream.pathways.self_assembling.modulation import modulate
from biocredit.circuits.dual_stream.schedules import momentum_sgd

from tests.conformance.dual_streams import Arrays, Trainer, batch
from tests.conformance.harness import Check
from tests.conformance.self_assembling import Run, bare, build, lateral_pairs, our_names, our_signals


def replay(name: str, case: Arrays) -> Iterator[Check]:
    """Do what the case is about."""
    tell = {
        "wta_energy_init": competition,
        "epsilon": modulation,
        "transport_residual": transport,
        "delta_W0": training,
    }
    return next((what for key, what in tell.items() if key in case), ablation)(case)


# -- the kinds of cases ----------------------------------------------------------------------------------------


def training(case: Arrays) -> Iterator[Check]:
    """Signals, drives and changes of the first update; weights, losses and alignment over all updates."""
    run = Run(case, tuple(kind for kind in KINDS if case[f"plastic_{kind}"]))
    yield from first_sweep(run)
    losses, distances, gaps = [run.loss], [misaligned(run)], [transposed(run)]
    for step in range(1, len(case["losses"])):
        run.step()
        losses.append(run.loss)
        distances.append(misaligned(run))
        gaps.append(transposed(run))
        yield from run.weights(f"_step{step}")
    yield Check("losses", losses)
    yield Check("V_misalignment", distances)
    yield from ranks(run, f"_step{len(losses) - 1}")
    if "kp_transpose_gap" in case:
        yield Check("kp_transpose_gap", gaps)
        yield from kolen_pollack(case, len(losses) - 1)


def misaligned(run: Run) -> list[float]:
    """Distance of V and its partner at every level."""
    return [weight_distance(v, vbar) for v, vbar in lateral_pairs(run.case, run.tree)]


def transposed(run: Run) -> list[float]:
    """Distance of W and Wbar, where they have one shape."""
    stages = [name for name in run.tree if name.endswith(".Wbar")]
    pairs = [(run.tree[name.replace("down", "up").replace("Wbar", "W")], run.tree[name]) for name in stages]
    return [weight_distance(w, wbar) for w, wbar in pairs if w.shape == wbar.shape[::-1]]


def ranks(run: Run, suffix: str) -> Iterator[Check]:
    """Effective ranks of the ascending weights."""
    for ours, theirs in our_names(run.case).items():
        if f"effective_rank_{theirs}{suffix}" in run.case:
            yield Check(f"effective_rank_{theirs}{suffix}", effective_rank(run.tree[ours]))


def first_sweep(run: Run) -> Iterator[Check]:
    """What the first update consists of."""
    case, net, electrode = run.case, run.net, Electrode()
    net.cycle(run.tree, run.batch, electrode)
    for theirs, key in our_signals(case).items():
        yield Check(theirs, electrode.readings[key])
    yield from ranks(run, "_init")
    error = electrode.readings[our_signals(case)["error"]]
    ascent = ascend(net.ascending, run.tree, run.batch.inputs["x"])
    drives, _ = net.descending.drives(net.ascending, run.tree, ascent, error)
    outcome = run.cycle(run.tree)
    weights = {name: run.tree[name] for name in outcome.changes}
    steps, _ = run.trainer.optimizer.update(outcome.changes, run.trainer.state, weights)
    exact = bare(case, "transposed").cycle(run.tree, run.batch).changes
    for ours, theirs in our_names(case).items():
        yield Check(f"drive_{theirs}", drives[ours])
        yield Check(f"delta_{theirs}", steps.get(ours, np.zeros_like(drives[ours])))
        if ours in exact:
            yield Check(f"bp_descent_{theirs}", -exact[ours])
            yield Check(f"cos_{theirs}", cosine(drives[ours], -exact[ours]))
        else:
            gamma = getattr(run.decay, kind_of(ours))
            yield Check(f"local_loss_{theirs}", plasticity.local_loss(drives[ours], run.tree[ours], gamma))


def kolen_pollack(case: Arrays, steps: int) -> Iterator[Check]:
    """The same weights in the circuit of Kolen and Pollack, whose feedback has the layout of W."""
    net = bare(case, "kolen_pollack")
    names = {name: theirs for name, theirs in our_names(case).items() if theirs.startswith("W")}
    forward = {ours: case[f"{theirs}_init"] for ours, theirs in names.items() if ours.startswith("up")}
    backward = {ours: theirs for ours, theirs in names.items() if ours.startswith("down")}
    feedback = {name.replace("Wbar", "B"): case[f"{theirs}_init"].T for name, theirs in backward.items()}
    net.write(forward | feedback)
    trainer = Trainer(net, momentum_sgd(float(case["eta_W"]), 0.0, float(case["gamma_W"])))
    for _ in range(steps):
        trainer.step(case["x"], case["target"])
    for ours in forward:
        yield Check(f"kp_{names[ours]}_step{steps}", trainer.tree[ours])
    for ours, theirs in backward.items():
        key = f"kp_{theirs.replace('Wbar', 'B')}_step{steps}"
        yield Check(key, trainer.tree[ours.replace("Wbar", "B")].T)


def ablation(case: Arrays) -> Iterator[Check]:
    """Five updates with every set of plastic kinds."""
    for key in case:
        start, _, which = key.partition("__")
        if start.startswith("loss_step"):
            run, steps = Run(case, tuple(which.split("_"))), int(start.removeprefix("loss_step"))
            for _ in range(steps):
                run.step()
            yield Check(key, run.loss)
            yield from run.weights(f"_step{steps}__{which}")


def modulation(case: Arrays) -> Iterator[Check]:
    """The third phase with several strengths, in both modes."""
    net, one = build(case, KINDS, ""), batch(case["x"], case["target"])
    tree, electrode, last = net.read(), Electrode(), len(case["sizes_up"]) - 1
    yield Check("loss_before", net.cycle(tree, one, electrode).metrics["loss"])
    for theirs, key in our_signals(case).items():
        for suffix in ("", "_before"):
            if f"{theirs}{suffix}" in case:
                yield Check(f"{theirs}{suffix}", electrode.readings[key])
    keys = [our_signals(case)[f"u{level}"] for level in range(1, last)]
    currents = {key[0]: electrode.readings[key] for key in keys}

    def losses(output: jax.Array) -> jax.Array:
        return jax.vmap(lambda row, wanted: net.loss(row[None], wanted[None])[0])(output, one.targets["y"])

    def after(strength: Any, mode: str, probe: Any) -> jax.Array:
        how = Modulation(strength, mode)
        return losses(modulate(net.ascending, tree, one.inputs["x"], currents, how, probe).output)

    yield Check("loss_before_per_sample", losses(electrode.readings[our_signals(case)[f"h{last}"]]))
    for mode in ("activation", "membrane"):
        found, readings = [], []
        for strength in case["epsilon"]:
            electrode = Electrode()
            found.append(after(float(strength), mode, electrode))
            readings.append(electrode.readings)
        yield Check(f"loss_after_{mode}", [one.mean() for one in found])
        yield Check(f"loss_after_{mode}_per_sample", found)
        for level in range(1, last + 1):
            name, _ = our_signals(case)[f"h{level}"]
            yield Check(f"h{level}_after_{mode}_eps1", readings[1][name, "modulation"])
        yield Check(f"slope_{mode}", jax.grad(lambda eps, mode=mode: after(eps, mode, Electrode()).mean())(0.0))


def transport(case: Arrays) -> Iterator[Check]:
    """Many updates with fixed lateral weights: the exchange residual dies out."""
    run, steps = Run(case, tuple(kind for kind in KINDS if case[f"plastic_{kind}"])), int(case["n_steps"])

    @jax.jit
    def advance(tree: Any) -> Any:
        def step(tree: Any, _: None) -> Any:
            outcome = run.net.cycle(tree, run.batch)
            weights = {name: tree[name] for name in outcome.changes}
            updates, _ = run.trainer.optimizer.update(outcome.changes, run.trainer.state, weights)
            return tree | optax.apply_updates(weights, updates), (tree, outcome.metrics["loss"])

        return jax.lax.scan(step, tree, None, length=steps)

    run.trainer.tree, (trees, losses) = advance(run.tree)
    course = {name: np.concatenate([trees[name], run.tree[name][None]]) for name in trees}
    yield Check("losses", np.append(losses, run.loss))
    yield from run.weights(f"_step{steps}")
    yield Check("transport_residual", residuals(case, course))
    yield from assembled(run)


def residuals(case: Arrays, course: dict[str, np.ndarray]) -> np.ndarray:
    """Size of the exchange residual at every level over time."""
    names = {theirs: ours for ours, theirs in our_names(case).items()}
    last = len(case["sizes_up"]) - 1
    found = []
    for moment in range(int(case["n_steps"]) + 1):
        now = {theirs: course[ours][moment] for theirs, ours in names.items()} | {
            f"V{last}": np.eye(case["sizes_up"][-1])
        }
        levels = [
            (now[f"Wbar{i}"], now[f"V{j}"], now[f"Vbar{i}"], now[f"W{i}"]) for i, j in pairwise(range(1, last + 1))
        ]
        found.append([np.linalg.norm(exchange_residual(*level)) for level in levels])
    return np.array(found)


def assembled(run: Run) -> Iterator[Check]:
    """Currents of the assembled circuit against the error that a linear network would send back."""
    case, electrode, backward = run.case, Electrode(), Electrode()
    run.net.cycle(run.tree, run.batch, electrode)
    linear = dense_stack(case["sizes_up"].tolist(), "linear", bias=False)
    x, error = run.batch.inputs["x"], electrode.readings[our_signals(case)["error"]]

    def deliver(path: str, stage: Any, delta: jax.Array, h: jax.Array) -> tuple[jax.Array, dict]:
        return stage.adjoint(run.tree[f"up.{path}.W"], delta, h.shape), {}

    descend(linear, ascend(linear, run.tree, x).memory, error, deliver, probe=backward)
    gaps = []
    for level, (lateral, _) in enumerate(lateral_pairs(case, run.tree), start=1):
        current = electrode.readings[our_signals(case)[f"u{level}"]]
        free = backward.readings[f"down.rate{level}.rate", "learning"]
        yield Check(f"u{level}_final", current)
        yield Check(f"maskfree_backprop{level}_final", free)
        yield Check(f"H{level}", matrix_learning_rate(lateral))
        gaps.append(matrix_learning_rate_gap(current, free, lateral))
    yield Check("relative_gap_u_vs_H_maskfree", gaps)


def competition(case: Arrays) -> Iterator[Check]:
    """A matrix that competes with itself until one synapse a row and column is left."""
    start = jnp.asarray(case["V_init"])
    yield Check("wta_energy_init", plasticity.competition_energy(start))
    yield Check("wta_gradient_init", plasticity.competition(start))
    settings = {"rate": float(case["eta"]), "growth": float(case["growth"]), "strength": float(case["kappa"])}
    final = plasticity.compete(start, **settings, steps=int(case["n_steps"]))
    yield Check("V_final", final)
    yield Check("wta_energy_final", plasticity.competition_energy(final))
    rows, columns = plasticity.winners(final)
    yield Check("winners_per_row", rows)
    yield Check("winners_per_column", columns)
