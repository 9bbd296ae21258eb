"""Several runs at a time: real pools, killed workers, generated SLURM scripts, status and merged seeds."""

import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from biocredit.analysis import TraceWriter, open_trace
from biocredit.protocols.cli import main
from biocredit.protocols.execution import slurm
from biocredit.protocols.execution.board import board_for
from biocredit.protocols.execution.engines import Resources, executor
from biocredit.protocols.execution.folder import write_jobs
from biocredit.protocols.execution.job import Job
from biocredit.protocols.execution.perform import perform
from biocredit.protocols.experiments import find

from tests.unit.execution_case import LASTING, SMALL, SWEEP, Killer, jobs, same, wait_for
from tests.unit.experiment_case import DEMO


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    outcomes = perform(jobs(folder), say=lambda line: None)
    assert [one.state for one in outcomes] == ["complete"] * 2
    return folder


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lasting")
    assert [one.state for one in perform(jobs(folder, **LASTING), say=lambda line: None)] == ["complete"] * 2
    return folder


def test_a_job_survives_json(tmp_path):
    (job, _) = jobs(tmp_path)
    assert Job.from_plain(json.loads(json.dumps(job.plain()))) == job


def test_any_executor_does_the_same_and_repeats_nothing(undisturbed, tmp_path):
    said = []
    with ThreadPoolExecutor(1) as executor:
        perform(jobs(tmp_path), executor, say=said.append)
    assert same(undisturbed / "1.h5", tmp_path / "1.h5")
    before = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("*.h5"))]
    perform(jobs(tmp_path), say=said.append)
    assert said[-1] == "2 of 2 are complete already"
    assert before == [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("*.h5"))]


def test_failures_are_told_by_job_and_do_not_stop_the_others(tmp_path):
    (bad, good) = jobs(tmp_path)
    settings = {"circuit.activation": "linear", "circuit.spectral_radius": 1e30}
    (exploding,) = find(DEMO).configured({**SMALL, **settings}).values()
    bad = Job(bad.experiment, bad.condition, exploding, bad.path)
    outcomes = perform([bad, good], say=lambda line: None)
    assert [one.state for one in outcomes] == ["failed", "complete"]
    assert "diverged" in outcomes[0].reason


@pytest.mark.parametrize("engine", ["pool:2", "dask"])
def test_a_killed_worker_is_made_up_for(engine, lasting, tmp_path):
    pytest.importorskip("distributed")
    made, said = jobs(tmp_path, **LASTING), []
    with executor(engine, Resources(workers=2)) as opened:
        killer = Killer(made[1].path)
        outcomes = perform(made, opened, say=said.append)
    assert [one.state for one in outcomes] == ["complete"] * 2, said
    killer.join()
    assert killer.killed[0] != os.getpid()
    for job in made:
        assert same(lasting / job.path.name, job.path)


def test_a_job_that_never_gets_further_is_given_up(tmp_path):
    (job, _) = jobs(tmp_path)
    broken = Future()
    broken.set_exception(BrokenExecutor("gone"))
    begun = []
    executor = SimpleNamespace(submit=lambda *args: begun.append(args) or broken)
    (outcome,) = perform([job], executor, say=lambda line: None)
    assert (outcome.state, len(begun)) == ("failed", 4)
    assert "its worker ended" in outcome.reason


def group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_stops_a_sweep_and_all_its_processes(tmp_path):
    command = [sys.executable, "-m", "biocredit.protocols.cli", *SWEEP, "--epochs", "100000", "--on", "pool:2"]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    running = subprocess.Popen([*command, "-o", str(tmp_path)], **pipes)
    wait_for(lambda: len(list(tmp_path.glob("*.h5.checkpoint"))) == 2 or running.poll() is not None)
    assert running.poll() is None, running.stderr.read()
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 130, said
    assert said.split("\n")[1:-1] == ["stopping all runs after their present stretch (a second Ctrl-C stops at once)"]
    assert [open_trace(path).status for path in sorted(tmp_path.glob("*.h5"))] == ["stopped"] * 2
    wait_for(lambda: not group_lives(running.pid), seconds=20)


def test_status_reads_traces(undisturbed, tmp_path, capsys):
    made = jobs(tmp_path, 3)
    slurm.write(tmp_path, made, Resources())
    perform(made[:1], say=lambda line: None)
    made[1].path.write_bytes(b"nothing")
    assert main(["status", str(tmp_path)]) == 0
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows == [["0", "complete"], ["1", "unreadable"], ["2", "new"]]


GOLDEN = """\
#!/bin/bash
#SBATCH --job-name=grid
#SBATCH --array=0-11%5
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%a.log
#SBATCH --signal=B:TERM@60
#SBATCH --partition=gpu
#SBATCH --time=240
#SBATCH --gpus-per-task=1
# Every task has the same number of threads and devices: results depend on them in the last bits.
export NPROC=${SLURM_CPUS_PER_TASK:-1} JAX_NUM_CPU_DEVICES=1 XLA_PYTHON_CLIENT_PREALLOCATE=false
exec PYTHON -m biocredit.protocols.cli work . "$SLURM_ARRAY_TASK_ID"
"""


def test_the_array_script_is_the_one_that_labs_read():
    text = slurm.text("grid", range(12), Resources(partition="gpu", time="4h", gpus=1, limit=5))
    assert text.replace(sys.executable, "PYTHON") == GOLDEN


STUB = """\
#!/bin/bash
export SLURM_ARRAY_TASK_ID=0; bash "${!#}" > 0.log 2>&1
echo 42
"""


def test_a_sweep_on_slurm_submits_the_script_and_its_tasks_do_the_runs(tmp_path, monkeypatch, capsys):
    stub = tmp_path / "bin" / "sbatch"
    stub.parent.mkdir()
    stub.write_text(STUB)
    stub.chmod(stub.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{stub.parent}:{os.environ['PATH']}")
    folder = tmp_path / "runs"
    command = [*SWEEP[:-1], "circuit.spectral_radius=0.1", "--on", "slurm", "-o", str(folder)]
    assert main(command) == 0
    assert "42: 1 jobs" in capsys.readouterr().out
    assert [open_trace(path).status for path in folder.glob("*.h5")] == ["complete"]
    assert main([*command, "--dry-run"]) == 0
    assert capsys.readouterr().out.count("complete") == 1


def test_without_slurm_one_line_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([*SWEEP, "--on", "slurm", "-o", str(tmp_path / "runs")]) == 2
    assert "there is no sbatch here" in capsys.readouterr().err


def test_seeds_of_two_machines_are_joined_and_other_configurations_are_not(tmp_path, capsys):
    wanted = {"both": (2, 0, 0.1), "first": (1, 0, 0.1), "second": (1, 1, 0.1), "other": (1, 2, 0.2)}
    made = []
    for name, (seeds, seed, radius) in wanted.items():
        own = {"run.seeds": seeds, "run.seed": seed, "circuit.spectral_radius": radius}
        (job,) = jobs(tmp_path / name, 1, **own)
        made.append(job)
    perform(made, say=lambda line: None)
    both, first, second, other = (str(job.path) for job in made)
    joined = str(tmp_path / "all.h5")
    assert main(["merge", first, second, "-o", joined]) == 0
    with open_trace(both) as one, open_trace(joined) as two:
        assert (two.seeds, two.status) == (one.seeds, "complete")
        assert two["learning/loss"].dims == one["learning/loss"].dims
        np.testing.assert_allclose(two["learning/loss"].values, one["learning/loss"].values, rtol=1e-12)
    capsys.readouterr()
    assert main(["merge", first, other, "-o", str(tmp_path / "no.h5")]) == 2
    assert "differ in settings.circuit.spectral_radius: 0.1 and 0.2" in capsys.readouterr().err
    assert main(["merge", first, both, "-o", str(tmp_path / "no.h5")]) == 2
    assert "seed 0 is in more than one" in capsys.readouterr().err
    assert not (tmp_path / "no.h5").exists()


REFUSED = {
    "pol:2": "unknown engine 'pol:2'",
    "pool:none": "pool:none: wanted a number of processes",
    "mpi": "mpi4py is not installed: pip install 'biocredit[mpi]'",
    "dask-slurm": "dask_jobqueue is not installed: pip install 'biocredit[dask]'",
    "dask://127.0.0.1:1": "no Dask scheduler answers at tcp://127.0.0.1:1",
}


@pytest.mark.parametrize("engine", REFUSED)
def test_an_engine_that_is_not_there_costs_one_line_and_nothing_that_was_there(
    engine, undisturbed, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("biocredit.protocols.execution.engines.SECONDS", 1)
    for module in ("mpi4py", "dask_jobqueue"):
        monkeypatch.setitem(sys.modules, module, None)
    kept = tmp_path / "circuit.spectral_radius=0.1.h5"
    kept.write_bytes((undisturbed / "0.h5").read_bytes())
    assert main([*SWEEP, "--on", engine, "-o", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert REFUSED[engine] in said and said.count("\n") == 1
    assert kept.read_bytes() == (undisturbed / "0.h5").read_bytes()


def test_a_folder_that_cannot_be_written_costs_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    for engine in ("pool:2", "slurm"):
        assert main([*SWEEP, "--on", engine, "-o", str(tmp_path / "file" / "runs")]) == 2
        said = capsys.readouterr().err
        assert "Not a directory" in said and said.count("\n") == 1


def test_a_terminal_shows_a_table_and_a_notebook_a_bar(undisturbed, tmp_path, capsys, monkeypatch):
    paths = [tmp_path / "slow.h5", tmp_path / "failing.h5", tmp_path / "later.h5"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    with TraceWriter.create(paths[0], experiment="made", configuration={}, citations=[], seeds=[0]):
        with board_for(paths, print, together=True) as board:
            board.look()
            board.done(str(paths[1]), "failed", "it diverged")
        shown = capsys.readouterr().out
        assert shown.startswith("1 running, 2 to come\n  slow  epoch 0\n\x1b[2F\x1b[J[1/3] ")
        assert shown.endswith("failing.h5: failed: it diverged\n")
        monkeypatch.setitem(sys.modules, "ipykernel", SimpleNamespace())
        with board_for(paths, print, together=True) as board:
            board.look()
            board.done(str(paths[1]), "failed", "it diverged")
    told = "".join(capsys.readouterr())
    assert "failing.h5: failed: it diverged" in told and "1/3" in told and "failed=1" in told


def test_why_a_run_failed_stands_in_its_trace(tmp_path, capsys):
    settings = {"circuit.activation": "linear", "circuit.spectral_radius": 1e30}
    (job, _) = jobs(tmp_path, **settings)
    assert perform([job], say=lambda line: None)[0].state == "failed"
    (tmp_path / "1.log").write_text("first line\nbiocredit work: no such thing\n\n")
    write_jobs(tmp_path, jobs(tmp_path, **settings))
    assert main(["status", str(tmp_path)]) == 0
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split()[1] == "failed" and "diverged" in first
    assert second.split()[1] == "failed" and second.endswith("no such thing")
