"""The generated array script on a real SLURM: refused, queued, stopped by signals, requeued, complete."""

import subprocess

import pytest
from biocredit.analysis import open_trace
from biocredit.protocols.cli import main
from biocredit.protocols.execution.slurm import waiting

from tests.end_to_end import slurm_case
from tests.unit.execution_case import LASTING, SWEEP, begun, jobs, perform, same, wait_for

pytestmark = pytest.mark.skipif(bool(slurm_case.lacking()), reason=slurm_case.lacking())


def states(folder, capsys):
    capsys.readouterr()
    assert main(["status", str(folder)]) == 0
    return [line.split()[1] for line in capsys.readouterr().out.splitlines()[1:]]


def test_an_array_that_is_stopped_by_signals_goes_on_and_ends_like_an_undisturbed_one(tmp_path, monkeypatch, capsys):
    folder, made = tmp_path / "runs", jobs(tmp_path / "undisturbed", **LASTING)
    command = [*SWEEP, "--epochs", str(LASTING["run.epochs"]), "--on", "slurm", "-o", str(folder)]
    with slurm_case.running() as configuration:
        monkeypatch.setenv("SLURM_CONF", str(configuration))
        assert main([*command, "--partition", "nowhere"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("biocredit sweep: SLURM refuses: ") and said.count("\n") == 1
        assert main([*command, "--partition", "cpu", "--array-limit", "2", "--time", "10m"]) == 0
        (array,) = (folder / "submitted.txt").read_text().split()
        assert set(states(folder, capsys)) <= {"new", "queued", "running"}
        capsys.readouterr()
        assert main(command) == 0
        assert "0 jobs of 2, the others are complete or in the queue" in capsys.readouterr().out
        paths = [folder / f"circuit.spectral_radius={radius}.h5" for radius in (0.1, 0.2)]
        for number, (path, signal) in enumerate(zip(paths, ("USR1", "TERM"), strict=True)):
            begun(path)
            subprocess.run(["scancel", f"--signal={signal}", "--batch", f"{array}_{number}"], check=True)
        perform(made, say=lambda line: None)
        wait_for(lambda: set(states(folder, capsys)) == {"complete"})
        wait_for(lambda: not waiting(folder))
        logs = [(folder / f"{number}.log").read_text() for number in (0, 1)]
    assert all("told to stop" in log and log.rstrip().endswith("complete") for log in logs), logs
    for job, path in zip(made, paths, strict=True):
        assert same(job.path, path)
        assert open_trace(path).attributes["resumed_epoch"] > 0
