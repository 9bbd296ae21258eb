"""How interventions are declared: what is refused in one line, and when they act."""

import pytest
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols import interventions
from biocredit.protocols.interventions import add_noise, delay, freeze_plasticity, lesion, scale, silence

from tests.unit.zoo import modular, protocol_of

MAKERS = {
    "silence": silence,
    "lesion": lesion,
    "scale": lambda target, **when: scale(target, 0.5, **when),
    "add_noise": lambda target, **when: add_noise(target, 0.5, **when),
    "delay": lambda target, **when: delay(target, 2, **when),
    "freeze": freeze_plasticity,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize(
    ("when", "message"),
    [
        ({"strat": 3}, "has no 'strat': did you mean 'start'"),
        ({"start": 10, "stop": 5}, "no update from start=10 until stop=5"),
        ({"start": 5, "stop": 5}, "stop must be larger"),
        ({"start": -1}, "counted from 0, got start=-1"),
        ({"start": 1.5}, "start counts updates, a whole number; got 1.5"),
    ],
)
def test_impossible_windows_are_refused_in_one_line(make, when, message):
    with pytest.raises(CircuitError, match=message) as refused:
        make("V1", **when)
    assert "\n" not in str(refused.value)


def test_the_misspelt_word_of_a_window_in_time_is_refused():
    with pytest.raises(CircuitError, match="has no 'aftr': did you mean 'after'"):
        silence("V1", aftr=3)


@pytest.mark.parametrize(
    ("when", "first", "end", "acts"),
    [
        ({}, 0, 1, True),
        ({}, 0, 0, False),
        ({"start": 500}, 0, 140, False),
        ({"start": 139}, 0, 140, True),
        ({"stop": 20}, 20, 40, False),
        ({"start": 10, "stop": 20}, 15, 16, True),
        ({"start": 10, "stop": 20}, 0, 10, False),
    ],
)
def test_interventions_know_whether_they_act_between_two_updates(when, first, end, acts):
    assert silence("V1", **when).acts(first, end) is acts


def test_a_lone_intervention_is_taken_as_a_list_of_one():
    one = silence("V1")
    assert interventions.several(one) == (one,)
    assert protocol_of(modular(), interventions=one).interventions == (one,)
    for wrong in ("V1", ["V1"], [one, 3]):
        with pytest.raises(CircuitError, match=r"is no intervention: wanted silence"):
            interventions.several(wrong)
