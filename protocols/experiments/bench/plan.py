"""Which runs a bench consists of: the search, the last word of every rule, and what is done to it besides."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.experiments.bench.rows import Bench, RuleRow, TaskRow, condition
from biocredit.protocols.experiments.bench.search import Point, Search, searches
from biocredit.protocols.experiments.configuration import Configuration
from biocredit.protocols.experiments.experiment import Experiment

SEARCH, FINAL, VARIANT = "search", "final", "variant"


@dataclass(frozen=True)
class Planned:
    """One run of a bench, or why there is none.

    Parameters
    ----------
    rule, task
        Whose it is.
    kind
        ``"search"``, ``"final"`` or ``"variant"``.
    what
        Which of that kind.
    configuration
        Its settings; none where it has no meaning.
    reason
        Why it has none.
    search
        The part of the search that it is.
    """

    rule: RuleRow
    task: TaskRow
    kind: str
    what: str = ""
    configuration: Configuration | None = None
    reason: str = ""
    search: Search | None = None

    @property
    def label(self) -> str:
        """What distinguishes it from all others of its kind."""
        return ", ".join(filter(None, (condition(self.rule, self.task), self.what)))

    def place(self, folder: Path, named: str) -> Path:
        """Return its trace in a folder; ``named`` is the label as a file name."""
        return folder / self.kind / f"{named}.h5"

    def experiment(self, bench: Bench) -> tuple[Experiment, str]:
        """Return experiment and condition whose settings it varies, from which another process makes it again."""
        if self.rule.own is None:
            return bench.experiment(), condition(self.rule, self.task)
        return self.rule.own, next(iter(self.rule.own.conditions))


def pairs(bench: Bench) -> Iterator[tuple[RuleRow, TaskRow]]:
    """Yield every rule with every task that it is for."""
    for task in bench.tasks:
        for rule in bench.rules:
            if not rule.only or task.label in rule.only:
                yield rule, task


def search_runs(bench: Bench, *, quick: bool) -> list[Planned]:
    """List the runs of the search."""
    return [
        Planned(rule, task, SEARCH, one.label, one.configuration, search=one)
        for rule, task in pairs(bench)
        for one in searches(bench, rule, task, quick=quick)
    ]


def final_runs(bench: Bench, chosen: Mapping[str, Point | None], *, quick: bool) -> Iterable[Planned]:
    """Yield the runs with the chosen constants, by the name of the condition, and the variants of each."""
    for rule, task in pairs(bench):
        point = chosen[condition(rule, task)]
        if point is None:
            yield Planned(rule, task, FINAL, reason="no point of the grid could be run to its end")
            continue
        one = bench.configured(rule, task, point.settings, quick=quick)
        yield Planned(rule, task, FINAL, configuration=replace(one, run=replace(one.run, seed=0)))
        for label, vary in bench.variants.items():
            try:
                yield Planned(rule, task, VARIANT, label, vary(one))
            except CircuitError as refusal:
                yield Planned(rule, task, VARIANT, label, reason=str(refusal))


__all__ = ["FINAL", "SEARCH", "VARIANT", "Planned", "final_runs", "pairs", "search_runs"]
