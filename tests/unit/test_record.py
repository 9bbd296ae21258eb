"""The record says what follows from the tables of numbers, and its commands give the runs behind them."""

import csv
import io
import shlex

import pytest
from biocredit.analysis.reports.comparison import kind_of, number_text
from biocredit.protocols.cli import main, parser
from biocredit.protocols.commands.choosing import chosen
from biocredit.protocols.experiments import every
from biocredit.protocols.experiments.configuration import Configuration, Run
from biocredit.protocols.experiments.experiment import Experiment, Observation, Reference
from biocredit.protocols.experiments.record import Entry, Pair
from biocredit.protocols.experiments.settings.circuits import Chain
from biocredit.protocols.experiments.settings.tasks import Images

RECORD = {name: Entry(one) for name, one in every().items()}


def ours(at, value, sd=None, networks=2, epochs=None, condition="A", settings=""):
    return Observation("test_accuracy", at, value, "ours", sd, condition, networks, epochs, settings, "2026-01-02", "1")


def theirs(at, value, sd=None, condition="", source="table 1"):
    return Reference("test_accuracy", at, value, source, sd, condition)


def entry(*references, data="digits"):
    conditions = {
        name: Configuration(task=Images(data), circuit=Chain(), run=Run(epochs=10, seeds=2, seed=k))
        for k, name in enumerate("AB")
    }
    return Entry(Experiment("p/f", "Figure", "title", "10.1/2", "an hour", conditions, references=references))


@pytest.mark.parametrize(
    ("apart", "sd", "other", "agrees"),
    [
        (0.027, 0.01, 0.01, True),  # twice the root of 2e-4 is 0.0283
        (0.029, 0.01, 0.01, False),
        (0.029, 0.01, None, False),  # a spread that is not known counts as large as the other
        (0.019, 0.01, 0.0, True),
        (0.009, None, None, True),  # no spread at all: one point
        (0.011, None, None, False),
    ],
)
def test_numbers_agree_within_both_spreads(apart, sd, other, agrees):
    assert Pair(theirs("last", 0.5, sd), ours("last", 0.5 + apart, other)).agrees is agrees


def test_the_verdict_and_the_size_follow_from_the_numbers():
    assert entry(theirs("last", 0.9)).verdict == "not run"
    assert entry(theirs("last", 0.9), data="svhn").verdict == "data not at hand"
    assert entry(ours("last", 0.9)).verdict == "ours alone"
    assert entry(theirs("best", 0.9), ours("last", 0.9)).verdict == "nothing in common"
    both = ours("last", 0.9), ours(10, 0.9, condition="B")  # the tenth epoch is the last one
    assert entry(theirs("last", 0.9), *both).verdict == "agrees in all 2"
    assert entry(theirs("last", 0.9), theirs("last", 0.7, condition="B"), *both).verdict == "differs in 1 of 3"
    assert entry(*both).size == "full"
    small = entry(ours(3, 0.9, networks=1, epochs=3, settings="circuit.neurons=9"))
    assert small.size == "reduced: 1 of 2 conditions, 1 of 2 networks, 3 of 10 epochs, circuit.neurons=9"
    assert list(small.commands) == ["biocredit run p/f --condition A --seeds 1 --epochs 3 --set circuit.neurons=9"]
    assert list(entry(*both).commands) == ["biocredit run p/f"]


def test_the_headline_prefers_the_paper_and_the_last_epoch():
    found = entry(theirs("last", 0.8, source="an independent run"), theirs(3, 0.7), ours("last", 0.8), ours(3, 0.7))
    assert found.headline() == ("test accuracy, at 3: 70 %", "A, test accuracy, at 3: 70 %")
    assert kind_of("authors' program run again") == "authors' program"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ((0.97468, 0.00213, True), "97.47 ± 0.21 %"),
        ((85.0, 14.1), "85 ± 14"),
        ((2391040.0, None), "2.391e+06"),
        ((0.000105, 0.0000419), "(1.05 ± 0.42)e-4"),
        ((0.0, 0.3), "0.00 ± 0.30"),
        ((float("nan"), None), "nan"),
    ],
)
def test_a_number_has_the_digits_that_its_spread_allows(number, text):
    assert number_text(*number) == text


@pytest.mark.parametrize("name", [name for name, one in RECORD.items() if one.ours])
def test_every_number_of_ours_can_be_made_again(name):
    one, covered = RECORD[name], 0
    for command, numbers in one.commands.items():
        _, *words = shlex.split(command)
        experiment, conditions, quick = chosen(parser().parse_args(words))
        assert experiment.name == name
        assert not quick
        assert set(conditions) == {number.condition for number in numbers}
        assert all(conditions[number.condition].run.seeds == number.networks for number in numbers)
        covered += len(numbers)
    assert covered == len(one.ours)
    assert all(one.made)


@pytest.mark.parametrize("name", RECORD)
def test_an_experiment_says_how_it_was_set_and_why_it_differs(name):
    one = RECORD[name]
    assert one.experiment.chosen
    if one.verdict.startswith("differs"):
        assert one.experiment.observed
    if one.size == "full":
        assert "estimated" not in one.experiment.takes, "measured: say how long"


def test_the_command_prints_every_experiment(capsys):
    assert main(["record", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["experiment"] for row in rows] == list(RECORD)
    assert main(["record", "product-feedback/fig3"]) == 0
    assert "agrees in all 44" in capsys.readouterr().out
    assert main(["record", "nothing"]) == 2
