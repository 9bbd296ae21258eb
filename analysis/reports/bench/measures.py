"""Every number that a bench found, as one long table: rule, task, measure, mean and interval, and its run."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from biocredit.analysis.metrics.intervals import Interval, mean_interval, paired_interval
from biocredit.analysis.reports.bench.results import Results, Row

#: Of the score that the reference reaches: how much has to be learned for a criterion.
CRITERION = 0.9
COSTS = ("operations", "bytes", "seconds")
DISTURBED = ("silenced", "noisy_weights")


def measured(results: Results) -> list[dict[str, Any]]:
    """List all numbers of a bench, a row each."""
    rows = []
    for task in results.tasks:
        for rule in results.labels:
            final = results.find(rule, task)
            if final is not None:
                rows += [_row(rule, task, *found) for found in _of_rule(results, rule, task, final)]
    return rows


def _row(rule: str, task: str, measure: str, at: str, found: Interval, run: Row) -> dict[str, Any]:
    return {
        "rule": rule,
        "task": task,
        "measure": measure,
        "at": at,
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
        "networks": found.count,
        "run": run["number"],
        "trace": run["trace"],
    }


def _of_rule(results: Results, rule: str, task: str, final: Row) -> Iterator[tuple]:
    reference = results.find(results.reference, task)
    score, beside = results.score(final), results.score(reference)
    yield "score", "end", mean_interval(score), final
    if score.size and len(score) == len(beside):
        yield f"difference to {results.reference}", "end", paired_interval(score, beside), final
    loss = results.series(final, "test_loss")
    if loss is not None and final["score"] != "loss":
        yield "loss", "end", mean_interval(loss.values[:, -1]), final
    yield from _efficiency(results, final, reference)
    for name in COSTS:
        ratio = results.cost(final, name) / results.cost(reference, name)
        yield f"{name} of an update, over {results.reference}", "", Interval(ratio, np.nan, np.nan, 1), final
    for name in DISTURBED:
        found = results.series(final, f"{name}.{final['score']}")
        for level, values in _levels(found):
            yield name.replace("_", " "), level, mean_interval(values), final
    for name, angles in results.angles(final).items():
        for at in (0, -1):
            where = "start" if at == 0 else "end"
            yield f"angle to gradient, {name}", where, mean_interval(angles.values[:, at]), final
    yield from _varied(results, rule, task, score)


def _levels(found: Any) -> Iterator[tuple[str, np.ndarray]]:
    if found is not None:
        places = found.coords[found.dims[1]]
        for place, values in zip(places, found.values.T, strict=True):
            yield f"{place:.3g}", values


def _efficiency(results: Results, final: Row, reference: Row | None) -> Iterator[tuple]:
    """Updates until the score is at a criterion: a part of what the reference gains over its first epoch."""
    curve, beside = results.curve(final), results.curve(reference)
    if curve is None or beside is None:
        return
    first, last = beside.values[:, 0].mean(), beside.values[:, -1].mean()
    criterion = first + CRITERION * (last - first)
    reached = curve.values >= criterion if final["higher"] == "1" else curve.values <= criterion
    epochs = np.where(reached.any(1), curve.coords["epoch"][reached.argmax(1)], np.nan)
    yield "updates to criterion", f"{criterion:.3g}", mean_interval(epochs * results.updates(final)), final


def _varied(results: Results, rule: str, task: str, score: np.ndarray) -> Iterator[tuple]:
    for what in results.variants():
        run = results.find(rule, task, "variant", what)
        varied = results.score(run)
        if run is None or not varied.size:
            continue
        yield what, "end", mean_interval(varied), run
        if len(varied) == len(score):
            yield f"{what}, difference", "end", paired_interval(varied, score), run
