import csv

import pytest
from biocredit.analysis import open_trace
from biocredit.protocols.cli import main
from biocredit.protocols.experiments import find
from biocredit.protocols.experiments.overrides import SettingError
from biocredit.protocols.experiments.sweep import grid, summarise

from tests.unit.experiment_case import DEMO, TINY, learned

OVER = ["--over", "circuit.spectral_radius=0.1,0.5"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    assert main(["sweep", DEMO, *TINY, "--epochs", "1", *OVER, "-o", str(folder)]) == 0
    return folder


def test_every_point_has_a_trace_with_its_setting(swept):
    found = {open_trace(path).configuration["settings"]["circuit"]["spectral_radius"] for path in swept.glob("*.h5")}
    assert found == {0.1, 0.5}


def test_the_summary_says_what_the_traces_say(swept):
    rows = list(csv.DictReader((swept / "sweep.csv").read_text().splitlines()))
    assert [row["circuit.spectral_radius"] for row in rows] == ["0.1", "0.5"]
    for row in rows:
        trace = open_trace(swept / f"circuit.spectral_radius={row['circuit.spectral_radius']}.h5")
        assert float(row["best_mean"]) == pytest.approx(trace["learning/test_accuracy"].values.max(1).mean(), abs=1e-6)
        assert row["seeds"] == "2"


def test_no_cell_of_the_summary_is_a_formula(tmp_path):
    settings = {"settings": {"task": {"name": "@SUM(1)"}}, "condition": "=1+1"}
    path = learned(tmp_path / "run.h5", [[0.5, 0.25], [0.5, 0.25]], settings)
    assert "'=1+1,'@SUM(1),test_accuracy,0.5," in summarise([path], ["task.name"], tmp_path / "sweep.csv")


def test_complete_points_are_left_alone_and_missing_ones_made_in_processes(swept, capsys):
    kept, gone = sorted(swept.glob("*.h5"))
    before, again = kept.stat().st_mtime_ns, open_trace(gone)["learning/loss"].values
    gone.unlink()
    assert main(["sweep", DEMO, *TINY, "--epochs", "1", *OVER, "-o", str(swept), "--workers", "2"]) == 0
    assert "1 of 2 are complete already" in capsys.readouterr().out
    assert kept.stat().st_mtime_ns == before
    assert (open_trace(gone)["learning/loss"].values == again).all()


def test_another_run_in_the_same_place_is_refused(swept, capsys):
    assert main(["sweep", DEMO, *TINY, "--epochs", "2", *OVER, "-o", str(swept)]) == 2
    assert "holds another run" in capsys.readouterr().err


def test_a_grid_combines_all_values():
    points = grid(find(DEMO).configured(), {"circuit.regions": ["1", "2"], "circuit.neurons": ["16", "32", "64"]})
    sizes = [(point.configuration.circuit.regions, point.configuration.circuit.neurons) for point in points]
    assert sizes == [(regions, neurons) for regions in (1, 2) for neurons in (16, 32, 64)]
    assert len({point.label for point in points}) == 6


WRONG = [("circuit.region", "1"), ("circuit.neurons", "x"), ("circuit.neurons", "16 16.0")]


@pytest.mark.parametrize(("name", "values"), WRONG)
def test_a_grid_refuses_what_is_unknown_or_twice(name, values):
    with pytest.raises(SettingError):
        grid(find(DEMO).configured(), {name: values.split()})
