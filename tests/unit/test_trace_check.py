"""What is no trace, or breaks the schema, is refused or reported in one line."""

import re

import h5py
import numpy as np
import pytest
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.analysis.trace.storage.seal import END
from biocredit.analysis.trace.writer import TraceWriter
from trace_case import declare, epoch, start


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


@pytest.fixture
def written(path):
    with start(path) as writer:
        declare(writer)
        for number in range(1, 6):
            epoch(writer, number)
    return path


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda w: w.declare("learning/x", ("seed",), (3,), units="1", long_name="x"), "None where it grows"),
        (
            lambda w: w.declare("learning/x", ("seed", "epoch"), (2, None), units="1", long_name="x"),
            "axis 'seed' .*length",
        ),
        (
            lambda w: w.declare("learning/loss", ("seed", "update"), (3, None), units="1", long_name="x"),
            "exists already",
        ),
        (lambda w: w.declare("weights/V1/x", ("epoch", "pre"), (None, 9), units="1", long_name="x"), "rename it"),
        (lambda w: w.constant("weights/V1/mask", np.zeros((2, 4)), ("post", "pre"), "1", "x"), "other values"),
        (lambda w: w.constant("weights/V1/m", np.zeros((2, 4)), ("post",), "1", "x"), "2 axes, but 1 names"),
        (lambda w: w.append("learning/loss", np.ones((2, 1)), at=[3]), r"shape \(3, k\), got \(2, 1\)"),
        (lambda w: w.append("learning/loss", np.ones((3, 1)), at=[2]), "has a value already at 2"),
        (lambda w: w.append("learning/loss", np.ones((3, 2)), at=[4, 3]), "2 increasing whole numbers"),
        (lambda w: w.append("learning/loss", np.ones((3, 1)), at=[3.5]), "increasing whole numbers"),
        (lambda w: w.append("learning/los", np.ones((3, 1)), at=[3]), "has not been declared.*nearest"),
        (lambda w: w.append("weights/V1/mask", np.ones((2, 4)), at=[3]), "does not grow"),
        (lambda w: w.populations([{"name": "V3"}]), "'V3' lacks size, kind, blocks"),
        (lambda w: w.set(status="completed"), "nearest: 'complete'"),
    ],
)
def test_wrong_use_gets_one_line(path, wrong, message):
    with start(path) as writer:
        declare(writer)
        epoch(writer, 1)
        epoch(writer, 2)
        with pytest.raises(TraceError, match=message) as caught:
            wrong(writer)
        assert "\n" not in str(caught.value)


def test_integers_cannot_have_gaps(path):
    with start(path) as writer:
        for name, dtype in (("loss", "f8"), ("spikes", "i4")):
            writer.declare(f"learning/{name}", ("seed", "epoch"), (3, None), units="1", long_name=name, dtype=dtype)
        writer.append("learning/loss", np.ones((3, 2)), at=[1, 2])
        with pytest.raises(TraceError, match="cannot have gaps"):
            writer.append("learning/spikes", np.ones((3, 1)), at=[2])
        with pytest.raises(TraceError, match="no gaps"):
            writer.commit()
        writer.append("learning/spikes", np.ones((3, 2)), at=[1, 2])


def test_refusals(written, tmp_path):
    def refused(message, path):
        with pytest.raises(TraceError, match=message) as caught:
            open_trace(path)
        assert "\n" not in str(caught.value)

    refused(r"no such file: .*rum.h5 \(nearest: 'run.h5'\)", tmp_path / "rum.h5")
    refused("is a directory", tmp_path)
    (tmp_path / "text.h5").write_text("loss,accuracy\n")
    refused("is not an HDF5 file", tmp_path / "text.h5")
    (tmp_path / "empty.h5").touch()
    refused("is not an HDF5 file", tmp_path / "empty.h5")
    h5py.File(tmp_path / "foreign.h5", "w").close()
    refused("but no biocredit trace", tmp_path / "foreign.h5")
    whole = written.read_bytes()
    end = END.unpack(whole[-END.size :])[0]
    for size in (9, 600, len(whole) // 2, end - 1):
        (tmp_path / "cut.h5").write_bytes(whole[:size])
        refused("is truncated|is damaged", tmp_path / "cut.h5")
    (tmp_path / "cut.h5").write_bytes(whole[: end + 1])  # of the seal alone, as after a kill while it is put there
    assert check(tmp_path / "cut.h5") == []
    with h5py.File(written, "r+") as h5:
        h5.attrs["format_version"] = 3
    refused("format version 3; this biocredit reads up to 2", written)
    with pytest.raises(TraceError, match="format version 3"):
        TraceWriter.resume(written, lengths={})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda h5: h5.attrs.__delitem__("experiment"), "attribute 'experiment' is missing"),
        (lambda h5: h5.attrs.__setitem__("status", "done"), "status 'done' is none of"),
        (lambda h5: h5.attrs.__setitem__("configuration", "{"), "configuration is not JSON"),
        (lambda h5: h5.create_group("weight"), "/weight: is no part of a trace .*'weights'"),
        (lambda h5: h5.__delitem__("events/kind"), "column 'kind' is missing"),
        (lambda h5: h5["learning/loss"].attrs.__delitem__("units"), "learning/loss: attribute 'units' is missing"),
        (lambda h5: h5["learning/loss"].dims[1].detach_scale(h5["learning/epoch"]), "axis 1 has no dimension scale"),
        (lambda h5: h5["learning/loss"].resize(3, axis=1), "axis 1 has length 3, its scale /learning/epoch 5"),
        (lambda h5: h5["learning/epoch"].__setitem__(0, 9), "growing axis must increase"),
        (lambda h5: h5["learning/seed"].__setitem__(0, 9), "differs from the seeds of the run"),
        (lambda h5: h5.__delitem__("weights/V1/update"), "coordinate 'update' is missing"),
    ],
)
def test_check_finds_what_breaks_the_schema(written, damage, message):
    assert check(written) == []
    with h5py.File(written, "r+") as h5:
        damage(h5)
    problems = check(written)
    assert len(problems) >= 1
    assert re.search(message, "\n".join(problems))
