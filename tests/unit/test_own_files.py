"""Complete files of one's own, as the README shows them: each runs, is set from the command line, and goes on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from biocredit.analysis import open_trace
from biocredit.protocols.cli import main

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
#: A setting of what the file defines, and another value of it.
SETTINGS = {"circuit": "circuit.gain=2.5", "pathway": "pathway.drift=0.1", "task": "task.bits=5"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_file_of_ones_own_runs(path, tmp_path, capsys):
    assert len(path.read_text().splitlines()) <= 40
    setting = SETTINGS.get(path.stem, "record.every=3")
    trace = tmp_path / "run.h5"
    assert main(["run", str(path), "--set", setting, "--seeds", "2", "-o", str(trace)]) == 0, capsys.readouterr().err
    with open_trace(trace) as found:
        assert (found.status, found.seeds) == ("complete", [0, 1])
        part, _, rest = setting.partition(".")
        name, _, value = rest.partition("=")
        assert found.configuration["settings"][part][name] == float(value)
        assert np.isfinite(found["learning/test_loss"].values).all()
        assert (path.stem == "measure") == ("concentration" in found.learning)
    assert main(["resume", str(trace)]) == 0
    assert "nothing to resume" in capsys.readouterr().out
    assert main(["run", str(path), "--set", f"{part}.{name}x=1"]) == 2
    assert "did you mean" in capsys.readouterr().err


def test_a_loss_and_a_rule_of_ones_own_are_the_ones_that_learn(tmp_path):
    curves = {}
    for name in ("loss", "transfer", "pathway"):
        trace = tmp_path / f"{name}.h5"
        assert main(["run", str(EXAMPLES[0].with_name(f"{name}.py")), "-o", str(trace)]) == 0
        curves[name] = open_trace(trace)["learning/loss"].values
    assert curves["loss"].max() < 2  # the squared distance of two rows of probabilities is 2 at most
    assert not np.allclose(curves["transfer"], curves["pathway"])


BROKEN = {
    "syntax": ("def (", "line 1"),
    "name": ("x = undefined_name", "line 1: NameError"),
    "nothing": ("x = 1", "wanted a Configuration"),
    "import": ("import no_such_module", "no_such_module"),
}


@pytest.mark.parametrize(("text", "hint"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_gets_one_line(text, hint, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(text)
    assert main(["run", str(tmp_path / "mine.py")]) == 2
    message = capsys.readouterr().err
    assert hint in message
    assert len(message.splitlines()) == 1


def test_an_error_in_ones_own_code_names_file_and_line(tmp_path, capsys):
    text = (EXAMPLES[0].parent / "loss.py").read_text().replace("jnp.sum(", "jnp.summ(")
    (tmp_path / "my_loss.py").write_text(text)
    assert main(["run", str(tmp_path / "my_loss.py"), "-o", str(tmp_path / "run.h5")]) != 0
    message = capsys.readouterr().err
    assert len(message.splitlines()) == 1
    assert "summ" in message


def test_a_file_may_stand_beside_modules_with_names_of_rooms(tmp_path, capsys):
    (tmp_path / "analysis.py").write_text("raise RuntimeError('not this one')")
    shutil.copy(EXAMPLES[0].with_name("task.py"), tmp_path / "circuits.py")
    assert main(["run", str(tmp_path / "circuits.py"), "--epochs", "1", "-o", str(tmp_path / "run.h5")]) == 0
