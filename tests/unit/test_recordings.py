"""Recordings in and out: NumPy, MATLAB, NWB, the labelled form; wrong files get one line."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from biocredit.analysis.interchange.array_recording import recording_from_arrays, recording_from_file
from biocredit.analysis.interchange.nwb_export import to_nwb
from biocredit.analysis.interchange.nwb_recording import recording_from_nwb
from biocredit.analysis.interchange.recording import Recording, RecordingError, open_recording
from biocredit.analysis.interchange.similarity import similarity
from biocredit.analysis.metrics.neural.firing_rates import Window
from biocredit.analysis.metrics.neural.measures import distance
from biocredit.analysis.trace.reader import open_trace
from biocredit.analysis.trace.writer import TraceWriter
from biocredit.protocols.cli import main
from scipy.io import savemat

pytest.importorskip("pynwb")
CASE = Path(__file__).parents[1] / "conformance" / "cases" / "neural_rates.npz"
WINDOW = Window(-100.0, 100.0, 10.0, 25.0)
rng = np.random.default_rng(0)


def recording(conditions: int = 3, times: int = 5, neurons: int = 4, **changed) -> Recording:
    shape = (conditions, times, neurons)
    parts = {
        "rate": rng.uniform(0, 50, shape),
        "time_ms": -20 + 10.0 * np.arange(times),
        "labels": 45.0 * np.arange(conditions),
        "trials": np.arange(conditions) + 3,
        "covariates": {"hand": rng.standard_normal((conditions, times, 2))},
        "condition": "direction_deg",
        "title": "made",
    }
    return Recording(**{**parts, **changed})


def session(
    path: Path, *, units: bool = True, trials: bool = True, scale: float = 1.0, labels=None, series=None
) -> Path:
    """An NWB file with Poisson spikes, sixteen trials a second long, and perhaps a series of rates."""
    import pynwb

    start = datetime(2026, 1, 1, tzinfo=UTC)
    nwb = pynwb.NWBFile(session_description="made up", identifier="one", session_start_time=start)
    local = np.random.default_rng(1)
    if units:
        nwb.add_unit_column("quality", "how well it was sorted")
        for unit in range(3):
            times = np.sort(local.uniform(0, 20, 300 + 50 * unit))
            nwb.add_unit(spike_times=times, quality="good" if unit else "noise")
    if trials:
        for name in ("move", "direction"):
            nwb.add_trial_column(name, name)
        for k in range(16):
            label = 45 * (k % 4) if labels is None else labels[k]
            event = np.nan if k == 15 else scale * (1.5 + k)
            nwb.add_trial(start_time=1.0 + k, stop_time=1.9 + k, move=event, direction=label)
    if series is not None:
        module = nwb.create_processing_module(name="ecephys", description="rates")
        module.add(pynwb.TimeSeries(name="rates", unit="Hz", **series))
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(nwb)
    return path


# -- the labelled form


def same(first: Recording, second: Recording) -> None:
    for name in ("rate", "time_ms", "labels", "trials"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.condition == second.condition and first.title == second.title
    assert set(first.covariates) == set(second.covariates)
    for name, values in first.covariates.items():
        np.testing.assert_array_equal(values, second.covariates[name])


@pytest.mark.parametrize("labels", [np.array([0.0, 90.0, 180.0]), np.array(["left", "up", "right"])])
def test_a_recording_is_read_as_it_was_written(tmp_path: Path, labels: np.ndarray):
    first = recording(labels=labels)
    first.save(tmp_path / "one.h5")
    same(first, open_recording(tmp_path / "one.h5"))


@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_arrays_with_axes_in_any_order(tmp_path: Path, suffix: str):
    first = recording()
    arrays = {
        "fr": first.rate.transpose(2, 0, 1),
        "t": first.time_ms,
        "direction_deg": first.labels,
        "hand": first.covariates["hand"].transpose(2, 0, 1),
    }
    path = tmp_path / f"made{suffix}"
    savemat(path, arrays) if suffix == ".mat" else np.savez(path, **arrays)
    names, axes = ("fr", "t", "direction_deg"), ("neuron", "condition", "time")
    found = recording_from_file(path, *names, axes=axes, covariates=("hand",), trials=first.trials)
    same(first, found)


def test_times_are_cut_out_with_their_covariates():
    cut = recording().between(-10, 0)
    assert cut.rate.shape == (3, 2, 4) and cut.covariates["hand"].shape == (3, 2, 2)


# -- NWB in


def test_spikes_through_nwb_are_the_reference_rates(tmp_path: Path):
    import pynwb

    case = np.load(CASE)
    nwb = pynwb.NWBFile(
        session_description="case", identifier="case", session_start_time=datetime(2026, 1, 1, tzinfo=UTC)
    )
    for times in np.split(case["spike_times_s"], case["spike_index"][:-1]):
        nwb.add_unit(spike_times=times)
    for name in ("go", "direction"):
        nwb.add_trial_column(name, name)
    for k, (event, label) in enumerate(zip(case["event_times_s"], case["trial_direction_deg"], strict=True)):
        nwb.add_trial(start_time=float(k), stop_time=k + 0.5, go=float(event), direction=float(label))
    with pynwb.NWBHDF5IO(str(tmp_path / "case.nwb"), "w") as file:
        file.write(nwb)
    window = Window(*(float(case[f"hp_{name}_ms"]) for name in ("start", "stop", "step", "sd")))
    found = recording_from_nwb(tmp_path / "case.nwb", "go", "direction", window)
    np.testing.assert_allclose(found.rate, case["rates_hz"], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(found.trials, case["n_trials_per_condition"])


def test_units_are_chosen_by_a_column_and_counted_by_pynapple(tmp_path: Path):
    import pynapple

    path = session(tmp_path / "one.nwb")
    found = recording_from_nwb(path, "move", "direction", Window(-100.0, 100.0, 2.0, 0.0), where=("quality", "good"))
    assert found.rate.shape == (4, 101, 2) and found.trials.tolist() == [4, 4, 4, 3]
    units = pynapple.load_file(str(path))["units"]
    events = 1.5 + np.arange(15)[np.arange(15) % 4 == 2]
    for column, unit in enumerate((1, 2)):
        times = units[unit].t
        inside = [np.sum((times >= event - 0.101) & (times < event + 0.101)) for event in events]
        assert found.rate[2, :, column].sum() * 0.002 == pytest.approx(np.mean(inside))


@pytest.mark.parametrize("step", [0.010, 0.005, 0.004])
def test_rates_that_a_file_holds_are_sampled(tmp_path: Path, step: float):
    times = np.arange(0, 20, step)
    data = np.stack([times, 2 * times], axis=1)
    path = session(tmp_path / "one.nwb", units=False, series={"data": data, "rate": 1 / step})
    found = recording_from_nwb(path, "move", "direction", Window(-100.0, 100.0, 10.0, 0.0), rates="rates")
    events = np.array([np.mean(1.5 + np.arange(15)[np.arange(15) % 4 == k]) for k in range(4)])
    wanted = events[:, None] + found.time_ms / 1000
    shift = 0.0025 if step == 0.005 else 0.0  # two samples from t - step / 2 on: their mean lies before t
    np.testing.assert_allclose(found.rate[..., 1], 2 * (wanted - shift), rtol=0, atol=1e-6)


def uneven() -> dict:
    times = np.concatenate([np.arange(0, 10, 0.01), np.arange(10, 20, 0.02)])
    return {"data": np.ones((len(times), 2)), "timestamps": times}


WRONG = {
    "no units": ({"units": False}, {}, "no units"),
    "no trials": ({"trials": False}, {}, "no trials"),
    "outside": ({"scale": 1000.0}, {}, "outside the recording"),
    "one condition": ({"labels": [90] * 16}, {}, "at least two conditions"),
    "column": ({}, {"event": "mvoe"}, "nearest: 'move'"),
    "label": ({}, {"condition": "dircetion"}, "nearest: 'direction'"),
    "unit": ({}, {"where": ("quality", "god")}, "nearest: 'good'"),
    "no such column of units": ({}, {"where": ("qualty", "good")}, "nearest: 'quality'"),
    "series": ({"series": {"data": np.ones((2000, 2)), "rate": 100.0}}, {"rates": "rate"}, "nearest: 'rates'"),
    "unequal": ({"series": uneven()}, {"rates": "rates"}, "equal sampling"),
    "nan": ({"series": {"data": np.full((2000, 2), np.nan), "rate": 100.0}}, {"rates": "rates"}, "NaN"),
    "short": ({"series": {"data": np.ones((500, 2)), "rate": 100.0}}, {"rates": "rates"}, "outside the recording"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_nwb_files_get_one_line(tmp_path: Path, name: str):
    made, asked, message = WRONG[name]
    path = session(tmp_path / "wrong.nwb", **made)
    with pytest.raises(RecordingError, match=message) as refused:
        recording_from_nwb(path, **{"event": "move", "condition": "direction", "window": WINDOW, **asked})
    assert "\n" not in str(refused.value)


def with_nan() -> Recording:
    rate = np.ones((3, 5, 4))
    rate[0, 0, 0] = np.nan
    return recording(rate=rate)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (with_nan, "1 of 60 entries are NaN"),
        (lambda: recording(conditions=1), "at least two conditions"),
        (lambda: recording(time_ms=np.array([0.0, 1, 2, 4, 5])), "equal steps"),
        (lambda: recording(labels=np.array([1, 1, 2])), "one label"),
        (lambda: recording(labels=np.arange(4)), "3 entries"),
        (lambda: recording(trials=np.arange(4)), "3 numbers"),
        (lambda: recording(covariates={"hand": np.ones((3, 4, 2))}), "hand"),
        (lambda: recording(rate=np.ones((3, 5))), "condition, time, neuron"),
        (lambda: recording().between(500, 600), "spans -20 to 20"),
        (lambda: recording_from_arrays(np.ones((2, 2, 2)), [0, 1], [0, 1], ("time", "conditon", "neuron")), "nearest"),
        (lambda: recording_from_arrays(np.ones((2, 2, 2)), [0, 1], [0, 1], ("time", "time", "neuron")), "once"),
        (lambda: Window(step=5), "even"),
        (lambda: Window(0, 15, 10), "whole steps"),
        (lambda: Window(sd=-1), "sd"),
    ],
)
def test_wrong_recordings_get_one_line(make, message: str):
    with pytest.raises(ValueError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all", b"\x89HDF\r\n\x1a\n" + 100 * b"x"])
@pytest.mark.parametrize("suffix", [".nwb", ".npz", ".mat", ".txt", ".h5"])
def test_foreign_files_leave_with_status_2(tmp_path: Path, capsys, content: bytes, suffix: str):
    path, output = tmp_path / f"foreign{suffix}", tmp_path / "out.h5"
    path.write_bytes(content)
    options = ["--event", "a"] if suffix == ".nwb" else ["--array", "a", "--time", "b"]
    arguments = ["data", "import-recording", str(path), "--condition", "c", "-o", str(output), *options]
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not output.exists()


def test_the_command_writes_what_is_read(tmp_path: Path, capsys):
    path, output = session(tmp_path / "one.nwb"), tmp_path / "one.h5"
    arguments = [
        "data",
        "import-recording",
        str(path),
        "--event",
        "move",
        "--condition",
        "direction",
        "-o",
        str(output),
    ]
    window = ["--window", "-100", "100", "--sd", "25", "--where", "quality=good"]
    assert main([*arguments, *window]) == 0
    same(open_recording(output), recording_from_nwb(path, "move", "direction", WINDOW, where=("quality", "good")))
    capsys.readouterr()
    assert main([*arguments, *window]) == 2 and "--overwrite" in capsys.readouterr().err
    assert main([*arguments, "--array", "a", "--overwrite"]) == 2


# -- NWB out


def trace_of(path: Path, course: np.ndarray, variable: str = "rate") -> Path:
    """A trace with activity ``(snapshot, seed, trial, time, neuron)`` of a population called cells."""
    snapshots, seeds, trials, times, neurons = course.shape
    writer = TraceWriter.create(
        path, experiment="made", configuration={"a": 1}, citations=["10.1/x"], seeds=list(range(seeds))
    )
    dims = ("snapshot", "seed", "trial", "time", "neuron")
    time = (10.0 * np.arange(times), "ms", "time in the trial")
    writer.declare(
        f"activity/cells/{variable}",
        dims,
        (None, *course.shape[1:]),
        units="1",
        long_name="made",
        coords={"time": time},
    )
    writer.append(f"activity/cells/{variable}", course, at=10 * np.arange(snapshots))
    writer.constant("activity/cells/direction", 45.0 * (np.arange(trials) % 4), ("trial",), "degree", "direction")
    block = np.array(["E" if k % 2 else "I" for k in range(neurons)], dtype=object)
    writer.constant("activity/cells/block", block, ("neuron",), "1", "blocks of each neuron")
    writer.close("complete")
    return path


@pytest.mark.parametrize("variable", ["rate", "spike"])
def test_a_trace_through_nwb_and_pynapple_loses_nothing(tmp_path: Path, variable: str):
    import pynapple
    import pynwb

    course = rng.uniform(0, 1, (2, 2, 4, 6, 3)) if variable == "rate" else rng.integers(0, 2, (2, 2, 4, 6, 3)) * 1.0
    path = trace_of(tmp_path / "run.h5", course, variable)
    assert main(["export", str(path), "--to", "nwb"]) == 0
    assert pynwb.validate(path=str(tmp_path / "run.nwb")) in ([], ([], 0))
    data = pynapple.load_file(str(tmp_path / "run.nwb"))
    series, trials = data[f"cells_{variable}"], data["trials"]
    np.testing.assert_array_equal(series.values[:].reshape(course.shape), course)
    assert len(trials) == 16
    rows = np.array(np.meshgrid([0, 10], [0, 1], range(4), indexing="ij")).reshape(3, -1)
    for name, values in zip(("update", "seed", "trial"), rows, strict=True):
        np.testing.assert_array_equal(np.asarray(trials[name]), values)
    np.testing.assert_array_equal(np.asarray(trials["direction"]), 45.0 * rows[2])
    starts = np.asarray(trials["start"])
    clock = (starts[:, None] + 0.01 * np.arange(6)).ravel()
    np.testing.assert_allclose(series.t, clock, rtol=0, atol=1e-9)
    if variable == "spike":
        units = data["units"]
        assert list(units["block"]) == ["I", "E", "I"] and list(units["population"]) == ["cells"] * 3
        for k in range(3):
            fired = course.reshape(-1, 3)[:, k] > 0
            np.testing.assert_allclose(units[k].t, clock[fired], rtol=0, atol=1e-9)
    else:
        table = data.nwb.processing["activity"]["neurons"].to_dataframe()
        assert table["block"].tolist() == ["I", "E", "I"] and table["population"].tolist() == ["cells"] * 3
    data.close()


def test_a_trace_without_activity_is_refused(tmp_path: Path):
    TraceWriter.create(tmp_path / "run.h5", experiment="x", configuration={}, citations=[], seeds=[0]).close("complete")
    with open_trace(tmp_path / "run.h5") as trace, pytest.raises(RecordingError, match="holds no activity"):
        to_nwb(trace, tmp_path / "run.nwb")


# -- a trace beside a recording


def test_similarity_of_a_trace_and_a_recording(tmp_path: Path):
    course = rng.standard_normal((2, 3, 8, 9, 6))
    data = recording(4, 5, 6, covariates={})
    with open_trace(trace_of(tmp_path / "run.h5", course)) as trace:
        found = similarity(trace, data, condition="direction", zero_ms=40.0, draws=3)
        for seed in range(3):
            model = course[-1, seed].reshape(2, 4, 9, 6).mean(0)[:, 2:7]
            before = course[0, seed].reshape(2, 4, 9, 6).mean(0)[:, 2:7]
            assert found.distance[seed] == pytest.approx(distance(model, data.rate))
            assert found.untrained[seed] == pytest.approx(distance(before, data.rate))
        assert found.update == 10 and found.test.shape == (3, 4) and len(found.ceiling) == 3
        assert "held-out" in str(found)
        for asked, message in (
            ({"zero_ms": 45.0}, "wanted the times"),
            ({"condition": "dirction"}, "nearest: 'direction'"),
            ({"measure": "cak"}, "nearest: 'cka'"),
        ):
            with pytest.raises(ValueError, match=message):
                similarity(trace, data, **{"condition": "direction", "zero_ms": 40.0, **asked})
        with pytest.raises(RecordingError, match="4 conditions, the recording 3"):
            similarity(trace, recording(3, 5, 6), condition="direction", zero_ms=40.0)


def test_the_base_install_needs_no_pynwb(tmp_path: Path):
    code = (
        "import sys; sys.modules['pynwb'] = sys.modules['pynapple'] = sys.modules['pandas'] = None\n"
        "from biocredit.protocols.cli import main\n"
        f"sys.exit(main(['data', 'import-recording', {str(tmp_path / 'x.nwb')!r}, '--event', 'a', '--condition', 'b',"
        f" '-o', {str(tmp_path / 'x.h5')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "pip install 'biocredit[nwb]'" in done.stderr and done.stderr.count("\n") == 1
