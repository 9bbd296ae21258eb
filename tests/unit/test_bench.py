"""The bench: a grid as one axis, choice on held-out trials, measures of robustness and cost, tables and page."""

import csv
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from biocredit.analysis.metrics.intervals import mean_interval, paired_interval
from biocredit.analysis.reports.bench.plausibility import plausibility
from biocredit.analysis.reports.bench.results import Results
from biocredit.circuits.core.optimizers import decaying_momentum
from biocredit.protocols import RunError, TwoPhase, tasks
from biocredit.protocols.cli import main
from biocredit.protocols.experiments import bench as room
from biocredit.protocols.experiments import find
from biocredit.protocols.experiments.bench.plan import final_runs, pairs, search_runs
from biocredit.protocols.experiments.bench.rows import condition
from biocredit.protocols.experiments.bench.search import Point
from biocredit.protocols.experiments.overrides import as_json, from_json
from biocredit.protocols.experiments.settings import PARTS
from biocredit.protocols.experiments.settings.tasks import TaskNamed
from biocredit.protocols.recording.measures.cost import cost_of_update
from biocredit.protocols.recording.measures.robustness import noisy_weights, silenced_cells
from scipy import stats

from tests.unit.zoo import CIRCUITS, CLASSES, INPUTS, TRIALS, dual, protocol_of, task_of

OWN = Path(__file__).parents[1] / "examples" / "pathway.py"


def test_a_grid_of_rates_as_one_axis_is_the_runs_one_by_one(tmp_path):
    rates, decays, path = [0.01, 0.3], [0.0, 0.1], tmp_path / "grid.h5"
    grid = optax.inject_hyperparams(decaying_momentum)(learning_rate=1.0, decay=0.0)
    settings = {"seeds": 2, "batch_size": 4, "optimizer": grid, "vary": {"learning_rate": rates, "decay": decays}}
    together = TwoPhase(dual("random"), task_of(dual("random")), **settings)
    together.train(1, record=path, progress=False).resume(path, epochs=2, progress=False)
    for seed, one in enumerate(map(decaying_momentum, rates, decays)):
        alone = TwoPhase(dual("random"), task_of(dual("random")), seeds=[seed], batch_size=4, optimizer=one)
        alone.train(2, progress=False)
        for name, value in alone.tree.items():
            np.testing.assert_allclose(together.tree[name][seed], value[0], rtol=1e-12, atol=1e-14)
    with pytest.raises(RunError, match="did you mean 'learning_rate'"):
        TwoPhase(dual("random"), task_of(dual("random")), optimizer=grid, batch_size=4, vary={"learning_rat": [1.0]})
    with pytest.raises(RunError, match="1 values for 2 networks"):
        protocol_of(dual("random"), optimizer=grid, seeds=2, vary={"learning_rate": [1.0]})
    with pytest.raises(RunError, match=r"optax\.inject_hyperparams"):
        protocol_of(dual("random"), vary={"learning_rate": [1.0]})


def test_choosing_sees_training_trials_alone_and_each_once():
    task = tasks.digits(train=20, test=10)
    chosen = tasks.by_validation(task, 0.25)
    arrays = jax.tree.map(jnp.asarray, chosen.arrays)

    def numbers(count, test):
        return np.asarray(chosen.draw(arrays, jnp.arange(count), jax.random.key(0), test=test).inputs["image"])

    seen = np.concatenate([numbers(15, False), numbers(5, True)])
    stored = np.asarray(task.draw(task.arrays, jnp.arange(20), jax.random.key(0)).inputs["image"])
    assert (chosen.n_train, chosen.n_test) == (15, 5)
    np.testing.assert_array_equal(np.sort(seen, axis=0), np.sort(stored, axis=0))


def test_another_task_has_other_channels_and_the_test_stays():
    inner = task_of(dual("random"))
    task = tasks.then_another(inner, epochs=1)

    def drawn(test):
        return np.asarray(task.draw(task.arrays, jnp.arange(TRIALS), jax.random.key(0), test=test).inputs["input"])

    first = drawn(False)
    task.after_epoch({})
    second = drawn(False)
    np.testing.assert_array_equal(drawn(True), first)
    np.testing.assert_array_equal(np.sort(second, axis=1), np.sort(first, axis=1))
    assert not (second == first).any()
    task.stage = 0
    np.testing.assert_array_equal(drawn(False), first)


@pytest.mark.parametrize("name", ["dual/product", "rate/three_factor"])
def test_nothing_done_is_the_score_and_nobody_firing_is_the_bias(name):
    net = CIRCUITS[name]()
    measures = [silenced_cells((0.0, 1.0), draws=1), noisy_weights((0.0, 5.0), draws=2), cost_of_update(1)]
    run = protocol_of(net, measures=measures)
    run.train(1, progress=False)
    score = run.score("test")["loss"][0]
    silenced, noisy = (run.measured[f"{name}.loss"][0] for name in ("silenced", "noisy_weights"))
    np.testing.assert_allclose([silenced[0], noisy[0]], score, rtol=1e-6)
    assert noisy[1] != pytest.approx(score)
    assert silenced[1] != pytest.approx(score)
    if name == "dual/product":
        bias = np.asarray(run.tree["up.layer3.b"][0])
        np.testing.assert_allclose(silenced[1], np.mean(-jax.nn.log_softmax(bias)[task_of(net).arrays["y"]]), rtol=1e-6)


def test_the_operations_of_back_propagation_are_those_of_its_products():
    run = protocol_of(dual("transposed"), measures=[cost_of_update(1)])
    run.train(1, progress=False)
    sizes, trials = (INPUTS, 5, 4, CLASSES), TRIALS // 2
    products = [below * above for below, above in pairwise(sizes)]
    counted = 2 * trials * (2 * sum(products) + sum(products[1:]))
    assert run.measured["cost.operations"][0, 0] == counted
    assert (run.measured["cost.seconds"] > 0).all()


def test_intervals_are_those_of_student_and_pairs_that_are_equal_differ_by_nothing():
    values = np.random.default_rng(0).normal(size=9)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(mean_interval([*values, np.nan])[1:], (low, high, 9))
    shifted = paired_interval(values + 0.5, values)
    np.testing.assert_allclose(shifted[:3], 0.5)
    assert not shifted.crosses_zero
    assert paired_interval(values, values).crosses_zero
    few = paired_interval([1.0, 2.0, 4.0], [0.0, 0.0, 0.0])
    assert few.low == mean_interval([1.0, 2.0, 4.0]).low < 0
    assert mean_interval([1.0]).crosses_zero


@pytest.mark.parametrize("name", room.BENCHES)
@pytest.mark.parametrize("quick", [False, True])
def test_all_runs_of_a_bench_survive_json_and_share_their_seeds(name, quick):
    bench = room.bench_named(name).chosen(quick=quick)
    experiment = find(f"bench/{name}")
    searched = search_runs(bench, quick=quick)
    labels = [one.label for one in searched]
    assert len(set(labels)) == len(labels)
    assert {one.configuration.run.seed for one in searched} == {1000}
    points = {condition(*pair): Point({"optimizer.learning_rate": 0.1}) for pair in pairs(bench)}
    final = list(final_runs(bench, points, quick=True)) if quick else []  # a full one would read its data
    assert all(one.reason for one in final if one.configuration is None)
    for one in (*searched, *(one for one in final if one.configuration is not None)):
        plain = json.loads(json.dumps(as_json(one.configuration)))
        again = from_json(experiment.conditions[condition(one.rule, one.task)], plain, parts=PARTS)
        assert json.loads(json.dumps(as_json(again))) == plain


def test_a_class_takes_the_settings_of_its_base():
    assert TaskNamed("context_decision", {"dt": 100.0}).make().dt == 100
    assert {"coherences", "dt", "sigma"} <= set(TaskNamed("context_decision").known())


@pytest.fixture
def small(monkeypatch):
    """A bench of three rules, one of which must fail, at a size for tests."""
    whole = room.bench_named("static")
    tiny = {"circuit.hidden": (8,), "run.epochs": 2, "run.seeds": 2, "task.train": 100, "task.test": 40}
    rules = [row for row in whole.rules if row.label in ("BP", "FA")]
    broken = replace(rules[1], label="<broken>", settings={**rules[1].settings, "circuit.activation": "none of them"})
    few = {"feedback cut half-way": whole.variants["feedback cut half-way"]}
    bench = replace(
        whole, rules=(rules[0], broken), rates=(0.03, 0.1), search_seeds=1, variants=few, quick=whole.quick | tiny
    )
    monkeypatch.setattr("biocredit.protocols.commands.bench.bench_named", lambda name: bench)

    monkeypatch.setattr("biocredit.protocols.execution.job.find", lambda name: bench.experiment())


@pytest.mark.filterwarnings("ignore")
def test_a_bench_ends_in_tables_and_a_page_and_repeats_nothing(small, tmp_path, capsys):
    command = ["bench", "static", "--quick", "--rule", str(OWN), "-o", str(tmp_path / "b")]
    assert main(command) == 0
    folder = tmp_path / "b"
    with (folder / "scores.csv").open() as table:
        rows = {row["rule"]: row for row in csv.DictReader(table)}
    assert list(rows) == ["BP", "<broken>", "pathway"]
    assert rows["<broken>"]["state"] == "not done"
    assert 0 <= float(rows["pathway"]["mean"]) <= 1
    with (folder / "grid.csv").open() as table:
        grid = list(csv.DictReader(table))
    best = max((row for row in grid if row["rule"] == "BP"), key=lambda row: float(row["mean"]))
    assert best["chosen"] == "1"
    page = (folder / "bench.html").read_text()
    assert "&lt;broken&gt;" in page
    assert "<broken>" not in page
    assert "http" not in page.replace("http-equiv", "")
    (folder / "properties.csv").write_text("rule,property,verdict\ndrifting,local,yes\ndrifting,dale,no\n")
    found = plausibility(Results(folder))
    assert (found.source, found.verdicts, found.counts) == ("measured", {"pathway": {"local": "yes"}}, {"pathway": 1})
    capsys.readouterr()
    assert main([*command, "--dry-run"]) == 0
    assert capsys.readouterr().out.count("complete  ") == 2  # the one that failed is not tried again
    assert main(["bench", "static", "--quick", "--only", "FU"]) == 2
    assert "no rule 'FU'" in capsys.readouterr().err
