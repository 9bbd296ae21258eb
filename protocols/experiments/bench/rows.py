"""What the rows of a bench are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from biocredit.circuits.core.errors import nearest
from biocredit.protocols.experiments.configuration import Configuration
from biocredit.protocols.experiments.experiment import Experiment
from biocredit.protocols.experiments.overrides import SettingError, has, overridden
from biocredit.protocols.experiments.settings import PARTS

RATE, DECAY = "optimizer.learning_rate", "optimizer.decay"


@dataclass(frozen=True)
class RuleRow:
    """A rule.

    Parameters
    ----------
    label
        Its name in tables and figures.
    settings
        What makes it this rule, by dotted name, over the bench's configuration.
    constant, values
        One more constant of the rule that is tuned besides the rate: its dotted name and the values that are tried.
    paper, published_on
        The constants of its paper, and the tasks on which the paper has them: one more point of the grid there, marked.
    rate
        Where the learning rate is set; a rule that steps by itself has it elsewhere.
    only
        Tasks that it is for; all by default.
    own
        The experiment in a file of the user's that it comes from.
    """

    label: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    constant: str = ""
    values: tuple[Any, ...] = ()
    paper: Mapping[str, Any] = field(default_factory=dict)
    published_on: tuple[str, ...] = ()
    rate: str = RATE
    only: tuple[str, ...] = ()
    own: Experiment | None = None


@dataclass(frozen=True)
class TaskRow:
    """A task.

    Parameters
    ----------
    label
        Its name in tables and figures.
    settings
        What makes it this task, by dotted name, over the bench's configuration.
    quick
        Its small size; a task without is left out of a quick look.
    score
        Name of the score under ``/learning``, without ``test_``.
    higher
        Whether a higher score is better.
    validation
        Fraction of the training trials by which constants are chosen; 0 where a stored trial is learned and tested, so
        that nothing can be held out.
    """

    label: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any] | None = None
    score: str = "accuracy"
    higher: bool = True
    validation: float = 0.2


@dataclass(frozen=True)
class Bench:
    """A bench.

    Parameters
    ----------
    name, title
        As typed, and in words.
    base
        The configuration of all runs; rows change it.
    rules, tasks
        Its rows.
    reference
        Label of the rule with which the others are compared.
    rates
        Learning rates of the search.
    search_seeds
        Networks at every point of the search, which takes half of the epochs.
    variants
        What is done besides, by label: a function of a configuration, which refuses what has no meaning for it.
    quick
        Settings of the small size, by dotted name.
    overrides
        Settings that the user wants otherwise, by dotted name; they reach the rows that have them.
    """

    name: str
    title: str
    base: Configuration
    rules: tuple[RuleRow, ...]
    tasks: tuple[TaskRow, ...]
    reference: str
    rates: tuple[float, ...]
    search_seeds: int
    variants: Mapping[str, Callable[[Configuration], Configuration]]
    quick: Mapping[str, Any]
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def configured(
        self, rule: RuleRow, task: TaskRow, more: Mapping[str, Any] | None = None, *, quick: bool = False
    ) -> Configuration:
        """Return the configuration of a rule on a task, with further settings."""
        parts = {**PARTS, **(rule.own.parts if rule.own else {})}
        one = overridden(self.base, {**task.settings, **rule.settings}, parts)
        small = {**self.quick, **(task.quick or {})} if quick else {}
        own = {name: value for name, value in {**small, **self.overrides}.items() if has(one, name)}
        return overridden(overridden(one, own, parts), more or {}, parts)

    def experiment(self) -> Experiment:
        """Return the bench as an experiment: a condition for each rule and task."""
        conditions = {
            condition(rule, task): self.configured(rule, task)
            for rule in self.rules
            if rule.own is None
            for task in self.tasks
            if task.label in (rule.only or (task.label,))
        }
        takes = "see docs/how-to/bench.md"
        return Experiment(f"bench/{self.name}", "bench", self.title, "", takes, conditions)

    def chosen(self, rules: tuple[str, ...] = (), tasks: tuple[str, ...] = (), *, quick: bool = False) -> "Bench":
        """Return the bench with some of its rules and tasks; the reference stays.

        Raises
        ------
        SettingError
            For a label that is none.
        """
        here = tuple(one for one in self.tasks if one.quick is not None or not quick)
        for what, wanted, rows in (("rule", rules, self.rules), ("task", tasks, here)):
            for label in wanted:
                known = [row.label for row in rows]
                if label not in known:
                    raise SettingError(f"the bench {self.name!r} has no {what} {label!r}: {nearest(label, known)}")
        kept = (*rules, self.reference)
        return replace(
            self,
            rules=tuple(one for one in self.rules if not rules or one.label in kept),
            tasks=tuple(one for one in here if not tasks or one.label in tasks),
        )


def condition(rule: RuleRow, task: TaskRow) -> str:
    """Name a rule on a task."""
    return f"{rule.label}, {task.label}"
