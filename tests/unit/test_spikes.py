"""Spikes as events: what the circuit fired is what traces, metrics, figures and NWB files hold."""

import numpy as np
import pytest
from biocredit.analysis.metrics.spikes import Spikes, cv_of_intervals, intervals, recorded_spikes, spikes_in
from biocredit.analysis.plots import figures
from biocredit.analysis.reports.report_figures import figures_of
from biocredit.analysis.trace.check import check
from biocredit.analysis.trace.reader import TraceError, open_trace
from biocredit.circuits import ALIF, LIF, SpikingRNN
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols import Online, Record, tasks
from biocredit.protocols.cli import main

TRIALS = 3


def run_of(**settings):
    """Six cells of two types on a small task, and the protocol that records their spikes."""
    sizes = {"cue": 10, "interval": 10, "delay": 5, "recall": 5, "rate": 400.0, "n_train": 4, "n_test": 4}
    task = tasks.evidence_accumulation(1, **sizes)
    cells = {"E": ALIF(threshold=0.1, refractory=2.0), "I": LIF(threshold=0.1)}
    net = SpikingRNN.for_task(task, {"E": 4, "I": 2}, cells=cells, rule="eprop", scale=3.0)
    asked = {"records": [Record("cells.spike"), Record("output")], "probe_trials": TRIALS, "batch_size": 2, "seeds": 2}
    return Online(net, task, **{**asked, **settings})


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A trace of two epochs, and of what the protocol saw at the end as a dense course."""
    path = tmp_path_factory.mktemp("spikes") / "run.h5"
    run_of(records=[Record("cells.spike"), Record("cells.voltage"), Record("cells.filtered_spikes")]).train(
        2, record=path, progress=False
    )
    return path


def dense(trace) -> np.ndarray:
    """Spikes again as a course, from the filter of the readout: where it rises."""
    seen = trace["activity/cells/filtered_spikes"].values
    keep = np.exp(-1 / 20.0)
    before = np.concatenate([np.zeros_like(seen[..., :1, :]), seen[..., :-1, :]], axis=-2)
    return np.round((seen - keep * before) / (1 - keep))


def test_events_are_the_spikes_of_the_circuit(path):
    assert check(path) == []
    with open_trace(path) as trace:
        assert recorded_spikes(trace) == ["cells"]
        spikes, course = spikes_in(trace), dense(trace)
        rows = trace["activity/cells/spikes"].rows()
        rate = trace["activity/cells/firing_rate"]
    assert course.sum() == len(rows) == len(spikes.neuron) > 20
    assert spikes.updates.tolist() == [0, 2, 4]
    assert spikes.blocks.tolist() == ["E"] * 4 + ["I"] * 2
    events = np.zeros_like(course)
    for row in rows:
        look = spikes.updates.tolist().index(row["update"])
        events[look, row["seed"], row["trial"], int(row["time"]), row["neuron"]] += 1
    np.testing.assert_array_equal(events, course)
    assert rate.units == "Hz"
    np.testing.assert_allclose(rate.values, course.sum(3) / (course.shape[3] / 1000), rtol=1e-6)
    last = spikes.only(update=4, seed=1)
    np.testing.assert_allclose(last.rates(), rate.values[-1, 1].mean(0), rtol=1e-6)
    middles, rates = last.population_rate(7.0)
    expected = [course[-1, 1][:, k : k + 7].mean() * 1000 for k in range(0, course.shape[3], 7)]
    np.testing.assert_allclose(rates, expected)
    assert len(middles) == len(rates)


def test_a_resumed_run_holds_every_spike_once(path, tmp_path):
    again = tmp_path / "again.h5"
    run_of(records=[Record("cells.spike")]).train(1, record=again, progress=False)
    run_of(records=[Record("cells.spike")]).resume(again, epochs=2, progress=False)
    with open_trace(again) as trace, open_trace(path) as whole:
        one, other = spikes_in(trace), spikes_in(whole)
    for name in ("neuron", "time", "trial", "seed", "update"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_chosen_neurons_keep_their_numbers_and_every_step_is_kept(tmp_path):
    run = run_of(records=[Record("cells.spike", neurons=[1, 5], name="few")])
    run.train(1, record=tmp_path / "few.h5", progress=False)
    with open_trace(tmp_path / "few.h5") as trace:
        spikes = spikes_in(trace, "few")
    assert set(spikes.neuron.tolist()) <= {1, 5} == set(spikes.neurons.tolist())
    assert spikes.blocks.tolist() == ["E", "I"]
    with pytest.raises(CircuitError, match="kept spike by spike: leave out every_steps=2"):
        run_of(records=[Record("cells.spike", every_steps=2)])


def test_intervals_stay_within_trials_and_their_variation_is_that_of_the_process():
    random = np.random.default_rng(0)
    course = np.zeros((1, 1, 40, 1000, 3))
    course[..., ::10, 0] = 1  # a clock
    course[..., 1] = random.random((1, 1, 40, 1000)) < 0.02  # a coin at every step: CV^2 = 1 - p
    spikes = Spikes.of_course(course, np.arange(1000.0))
    assert set(intervals(spikes)[0].tolist()) == {10.0} and len(intervals(spikes)[0]) == 40 * 99
    clock, coin, silent = cv_of_intervals(spikes)
    assert clock == 0 and np.isnan(silent)
    assert coin == pytest.approx(np.sqrt(0.98), abs=0.05)
    np.testing.assert_allclose(spikes.rates(), [100, course[..., 1].mean() * 1000, 0])


def test_the_raster_shows_every_spike_of_the_trial(path):
    with open_trace(path) as trace:
        spikes = spikes_in(trace).only(update=4, seed=0, trial=1)
        figure = figures.raster(trace, trial=1)
        assert any(title.startswith("Spikes of cells") for title in figures_of([trace]))
    dots = sum(len(one.get_offsets()) for one in figure.axes[0].collections)
    assert dots == len(spikes.neuron)
    assert {text.get_text() for text in figure.axes[0].texts} == {"E", "I"}


def test_units_through_nwb_and_pynapple_are_the_spikes(path, tmp_path):
    pynwb, pynapple = pytest.importorskip("pynwb"), pytest.importorskip("pynapple")
    out = tmp_path / "run.nwb"
    assert main(["export", str(path), "--to", "nwb", "-o", str(out)]) == 0
    assert pynwb.validate(path=str(out)) in ([], ([], 0))
    data = pynapple.load_file(str(out))
    units, trials = data["units"], data["trials"]
    assert list(units["block"]) == ["E"] * 4 + ["I"] * 2
    with open_trace(path) as trace:
        spikes = spikes_in(trace)
    table = {name: np.asarray(trials[name]) for name in ("update", "seed", "trial", "start", "end")}
    for row in (0, 7, len(trials) - 1):
        look = {name: int(table[name][row]) for name in ("update", "seed", "trial")}
        expected = spikes.only(**look)
        for neuron in range(6):
            t = units[neuron].t
            here = t[(t >= table["start"][row]) & (t < table["end"][row])] - table["start"][row]
            wanted = np.sort(expected.time[expected.neuron == neuron]) / 1000
            np.testing.assert_allclose(here, wanted, rtol=0, atol=1e-9)
    data.close()


def test_what_was_not_recorded_is_refused_in_one_line(path):
    with open_trace(path) as trace:
        with pytest.raises(TraceError, match=r"no spikes of 'cels' in run.h5 \(nearest: 'cells'\)"):
            spikes_in(trace, "cels")
        with pytest.raises(TraceError, match="no spikes of seed 9: recorded are 0, 1"):
            spikes_in(trace).only(seed=9)
