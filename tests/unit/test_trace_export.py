"""What other programs get from a trace is what the trace holds."""

import csv

import numpy as np
import pytest
from biocredit.analysis.interchange.export import to_csv, to_matlab, to_xarray
from biocredit.analysis.trace.reader import TraceError, open_trace
from scipy.io import loadmat
from trace_case import declare, epoch, start


@pytest.fixture
def trace(tmp_path):
    with start(tmp_path / "run.h5") as writer:
        declare(writer)
        for number in (1, 2, 3):
            epoch(writer, number)
    with open_trace(tmp_path / "run.h5") as trace:
        yield trace


def test_xarray_is_what_xarray_reads_itself(trace):
    xarray = pytest.importorskip("xarray")
    for group in ("learning", "weights/V1", "activity/V1", "events", "circuit/populations"):
        with xarray.open_dataset(trace.path, group=group, engine="h5netcdf") as expected:
            xarray.testing.assert_equal(to_xarray(trace[group]), expected.load())
    loss = to_xarray(trace["learning/loss"]).loss
    assert loss.attrs == {"units": "nat", "long_name": "cross-entropy"}
    part = to_xarray(trace.read("weights/V1/W", snapshot=-1)).W
    assert part.dims == ("seed", "post", "pre")
    assert part.coords["update"] == 30


def test_groups_with_clashing_axes_are_refused(tmp_path):
    pytest.importorskip("xarray")
    with start(tmp_path / "run.h5") as writer:
        writer.constant("weights/V1/mask", np.ones(3), ("pre",), "1", "mask")
        writer.constant("weights/V2/mask", np.ones(4), ("pre",), "1", "mask")
    with pytest.raises(TraceError, match="weights/V2/mask has other coordinates along 'pre' than the rest"):
        to_xarray(open_trace(tmp_path / "run.h5").weights)


def test_matlab(trace, tmp_path):
    to_matlab(trace, tmp_path / "run.mat")
    tree = loadmat(tmp_path / "run.mat", simplify_cells=True)
    np.testing.assert_array_equal(tree["learning"]["loss"]["values"], trace["learning/loss"])
    np.testing.assert_array_equal(tree["learning"]["loss"]["epoch"], [1, 2, 3])
    np.testing.assert_array_equal(tree["weights"]["V1"]["W"]["update"], [10, 20, 30])
    np.testing.assert_array_equal(tree["activity"]["V1"]["rate"]["values"], trace["activity/V1/rate"])
    assert list(tree["activity"]["V1"]["block"]["values"]) == ["RI", "RI", "RE", "RE"]
    assert tree["learning"]["loss"]["units"] == "nat"
    assert tree["attributes"]["experiment"] == "unit/test"


def test_csv(trace, tmp_path):
    to_csv(trace["weights/V1/W"], tmp_path / "weights.csv")
    with open(tmp_path / "weights.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    weights = trace["weights/V1/W"]
    assert len(rows) == weights.values.size
    for row in rows:
        seed = list(weights.coords["seed"]).index(int(row["seed"]))
        place = (int(row["snapshot"]), seed, int(row["post"]), int(row["pre"]))
        assert float(row["W"]) == weights[place]
        assert int(row["update"]) == weights.coords["update"][place[0]]


def test_csv_of_a_group(trace, tmp_path):
    to_csv(trace.events, tmp_path / "events.csv")
    with open(tmp_path / "events.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["description"] for row in rows] == ["epoch 1", "epoch 2", "epoch 3"]
    assert [int(row["update"]) for row in rows] == [10, 20, 30]
    to_csv(trace.learning, tmp_path / "learning.csv")
    assert (tmp_path / "learning.csv").read_text().splitlines()[:2] == ["seed,epoch,loss,test", "7,1,1.0,nan"]
    with pytest.raises(TraceError, match=r"same axes, got W \(snapshot, seed, post, pre\); mask \(post, pre\)"):
        to_csv(trace.weights["V1"], tmp_path / "weights.csv")
