"""Kill -9 at random moments: the file opens, holds every finished epoch, and the resumed run is the undisturbed one."""

import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import TraceError, open_trace

EPOCHS = 60  # for each kill: more than a run does before it is killed


def start(path: Path, epochs: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.end_to_end.killed_run", str(path), str(epochs)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def finish(path: Path, epochs: int) -> None:
    """Let a run come to its end."""
    with start(path, epochs) as process:
        assert process.wait(timeout=600) == 0


def finished_epochs(path: Path) -> int:
    """Epochs that the file holds, and that they are complete and in order."""
    if not path.exists():
        return 0
    try:
        return held_by(path)
    except TraceError as begun_anew:  # a resumed run cuts the file back to its checkpoint
        if "open it again" not in str(begun_anew):
            raise
        return held_by(path)


def held_by(path: Path) -> int:
    """Epochs in one look at the file."""
    with open_trace(path) as trace:
        assert trace.status in ("running", "complete")
        if "learning/loss" not in trace:
            return 0
        loss = trace["learning/loss"]
        assert np.isfinite(loss.values).all()
        assert np.array_equal(loss.coords["epoch"], np.arange(1, loss.shape[1] + 1))
    return loss.shape[1]


def kill_soon(process: subprocess.Popen, path: Path, held: int, delay: float) -> None:
    """Wait until the run has added to its file, wait a little more, kill."""
    deadline = time.monotonic() + 120
    while finished_epochs(path) == held and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    time.sleep(delay)
    process.kill()
    process.wait()
    process.stdout.close()


def killed_and_undisturbed(folder: Path, chance: np.random.Generator, kills: int) -> None:
    """Kill a run so many times, resume it each time, and compare its end with that of an undisturbed one."""
    undisturbed, disturbed = folder / "undisturbed.h5", folder / "disturbed.h5"
    epochs = EPOCHS * kills
    finish(undisturbed, epochs)
    held = 0
    for _ in range(kills):
        kill_soon(start(disturbed, epochs), disturbed, held, chance.uniform(0, 0.15))
        holds = finished_epochs(disturbed)
        with h5py.File(disturbed) as plain:
            assert plain["learning/loss"].shape[1] == holds
        assert holds >= held - 1  # a resumed run goes back to its checkpoint, at most one epoch behind the file
        held = holds
    assert held < epochs, "the run was too short to be killed so often"
    finish(disturbed, epochs)
    assert check(disturbed) == []
    assert_same(undisturbed, disturbed)


def test_a_killed_run_ends_like_an_undisturbed_one(tmp_path: Path, rng: np.random.Generator):
    """A sample of the whole runs of ``make reliability``."""
    killed_and_undisturbed(tmp_path, rng, 2)


def assert_same(one: Path, other: Path) -> None:
    """Every recorded number is the same, bit for bit."""
    with open_trace(one) as left, open_trace(other) as right:
        assert list(left.keys()) == list(right.keys())
        for name in left.keys():
            assert np.array_equal(
                left[name].values, right[name].values, equal_nan=left[name].values.dtype.kind == "f"
            ), name
