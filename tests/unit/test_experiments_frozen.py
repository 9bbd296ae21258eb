"""The experiments build what they have always built, and their first epochs give the same numbers."""

import json
from pathlib import Path

import pytest
from biocredit.protocols.experiments import every

from tests.unit.experiment_fingerprint import LEARNING, built, conditions, learned, small

BEFORE = json.loads((Path(__file__).parents[1] / "data" / "experiments.json").read_text())


def test_no_experiment_was_lost():
    assert set(BEFORE) <= set(every())


@pytest.mark.parametrize("name", BEFORE)
def test_an_experiment_builds_what_it_built(name):
    for label, configuration in conditions(name).items():
        before = {key: value for key, value in BEFORE[name][label].items() if key != "learned"}
        now = json.loads(json.dumps(built(small(configuration))))
        assert now.pop("checksum") == pytest.approx(before.pop("checksum"), rel=1e-3)
        assert now == before


@pytest.mark.parametrize("name", LEARNING)
def test_the_first_epoch_gives_the_same_numbers(name):
    label, configuration = next(iter(conditions(name).items()))
    before = BEFORE[name][label]["learned"]
    now = learned(small(configuration))
    assert {name: now.get(name) for name in before} == pytest.approx(before, rel=2e-3, abs=1e-5, nan_ok=True)
