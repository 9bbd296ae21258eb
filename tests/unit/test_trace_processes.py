"""A trace and the processes that write and read it: kill -9, signals, readers in between, second writers, limits."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import pytest
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.analysis.trace.storage.journal import journal_path
from biocredit.analysis.trace.writer import TraceWriter
from trace_crash_case import holds, start


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


def program(body):
    """A program that starts with the functions of the case and an open writer; what was done is said on its output."""
    head = f"""
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r})
from trace_crash_case import *
from biocredit.analysis.trace.reader import TraceError
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
    """Four kills of one run, each resumed from the last epoch that it reported; ``make reliability`` does hundreds."""
    chance, done = random.Random(0), 0
    for _ in range(4):
        process = launch(ENDLESS, path, done)
        for _ in range(chance.randint(1, 3)):
            done = int(process.stdout.readline())
        time.sleep(chance.uniform(0, 0.02))
        process.kill()
        reported = process.stdout.read().split()
        process.communicate()
        done = int(reported[-1]) if reported else done
        found = holds(path)
        assert done <= found <= done + 1
        if not journal_path(path).exists():
            assert holds(path, plain=True) == found
    assert check(path) == []
    assert done > 4


def test_a_run_can_be_read_while_it_goes(path):
    process = launch(ENDLESS, path)
    try:
        process.stdout.readline()
        threading.Thread(target=process.stdout.read, daemon=True).start()
        trace = open_trace(path)
        assert trace.status == "running"
        assert not trace.interrupted
        lengths, until = [], time.monotonic() + 1
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


@pytest.mark.parametrize("attempt", range(2))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupts_wait_for_the_end_of_a_step(path, number, attempt):
    body = """
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, signal.default_int_handler)
with writer:
    for number in range(1, 100_000):
        epoch(writer, number)
        writer.commit()
        print(number, flush=True)
"""
    process = launch(body, path)
    process.stdout.readline()
    time.sleep(0.007 * attempt)
    process.send_signal(number)
    _, err = process.communicate()
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert open_trace(path).status == "stopped"
    with h5py.File(path) as h5:
        assert h5.attrs["status"] == "stopped"
    assert check(path) == []
