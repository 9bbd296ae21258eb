import subprocess
import sys

import numpy as np
import pytest
from biocredit.analysis import open_trace
from biocredit.analysis.metrics.exponents import region_exponents
from biocredit.analysis.plots import figures
from biocredit.analysis.plots.curves import draw_learning_curve
from biocredit.analysis.plots.stream_layout import passed_on
from biocredit.analysis.plots.style import canvas
from biocredit.analysis.plots.sweeps import numeric
from biocredit.analysis.plots.trajectories import paths, phase_courses
from biocredit.analysis.plots.wiring_diagram import layout
from biocredit.analysis.trace.reader import TraceError
from biocredit.analysis.trace.writer import TraceWriter
from matplotlib.patches import FancyArrowPatch

from tests.unit.experiment_case import learned, write_trace

RUNS = np.array([[0.2, 0.5, 0.8], [0.4, 0.5, 0.9]])


def test_figures_need_no_jax():
    program = (
        "import sys, biocredit.analysis.plots.figures, biocredit.analysis.reports.report; "
        "sys.exit('jax' in sys.modules or 'brainpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_learning_curve_is_the_mean_with_the_range(tmp_path):
    _, ax = canvas()
    draw_learning_curve(ax, open_trace(learned(tmp_path / "a.h5", RUNS)))
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_xydata(), [[1, 30], [2, 50], [3, 85]])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((20, 90))


def test_references_up_to_the_last_epoch_are_marked(tmp_path):
    known = [
        {"series": "test_accuracy", "at": at, "value": value}
        for at, value in ((1, 0.3), (3, 0.7), (9, 0.9), ("best", 1))
    ]
    figure = figures.learning_curve(learned(tmp_path / "a.h5", RUNS, {"reference": known}))
    (marks,) = (line for line in figure.axes[0].lines if line.get_label() == "_published")
    np.testing.assert_allclose(marks.get_xydata(), [[1, 30], [3, 70]])


def test_several_runs_share_one_figure_with_their_conditions_as_labels(tmp_path):
    paths = [learned(tmp_path / f"{name}.h5", RUNS, {"condition": name}) for name in ("one", "two")]
    legend = figures.learning_curve(*paths).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]


def test_what_was_not_recorded_is_said(tmp_path):
    bare = write_trace(tmp_path / "bare.h5")
    for draw in (
        figures.learning_curve,
        figures.error_amplitude,
        figures.trajectory,
        figures.psychometric,
        figures.wiring,
    ):
        with pytest.raises(TraceError):
            draw(bare)
    with pytest.raises(TraceError, match="exponents"):
        region_exponents(open_trace(bare))


def test_amplitudes_are_drawn_by_population_and_by_region(tmp_path):
    axes = ("seed", "epoch")
    more = {f"learning/amplitude.V{k}.error": (np.full((2, 3), 10.0**-k), axes) for k in (1, 2)}
    path = learned(tmp_path / "a.h5", RUNS, **more)
    lines = figures.error_amplitude(path).axes[0].lines
    assert {line.get_label(): line.get_ydata()[0] for line in lines} == {"V1": 0.1, "V2": 0.01}
    (line,) = figures.amplitude_by_region(path).axes[0].lines
    np.testing.assert_allclose(line.get_xydata(), [[1, 0.1], [2, 0.01]])


def rates(path, learning):
    """Write a trace of a region of six neurons: two seeds, one trial, phases of four iterations."""
    rng = np.random.default_rng(0)
    inference = np.cumsum(rng.standard_normal((4, 6)), axis=0)
    course = np.concatenate([inference, learning(inference)])[None, None, None].repeat(2, axis=1)
    when = np.array(["inference"] * 4 + ["learning"] * 4, dtype=object)
    with TraceWriter.create(path, experiment="made", configuration={}, citations=[], seeds=[0, 1]) as writer:
        axes = ("snapshot", "seed", "trial", "time", "neuron")
        writer.declare("activity/V1/rate", axes, (None, 2, 1, 8, 6), units="1", long_name="rate")
        writer.append("activity/V1/rate", course, at=[0])
        writer.constant("activity/V1/phase", when, ("time",), "1", "phase")
    return path


def short_trajectory(inference):
    nudged = inference.copy()
    nudged[:, :2] += 0.3
    nudged[1:] += 0.1
    return nudged


def end_point(inference):
    nudged = inference[-1:].repeat(4, axis=0)
    nudged[:, :2] += 0.3
    return nudged


@pytest.mark.parametrize(("learning", "from_rest"), [(short_trajectory, True), (end_point, False)])
def test_a_trajectory_begins_at_rest_or_where_the_region_has_settled(tmp_path, learning, from_rest):
    trace = open_trace(rates(tmp_path / "r.h5", learning))
    courses = phase_courses(trace, "V1")
    before, after = paths(courses["inference"][0], courses["learning"][0])
    assert len(before) == len(after) == 5
    assert not before[0].any()
    np.testing.assert_array_equal(after[0], np.zeros(6) if from_rest else before[-1])
    drawn = figures.trajectory(trace).axes[0].lines
    start, end = (np.array(drawn[k].get_data_3d())[:, 0] for k in (0, 2))
    assert np.allclose(start, end) == from_rest


def test_an_unknown_region_gets_the_nearest_name(tmp_path):
    with pytest.raises(TraceError, match="'V1'"):
        figures.trajectory(rates(tmp_path / "r.h5", end_point), "V11")


def test_settling_shows_one_step_differences(tmp_path):
    path = rates(tmp_path / "r.h5", end_point)
    course = phase_courses(open_trace(path), "V1")["inference"][0]
    steps = figures.settling(path).axes[1].lines[0]
    expected = [np.sqrt(np.mean((b - a) ** 2)) for a, b in zip([np.zeros(6), *course], course, strict=False)]
    np.testing.assert_allclose(steps.get_ydata(), expected)


def circuit(path):
    """Write a trace of an input, two regions and a readout."""
    sizes = {"eye": 4, "V1": 8, "V2": 8, "choice": 2}
    blocks = {"RI": 2, "SI": 2, "RE": 2, "SE": 2}
    edges = [("eye", "V1.RI", "inference"), ("V1.SI", "V2.RI", "inference"), ("V2.SI", "choice", "inference")]
    edges += [
        ("choice", "V2.RE", "feedback"),
        ("V2.SE", "V1.RE", "feedback"),
        ("V1", "V1", "recurrent"),
        ("", "V1", "bias"),
    ]
    with TraceWriter.create(path, experiment="made", configuration={}, citations=[], seeds=[0]) as writer:
        writer.populations(
            [{"name": n, "size": s, "kind": "x", "blocks": blocks if n[0] == "V" else {}} for n, s in sizes.items()]
        )
        common = {"plastic": True, "sign": "mixed", "density": 1.0}
        writer.projections([{"name": f"{a}>{b}", "pre": a, "post": b, "kind": k, **common} for a, b, k in edges])
    return path


def test_the_wiring_diagram_has_an_arrow_for_each_projection(tmp_path):
    ax = figures.wiring(circuit(tmp_path / "c.h5")).axes[0]
    assert sum(isinstance(patch, FancyArrowPatch) for patch in ax.patches) == 6
    texts = [text.get_text() for text in ax.texts]
    assert {"eye", "V1", "V2", "choice"} <= set(texts)
    assert texts.count("RE") == 2


def test_populations_lie_above_those_that_send_to_them_and_apart():
    rows = [{"name": name, "size": 1, "blocks": ""} for name in ("x1", "x2", "A", "B", "C")]
    edges = [("x1", "A"), ("x2", "B"), ("A", "C"), ("B", "C"), ("B", "A")]
    boxes = layout(rows, [{"pre": pre, "post": post, "kind": "inference"} for pre, post in edges])
    assert all(boxes[post].y > boxes[pre].y for pre, post in edges)
    assert len({(box.x, box.y) for box in boxes.values()}) == 5


@pytest.fixture
def grid(tmp_path):
    return [
        learned(
            tmp_path / f"{radius} {steps}.h5",
            np.full((2, 2), radius / 10 + steps / 100),
            {"condition": f"{radius} {steps}", "settings": {"circuit": {"radius": radius}, "phases": {"steps": steps}}},
        )
        for radius in (0.1, 0.5, 1.0)
        for steps in (2, 8)
    ]


def test_a_sweep_draws_a_line_for_each_value_of_the_other_setting(grid):
    assert numeric([open_trace(path) for path in grid]) == "circuit.radius"
    ax = figures.sweep(*grid).axes[0]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["steps 2 test accuracy", "steps 8 test accuracy"]
    points = ax.containers[1].lines[0].get_xydata()
    np.testing.assert_allclose(points, [[r, 100 * (r / 10 + 0.08)] for r in (0.1, 0.5, 1.0)])


def test_runs_that_differ_in_no_number_become_bars(tmp_path):
    paths = [
        learned(tmp_path / f"{name}.h5", RUNS, {"condition": name, "settings": {"rule": name}}) for name in ("BP", "FA")
    ]
    ax = figures.sweep(*paths).axes[0]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([85, 85])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["BP", "FA"]


def region(path, weights, current, settings):
    """Write a trace of a region with recurrent weights and a constant clamp current, two seeds."""
    size = len(weights)
    when = np.array(["inference"] * 3 + ["learning"] * 3, dtype=object)
    axes = ("snapshot", "seed", "trial", "time", "neuron")
    with TraceWriter.create(path, experiment="made", configuration=settings, citations=[], seeds=[0, 1]) as writer:
        writer.declare(
            "weights/V1.W_rec", ("snapshot", "seed", "pre", "post"), (None, 2, size, size), units="1", long_name="w"
        )
        writer.append("weights/V1.W_rec", np.stack([weights, 2 * weights])[None], at=[0])
        writer.declare("activity/V1/clamp", axes, (None, 2, 3, 6, size), units="1", long_name="current")
        writer.append("activity/V1/clamp", np.full((1, 2, 3, 6, size), current), at=[0])
        writer.constant("activity/V1/phase", when, ("time",), "1", "phase")
    return open_trace(path)


def test_without_drive_both_exponents_are_the_logarithm_of_a_scaled_rotation(tmp_path):
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))[0]
    found = region_exponents(region(tmp_path / "r.h5", 0.3 * rotation, 0.0, {}))
    np.testing.assert_allclose(found.maximal, np.log([0.3, 0.6]), rtol=1e-9)
    np.testing.assert_allclose(found.finite_time, np.log([0.3, 0.6]), rtol=1e-9)


def test_drive_lowers_the_exponent_by_the_slope_at_the_fixed_point(tmp_path):
    from scipy.optimize import brentq

    found = region_exponents(region(tmp_path / "r.h5", 0.4 * np.eye(2), 1.0, {}), transient=300, steps=50)
    expected = []
    for gain in (0.4, 0.8):
        rate = brentq(lambda h, gain=gain: np.tanh(gain * h + 1) - h, 0, 1)
        expected.append(np.log(gain * (1 - rate**2)))
    np.testing.assert_allclose(found.maximal, expected, rtol=1e-6)


def test_psychometric_figure_shows_output_choices_and_the_fitted_threshold(tmp_path):
    from scipy.stats import norm

    x = np.arange(-12, 13.0)
    trials = np.full((2, 25), 1000.0)
    clockwise = np.round(trials * norm.cdf(x, 2.0, 3.0))
    axes = ("seed", "orientation")
    values = {"clockwise": clockwise, "trials": trials, "mean_output": clockwise / trials}
    arrays = {f"learning/psychometric.{name}": (array, axes, {"orientation": x}) for name, array in values.items()}
    path = write_trace(tmp_path / "p.h5", {"condition": "noise"}, **arrays)
    outputs, choices = figures.psychometric(path).axes
    assert choices.get_legend().get_texts()[0].get_text() == "noise: 2.0° ± 3°"
    np.testing.assert_allclose(outputs.lines[0].get_ydata(), clockwise[0] / 1000)


def test_overview_has_a_panel_for_what_was_recorded(tmp_path):
    more = {"learning/amplitude.V1.error": (np.ones((2, 3)), ("seed", "epoch"))}
    assert len(figures.overview(learned(tmp_path / "a.h5", RUNS)).axes) == 1
    assert len(figures.overview(learned(tmp_path / "b.h5", RUNS, **more)).axes) == 2


def test_what_was_measured_has_a_panel_for_each_family_or_for_each_series(tmp_path):
    angles = {f"learning/angle.layer{n}": (90.0 - n * RUNS, ("seed", "epoch")) for n in (1, 2)}
    ranks = {"learning/rank.before": (RUNS, ("seed", "layer"), {"layer": np.arange(3)})}
    one, other = (learned(tmp_path / f"{n}.h5", RUNS, {"condition": n}, **angles, **ranks) for n in "ab")
    assert [ax.get_title("left") for ax in figures.measured(one).axes] == ["angle", "rank"]
    panels = figures.measured(one, other).axes
    assert [ax.get_title("left") for ax in panels] == ["angle (layer1)", "angle (layer2)", "rank (before)"]
    assert [line.get_label() for line in panels[0].lines] == ["a", "b"]
    np.testing.assert_allclose(panels[1].lines[0].get_ydata(), 90 - 2 * RUNS.mean(0))
    with pytest.raises(TraceError, match="nothing was measured"):
        figures.measured(learned(tmp_path / "bare.h5", RUNS))


def test_two_streams_stand_side_by_side():
    names = [
        "up.input",
        "up.layer1",
        "up.rate1",
        "down.target",
        "down.layer1",
        "down.layer1.intermediate",
        "down.input",
    ]
    rows = [{"name": name, "size": 1, "blocks": ""} for name in names]
    edges = [("up.input", "up.layer1", "inference"), ("down.layer1", "down.input", "feedback")]
    projections = [{"pre": pre, "post": post, "kind": kind} for pre, post, kind in edges]
    boxes = layout(rows, projections)
    assert boxes["down.layer1"].y == boxes["up.layer1"].y == boxes["down.layer1.intermediate"].y
    assert boxes["down.target"].y > boxes["up.rate1"].y
    assert len({(box.x, box.y) for box in boxes.values()}) == len(names)
    assert list(passed_on(names, projections)) == [("up.layer1", "up.rate1"), ("down.target", "down.layer1")]


@pytest.mark.parametrize(
    "name", ["learning_curve", "error_amplitude", "amplitude_by_region", "sweep", "trajectory", "wiring"]
)
def test_figures_of_one_panel_draw_into_axes_of_ones_own(tmp_path, name):
    import matplotlib.pyplot as plt

    more = {"learning/amplitude.V1.error": (np.ones((2, 3)), ("seed", "epoch"))}
    made = {"wiring": circuit, "trajectory": lambda path: rates(path, end_point)}
    path = made.get(name, lambda path: learned(path, RUNS, **more))(tmp_path / "a.h5")
    figure = plt.figure()
    ax = figure.add_subplot(1, 2, 2, projection="3d" if name == "trajectory" else None)
    assert getattr(figures, name)(path, ax=ax) is ax
    assert ax.has_data() or ax.patches
    plt.close(figure)
