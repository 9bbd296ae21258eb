"""The command ``bench``: search, choose, run the last word and the variants, and write tables and page."""

import csv
import shlex
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.commands.choosing import prepare_jax
from biocredit.protocols.commands.door import INTERRUPTED, TRY_AGAIN
from biocredit.protocols.commands.runs import exit_status, performed
from biocredit.protocols.experiments.bench import bench_named
from biocredit.protocols.experiments.bench.own_rule import own_row
from biocredit.protocols.experiments.bench.plan import SEARCH, Planned, final_runs, pairs, search_runs
from biocredit.protocols.experiments.bench.rows import Bench, condition
from biocredit.protocols.experiments.bench.search import Point, best, scores_of
from biocredit.protocols.experiments.overrides import assignment, flat, has, unknown
from biocredit.protocols.experiments.sweep import file_name

RUNS, GRID, RULES, ABOUT = "runs.csv", "grid.csv", "rules.csv", "bench.csv"


def bench_command(given: Namespace) -> int:
    """Run a bench."""
    prepare_jax()
    bench = _asked_for(given)
    folder = Path(given.output or f"bench_{given.name}" + ("_quick" if given.quick else ""))
    told = _Told(bench, folder, given)
    searched = search_runs(bench, quick=given.quick)
    if (status := told.run(searched)) is not None:
        return status
    chosen = told.choose(searched)
    final = list(final_runs(bench, chosen, quick=given.quick))
    if (status := told.run(final)) is not None:
        return status
    return told.report([*searched, *final])


def _asked_for(given: Namespace) -> Bench:
    """Return the bench with the rows that were asked for, and the user's own."""
    bench = bench_named(given.name)
    for path in given.rule:
        bench = replace(bench, rules=(*bench.rules, own_row(path, bench)))
    bench = bench.chosen(tuple(given.only), tuple(given.task), quick=given.quick)
    overrides = dict(assignment(text) for text in given.set)
    configured = [bench.configured(*pair, quick=given.quick) for pair in pairs(bench)]
    for name in overrides:
        if not any(has(one, name) for one in configured):
            raise unknown(name, {name for one in configured for name in flat(one)})
    return replace(bench, overrides=overrides)


class _Told:
    """A bench in a folder: what was run, and what became of it.

    Parameters
    ----------
    bench, folder
        What runs where.
    given
        What was typed.
    """

    def __init__(self, bench: Bench, folder: Path, given: Namespace):
        self.bench, self.folder, self.given = bench, folder, given
        self.failed = {} if given.overwrite else _failed_before(folder / RUNS)
        self.outcomes: dict[str, tuple[str, str]] = {}

    def path(self, one: Planned) -> Path:
        """Return the trace of a run."""
        return one.place(self.folder, file_name(one.label))

    def run(self, planned: Sequence[Planned]) -> int | None:
        """Do what is not done yet, where the user says; return the exit status if the bench ends here."""
        from biocredit.protocols.execution.job import Job

        jobs = []
        for one in planned:
            path = self.path(one)
            if one.configuration is None:
                self.outcomes[str(path)] = ("not done", one.reason)
            elif str(path.relative_to(self.folder)) in self.failed:
                self.outcomes[str(path)] = self.failed[str(path.relative_to(self.folder))]
            else:
                jobs.append(Job(*one.experiment(self.bench), one.configuration, path, self.given.quick))
        if self.given.on == "slurm":
            jobs = [job for job in jobs if job.state() != "complete"]
        outcomes = performed(self.given, jobs, self.folder) if jobs else []
        if outcomes is None:
            print("the same command goes on when they are complete")
            return 0
        self.outcomes |= {one.path: (one.state, one.reason) for one in outcomes}
        status = exit_status(outcomes)
        return status if status in (INTERRUPTED, TRY_AGAIN) else None

    def choose(self, searched: Sequence[Planned]) -> dict[str, Point | None]:
        """Choose the constants of every rule on every task, and write the whole grid down."""
        found: dict[str, Point | None] = {}
        rows = []
        for rule, task in pairs(self.bench):
            mine = [one for one in searched if (one.rule, one.task) == (rule, task)]
            scored = [(one, *pair) for one in mine for pair in scores_of(one.search, task, self.path(one))]
            point = best([pair[1:] for pair in scored], task)
            found[condition(rule, task)] = point
            for one, each, scores in scored:
                about = {"rule": rule.label, "task": task.label, "run": self._relative(one), "constants": each.words}
                about |= {"paper": int(each.paper), "chosen": int(each is point)}
                rows.append(about | {"mean": f"{scores.mean():.6g}", "scores": " ".join(f"{x:.6g}" for x in scores)})
        write_csv(self.folder / GRID, rows)
        return found

    def report(self, planned: Sequence[Planned]) -> int:
        """Write what was run as tables, and the page."""
        from biocredit.analysis.reports.bench.page import write_page

        write_csv(self.folder / RUNS, [self._row(one) for one in planned])
        write_csv(self.folder / RULES, declared(self.bench, self.given.quick))
        about = {"name": self.bench.name, "title": self.bench.title, "reference": self.bench.reference}
        about |= {"quick": int(self.given.quick), "command": self._command()}
        write_csv(self.folder / ABOUT, [about])
        print(write_page(self.folder))
        return 0

    def _row(self, one: Planned) -> dict[str, Any]:
        state, reason = self.outcomes[str(self.path(one))]
        row = {"rule": one.rule.label, "task": one.task.label, "kind": one.kind, "what": one.what}
        row |= {"trace": self._relative(one), "state": state, "reason": reason}
        row |= {"score": one.task.score, "higher": int(one.task.higher)}
        return row | {"networks": len(one.search.points) if one.kind == SEARCH else "", "command": self._command(one)}

    def _relative(self, one: Planned) -> str:
        return str(self.path(one).relative_to(self.folder))

    def _command(self, one: Planned | None = None) -> str:
        words = ["biocredit", "bench", self.bench.name] + ["--quick"] * self.given.quick
        words += [word for path in self.given.rule for word in ("--rule", path)]
        words += [word for text in self.given.set for word in ("--set", text)]
        if one is not None:
            words += ["--only", one.rule.label, "--task", one.task.label]
        return shlex.join([*words, "-o", str(self.folder)])


def declared(bench: Bench, quick: bool) -> list[dict[str, Any]]:
    """Return what every rule says of itself, a row each."""
    rows = []
    for rule in bench.rules:
        task = next(task for one, task in pairs(bench) if one is rule)
        one = bench.configured(rule, task, quick=quick)
        try:
            said = getattr(one.network(one.task.make()), "rule", None)
        except CircuitError:  # its runs say why
            said = None
        needs: Mapping[str, str] = getattr(said, "needs", {})
        row = {"rule": rule.label, "name": getattr(said, "name", ""), "citation": getattr(said, "citation", "")}
        row |= {"phases": getattr(said, "phases", "")}
        row |= {"needs": "; ".join(f"{name} ({place})" for name, place in needs.items())}
        row |= {"nonlocal": sum(place == "nonlocal" for place in needs.values()) if needs else ""}
        rows.append(row | {"transports": getattr(said, "transports", ""), "exact": int(getattr(said, "exact", False))})
    return rows


def _failed_before(path: Path) -> dict[str, tuple[str, str]]:
    """What failed when the bench ran before, by trace: it is not tried again without being asked to."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    return {row["trace"]: (row["state"], row["reason"]) for row in rows if row["state"] in ("failed", "refused")}


def write_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows with the same columns."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
