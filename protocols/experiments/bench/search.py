"""The tuning protocol: one grid for every rule, chosen on trials that the test never sees.

1. Every rule is run at every learning rate of the bench (half decades), and at every value of at most one more constant
   of its own. Rates are one axis with the seeds of a single run; network ``n`` of one rule has the seed, the trials and
   the rate of network ``n`` of any other that is tuned alike. Points of one rule differ in their seeds, too.
2. What is scored is held out of the training trials; the task's own test trials are never drawn. Tasks that draw fresh
   trials draw others than those of the last word, since the seeds are others.
3. A run takes half of the epochs. The point with the best mean over seeds at its end is taken. A point at which a
   network diverged is not.
4. Where the paper of a rule gives constants for the task at hand, they are one more point, and marked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.trace.reader import open_trace
from biocredit.protocols.experiments.bench.rows import DECAY, RATE, Bench, RuleRow, TaskRow
from biocredit.protocols.experiments.configuration import Configuration
from biocredit.protocols.experiments.overrides import has
from biocredit.protocols.experiments.settings.tasks import ForChoosing

#: The first seed of the search; those of the last word begin at 0.
FIRST_SEED = 1000


@dataclass(frozen=True)
class Point:
    """A point of the grid.

    Parameters
    ----------
    settings
        The constants, by dotted name.
    paper
        Whether they are those of its paper.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    paper: bool = False

    @property
    def words(self) -> str:
        """The constants in words."""
        shown = {name.rpartition(".")[2].replace("_", " "): value for name, value in self.settings.items()}
        text = ", ".join(f"{name} {_short(value)}" for name, value in shown.items())
        return f"{text} (the paper's)" if self.paper else text


def _short(value: Any) -> str:
    if is_dataclass(value):
        return type(value).__name__
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Search:
    """One run of the search: the points of the grid that share it, each with as many networks.

    Parameters
    ----------
    label
        What distinguishes it from the other runs of the same rule and task.
    points
        In the order of its networks.
    configuration
        Settings of the run.
    """

    label: str
    points: tuple[Point, ...]
    configuration: Configuration


def searches(bench: Bench, rule: RuleRow, task: TaskRow, *, quick: bool) -> Iterator[Search]:
    """Yield the runs of the search for a rule on a task."""
    for label, shared, points in _groups(bench, rule, task):
        one = bench.configured(rule, task, shared, quick=quick)
        columns = {name: [point.settings[name] for point in points] for name in (RATE, DECAY) if _vary(points, name)}
        each, epochs = bench.search_seeds, max(one.run.epochs // 2, 1)
        run = replace(one.run, seed=FIRST_SEED, seeds=each * len(points), epochs=epochs)
        rates = {
            name.partition(".")[2]: tuple(value for value in column for _ in range(each))
            for name, column in columns.items()
        }
        chosen_by = ForChoosing(one.task, task.validation) if task.validation else one.task
        optimizer = replace(one.optimizer, **rates) if rates else one.optimizer
        yield Search(label, points, replace(one, task=chosen_by, run=run, optimizer=optimizer, measures={}))


def _groups(bench: Bench, rule: RuleRow, task: TaskRow) -> Iterator[tuple[str, dict[str, Any], tuple[Point, ...]]]:
    """Yield label, common settings and points of each run."""
    tuned = rule.constant and has(bench.configured(rule, task), rule.constant)  # circuits of another kind lack it
    own = [{rule.constant: value} for value in rule.values] if tuned else [{}]
    if rule.constant == DECAY:
        yield "grid", {}, tuple(Point({RATE: rate, **one}) for one in own for rate in bench.rates)
    elif rule.rate == RATE:
        for number, one in enumerate(own):
            points = tuple(Point({RATE: rate, **one}) for rate in bench.rates)
            yield f"grid {number}" if len(own) > 1 else "grid", one, points
    else:
        for rate in bench.rates:
            yield f"rate {rate:.3g}", {rule.rate: rate}, (Point({rule.rate: rate}),)
    if task.label in rule.published_on:
        yield "paper", dict(rule.paper), (Point(rule.paper, paper=True),)


def _vary(points: Sequence[Point], name: str) -> bool:
    return len(points) > 1 and all(name in point.settings for point in points)


def scores_of(search: Search, task: TaskRow, trace: Path) -> list[tuple[Point, np.ndarray]]:
    """Return the scores of the networks at every point at the end of a run of the search; NaN where one diverged.

    Where the run failed as a whole, or is not there, all of them are.
    """
    each = search.configuration.run.seeds // len(search.points)
    scores = np.full((len(search.points), each), np.nan)
    if trace.exists():
        with open_trace(trace) as found:
            name = f"test_{task.score}"
            if found.status == "complete" and name in found.learning:
                scores = found.learning[name].values[:, -1].reshape(scores.shape)
    return list(zip(search.points, scores, strict=True))


def best(scored: Sequence[tuple[Point, np.ndarray]], task: TaskRow) -> Point | None:
    """Return the point with the best mean score; none if a network diverged at every point.

    Examples
    --------
    >>> scored = [(Point({"a": 1}), np.array([0.5, 0.7])), (Point({"a": 2}), np.array([0.9, np.nan]))]
    >>> best(scored, TaskRow("digits")).settings
    {'a': 1}
    """
    means = np.array([values.mean() if np.isfinite(values).all() else np.nan for _, values in scored])
    if not np.isfinite(means).any():
        return None
    return scored[int(np.nanargmax(means if task.higher else -means))][0]
