"""No setting and no JSON file shows a traceback; what cannot be is refused before anything is allocated or written."""

import pytest
from biocredit.protocols.cli import main

from tests.reliability.settings import odd_files, odd_settings
from tests.unit.experiment_case import DEMO, TINY


def test_odd_settings_get_one_line():
    assert odd_settings(300) == []


def test_odd_json_files_get_one_line():
    assert odd_files() == []


LINES = {
    "a folder": (["run", DEMO, "-o", "."], "is a folder"),
    "wide": (["run", DEMO, "--set", "circuit.neurons=400000"], "GB are free"),
    "empty over": (["sweep", DEMO, "--over", "run.epochs="], "wanted values"),
    "over": (["sweep", DEMO, "--over", "run.epochs=[1,"], "--over run.epochs"),
    "workers": (["sweep", DEMO, "--over", "run.epochs=1", "--workers", "0"], "--workers must be 1 or more"),
    "engine": (["sweep", DEMO, "--over", "run.epochs=1", "--on", "dusk"], "did you mean 'dask'"),
    "pool of nothing": (["sweep", DEMO, "--over", "run.epochs=1", "--on", "pool:0"], "from 1 to 1000"),
    "own settings": (
        ["run", "product-feedback/fig2", "--set", "pathway.drift=1"],
        "valid: ",
    ),
    "own type": (["run", "product-feedback/fig2", "--quick", "--set", "pathway.sparsity=much"], "wanted a number"),
    "rule of a chain": (["run", DEMO, "--set", "rule=modprop"], "rule"),
    "cite": (["cite", "adjoint-propagation/fig2q"], "did you mean 'adjoint-propagation/fig2"),
    "cite nobody": (["cite", "nobody"], "nothing to cite is called 'nobody'"),
    "status": (["status", "."], "holds no runs"),
    "work": (["work", ".", "0"], "holds no jobs.json"),
    "list": (["list", "rule", "x"], "did you mean 'rules'"),
}


@pytest.mark.parametrize(("command", "hint"), LINES.values(), ids=LINES)
def test_bad_input_gets_one_line(command, hint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    message = capsys.readouterr().err
    assert hint in message
    assert len(message.splitlines()) == 1


def test_an_existing_trace_names_both_ways_on(tmp_path, capsys):
    path = tmp_path / "run.h5"
    assert main(["run", DEMO, *TINY, "--epochs", "1", "-o", str(path)]) == 0
    assert main(["run", DEMO, *TINY, "--epochs", "1", "-o", str(path)]) == 2
    message = capsys.readouterr().err
    assert "--resume" in message
    assert "--overwrite" in message
    assert main(["run", DEMO, *TINY, "--epochs", "1", "-o", str(path), "--resume"]) == 0
    assert main(["cite", str(path)]) == 0


def test_a_pathways_own_setting_reaches_it(capsys):
    assert main(["show", "product-feedback/fig2", "--condition", "PFA", "--set", "pathway.expansion=3"]) == 0
    assert '"expansion": 3.0' in capsys.readouterr().out


@pytest.mark.parametrize("what", ["rules", "pathways", "tasks", "measures", "interventions", "experiments"])
def test_everything_can_be_listed(what, capsys):
    assert main(["list", what]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 5
