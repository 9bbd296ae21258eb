"""The record: for every experiment the numbers of others, ours, at which size, and whether they agree.

Everything follows from the tables of numbers (``published.csv``, ``observed.csv``) and the configurations.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import hypot
from shlex import quote

import numpy as np
from biocredit.analysis.plots.panel_data import Condition, Curve
from biocredit.analysis.reports.comparison import flattened, kind_of, number_text, words
from biocredit.protocols.experiments.configuration import Configuration
from biocredit.protocols.experiments.experiment import Experiment, Observation, Reference
from biocredit.protocols.experiments.overrides import as_json

#: Data sets that were nowhere at hand where our numbers were made.
NOT_AT_HAND = frozenset({"chestmnist", "cifar100", "imagenet", "pathmnist", "stl10", "svhn"})
#: Numbers agree if they differ by so many joint standard deviations at most ...
SPREADS = 2.0
#: ... or, where neither has a spread, by this part of the larger; accuracies by one point.
ALIKE, POINT = 0.02, 0.01


@dataclass(frozen=True)
class Pair:
    """A number of others and ours of the same condition, series and place."""

    theirs: Reference
    ours: Observation

    @property
    def agrees(self) -> bool:
        """Whether both lie within their spreads; a spread that is not known counts as large as the other."""
        apart = abs(self.theirs.value - self.ours.value)
        known = [sd for sd in (self.theirs.sd, self.ours.sd) if sd]
        if known:
            return apart <= SPREADS * hypot(known[0], known[-1])
        if "accuracy" in self.ours.series:
            return apart <= POINT
        return apart <= ALIKE * max(abs(self.theirs.value), abs(self.ours.value))


@dataclass(frozen=True)
class Entry:
    """The state of one experiment."""

    experiment: Experiment

    @property
    def ours(self) -> list[Observation]:
        """Our own numbers."""
        return [one for one in self.experiment.references if isinstance(one, Observation)]

    @property
    def theirs(self) -> list[Reference]:
        """Numbers of the paper, of its authors' program, of others."""
        return [one for one in self.experiment.references if not isinstance(one, Observation)]

    @property
    def pairs(self) -> list[Pair]:
        """Numbers that can be compared."""
        return [
            Pair(theirs, ours)
            for theirs in self.theirs
            for ours in self.ours
            if theirs.series == ours.series and theirs.condition in ("", ours.condition)
            if self._place(theirs, ours.condition) == self._place(ours, ours.condition)
        ]

    def _place(self, number: Reference, condition: str) -> str | float:
        last = self.experiment.conditions[condition].run.epochs if condition else None
        return "last" if number.at == last else number.at

    def _epochs(self, one: Observation) -> int:
        return self.experiment.conditions[one.condition].run.epochs if one.epochs is None else one.epochs

    @property
    def verdict(self) -> str:
        """Whether ours agree with those of others."""
        if not self.ours:
            return "data not at hand" if NOT_AT_HAND & set(self.experiment.needs) else "not run"
        apart = sum(not pair.agrees for pair in self.pairs)
        if not self.pairs:
            return "ours alone" if not self.theirs else "nothing in common"
        return f"differs in {apart} of {len(self.pairs)}" if apart else f"agrees in all {len(self.pairs)}"

    @property
    def size(self) -> str:
        """Whether ours are of the full size, and what was reduced."""
        if not self.ours:
            return ""
        longest = sorted(self.ours, key=lambda one: (self._epochs(one), one.networks))
        full, run = self.experiment.conditions, {one.condition: one for one in longest}
        parts = [f"{len(run)} of {len(full)} conditions"] * (len(run) < len(full))
        for word, made, wanted in (
            ("networks", [one.networks for one in run.values()], [full[label].run.seeds for label in run]),
            ("epochs", [self._epochs(one) for one in run.values()], [full[n].run.epochs for n in run]),
        ):
            if any(few < many for few, many in zip(made, wanted, strict=True)):
                parts.append(f"{_range(made)} of {_range(wanted)} {word}")
        parts += sorted({one.settings for one in self.ours if one.settings})
        return "reduced: " + ", ".join(parts) if parts else "full"

    @property
    def commands(self) -> dict[str, list[Observation]]:
        """Return the commands that give our numbers again, each with its numbers."""
        groups: dict[tuple[int, int, str], list[Observation]] = {}
        for one in self.ours:
            groups.setdefault((one.networks, self._epochs(one), one.settings), []).append(one)
        return {self._command(numbers, *what): numbers for what, numbers in groups.items()}

    def _command(self, numbers: list[Observation], networks: int, epochs: int, settings: str) -> str:
        words, labels = ["biocredit run", self.experiment.name], list(dict.fromkeys(one.condition for one in numbers))
        if len(labels) < len(self.experiment.conditions):
            words += [f"--condition {quote(label)}" for label in labels]
        run = [self.experiment.conditions[label].run for label in labels]
        words += [f"--seeds {networks}"] * any(one.seeds != networks for one in run)
        words += [f"--epochs {epochs}"] * any(one.epochs != epochs for one in run)
        return " ".join([*words, *(f"--set {quote(one)}" for one in settings.split(";") if one)])

    def headline(self) -> tuple[str, str]:
        """Return the number that stands for the experiment: theirs, and ours."""
        if self.pairs:
            pair = max(self.pairs, key=lambda one: (kind_of(one.theirs.source) == "paper", *self._rank(one.ours)))
            return shown(pair.theirs), shown(pair.ours)
        return tuple(shown(max(some, key=self._rank)) if some else "" for some in (self.theirs, self.ours))

    def _rank(self, number: Reference) -> tuple:
        """Scores on the test set before other series, the last epoch before others, the best one last."""
        place = self._place(number, number.condition)
        when = (0, 0.0) if place == "best" else (2, 0.0) if place == "last" else (1, float(place))
        return number.series.startswith("test_"), *when

    @property
    def made(self) -> tuple[str, str]:
        """Date and version of the latest of ours."""
        return max(((one.date, one.version) for one in self.ours), default=("", ""))


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def shown(number: Reference) -> str:
    """Write a number with where it belongs: ``"AP, test accuracy, epoch 3: 90.9 ± 0.2 %"``.

    Examples
    --------
    >>> shown(Reference("test_accuracy", "last", 0.909, "", 0.002, "AP"))
    'AP, test accuracy, last: 90.9 ± 0.2 %'
    """
    place = number.at if isinstance(number.at, str) else f"at {number.at:g}"
    return (
        ", ".join(filter(None, (number.condition, words(number.series), place)))
        + ": "
        + number_text(number.value, number.sd, "accuracy" in number.series)
    )


def table(entries: Sequence[Entry]) -> list[tuple[str, ...]]:
    """Return one row for each experiment, below a head."""
    rows = [("experiment", "theirs", "ours", "size", "verdict", "date", "version")]
    for one in entries:
        rows.append((one.experiment.name, *one.headline(), one.size, one.verdict, *one.made))
    return rows


def drawn(entry: Entry) -> list[Condition]:
    """Return the conditions of an experiment as a figure draws them: our longest runs, and the numbers of others."""
    found = []
    for label, configuration in entry.experiment.conditions.items():
        mine = [one for one in entry.ours if one.condition == label]
        known = [asdict(one) for one in entry.theirs if one.condition in ("", label)]
        if mine or known:
            series = {
                name: _curve([one for one in mine if one.series == name], configuration) for name in _series(mine)
            }
            found.append(Condition(label, flattened(as_json(configuration)), series, known))
    return found


def _series(numbers: Sequence[Observation]) -> list[str]:
    return list(dict.fromkeys(one.series for one in numbers))


def _curve(numbers: Sequence[Observation], configuration: Configuration) -> Curve:
    """Join the numbers of a series by place, the mean over most networks at each; "last" is a place, "best" is none."""
    best = all(one.at == "best" for one in numbers)
    places: dict[float, Observation] = {}
    for one in sorted(numbers, key=lambda one: one.networks):
        if one.at != "best" or best:
            at = configuration.run.epochs if one.at in ("best", "last") else one.at
            places[float(at)] = one
    order = sorted(places)
    values = np.array([(places[at].value, np.nan if places[at].sd is None else places[at].sd) for at in order])
    return Curve(np.array(order), values[:, 0], values[:, 1])
