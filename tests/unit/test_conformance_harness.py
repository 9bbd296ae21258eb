"""The conformance harness itself: it must be able to fail."""

import numpy as np
import pytest

from tests.conformance.__main__ import main
from tests.conformance.harness import Check, adapter_for, carried_cases, compare, replay_file


@pytest.mark.parametrize(
    ("check", "passed"),
    [
        (Check("a", [1.0, 2.0]), True),
        (Check("a", [1.0, 2.0 + 1e-8]), False),
        (Check("a", [1.0, 2.0 + 1e-8], atol=0.0, rtol=1e-8), True),
        (Check("a", [1.0 + 1.5e-8, 2.0], atol=0.0, rtol=1e-8), False),
        (Check("a", [1.0 + 1.5e-8, 2.0], atol=0.0, rtol=1e-8, relative_to="largest"), True),
        (Check("a", [5.0, 2.0], bound="at_least"), True),
        (Check("a", [5.0, 1.9], bound="at_least"), False),
        (Check("a", [1.0, np.nan]), False),
        (Check("a", [1.0, np.inf]), False),
        (Check("a", [[1.0, 2.0]]), False),
        (Check("b", [1.0]), False),
        (Check("odd", [np.nan, -np.inf]), True),
        (Check("odd", [0.0, -np.inf]), False),
        (Check("odd", [np.nan, np.inf]), False),
        (Check("word", "tanh"), True),
        (Check("word", "relu"), False),
        (Check("whole", np.int32(3)), True),
        (Check("whole", True), False),
        (Check("empty", np.zeros((0, 3))), True),
    ],
)
def test_comparison(check, passed):
    case = {
        "a": np.array([1.0, 2.0]),
        "odd": np.array([np.nan, -np.inf]),
        "word": np.array("tanh"),
        "whole": np.array(3),
        "empty": np.zeros((0, 3)),
    }
    assert compare(check, case).passed is passed


def test_deviations_are_the_largest():
    outcome = compare(Check("a", [1.5, 2.0], atol=0.1), {"a": np.array([1.0, 4.0])})
    assert (outcome.absolute, outcome.relative, outcome.passed) == (2.0, 0.5, False)
    assert "FAIL" in str(outcome)


@pytest.fixture
def angles(tmp_path):
    """Write a copy of a case in which one array is changed."""
    arrays = dict(np.load(carried_cases()["metrics_angles"]))

    def write(name="metrics_angles_changed", **changes):
        path = tmp_path / f"{name}.npz"
        np.savez(path, **(arrays | changes))
        return path

    return write


def test_altered_reference_fails(angles, capsys):
    assert main([str(angles())]) == 0
    assert main([str(angles(cosine=np.float64(0.5)))]) == 1
    printed = capsys.readouterr().out
    assert "FAIL  cosine" in printed
    assert "14 of 15 arrays" in printed


def test_quiet_prints_failures_only(angles, capsys):
    main(["--quiet", str(angles(cosine=np.float64(0.5)))])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "cosine" in lines[1]


def test_arrays_nobody_looked_at_are_listed(angles, capsys):
    path = angles(forgotten=np.ones(3), hp_setting=np.ones(1))
    assert replay_file(path).unused == ["forgotten"]
    main([str(path)])
    assert "neither read nor checked: forgotten" in capsys.readouterr().out


def test_files_that_cannot_be_replayed(tmp_path, angles, capsys):
    broken, foreign = tmp_path / "metrics_broken.npz", tmp_path / "metrics_foreign.npz"
    broken.write_bytes(carried_cases()["metrics_angles"].read_bytes()[:200])
    foreign.write_text("not a case")
    lone = tmp_path / "metrics_lone.npz"
    with lone.open("wb") as file:
        np.save(file, np.ones(3))
    empty = tmp_path / "metrics_empty.npz"
    np.savez(empty)
    unknown = angles("unheard_of")
    missing = tmp_path / "metrics_missing.npz"
    for path, reason in {
        broken: "cannot read",
        foreign: "cannot read",
        lone: "cannot read",
        missing: "cannot read",
        unknown: "no adapter",
        empty: "0 of 0 arrays",
    }.items():
        assert main([str(path), str(angles())]) == 1
        printed = capsys.readouterr().out
        assert reason in printed
        assert "1 of 2 files pass" in printed


def test_adapter_that_breaks_does_not_stop_the_others(angles, capsys):
    bad = angles("metrics_bad", G1=np.ones(3))
    assert main([str(bad), str(angles())]) == 1
    printed = capsys.readouterr().out
    assert "FAIL  metrics_bad.npz: ValueError" in printed
    assert "1 of 2 files pass" in printed


def test_stored_curves_are_left_out(tmp_path, angles, capsys):
    assert main([str(tmp_path / "ccl_curves_cka_mnist.npz"), str(angles())]) == 0
    assert "left out" in capsys.readouterr().out


def test_adapter_is_found_by_prefix():
    assert adapter_for("metrics_anything_at_all").__module__.endswith("adapters.metrics")
