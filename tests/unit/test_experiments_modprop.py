import csv
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from biocredit.analysis.trace.reader import open_trace
from biocredit.circuits import RateRNN
from biocredit.protocols import Online, tasks
from biocredit.protocols.experiments import find
from biocredit.protocols.experiments.overrides import overridden
from biocredit.protocols.experiments.papers.modprop.experiments import EXPERIMENTS, RATES
from biocredit.protocols.recording.measures.gradient_angles import gradient_angles

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
TASK = tasks.delayed_xor(cue=4, delay=4, bump_sd=2.0, n_train=16, n_test=8)


def build(rule: str = "bptt", seed: int = 0) -> RateRNN:
    return RateRNN.for_task(TASK, {"I": 2, "E": 6}, rule=rule, tau=5.0, seed=seed)


def test_every_figure_is_there_and_every_rule_has_the_whole_grid():
    figures = {one.figure.removeprefix("Figure ") for one in EXPERIMENTS}
    assert figures == {"3A", "3B", "3C", "4A", "4B", "5A", "5B", "6A", "6B", "7A", "7B", "7C", "8", "released program"}
    rates = [one.optimizer.learning_rate for one in find("modprop/fig3b").conditions.values()]
    assert rates == list(RATES) * 4


def test_angles_to_the_same_gradient_are_zero_and_to_another_one_are_the_arc_cosine(tmp_path):
    others = {rule: build(rule) for rule in ("rtrl", "three_factor", "modprop_wab_fixed")}
    run = Online(build(), TASK, batch_size=8, seeds=2, measures=[gradient_angles(others)])
    run.train(1, tmp_path / "run.h5", progress=False)
    learning = open_trace(tmp_path / "run.h5").learning
    assert learning["angle.W_rec.rtrl"].values.shape == (2, 2)
    assert np.abs(learning["angle.W_rec.rtrl"].values).max() < 0.1
    assert np.isfinite(learning["angle.W_in.modprop_wab_fixed"].values).all()
    assert (learning["angle.W_rec.three_factor"].values > 1).all()


def test_an_angle_is_that_of_the_two_directions_at_the_present_weights():
    run = Online(build(), TASK, batch_size=8, seeds=1)
    found = gradient_angles({"three_factor": build("three_factor")}).of(run)
    batch = TASK.draw({}, jnp.arange(8), jax.random.fold_in(jax.random.key(0), 0), test=True)
    tree = {name: value[0] for name, value in run.tree.items()}
    a, b = (np.ravel(build(rule).learn(tree, batch).changes["W_rec"]) for rule in ("bptt", "three_factor"))
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    np.testing.assert_allclose(found["angle.W_rec.three_factor"], np.degrees(np.arccos(cosine)), rtol=1e-3)


def test_an_online_figure_changes_weights_within_a_presentation_and_keeps_signs():
    tiny = {"circuit.neurons": 10, "run.seeds": 1, "task.steps": 20, "task.n_train": 1, "protocol.update_every": 5}
    known = find("modprop/fig5a").configured(quick=True, only=["ModProp_Wab, lr=0.0005"])["ModProp_Wab, lr=0.0005"]
    run = overridden(known, tiny).build()
    before = np.asarray(run.tree["W_rec"])
    after = np.asarray(run.train(1, progress=False).tree["W_rec"])
    assert not np.array_equal(before, after)
    assert (before * after >= 0).all()


def rows(name: str) -> list[dict]:
    if not (REFERENCE / name).exists():
        pytest.skip("reference curves not here")
    return list(csv.DictReader((REFERENCE / name).read_text().splitlines()))


def agree(one, values) -> None:
    digits = 0.051 if one.value > 2 else 6e-4
    assert one.value == pytest.approx(np.mean(values), abs=digits)
    assert one.sd == pytest.approx(np.std(values, ddof=1), abs=digits)


def test_published_curves_are_the_stored_ones():
    tables = {f"test_{what}": rows(f"modprop_curves_delayedxor_{what}.csv") for what in ("loss", "accuracy")}
    known = [one for one in find("modprop/program").references if "published" in one.source]
    assert len(known) == 12
    for one in known:
        (row,) = [row for row in tables[one.series] if int(row["iteration"]) == 20 * one.at]
        agree(one, [float(value) for name, value in row.items() if name != "iteration"])


def test_independent_numbers_are_the_stored_ones():
    program = find("modprop/program")
    table = rows("modprop_measured_delayedxor.csv")
    known = [one for one in program.references if "independent" in one.source]
    assert len(known) == 28
    for one in known:
        rule = program.conditions[one.condition].rule.name
        agree(one, [float(r["eval_loss"]) for r in table if (r["rule"], int(r["update"])) == (rule, 20 * one.at)])


def test_independent_angles_are_the_stored_ones():
    table = rows("modprop_measured_alignment.csv")
    known = [one for one in find("modprop/fig8-xor").references if "independent" in one.source]
    assert len(known) == 24
    for one in known:
        rule = one.series.removeprefix("angle.W_rec.")
        mine = [r for r in table if (r["rule"], int(r["update"])) == (rule, 50 * one.at)]
        agree(one, [float(r["angle_rec_signed_deg"]) for r in mine])
