"""Files of every format version so far stay readable: small ones, written once, lie in tests/data."""

import shutil
from pathlib import Path

import h5py
import numpy as np
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.writer import TraceWriter

DATA = Path(__file__).parents[1] / "data"


def assert_example(path, epochs):
    """The example holds, for epoch n, values that are a formula of n."""
    numbers = np.arange(1, epochs + 1)
    with open_trace(path) as trace:
        assert (trace.experiment, trace.seeds, trace.versions["jax"]) == ("example/v1", [0, 1], "0.10.2")
        assert trace.configuration == {"circuit": {"spectral_radius": 0.25}}
        assert trace.citations == ["10.1000/example"]
        np.testing.assert_array_equal(trace["learning/loss"], [1 / numbers, 2 / numbers])
        np.testing.assert_array_equal(trace["learning/loss"].coords["epoch"], numbers)
        weights, rate = trace["weights/V1/W_rec"], trace["activity/V1/rate"]
        np.testing.assert_array_equal(weights[-1], epochs + np.arange(32.0).reshape(2, 4, 4))
        np.testing.assert_array_equal(weights.coords["update"], 10 * numbers)
        np.testing.assert_array_equal(rate[-1], epochs + np.arange(48.0).reshape(2, 2, 3, 4))
        np.testing.assert_array_equal(rate.coords["time"], [0, 0.5, 1])
        assert list(trace["activity/V1/block"]) == ["RI", "RI", "RE", "RE"]
        assert [row["update"] for row in trace.events.rows()] == list(10 * numbers)
        assert trace.circuit["projections"].rows()[0]["pre"] == "retina"
    assert check(path) == []


def test_version_1():
    assert_example(DATA / "trace_v1.h5", epochs=3)
    assert open_trace(DATA / "trace_v1.h5").status == "complete"


def test_version_1_interrupted_in_the_middle_of_a_commit(tmp_path):
    """Half of the blocks are in place; the journal beside the file has them all."""
    original = DATA / "trace_v1_interrupted.h5"
    before = original.read_bytes()
    assert_example(original, epochs=2)
    assert open_trace(original).interrupted
    assert original.read_bytes() == before
    path = tmp_path / original.name
    for file in DATA.glob(original.name + "*"):
        shutil.copy(file, tmp_path)
    with open_trace(path) as trace:
        lengths = {name: 2 for name in trace if name.partition("/")[0] in ("events", "learning")}
        lengths |= {"weights/V1/W_rec": 2, "activity/V1/rate": 2}
    TraceWriter.resume(path, lengths=lengths).close()
    assert_example(path, epochs=2)
    assert not list(tmp_path.glob("*.journal"))
    with h5py.File(path) as h5:
        assert h5["learning/loss"].shape == (2, 2)


def test_the_check_notices_a_lost_journal(tmp_path):
    shutil.copy(DATA / "trace_v1_interrupted.h5", tmp_path)
    assert "/learning/epoch: the coordinates of a growing axis must increase" in check(
        tmp_path / "trace_v1_interrupted.h5"
    )
