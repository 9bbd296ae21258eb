"""A trace survives: crashes at every disk operation, kill -9, failing disks, second writers, readers in between."""

import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from analysis import atomic_file, journal
from analysis.journal import journal_path
from analysis.trace import TraceError, open_trace
from analysis.trace_check import check
from analysis.trace_writer import TraceWriter

SIZE = 400  # values an epoch and seed: several chunks change in place and several are new


class Crash(BaseException):
    """The machine stops here: no handler of ordinary errors runs."""


class Disk:
    """Counts the operations on the disk; the one with number `fatal` is done half and raises `error`."""

    def __init__(self, monkeypatch, fatal=None, error=Crash):
        self.count, self.fatal, self.error = 0, fatal, error
        for module in (atomic_file, journal):
            monkeypatch.setattr(module, "write_at", self._guard(journal.write_at, half=True))
        for owner, name in ((os, "replace"), (os, "fsync"), (Path, "unlink")):
            monkeypatch.setattr(owner, name, self._guard(getattr(owner, name)))

    def _guard(self, operation, half=False):
        def guarded(*arguments, **options):
            self.count += 1
            if self.count != self.fatal:
                return operation(*arguments, **options)
            if half:
                stream, offset, data = arguments
                operation(stream, offset, data[: len(data) // 2])
            raise self.error(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return guarded


def start(path):
    writer = TraceWriter.create(path, experiment="crash", configuration={}, citations=[], seeds=[0, 1])
    declare(writer)
    return writer


def declare(writer):
    writer.declare("learning/loss", ("seed", "epoch"), (2, None), units="nat", long_name="loss")
    axes = ("snapshot", "seed", "neuron")
    writer.declare("weights/W", axes, (None, 2, SIZE), units="1", long_name="weights", dtype="f4")
    writer.declare("activity/V1/rate", axes, (None, 2, SIZE), units="1", long_name="rate")


def epoch(writer, number):
    values = number + np.linspace(0, 0.5, 2 * SIZE).reshape(1, 2, SIZE)
    writer.append("learning/loss", values[0, :, :1], at=[number])
    writer.append("weights/W", values, at=[number])
    writer.append("activity/V1/rate", values, at=[number])
    writer.event(update=number, kind="phase", description=f"epoch {number}")


def holds(path, *, plain=False):
    """Number of epochs in a file in which every dataset holds exactly the same ones, with the right values."""
    if plain:
        with h5py.File(path) as h5:
            loss, rate, events = h5["learning/loss"][()], h5["activity/V1/rate"][()], h5["events/update"][()]
            weights = h5["weights/W"][()]
    else:
        with open_trace(path) as trace:
            names = ("learning/loss", "activity/V1/rate", "events/update", "weights/W")
            loss, rate, events, weights = (trace[name].values for name in names)
    numbers = np.arange(1, loss.shape[1] + 1)
    expected = numbers[:, None, None] + np.linspace(0, 0.5, 2 * SIZE).reshape(1, 2, SIZE)
    np.testing.assert_array_equal(loss, expected[:, :, 0].T)
    np.testing.assert_array_equal(rate, expected)
    np.testing.assert_array_equal(weights, expected.astype("f4"))
    np.testing.assert_array_equal(events, numbers)
    return len(numbers)


def abandon(writer):
    """What the kernel does for a process that is gone: the lock is released, nothing else."""
    _, _, (h5, stream, lock), _ = writer._release.detach()
    h5.close()
    stream.close()
    lock._stream.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


def test_crash_at_every_operation_of_a_commit(tmp_path):
    fatal, outcomes = 0, []
    while not outcomes or outcomes[-1] != "survived":
        fatal += 1
        path = tmp_path / f"{fatal}.h5"
        outcomes.append(_crash(path, fatal))
    before, after = outcomes.count(2), outcomes.count(3)
    assert before >= 4  # new bytes, their fsync, the journal, its fsync, its rename
    assert after >= 3  # in place, fsync, removal of the journal
    assert outcomes[:-1] == [2] * before + [3] * after


def _crash(path, fatal):
    """Crash in the commit of the third epoch at operation `fatal`; the number of epochs found, or "survived"."""
    writer = start(path)
    for number in (1, 2):
        epoch(writer, number)
        writer.commit()
    lengths = writer.lengths()
    epoch(writer, 3)
    with pytest.MonkeyPatch.context() as monkeypatch:
        disk = Disk(monkeypatch, fatal)
        try:
            writer.commit()
        except Crash:
            abandon(writer)
    if disk.count < fatal:
        writer.close()
        return "survived"
    found = holds(path)
    assert open_trace(path).interrupted
    if not journal_path(path).exists():
        assert holds(path, plain=True) == found
    _go_on(path, lengths)
    return found


def _go_on(path, lengths):
    """Resume at the second epoch, crash on the way at the same kind of place, resume again and finish."""
    with TraceWriter.resume(path, lengths=lengths) as writer:
        assert not journal_path(path).exists()
        assert holds(path) == holds(path, plain=True) == 2
        declare(writer)
        for number in (3, 4):
            epoch(writer, number)
            writer.commit()
    assert holds(path) == holds(path, plain=True) == 4
    assert check(path) == []


def test_crash_at_every_operation_of_a_recovery(path, monkeypatch):
    writer = start(path)
    epoch(writer, 1)
    writer.commit()
    lengths = writer.lengths()
    epoch(writer, 2)
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch)
        writer._h5.flush()
        patch.setattr(writer._stream, "_announce", lambda: (_ for _ in ()).throw(Crash))
        with pytest.raises(Crash):
            writer._stream.commit()
        assert disk.count > 3
    abandon(writer)
    assert journal_path(path).exists()
    for fatal in range(1, 100):
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, fatal)
            try:
                resumed = TraceWriter.resume(path, lengths=lengths)
            except Crash:
                assert holds(path) in (1, 2)
            else:
                break
    assert fatal > 6
    assert holds(path) == 1
    resumed.close()
    assert holds(path, plain=True) == 1


def test_crash_while_the_file_is_made(path):
    for fatal in range(1, 100):
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, fatal)
            try:
                start(path).close()
            except Crash:
                if path.exists():
                    assert open_trace(path).experiment == "crash"
                    path.unlink()
            else:
                break
    assert fatal > 3


@pytest.mark.parametrize("fatal", range(1, 9))
def test_full_disk(path, fatal):
    writer = start(path)
    epoch(writer, 1)
    writer.commit()
    size = path.stat().st_size
    epoch(writer, 2)
    with pytest.MonkeyPatch.context() as patch:
        Disk(patch, fatal, OSError)
        with pytest.raises(TraceError, match=r"cannot write .*run.h5: No space left on device") as caught:
            writer.commit()
    assert "\n" not in str(caught.value)
    if not journal_path(path).exists():
        assert path.stat().st_size >= size
        assert holds(path) == holds(path, plain=True)
    assert holds(path) in (1, 2)
    epoch(writer, 3)
    writer.close()
    assert holds(path) == holds(path, plain=True) == 3
    assert sorted(file.name for file in path.parent.iterdir()) == ["run.h5"]


def program(body):
    """A program that starts with this file's functions and an open writer; what was done is said on its output."""
    head = f"""
import resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_trace_crash import *
path, done = Path(sys.argv[1]), int(sys.argv[2])
if done:
    growing = ("learning/loss", "weights/W", "activity/V1/rate", *(f"events/{{c}}" for c in open_trace(path).events))
    writer = TraceWriter.resume(path, lengths=dict.fromkeys(growing, done))
else:
    writer = start(path)
declare(writer)
"""
    return head + body


def launch(body, path, done=0):
    command = [sys.executable, "-c", program(body), str(path), str(done)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path.cwd())


ENDLESS = """
for number in range(done + 1, 100_000):
    epoch(writer, number)
    writer.commit()
    print(number, flush=True)
"""


def test_kill_9_at_random_moments(path):
    """Twenty kills of one run, each resumed from the last epoch that it reported."""
    chance, done = random.Random(0), 0
    for _ in range(20):
        process = launch(ENDLESS, path, done)
        done = int(process.stdout.readline())
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        reported = process.stdout.read().split()
        process.communicate()
        done = int(reported[-1]) if reported else done
        found = holds(path)
        assert done <= found <= done + 1
        if not journal_path(path).exists():
            assert holds(path, plain=True) == found
    assert check(path) == []
    assert done > 20


def test_a_run_can_be_read_while_it_goes(path):
    process = launch(ENDLESS, path)
    try:
        process.stdout.readline()
        threading.Thread(target=process.stdout.read, daemon=True).start()
        trace = open_trace(path)
        assert trace.status == "running"
        assert not trace.interrupted
        lengths, until = [], time.monotonic() + 2
        while time.monotonic() < until:
            lengths.append(trace["learning/loss"].shape[1])
            trace.inspect(_one_length)
    finally:
        process.kill()
        process.communicate()
    assert lengths == sorted(lengths)
    assert lengths[-1] > lengths[0]
    assert trace.interrupted


def _one_length(h5):
    lengths = {h5["learning/loss"].shape[1], h5["weights/W"].shape[0], h5["events/kind"].shape[0]}
    last = h5["activity/V1/rate"][-1, 0, 0]
    assert lengths == {int(last)}


def test_second_writer_is_refused(path):
    with start(path):
        with pytest.raises(TraceError, match=f"is being written by process {os.getpid()}") as caught:
            start(path)
        assert "\n" not in str(caught.value)
        with pytest.raises(TraceError, match="is being written"):
            TraceWriter.resume(path, lengths={})
        process = launch("", path)
        assert "is being written by process" in process.communicate()[1]
        assert process.returncode == 1
    assert open_trace(path).status == "complete"
    TraceWriter.resume(path, lengths={}).close()


def test_disk_limit_of_the_system(path):
    """A limit that the kernel itself enforces, instead of a failing function."""
    body = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
for number in range(1, 1000):
    epoch(writer, number)
    try:
        writer.commit()
    except TraceError as error:
        print(number, error)
        break
"""
    process = launch(body, path)
    out, err = process.communicate()
    number, message = out.split(maxsplit=1)
    assert "cannot write" in message
    assert int(number) > 2
    assert holds(path) == holds(path, plain=True) == int(number) - 1
    assert err == ""


def test_a_program_that_forgets_to_close(path):
    process = launch(
        "epoch(writer, 1); writer.commit(); epoch(writer, 2); trace = open_trace(path); trace.status", path
    )
    assert process.communicate()[1] == ""
    assert process.returncode == 0
    assert holds(path) == 1
    assert open_trace(path).interrupted
    assert sorted(file.name for file in path.parent.iterdir()) == ["run.h5"]


@pytest.mark.parametrize("attempt", range(6))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupts_wait_for_the_end_of_a_step(path, number, attempt):
    body = """
signal.signal(signal.SIGTERM, signal.default_int_handler)
with writer:
    for number in range(1, 100_000):
        epoch(writer, number)
        writer.commit()
        print(number, flush=True)
"""
    process = launch(body, path)
    process.stdout.readline()
    time.sleep(0.003 * attempt)
    process.send_signal(number)
    _, err = process.communicate()
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert open_trace(path).status == "stopped"
    with h5py.File(path) as h5:
        assert h5.attrs["status"] == "stopped"
    assert check(path) == []


def test_a_stray_journal_is_refused(path, tmp_path):
    writer = start(path)
    epoch(writer, 1)
    writer._h5.flush()
    writer._stream._announce = lambda: (_ for _ in ()).throw(Crash)
    with pytest.raises(Crash):
        writer._stream.commit()
    abandon(writer)
    other = tmp_path / "other.h5"
    start(other).close()
    journal_path(other).write_bytes(journal_path(path).read_bytes())
    with pytest.raises(TraceError, match=r"other.h5.journal does not belong to other.h5: move it away"):
        open_trace(other)
    for damaged in (b"", b"foreign", journal_path(path).read_bytes()[:-1]):
        journal_path(other).write_bytes(damaged)
        with pytest.raises(TraceError, match=r"other.h5.journal is damaged or no journal: move it away"):
            open_trace(other)
    journal_path(other).unlink()
    assert open_trace(other).status == "complete"
    assert holds(path) == 1
