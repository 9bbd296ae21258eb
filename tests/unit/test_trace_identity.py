"""A trace is itself: its checkpoint and journal are its own, one writer has it by whatever name, changes show."""

import errno
import os
import shutil
import warnings

import h5py
import numpy as np
import pytest
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.analysis.trace.storage import atomic_file, file_lock
from biocredit.analysis.trace.storage.durable import WriteError
from biocredit.analysis.trace.storage.journal import MARK, journal_path
from biocredit.analysis.trace.writer import TraceWriter
from biocredit.protocols.commands import files
from biocredit.protocols.training import checkpoint
from biocredit.protocols.training.checkpoint import RunError
from trace_crash_case import epoch, holds, killed_commit, pending, start


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


def saved(writer, path, number):
    """A commit and the checkpoint that belongs to it."""
    writer.set(checkpoint=number)
    writer.commit()
    progress = {"trace": writer.id, "checkpoint": number, "lengths": writer.lengths()}
    checkpoint.save(checkpoint.path_beside(path), {"w": np.arange(3)}, progress)


def load(path):
    return checkpoint.read(checkpoint.path_beside(path))[1]


def test_checkpoints_of_others_and_of_the_past_are_refused(path, tmp_path):
    with start(path) as writer:
        copies = []
        for number in (1, 2, 3):
            epoch(writer, number)
            saved(writer, path, number)
            copies.append(checkpoint.path_beside(path).read_bytes())
    assert load(path)["checkpoint"] == 3
    checkpoint.path_beside(path).write_bytes(copies[1])  # a kill between the last commit and its checkpoint
    assert load(path)["checkpoint"] == 2
    checkpoint.path_beside(path).write_bytes(copies[0])
    with pytest.raises(RunError, match=r"is number 1, but run.h5 went on to 3: an old copy"):
        load(path)
    other = tmp_path / "other.h5"
    with start(other) as writer:
        saved(writer, other, 3)
    shutil.copy(checkpoint.path_beside(other), checkpoint.path_beside(path))
    with pytest.raises(RunError, match="belongs to another run than run.h5"):
        load(path)


def test_without_its_checkpoint_nothing_is_lost(path):
    with start(path) as writer:
        epoch(writer, 1)
        saved(writer, path, 1)
    checkpoint.path_beside(path).unlink()
    with pytest.raises(RunError, match=r"nothing to resume: there is no checkpoint .*run.h5.checkpoint"):
        load(path)
    assert holds(path) == 1


def test_renamed_a_run_keeps_its_checkpoint(path, tmp_path):
    with start(path) as writer:
        epoch(writer, 1)
        saved(writer, path, 1)
    other = tmp_path / "renamed.h5"
    path.rename(other)
    with pytest.raises(RunError, match=r"there is no checkpoint .*renamed.h5.checkpoint"):
        load(other)
    checkpoint.path_beside(path).rename(checkpoint.path_beside(other))
    assert load(other)["checkpoint"] == holds(other) == 1


def test_overwriting_takes_the_checkpoint_away(path):
    with start(path) as writer:
        saved(writer, path, 1)
    TraceWriter.create(path, experiment="x", configuration={}, citations=[], seeds=[0], overwrite=True).close()
    assert not checkpoint.path_beside(path).exists()


def test_repair_puts_a_pending_commit_in_place(path):
    pending(path)
    assert (holds(path), holds(path, plain=True)) == (2, 1)
    assert "the commit that run.h5.journal held is in place" in files.repaired(path)
    assert holds(path, plain=True) == 2
    assert not journal_path(path).exists()
    assert "nothing to repair" in files.repaired(path)


def test_a_copy_without_its_journal_is_recognised(path, tmp_path):
    writer = start(path)
    epoch(writer, 1)
    writer.commit()
    epoch(writer, 2)
    killed_commit(writer, atomic_file, "write_at", lambda disk, place, data: data == MARK)
    alone = tmp_path / "alone.h5"
    shutil.copy(path, alone)
    with pytest.raises(TraceError, match=r"was copied in the middle of a commit without alone.h5.journal"):
        open_trace(alone)
    assert holds(path) == 2


def test_an_old_journal_of_the_same_file_is_refused(path):
    pending(path)
    old = journal_path(path).read_bytes()
    files.repaired(path)
    with open_trace(path) as trace:
        lengths = {name: 2 for name in trace if h5py.File(path)[name].maxshape.count(None)}
    with TraceWriter.resume(path, lengths=lengths) as writer:
        for number in (3, 4):
            epoch(writer, number)
            writer.commit()
    journal_path(path).write_bytes(old)
    with pytest.raises(TraceError, match="does not belong to run.h5"):
        open_trace(path)


@pytest.mark.parametrize("kind", ["symlink_to", "hardlink_to"])
def test_one_writer_by_whatever_name(path, tmp_path, kind):
    with start(path) as writer:
        epoch(writer, 1)
        other = tmp_path / "other.h5"
        getattr(other, kind)(path)
        for again in (lambda: TraceWriter.resume(other, lengths={}), lambda: start_over(other)):
            with pytest.raises(TraceError, match="is being written"):
                again()
        assert not open_trace(other).interrupted
    assert holds(path) == holds(other) == 1


def start_over(path):
    return TraceWriter.create(path, experiment="x", configuration={}, citations=[], seeds=[0], overwrite=True)


def test_a_new_trace_goes_where_the_link_points(path, tmp_path):
    link = tmp_path / "latest.h5"
    link.symlink_to(path)
    start(link).close()
    assert link.is_symlink()
    assert open_trace(path).status == open_trace(link).status == "complete"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "was deleted, moved or renamed"),
        (lambda path: path.rename(path.with_name("else.h5")), "was deleted, moved or renamed"),
        (lambda path: shutil.copy(path, f"{path}.x") and os.replace(f"{path}.x", path), "was replaced by another file"),
        (lambda path: os.truncate(path, 1000), "was cut short by another program"),
    ],
)
def test_what_happens_to_the_file_is_noticed_at_the_next_commit(path, change, message):
    writer = start(path)
    epoch(writer, 1)
    writer.commit()
    change(path)
    with pytest.raises(WriteError, match=message) as caught:
        epoch(writer, 2)
        writer.commit()
    assert "\n" not in str(caught.value)
    with pytest.raises(WriteError, match=message):
        writer.close()
    start_over(path).close()  # the lock is free


def test_a_full_disk_is_said_in_the_file(path, monkeypatch):
    """What cannot be written is dropped; that the run failed fits into what the lock gave up."""
    writer = start(path)
    epoch(writer, 1)
    writer.commit()
    epoch(writer, 2)
    full = [True]
    monkeypatch.setattr(file_lock.FileLock, "spare", lambda lock: full.clear())
    real = os.fsync

    def fsync(number):
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(WriteError, match="No space left on device"):
        writer.close()
    assert open_trace(path).status == "failed"
    assert holds(path) == holds(path, plain=True) == 1
    assert check(path) == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS])
def test_without_locks_the_lock_file_alone_keeps_others_out(path, monkeypatch, code):
    def refuse(*arguments):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(file_lock.fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="no locks where .*run.h5 lies"):
        writer = start(path)
    with pytest.raises(TraceError, match=f"is being written by process {os.getpid()}"):
        start_over(path)
    epoch(writer, 1)
    assert not open_trace(path).interrupted
    writer.close()
    (path.with_name("run.h5.lock")).write_text(
        f"{1:020d} {2**22 + 1:<10d} {os.uname().nodename}\n"
    )  # of a dead process
    with pytest.warns(UserWarning, match="no locks"):
        start_over(path).close()


def test_without_fcntl(path, monkeypatch):
    monkeypatch.setattr(file_lock, "fcntl", None)
    with pytest.warns(UserWarning, match="no locks where .*run.h5 lies"):
        start(path).close()
    assert open_trace(path).status == "complete"


def test_long_names_and_folders_that_refuse(tmp_path):
    with pytest.raises(TraceError, match="is too long"):
        start(tmp_path / ("x" * 252 + ".h5"))
    start(tmp_path / "run.h5").close()
    long = tmp_path / ("y" * 252 + ".h5")
    shutil.copy(tmp_path / "run.h5", long)
    assert open_trace(long).status == "complete"
    assert check(long) == []
    with pytest.raises(TraceError, match="cannot write"):
        start(tmp_path / "no folder" / "run.h5")


def test_a_clock_that_goes_back_changes_nothing(path, monkeypatch):
    monkeypatch.setattr("biocredit.analysis.trace.writer.now", lambda: "1999-01-01T00:00:00+00:00")
    with start(path) as writer:
        epoch(writer, 1)
    assert check(path) == []
    assert holds(path) == 1


def test_a_look_is_consistent_while_the_run_goes_on(path):
    with start(path) as writer:
        epoch(writer, 1)
        writer.commit()
        with open_trace(path) as trace:
            epoch(writer, 2)
            writer.commit()
            assert trace["learning/loss"].shape == (2, 1)
            assert trace["weights/W"].coords["update"].tolist() == [1]
            assert [row["description"] for row in trace.events.rows()] == ["epoch 1"]
        assert trace["learning/loss"].shape == (2, 2)
        assert open_trace(path)["weights/W"].shape[0] == 2


def test_appending_costs_the_same_at_any_length(path):
    """Bytes that pass between HDF5 and the disk for an epoch: early and after many."""
    from biocredit.analysis.trace.storage import atomic_file

    moved = []
    with pytest.MonkeyPatch.context() as patch, start(path) as writer:
        real = atomic_file.AtomicFile.readinto
        patch.setattr(atomic_file.AtomicFile, "readinto", lambda self, b: moved.append(len(b)) or real(self, b))
        writer.declare("learning/by_update", ("seed", "update"), (2, None), units="1", long_name="by update")
        costs, done = [], 0
        for length in (1000, 200_000):
            writer.append("learning/by_update", np.zeros((2, length - done)), at=np.arange(done, length))
            writer.commit()
            done = length
            moved.clear()
            for _ in range(20):
                writer.append("learning/by_update", np.zeros((2, 1)), at=[done])
                done += 1
            writer.commit()
            costs.append(sum(moved))
    assert costs[1] < 2 * costs[0] + 100_000


def test_runs_are_copied_and_moved_whole(path, tmp_path):
    pending(path)
    checkpoint.path_beside(path).write_bytes(b"state")
    (tmp_path / "there").mkdir()
    text = files.copied(path, tmp_path / "there")
    moved = tmp_path / "there" / "run.h5"
    assert "run.h5.checkpoint, run.h5 copied" in text
    assert holds(moved, plain=True) == holds(path, plain=True) == 2
    with pytest.raises(TraceError, match="exists already"):
        files.copied(path, moved)
    files.moved(path, tmp_path / "new.h5")
    assert checkpoint.path_beside(tmp_path / "new.h5").read_bytes() == b"state"
    assert sorted(file.name for file in tmp_path.glob("*.h5*")) == ["new.h5", "new.h5.checkpoint"]


def test_nothing_is_warned_of_where_there_are_locks(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        start(path).close()
