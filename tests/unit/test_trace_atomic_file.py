"""`AtomicFile` against a model: an array of bytes in memory, and the copy of it that was committed last."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from biocredit.analysis.trace.storage import atomic_file, durable, journal, recovered_file
from biocredit.analysis.trace.storage.atomic_file import AtomicFile
from biocredit.analysis.trace.storage.recovered_file import RecoveredFile
from hypothesis import given, settings
from hypothesis import strategies as st

UNKNOWN = -1  # bytes between the old end and a place beyond it where something is written: any value will do

contents = st.binary(min_size=1, max_size=60).filter(lambda data: journal.MARK not in data)
places = st.integers(0, 150)
steps = st.one_of(
    st.tuples(st.just("write"), places, contents),
    st.tuples(st.just("truncate"), places, st.just(b"")),
    st.tuples(st.just("commit"), st.just(0), st.just(b"")),
    st.tuples(st.just("reopen"), st.just(0), st.just(b"")),
    st.tuples(st.just("crash"), st.integers(0, 12), st.just(b"")),
)


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture(autouse=True, scope="module")
def small_pages():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovered_file, "PAGE", 16)
        patch.setattr(journal, "WITNESSED", 40)
        patch.setattr(journal, "SECTOR", 8)
        yield


def resized(model, size):
    return np.concatenate([model[:size], np.full(max(0, size - len(model)), UNKNOWN)])


def written(model, place, data):
    model = resized(model, max(len(model), place + len(data)))
    model[place : place + len(data)] = np.frombuffer(data, "u1")
    return model


def agrees(stream, model):
    stream.seek(0)
    data = np.frombuffer(stream.read(), "u1")
    return len(data) == len(model) and np.all((data == model) | (model == UNKNOWN))


def recovered_agrees(path, *models):
    """Whether the file holds one of the models, perhaps with bytes behind its end that nothing refers to."""
    with RecoveredFile(path) as stream:
        size = stream.seek(0, 2)
        return any(agrees(stream, resized(model, max(size, len(model)))) for model in models)


def crash_in_commit(stream, fatal):
    """Commit; the disk operation number `fatal` is done half, and nothing comes after it."""
    left = [fatal]

    def counted(operation, half=False):
        def guarded(*arguments, **options):
            left[0] -= 1
            if left[0] >= 0:
                return operation(*arguments, **options)
            if half:
                target, offset, data = arguments
                operation(target, offset, data[: len(data) // 2])
            raise Crash

        return guarded

    with pytest.MonkeyPatch.context() as patch:
        for module in (atomic_file, journal):
            patch.setattr(module, "write_at", counted(durable.write_at, half=True))
        for owner, name in ((atomic_file.os, "replace"), (Path, "unlink")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        stream.commit()


def open_again(stream, path, committed):
    """The file opened anew, and the model of it."""
    stream.close()
    stream = AtomicFile(path, new=False, announce=lambda: None)
    return stream, resized(committed, stream.seek(0, 2))


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=25))
def test_commits_are_all_or_nothing(sequence):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        stream = AtomicFile(path, new=True, announce=lambda: None)
        stream.write(b"first")
        stream.commit()
        model = committed = np.frombuffer(b"first", "u1").astype(int)
        for step, number, data in sequence:
            if step == "write":
                stream.seek(number)
                stream.write(data)
                model = written(model, number, data)
            elif step == "truncate":
                stream.truncate(number)
                model = resized(model, number)
            elif step == "reopen":
                stream, model = open_again(stream, path, committed)
                committed = model
            else:
                try:
                    crash_in_commit(stream, number if step == "crash" else 1000)
                    committed = model
                except Crash:
                    assert recovered_agrees(path, committed, model)
                    committed = committed if recovered_agrees(path, committed) else model
                    stream, model = open_again(stream, path, committed)
                    committed = model
            assert agrees(stream, model)
            assert recovered_agrees(path, committed)
        stream.close()
