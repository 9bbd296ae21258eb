import json
import subprocess
import sys

import numpy as np
import pytest
from biocredit.analysis import open_trace
from biocredit.analysis.trace.check import check
from biocredit.protocols.cli import main

from tests.unit.experiment_case import DEMO, TINY

LIGHT = (["--help"], ["list"], ["show", DEMO], ["data", "list"], ["cite", DEMO], ["run", "nonsense"])


@pytest.mark.parametrize("command", LIGHT, ids=" ".join)
def test_light_commands_answer_without_jax(command):
    program = (
        "import sys\n"
        "from biocredit.protocols.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'jax', 'brainpy', 'brainstate', 'optax'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


BAD = {
    "experiment": (["run", "adjoint-propagation/fig2q"], "did you mean 'adjoint-propagation/fig2"),
    "field": (["run", DEMO, "--set", "circuit.spectral_radus=1"], "did you mean 'circuit.spectral_radius'"),
    "short field": (["run", DEMO, "--set", "spectral_radius=1"], "did you mean 'circuit.spectral_radius'"),
    "type": (["run", DEMO, "--set", "circuit.neurons=many"], "wanted an integer, got 'many'"),
    "choice": (["run", DEMO, "--set", "protocol.error=end_pont"], "did you mean 'end_point'"),
    "no value": (["run", DEMO, "--set", "circuit.neurons"], "wanted NAME=VALUE"),
    "epochs": (["run", DEMO, "--epochs", "-1"], "run.epochs must be 0 or more"),
    "refused by the circuit": (["run", DEMO, "--set", "circuit.layout_code=3"], "pieces of layout 3"),
    "refused by the task": (["run", DEMO, "--set", "task.name=mnits"], "did you mean 'mnist'"),
    "condition": (["run", DEMO, "--condition", "PA"], "valid: AP"),
    "swept field": (["run", "adjoint-propagation/fig2c", "--set", "circuit.spectral_radius=1"], "--condition"),
    "list": (["list", "zzz"], "no experiment contains 'zzz'"),
    "missing trace": (["resume", "nothing.h5"], "no such file"),
    "missing traces": (["inspect", "."], "holds no trace"),
    "report": (["report", "nothing.h5"], "no such file"),
    "json": (["run", "absent.json"], "absent.json"),
    "data": (["data", "fetch"], "needs the name of a data set"),
    "workers": (["run", "adjoint-propagation/fig3b", "--quick", "--workers", "0"], "--workers must be 1 or more"),
}


@pytest.mark.parametrize(("command", "hint"), BAD.values(), ids=BAD)
def test_bad_input_gets_one_line_and_status_2(command, hint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    message = capsys.readouterr().err
    assert hint in message
    assert len(message.splitlines()) == 1
    assert not list(tmp_path.rglob("*.h5"))


@pytest.mark.parametrize("command", [[], ["frobnicate"], ["run"], ["run", DEMO, "--sett", "a=1"]])
def test_bad_words_leave_with_status_2(command, capsys):
    with pytest.raises(SystemExit) as left:
        main(command)
    assert left.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run.h5"
    assert main(["run", DEMO, *TINY, "-o", str(path)]) == 0
    return path


def test_a_run_leaves_a_complete_trace_that_keeps_to_the_schema(finished):
    trace = open_trace(finished)
    assert (trace.status, trace.experiment, trace.seeds) == ("complete", DEMO, [0, 1])
    assert trace["learning/test_accuracy"].shape == (2, 2)
    assert trace.configuration["settings"]["circuit"]["neurons"] == 16
    assert trace.configuration["full_size"] is False
    assert check(finished) == []


def test_an_existing_trace_is_not_replaced_unasked(finished, capsys):
    before = finished.read_bytes()
    assert main(["run", DEMO, *TINY, "-o", str(finished)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert finished.read_bytes() == before


def test_what_show_prints_can_be_edited_and_run(finished, tmp_path, capsys):
    main(["show", DEMO, *TINY])
    shown = json.loads(capsys.readouterr().out)
    shown["conditions"]["AP"]["circuit"]["spectral_radius"] = 0.5
    (tmp_path / "mine.json").write_text(json.dumps(shown))
    assert main(["run", str(tmp_path / "mine.json"), "-o", str(tmp_path / "mine.h5")]) == 0
    settings = open_trace(tmp_path / "mine.h5").configuration["settings"]
    original = open_trace(finished).configuration["settings"]
    assert settings["circuit"].pop("spectral_radius") == 0.5
    assert original["circuit"].pop("spectral_radius") == 0.25
    assert settings == original


def test_an_edited_file_with_a_wrong_name_is_refused(tmp_path, capsys):
    main(["show", DEMO, *TINY])
    shown = json.loads(capsys.readouterr().out)
    shown["conditions"]["AP"]["circuit"]["nuerons"] = 3
    (tmp_path / "mine.json").write_text(json.dumps(shown))
    assert main(["run", str(tmp_path / "mine.json")]) == 2
    assert "did you mean 'neurons'" in capsys.readouterr().err


def test_resume_ends_like_the_undisturbed_run(finished, tmp_path, monkeypatch, capsys):
    import contextlib

    from biocredit.protocols.training import course

    class AfterOneEpoch:
        looks = 0

        @property
        def made(self):
            self.looks += 1
            return self.looks > 2

        def act(self, on_interrupt, message):
            raise SystemExit(75)

    path = tmp_path / "stopped.h5"
    with monkeypatch.context() as patch:
        patch.setattr(course, "stop_request", lambda: contextlib.nullcontext(AfterOneEpoch()))
        assert main(["run", DEMO, *TINY, "-o", str(path)]) == 75
    assert "biocredit resume" in capsys.readouterr().out
    assert open_trace(path).status == "stopped"
    assert main(["resume", str(path)]) == 0
    first, second = open_trace(finished), open_trace(path)
    assert second.status == "complete"
    for name in first:
        assert np.array_equal(first[name].values, second[name].values), name
    assert main(["resume", str(path)]) == 0
    assert "nothing to resume" in capsys.readouterr().out


def test_a_run_that_was_lost_before_its_first_checkpoint_starts_again(finished, tmp_path):
    from biocredit.analysis.trace.writer import TraceWriter

    path, about = tmp_path / "lost.h5", open_trace(finished)
    TraceWriter.create(path, experiment=DEMO, configuration=about.configuration, citations=[], seeds=about.seeds).close(
        "stopped"
    )
    assert main(["resume", str(path)]) == 0
    assert np.array_equal(open_trace(path)["learning/loss"].values, about["learning/loss"].values)


def test_a_run_that_diverges_has_status_1_and_leaves_a_readable_file(tmp_path, capsys):
    path = tmp_path / "diverged.h5"
    explosive = ["--set", "circuit.activation=linear", "--set", "circuit.spectral_radius=1e30"]
    assert main(["run", DEMO, *TINY, *explosive, "-o", str(path)]) == 1
    assert "diverged" in capsys.readouterr().err
    assert open_trace(path).status == "failed"


def test_inspect_describes_and_checks(finished, capsys):
    assert main(["inspect", str(finished)]) == 0
    assert "test_accuracy (seed: 2, epoch: 2)" in capsys.readouterr().out
    assert main(["inspect", str(finished), "--check"]) == 0
    assert "keeps to the schema" in capsys.readouterr().out


def test_report_and_cite(finished, tmp_path, capsys):
    assert main(["report", str(finished), "-o", str(tmp_path / "r.html")]) == 0
    assert "data:image/png;base64" in (tmp_path / "r.html").read_text()
    assert main(["cite", str(finished)]) == 0
    assert "liu2026adjoint" in capsys.readouterr().out
    assert main(["report", str(finished), "-o", str(tmp_path / "r.pdf")]) == 2


@pytest.mark.parametrize(
    ("words", "guess"),
    [(("audti", "pfa"), "audit"), (("bench", "statc"), "static"), (("export", "x.h5", "--to", "nbw"), "nwb")],
)
def test_a_misspelt_command_or_choice_gets_the_nearest_one(words, guess, capsys):
    with pytest.raises(SystemExit) as left:
        main(list(words))
    (line,) = capsys.readouterr().err.splitlines()
    assert left.value.code == 2 and f"did you mean {guess!r}?" in line
