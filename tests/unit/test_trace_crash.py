"""A trace survives a crash at every single disk operation, full disks and stray journals."""

import errno
import os
from contextlib import nullcontext
from pathlib import Path

import pytest
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.analysis.trace.storage import atomic_file, durable, journal
from biocredit.analysis.trace.storage.journal import journal_path
from biocredit.analysis.trace.writer import TraceWriter
from trace_crash_case import Crash, abandon, declare, epoch, holds, killed_commit, start

from tests.reliability import disks


class Disk:
    """Counts the operations on the disk; the one with number `fatal` is done half and raises `error`."""

    def __init__(self, monkeypatch, fatal=None, error=Crash):
        self.count, self.fatal, self.error = 0, fatal, error
        for module in (atomic_file, journal):
            monkeypatch.setattr(module, "write_at", self._guard(durable.write_at, half=True))
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
    killed_commit(writer, durable, "sync_folder", lambda path: True)
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


MARKING = 7  # the mark at the end of the file is the one thing that a full disk may leave out


@pytest.mark.parametrize("fatal", range(1, 11))
def test_full_disk(path, fatal):
    writer = start(path)
    epoch(writer, 1)
    writer.commit()
    size = path.stat().st_size
    epoch(writer, 2)
    with pytest.MonkeyPatch.context() as patch:
        Disk(patch, fatal, OSError)
        message = "cannot write" if fatal != MARKING else ""
        with (
            pytest.raises(TraceError, match=rf"{message} .*run.h5: No space left on device")
            if message
            else nullcontext()
        ):
            writer.commit()
    if not journal_path(path).exists():
        assert path.stat().st_size >= size
        assert holds(path) == holds(path, plain=True)
    assert holds(path) in (1, 2)
    epoch(writer, 3)
    writer.close()
    assert holds(path) == holds(path, plain=True) == 3
    assert sorted(file.name for file in path.parent.iterdir()) == ["run.h5"]


@pytest.mark.parametrize("number", range(1, 44, 3))
def test_a_disk_that_refuses_from_some_call_on_keeps_what_was_committed(path, number):
    """Also where a commit was certain, and everything that came after it failed again and again."""
    assert disks.attempt(path, disks.refusing(errno.EDQUOT, number), ("failed", "running")) == ""


def test_a_stray_journal_is_refused(path, tmp_path):
    writer = start(path)
    epoch(writer, 1)
    killed_commit(writer, durable, "sync_folder", lambda path: True)
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
