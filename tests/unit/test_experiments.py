import csv
import json
from pathlib import Path

import numpy as np
import pytest
from biocredit.analysis.reports.bibliography import entry
from biocredit.protocols.experiments import ExperimentError, every, find
from biocredit.protocols.experiments.experiment import Experiment, varied
from biocredit.protocols.experiments.overrides import (
    SettingError,
    as_json,
    assignment,
    flat,
    from_json,
    overridden,
)
from biocredit.protocols.experiments.papers import numbers
from biocredit.protocols.experiments.papers.adjoint_propagation.experiments import DEMO as CHAIN
from biocredit.protocols.experiments.settings import PARTS

EXPERIMENTS = every()
REFERENCE = Path(__file__).parents[3] / "shared" / "reference"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_says_what_it_is(name):
    experiment = EXPERIMENTS[name]
    assert "/" in name
    assert all((experiment.figure, experiment.title, experiment.takes, experiment.expected))
    assert "@misc" not in entry(experiment.citation) or "title" in entry(experiment.citation)
    assert all(one.condition in ("", *experiment.conditions) for one in experiment.references)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_quick_look_needs_no_download(name):
    quick = EXPERIMENTS[name].configured(quick=True).values()
    assert {data_set for one in quick for data_set in one.data_sets} <= {"digits"}


def test_our_own_numbers_belong_to_experiments():
    for file in ("published.csv", "observed.csv"):
        assert set(numbers(file)) <= set(every())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_settings_survive_json_in_full_and_quick_size(name):
    for quick in (False, True):
        for configuration in EXPERIMENTS[name].configured(quick=quick).values():
            plain = json.loads(json.dumps(as_json(configuration)))
            assert from_json(configuration, plain, parts=PARTS) == configuration


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("circuit.spectral_radius=1", 1.0),
        ("circuit.neurons=64", 64),
        ("circuit.neurons=1e3", 1000),
        ("protocol.iterations=2,4", (2, 4)),
        ("protocol.iterations=[2, 4]", (2, 4)),
        ("circuit.receivers_of_error=none", None),
        ("record.activity=V1.rate,", None),
        ('record.activity=["V1.rate"]', ("V1.rate",)),
        ("record.amplitudes=[]", ()),
        ("task.name=5", "5"),
        ("task.standardise=global", "global"),
    ],
)
def test_an_override_is_read_by_the_type_of_its_field(text, value):
    name, written = assignment(text)
    if value is None and name == "record.activity":
        with pytest.raises(SettingError, match="wanted a list"):
            overridden(CHAIN, {name: written})
        return
    got = flat(overridden(CHAIN, {name: written}))[name]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "circuit.neurons=1.5",
        "circuit.neurons=true",
        "protocol.iterations=4",
        "protocol.iterations=1,2,3",
        "protocol.error=both",
        "circuit.spectral_radius=large",
        "circuit=3",
        "circuit.neuron=3",
    ],
)
def test_a_wrong_override_is_refused(text):
    with pytest.raises(SettingError):
        overridden(CHAIN, dict([assignment(text)]))


def test_a_setting_that_is_left_out_keeps_its_default_and_a_foreign_one_is_refused():
    assert from_json(CHAIN, {"circuit": {"neurons": 32}}) == overridden(CHAIN, {"circuit.neurons": 32})
    with pytest.raises(SettingError, match=r"circuit\.neuron"):
        from_json(CHAIN, {"circuit": {"neuron": 32}})
    with pytest.raises(SettingError):
        from_json(CHAIN, {"circuit": 3})


def test_overrides_reach_the_conditions_that_have_the_setting():
    table = find("adjoint-propagation/table1").configured({"protocol.iterations": "2,2", "run.epochs": "3"})
    assert {one.run.epochs for one in table.values()} == {3}
    assert table["AP, mnist"].protocol.iterations == (2, 2)
    with pytest.raises(SettingError, match=r"circuit\.hidden"):
        find("adjoint-propagation/table1").configured({"circuit.hiden": "3"})


def test_an_override_that_makes_conditions_equal_is_refused():
    with pytest.raises(SettingError, match="--condition"):
        find("adjoint-propagation/fig2c").configured({"circuit.spectral_radius": 1.0})
    (one,) = find("adjoint-propagation/fig2c").configured({"circuit.spectral_radius": 1.0}, only=["SR=0.1"]).values()
    assert one.circuit.spectral_radius == 1.0


def test_an_unknown_experiment_gets_the_nearest_name():
    with pytest.raises(ExperimentError, match="adjoint-propagation/table1"):
        find("adjoint-propagation/table2")


def test_references_travel_with_full_runs_and_not_with_quick_ones():
    fig2b = find("adjoint-propagation/fig2b")
    configuration = fig2b.conditions["AP"]
    assert fig2b.record("AP", configuration, quick=True)["reference"] == []
    about = fig2b.record("AP", configuration, quick=False)
    assert about["full_size"] is True
    stored = {"series": "test_accuracy", "at": "best", "value": 0.8904}.items()
    assert any(stored <= one.items() for one in about["reference"])


def test_a_new_experiment_is_a_configuration_and_a_row():
    base = overridden(CHAIN, {"task.name": "digits"})
    made = Experiment(
        "paper/fig1", "Figure 1", "a title", "10.1/2", "a second", varied(base, "{}", "run.seeds", (1, 2))
    )
    assert [one.run.seeds for one in made.configured().values()] == [1, 2]
    assert made.needs == ("digits",)


def curves(name):
    if not (REFERENCE / name).exists():
        pytest.skip("reference curves not here")
    return list(csv.DictReader((REFERENCE / name).read_text().splitlines()))


def test_numbers_of_the_demo_are_the_stored_ones():
    rows = {int(row["epoch"]): float(row["test_acc_percent"]) for row in curves("ap_curves_fmnist_demo.csv")}
    known = [one for one in find("adjoint-propagation/fig2b").references if "stored" in one.source]
    assert len(known) == 11
    for one in known:
        assert 100 * one.value == pytest.approx(max(rows.values()) if one.at == "best" else rows[one.at], abs=0.005)


COLUMNS = {
    "test_accuracy.choice_fashion_mnist": "task1_fmnist_test_acc_percent",
    "test_accuracy.choice_mnist": "task2_mnist_test_acc_percent",
}


def test_numbers_of_path_b_are_means_of_the_stored_ones():
    rows = curves("ap_curves_pathB_ongoing.csv")
    for one in (one for one in find("adjoint-propagation/fig5-pathB-ongoing").references if "stored" in one.source):
        column = COLUMNS[one.series]
        runs = {row["run"] for row in rows}
        curve = np.array([[float(r[column]) for r in rows if r["run"] == run] for run in sorted(runs)])
        values = curve.max(1) if one.at == "best" else curve[:, int(one.at) - 1]
        assert 100 * one.value == pytest.approx(values.mean(), abs=0.006)
        assert 100 * one.sd == pytest.approx(values.std(ddof=1), abs=0.006)


def test_psychometric_numbers_are_the_stored_ones():
    rows = curves("ap_gabor_psychometric.csv")
    table = {(float(r["noise_std"]), float(r["orientation_deg"])): float(r["mean_p_class1_rerun"]) for r in rows}
    known = [one for one in find("adjoint-propagation/appendix2").references if one.series.startswith("psychometric")]
    assert len(known) == 21
    for one in known:
        assert one.value == pytest.approx(table[float(one.condition.removeprefix("noise=")), one.at], abs=6e-4)


def test_settings_of_a_temporal_rule_are_set_by_name():
    base = next(iter(every()["modprop/fig3a"].configured(quick=True).values()))
    changed = overridden(base, {"rule.name": "future_bptt", "rule.horizon": 40})
    assert changed.build().circuit.rule.settings.horizon == 40
    with pytest.raises(SettingError, match="did you mean 'horizon'"):
        overridden(base, {"rule.name": "future_bptt", "rule.horizonn": 40})
