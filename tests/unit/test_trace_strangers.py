"""Strangers' files: a sample of ``make reliability``, and each way out of the file that must stay shut."""

import shutil

import h5py
import numpy as np
import pytest
from biocredit.analysis.interchange.export import to_csv, to_matlab
from biocredit.analysis.interchange.recording import open_recording
from biocredit.analysis.reports.report import write_report
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.analysis.trace.spreadsheet import harmless
from biocredit.circuits.core.errors import CircuitError
from biocredit.circuits.core.rebuilt import rebuild
from experiment_case import learned
from scipy.io import loadmat

from tests.reliability import mutated_files, security


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return mutated_files.example(tmp_path_factory.mktemp("original"))


# HDF5 may crash on changed bytes: `make reliability` tries those in processes of their own
SEEDS = [seed for seed in range(20) if mutated_files.kind_of(seed) != "bytes"]


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_files_are_read_or_refused_in_one_line(original, tmp_path, seed):
    assert mutated_files.attempt(seed, str(original), str(tmp_path)) == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h5: h5.__setitem__("learning/x", h5py.ExternalLink("/etc/passwd", "/")), "learning/x: is a link"),
        (lambda h5: h5.__setitem__("learning/x", h5py.SoftLink("/learning")), "learning/x: is a link"),
        (lambda h5: h5.__setitem__("learning/x", h5["/learning"]), "is reached under two names"),
        (
            lambda h5: h5.create_dataset("learning/x", shape=(9,), dtype="u1", external=[("/etc/passwd", 0, 9)]),
            "its data lie in other files",
        ),
        (lambda h5: h5.__setitem__("learning/x", np.dtype("f8")), "neither a group nor a dataset"),
        (lambda h5: h5.create_dataset("learning/x", shape=(2,), dtype="i4, f8"), "neither numbers nor text"),
    ],
)
def test_what_leads_out_of_the_file_is_refused(original, tmp_path, change, message):
    path = shutil.copy(original, tmp_path)
    with h5py.File(path, "r+") as h5:
        change(h5)
    with pytest.raises(TraceError, match=message) as caught:
        open_trace(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["os:system", "subprocess:Popen", "builtins:eval", "importlib:import_module"])
@pytest.mark.parametrize("how", [{"$named": ""}, {"$made": "", "with": {"args": "true"}}])
def test_a_description_starts_no_program(name, how):
    with pytest.raises(CircuitError, match=f"names {name}, which is no part of a run"):
        rebuild({key: name if key.startswith("$") else value for key, value in how.items()})


def test_a_recording_that_leads_out_is_refused(tmp_path):
    with h5py.File(tmp_path / "recording.h5", "w") as h5:
        h5["rate"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(TraceError, match=r"recording.h5 is no recording to be read: /rate: is a link"):
        open_recording(tmp_path / "recording.h5")


def test_the_source_runs_nothing_that_a_file_holds():
    assert security.in_source() == []


def test_what_is_large_and_holds_nothing_is_not_read(original, tmp_path):
    path = shutil.copy(original, tmp_path)
    with h5py.File(path, "r+") as h5:
        h5.create_dataset("weights/huge", shape=(2**27, 6), dtype="f8", chunks=(2**16, 1))
    with open_trace(path) as trace:
        with pytest.raises(TraceError, match=r"weights/huge declares 6.0 GiB and holds 0 bytes"):
            trace["weights/huge"]
        assert trace.read("weights/huge", axis0=slice(0, 3)).shape == (3, 6)
    assert any("no dimension scale" in line for line in check(path))


def test_reports_show_names_as_they_are(tmp_path):
    name = "=1+1 <script>x</script> | *b* $\\undefined$ ``` [a](b)"
    path = learned(tmp_path / "run.h5", [[0.1, 0.5], [0.2, 0.6]], {"condition": name, "title": name})
    for ending in (".md", ".html"):
        text = write_report([path], tmp_path / f"report{ending}").read_text()
        assert "<script>x" not in text
    text = (tmp_path / "report.md").read_text()
    assert "\\| \\*b\\* \\$" in text and "\\[a\\]" in text
    assert text.count("```") == 2


def test_cells_are_no_formulas_and_nothing_is_overwritten(tmp_path, original):
    assert all(harmless(cell) == f"'{cell}" for cell in ("=x", "+x", "-x", "@x", "\t=x", "-1+1", "|x", " @x"))
    assert all(harmless(cell) == cell for cell in ("x", -1.0, "-1.5", "", None))
    with open_trace(original) as trace:
        to_csv(trace.events, tmp_path / "events.csv")
        with pytest.raises(TraceError, match="exists already"):
            to_csv(trace.events, tmp_path / "events.csv")
        to_matlab(trace, tmp_path / "run.mat", more={"psth": np.ones((2, 3)), "labels": ["a", "", "long"]})
        with pytest.raises(TraceError, match="is a name of the trace"):
            to_matlab(trace, tmp_path / "two.mat", more={"learning": np.ones(2)})
    found = loadmat(tmp_path / "run.mat")
    assert found["labels"].shape == (3, 1) and found["labels"].dtype == object
    np.testing.assert_array_equal(found["psth"], np.ones((2, 3)))


def test_an_older_file_is_checked_and_reported(tmp_path):
    from pathlib import Path

    path = Path(__file__).parents[1] / "data" / "trace_v1.h5"
    assert check(path) == []
    assert write_report([path], tmp_path / "report.html").exists()
