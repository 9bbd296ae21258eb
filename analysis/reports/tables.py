"""The tables of a report: runs, ours beside theirs, settings that differ, where the numbers come from."""

import re
from collections.abc import Sequence

import numpy as np
from biocredit.analysis.reports.comparison import (
    Row,
    compare,
    headline,
    label_of,
    number_text,
    task_of,
    value,
    varying,
    words,
)
from biocredit.analysis.trace.reader import Trace

Table = list[list[str]]


def tables_of(traces: Sequence[Trace]) -> dict[str, Table]:
    """Return the tables of a report by title, rows in the order of their numbers; none that is empty."""
    tables = {"Runs": runs_table(traces), "Ours beside theirs": comparison_table(traces)}
    if len(traces) > 1:
        tables["Settings that differ"] = differences(traces)
    return {name: [table[0], *sorted(table[1:], key=order)] for name, table in tables.items() if len(table) > 1}


def order(row: Sequence[str]) -> list:
    """Sort texts with their numbers as numbers: "expansion 10" after "expansion 2.5"."""
    parts = [re.split(r"(\d+(?:\.\d+)?)", cell) for cell in row]
    return [[(0, float(p), "") if n % 2 else (1, 0.0, p) for n, p in enumerate(cell)] for cell in parts]


def runs_table(traces: Sequence[Trace]) -> Table:
    """Return one row for each run and score: at the last epoch, and at the one chosen on validation."""
    table = [["run", "task", "networks", "epochs", "score", "last epoch", "chosen on validation"]]
    for trace in traces:
        for series in headline(trace):
            percent, epochs = "accuracy" in series, str(trace.learning[series].shape[1])
            last = spread_text(value(trace, series, "last"), percent)
            picked = spread_text(chosen_on_validation(trace, series), percent)
            table.append([label_of(trace), task_of(trace), str(len(trace.seeds)), epochs, words(series), last, picked])
    used = [k for k, name in enumerate(table[0]) if name != "chosen on validation" or any(row[k] for row in table[1:])]
    return [[row[k] for k in used] for row in table]


def chosen_on_validation(trace: Trace, series: str) -> np.ndarray:
    """Read a test score at the epoch that is best on validation, seed by seed; empty where none was scored."""
    other = series.replace("test_", "validation_", 1)
    if other == series or other not in trace.learning:
        return np.empty(0)
    seen, scores = trace.learning[other].values, trace.learning[series].values
    best = seen.argmax(1) if "accuracy" in series else seen.argmin(1)
    return scores[np.arange(len(scores)), best]


def comparison_table(traces: Sequence[Trace]) -> Table:
    """Return one row for each number of the paper; the heading alone where there is none."""
    table = [["run", "quantity", "ours", "theirs", "difference", "source"]]
    for trace in traces:
        table += [[label_of(trace), row.quantity, *_numbers(row), row.source] for row in compare(trace)]
    return table


def _numbers(row: Row) -> list[str]:
    paper = number_text(row.paper, row.paper_sd, row.percent)
    if row.deviation is None:
        return ["not reached", paper, ""]
    scale, unit = (100, " points") if row.percent else (1, "")
    return [spread_text(row.ours, row.percent), paper, f"{scale * row.deviation:+.3g}{unit}"]


def spread_text(runs: np.ndarray, percent: bool) -> str:
    """Write mean and standard deviation over networks, to the digits that the spread allows.

    Examples
    --------
    >>> import numpy as np
    >>> spread_text(np.array([0.5, 0.6]), percent=True)
    '55.0 ± 7.1 % (n = 2)'
    """
    if len(runs) == 0:
        return ""
    sd = float(runs.std(ddof=1)) if len(runs) > 1 else None
    return f"{number_text(float(runs.mean()), sd, percent)} (n = {len(runs)})"


def differences(traces: Sequence[Trace]) -> Table:
    """Return the settings in which the runs differ."""
    columns = varying(traces)
    table = [["run", *columns]]
    return table + [
        [label_of(trace), *(str(column[number]) for column in columns.values())] for number, trace in enumerate(traces)
    ]


def provenance(traces: Sequence[Trace]) -> Table:
    """Return where every number comes from: file, command, commit, machine, versions."""
    table = [["trace", "status", "made", "command", "commit", "machine", "versions"]]
    for trace in traces:
        about = trace.attributes
        machine = f"{about.get('device', 'unknown device')}, {about.get('host_cores', '?')} cores"
        versions = ", ".join(f"{name} {number}" for name, number in sorted(trace.versions.items()))
        command, commit = trace.configuration.get("command", ""), str(about.get("git_commit", ""))[:10]
        made = str(about.get("created", ""))
        table.append([trace.path.name, trace.status, made, command, commit, machine, versions])
    return table
