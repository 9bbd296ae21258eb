"""The trace file: written is what is read, by our reader, h5py and xarray; what is no trace is refused."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
from biocredit.analysis.trace.check import check, summary
from biocredit.analysis.trace.datasets import CHUNK_LARGE, chunk_shape
from biocredit.analysis.trace.reader import LabelledArray, TraceError, UnknownName, open_trace
from biocredit.analysis.trace.writer import TraceWriter
from trace_case import PROJECTION, SEEDS, declare, epoch, start

from biocredit import analysis


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


def test_what_was_run_comes_back(written):
    with open_trace(written) as trace:
        assert (trace.status, trace.experiment, trace.seeds) == ("complete", "unit/test", SEEDS)
        assert trace.configuration == {"circuit": {"spectral_radius": 0.25}, "name": "µ"}
        assert trace.citations == ["10.1000/one", "arXiv:2000.00001"]
        assert trace.versions["jax"] == "0.10.2"
        assert trace.versions["numpy"] == np.__version__
        assert trace.attributes["host_cores"] == 2
        assert trace.attributes["finished"] >= trace.attributes["created"]


def test_what_was_recorded_comes_back(written):
    trace = open_trace(written)
    loss = trace["learning/loss"]
    assert (loss.dims, loss.units, loss.long_name) == (("seed", "epoch"), "nat", "cross-entropy")
    np.testing.assert_array_equal(loss.coords["seed"], SEEDS)
    np.testing.assert_array_equal(loss.coords["epoch"], [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(np.asarray(loss), np.arange(3)[:, None] / 10 + np.arange(1, 6))
    weights = trace.weights["V1/W"]
    assert weights.dims == ("snapshot", "seed", "post", "pre")
    np.testing.assert_array_equal(weights.coords["update"], [10, 20, 30, 40, 50])
    np.testing.assert_array_equal(weights[3], 4 + np.arange(24, dtype="f4").reshape(3, 2, 4))
    np.testing.assert_array_equal(trace["weights/V1/mask"], np.eye(2, 4))
    np.testing.assert_array_equal(trace.activity["V1"]["block"], ["RI", "RI", "RE", "RE"])
    np.testing.assert_array_equal(trace["activity/V1/rate"].coords["time"], [0, 0.5, 1, 1.5, 2])
    np.testing.assert_array_equal(trace["activity/V1/rate"].coords["trial"], [3, 5])
    assert trace.events.rows()[1] == {
        "update": 20, "time_ms": 1.5, "kind": "intervention", "phase": "learning", "description": "epoch 2",
    }  # fmt: skip
    assert trace.circuit["projections"].rows() == [PROJECTION | {"name": "V1->V2"}]
    assert trace.circuit["populations/blocks"][0] == '{"RI": [0, 1], "RE": [2, 3]}'


def test_places_without_a_value_hold_nan(written):
    test = open_trace(written)["learning/test"].values[0]
    np.testing.assert_array_equal(test, [np.nan, 200, np.nan, 400, np.nan])


def test_part_of_a_dataset(written):
    trace = open_trace(written)
    part = trace.read("weights/V1/W", snapshot=-1, pre=slice(1, 3))
    assert (part.dims, part.shape, part.coords["update"]) == (("seed", "post", "pre"), (3, 2, 2), 50)
    np.testing.assert_array_equal(part, trace["weights/V1/W"].values[-1, :, :, 1:3])
    with pytest.raises(TraceError, match="no axis 'row'"):
        trace.read("weights/V1/W", row=1)
    with pytest.raises(TraceError, match="position 5 along 'snapshot'"):
        trace.read("weights/V1/W", snapshot=5)


def test_mapping(written):
    trace = open_trace(written)
    assert set(trace.learning) == {"loss", "test"}
    assert set(trace.weights) == {"V1/W", "V1/mask"}
    assert set(trace.activity["V1"]) == {"rate", "block"}
    assert "learning/loss" in trace
    assert len(trace) == len(list(trace))
    assert all(isinstance(array, LabelledArray) for array in trace.values())
    with pytest.raises(UnknownName, match=r"holds no 'learning/los' \(nearest: 'learning/loss'\)"):
        trace["learning/los"]
    assert trace.get("learning/los") is None
    for text in (repr(trace), summary(written)):
        assert "loss (seed: 3, epoch: 5) nat: cross-entropy" in text
    assert "V1/W (snapshot: 5" in repr(trace.weights)
    assert "(seed: 3, epoch: 5)" in repr(trace["learning/loss"])


def test_xarray_opens_every_group(written):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    groups = ["learning", "weights/V1", "activity/V1", "events", "circuit/populations", "circuit/projections"]
    sets = {group: xarray.open_dataset(written, group=group, engine="h5netcdf") for group in groups}
    assert sets["learning"].loss.dims == ("seed", "epoch")
    assert float(sets["learning"].loss.sel(epoch=4, seed=8)) == 4.1
    assert list(sets["weights/V1"].coords["update"].values) == [10, 20, 30, 40, 50]
    assert sets["activity/V1"].time.units == "ms"
    assert int(sets["circuit/populations"]["size"].sel(population="V2")) == 2
    for dataset in sets.values():
        assert all({"units", "long_name"} <= set(variable.attrs) for variable in dataset.variables.values())
        dataset.close()


def test_xarray_opens_a_file_without_events(path):
    xarray = pytest.importorskip("xarray")
    start(path).close()
    with xarray.open_dataset(path, group="events", engine="h5netcdf") as events:
        assert events.sizes["event"] == 0


def test_resume_cuts_back_to_the_checkpoint(path, tmp_path):
    with start(path) as writer:
        declare(writer)
        epoch(writer, 1)
        epoch(writer, 2)
        lengths = writer.lengths()
        for number in (3, 4):
            epoch(writer, number)
    with TraceWriter.resume(path, lengths=lengths) as writer:
        trace = open_trace(path)
        assert trace.status == "running"
        assert not trace.interrupted
        assert "finished" not in trace.attributes
        np.testing.assert_array_equal(trace["learning/loss"].coords["epoch"], [1, 2])
        np.testing.assert_array_equal(trace["weights/V1/W"].coords["update"], [10, 20])
        assert len(trace.events.rows()) == 2
        declare(writer)
        for number in (3, 4, 5):
            epoch(writer, number)
    with start(tmp_path / "straight.h5") as writer:
        declare(writer)
        for number in range(1, 6):
            epoch(writer, number)
    assert check(path) == []
    assert_same(path, tmp_path / "straight.h5")


def assert_same(one, other):
    one, other = open_trace(one), open_trace(other)
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name].values, other[name].values)
        for axis, values in one[name].coords.items():
            np.testing.assert_array_equal(values, other[name].coords[axis])


def test_resume_refuses_a_foreign_checkpoint(written):
    with pytest.raises(TraceError, match="holds 5 places, the checkpoint says 6"):
        TraceWriter.resume(written, lengths={"learning/loss": 6})
    with pytest.raises(TraceError, match=r"no growing dataset 'learning/los' \(nearest: 'learning/loss'\)"):
        TraceWriter.resume(written, lengths={"learning/los": 1})
    assert open_trace(written).status == "complete"


def test_exceptions_set_the_status(path):
    for error, status in ((KeyboardInterrupt, "stopped"), (FloatingPointError, "failed")):
        with pytest.raises(error), start(path, overwrite=True):
            raise error
        assert open_trace(path).status == status


def test_overwriting_must_be_asked_for(written):
    with pytest.raises(TraceError, match="exists already"):
        start(written)
    assert len(open_trace(written)["learning/loss"][0]) == 5
    start(written, overwrite=True).close()
    assert "learning/loss" not in open_trace(written)


@pytest.mark.parametrize("shape", [(3, None), (None, 5, 1024, 1024), (None, 5, 20, 4000, 1024), (None,), (None, 0, 3)])
def test_chunks_are_neither_tiny_nor_huge(shape):
    chunk = chunk_shape(shape, 4)
    assert all(n >= 1 for n in chunk)
    assert all(n <= max(size, 1) for n, size in zip(chunk, shape, strict=True) if size is not None)
    rest = np.prod([size or 1 for size in shape]) * 4
    assert min(rest, 2048) <= np.prod(chunk) * 4 <= CHUNK_LARGE


def test_compression(path):
    with start(path) as writer:
        declare(writer)
        writer.declare("learning/g", ("seed", "epoch"), (3, None), units="1", long_name="g", compression="gzip")
        writer.declare("weights/x", ("snapshot", "seed"), (None, 3), units="1", long_name="x", compression="none")
    with h5py.File(path) as h5:
        names = ("learning/loss", "learning/g", "weights/V1/W", "weights/x", "weights/V1/mask", "activity/V1/rate")
        assert [h5[name].compression for name in names] == [None, "gzip", "gzip", None, "gzip", None]


def test_large_configuration(path):
    configuration = {"wiring": list(range(50_000))}
    start(path, configuration=configuration).close()
    assert open_trace(path).configuration == configuration


def test_reading_needs_no_jax(written):
    program = (
        "import sys; from biocredit.analysis import open_trace; open_trace(sys.argv[1])['learning/loss'];"
        "import biocredit.analysis.trace.writer, biocredit.analysis.trace.check, biocredit.analysis.interchange.export;"
        "print(sorted({'jax', 'brainpy', 'brainstate', 'xarray', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, written], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_the_package_exports_lazily():
    assert analysis.open_trace is open_trace
    assert analysis.TraceWriter is TraceWriter
    assert "open_trace" in dir(analysis)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        analysis.nothing_like_it  # noqa: B018
