"""Finished files are sealed: what is changed in them shows before HDF5 sees it; others are looked at apart, once."""

import subprocess

import h5py
import pytest
from biocredit.analysis.trace import first_look
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.analysis.trace.storage.seal import END, MAGIC, PART
from biocredit.analysis.trace.writer import TraceWriter
from trace_crash_case import declare, epoch, holds, start


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.h5"
    with start(path) as writer:
        for number in range(1, 12):
            epoch(writer, number)
            writer.commit()
    return path


@pytest.fixture
def looks(monkeypatch):
    """The first looks that are taken; each finds nothing."""
    taken = []

    def look(how, paths):
        taken.append(paths[0].name)
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(first_look, "known", set())
    monkeypatch.setattr(first_look, "apart", look)
    return taken


def read_all(path):
    with open_trace(path) as trace:
        return trace.arrays()


@pytest.mark.parametrize("place", [9, 3000, PART - 1, PART, -END.size - 100])
def test_a_changed_byte_is_said_before_hdf5_sees_it(path, looks, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    first = place % len(data) // PART * PART
    message = rf"run.h5 is damaged.*: bytes {first} to \d+ are not what was written"
    with pytest.raises(TraceError, match=message) as caught:
        read_all(path)
    assert "\n" not in str(caught.value)
    assert looks == []


def test_a_seal_changes_nothing_for_others_and_goes_when_the_file_is_written(path, looks):
    assert path.read_bytes().endswith(MAGIC)
    assert holds(path) == holds(path, plain=True) == 11
    with open_trace(path) as trace:
        growing = {name: 11 for name in trace if h5py.File(path)[name].maxshape.count(None)}
    with TraceWriter.resume(path, lengths=growing) as writer:
        assert MAGIC not in path.read_bytes()
        declare(writer)
        epoch(writer, 12)
    assert path.read_bytes().count(MAGIC) == 1
    assert holds(path) == holds(path, plain=True) == 12
    assert check(path) == []
    with h5py.File(path, "r+") as h5:
        h5.attrs["experiment"] = "a longer name than it was before"
    assert MAGIC not in path.read_bytes()[-END.size :]
    assert looks == []
    assert open_trace(path).experiment.startswith("a longer name")
    assert looks == ["run.h5"]


def test_what_nobody_vouches_for_is_looked_at_once_in_each_state(path, looks, monkeypatch):
    path.write_bytes(path.read_bytes()[: -END.size])
    for _ in range(3):
        read_all(path)
    assert looks == ["run.h5"]
    with start(path.with_name("running.h5")) as writer:
        epoch(writer, 1)
        writer.commit()
        read_all(writer.path)
    assert looks == ["run.h5"]
    monkeypatch.setattr(first_look, "apart", lambda how, paths: None)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(TraceError, match=r"run.h5 is damaged: HDF5 crashes or never comes back on it"):
        open_trace(path)


def test_the_first_look_is_a_process_of_its_own(path, monkeypatch):
    monkeypatch.setattr(first_look, "known", set())
    data = path.read_bytes()[: -END.size]
    path.write_bytes(data)
    assert holds(path) == 11
    path.write_bytes(data[:5000])
    with pytest.raises(TraceError, match="run.h5 is truncated"):
        open_trace(path)
