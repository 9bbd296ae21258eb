"""The page of a bench: one HTML file without a network; every number leads to its trace and its command."""

import base64
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from biocredit.analysis.metrics.intervals import Interval
from biocredit.analysis.plots import bench as figures
from biocredit.analysis.reports.bench.measures import measured
from biocredit.analysis.reports.bench.plausibility import plausibility
from biocredit.analysis.reports.bench.results import Results, write_table
from biocredit.analysis.reports.writing import STYLE, png
from matplotlib.figure import Figure

OWN_STYLE = (
    "body{max-width:76rem}td.n{text-align:right;white-space:nowrap}td,th{padding:.15rem .6rem}"
    "tr:has(:target){background:#fff3c4}"
)
HOW = (
    "Every rule was run at every learning rate of the same grid (half decades), and at every value of at most one "
    "more constant of its own, on the same seeds, trials and updates. Constants were chosen by the mean score on "
    "trials that were held out of the training trials; test trials were never drawn before the last word. Constants "
    "that a rule's own paper has for the task are one more point, and marked. A point at which a network diverged is "
    "not taken. The last word has other seeds than the search. Intervals are 95 per cent: Student's over networks; "
    "for differences between paired networks (equal seed, equal order of trials, and equal initial weights where "
    "both rules act in one circuit) a bootstrap over pairs, widened to Student's. Where an interval of differences "
    "includes zero, nothing is called better."
)

#: Figures of each task, by title.
PER_TASK: dict[str, Callable[[Results, str], Figure]] = {
    "Learning, by updates": figures.learning_curves,
    "Learning, by operations": lambda results, task: figures.learning_curves(results, task, "operations"),
    "Score and plausibility": figures.tradeoff,
    "Angle to the gradient": figures.angles,
    "Cost of an update": figures.costs,
    "What is left: lesions, noise, feedback, another task, less data": figures.withstood,
}


def write_page(folder: str | Path) -> Path:
    """Write tables (``scores.csv``, ``measures.csv``), figures (``figures/*``) and the page of a bench.

    Parameters
    ----------
    folder
        Where ``biocredit bench`` has run.

    Returns
    -------
    Path
        The page, ``bench.html`` in that folder.

    Raises
    ------
    TraceError
        If it is no folder of a bench.
    """
    results = Results(folder)
    numbers = measured(results)
    write_table(results.folder / "measures.csv", numbers)
    write_table(results.folder / "scores.csv", list(scores(results, numbers)))
    drawn = {"Scores": figures.scores(results)}
    for task in results.tasks:
        for title, draw in PER_TASK.items():
            drawn[f"{title}: {task}"] = draw(results, task)
    _save(results.folder / "figures", drawn)
    path = results.folder / "bench.html"
    path.write_text(_html(results, numbers, drawn), encoding="utf-8")
    return path


def scores(results: Results, numbers: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the table of rules and tasks: score, difference to the reference, verdict, chosen constants, run."""
    name = f"difference to {results.reference}"
    found = {(row["rule"], row["task"], row["measure"]): row for row in numbers}
    chosen = {(row["rule"], row["task"]): row["constants"] for row in results.grid if row["chosen"] == "1"}
    for task in results.tasks:
        for rule in results.labels:
            run = results.find(rule, task)
            if run is None:
                continue
            score, gap = found.get((rule, task, "score")), found.get((rule, task, name))
            row = {"rule": rule, "task": task, "score": run["score"]}
            row |= {key: score[key] if score else float("nan") for key in ("mean", "low", "high", "networks")}
            row |= {f"difference_{key}": gap[key] if gap else float("nan") for key in ("mean", "low", "high")}
            row |= {"verdict": verdict(gap, rule, results.reference, run["higher"] == "1")}
            yield row | {
                "constants": chosen.get((rule, task), ""),
                "state": run["state"],
                "reason": run["reason"],
                "run": run["number"],
                "trace": run["trace"],
                "command": run["command"],
            }


def verdict(gap: dict[str, Any] | None, rule: str, reference: str, higher: bool) -> str:
    """Say whether a rule is better than the reference; nothing is, where the interval includes zero.

    Examples
    --------
    >>> verdict({"mean": -0.1, "low": -0.2, "high": 0.01, "networks": 5}, "FA", "BP", higher=True)
    'not told apart'
    """
    if rule == reference or gap is None:
        return ""
    if Interval(gap["mean"], gap["low"], gap["high"], gap["networks"]).crosses_zero:
        return "not told apart"
    return "better" if (gap["mean"] > 0) == higher else "worse"


def _save(folder: Path, drawn: dict[str, Figure]) -> None:
    folder.mkdir(exist_ok=True)
    for title, figure in drawn.items():
        name = "".join(letter if letter.isalnum() else "_" for letter in title.lower())[:100]
        (folder / f"{name}.png").write_bytes(png(figure))
        figure.savefig(folder / f"{name}.pdf")


# -- the page -----------------------------------------------------------------------------------------------------


def _html(results: Results, numbers: Sequence[dict[str, Any]], drawn: dict[str, Figure]) -> str:
    about = results.about
    parts = [f"<h1>{escape(about['title'])}</h1>"]
    if about["quick"] == "1":
        parts.append(
            '<p class="note">A quick look at small size: it shows the method, not the standing of the rules.</p>'
        )
    parts += [f"<p>{escape(HOW)}</p>", f"<pre>{escape(about['command'])}</pre>", "<h2>Scores</h2>"]
    parts += [_scores(results, numbers), _image("Scores", drawn["Scores"])]
    parts += [_failures(results)]
    for title, figure in drawn.items():
        if title != "Scores":
            parts += [f"<h2>{escape(title)}</h2>", _image(title, figure)]
    parts += [_plausibility(results), _all_numbers(numbers), _grid(results), _runs(results)]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(about["title"])}</title>'
    icon = '<link rel="icon" href="data:,">'
    return "\n".join([f"{head}{icon}<style>{STYLE}{OWN_STYLE}</style>", *filter(None, parts), "</html>"]) + "\n"


def _image(title: str, figure: Figure) -> str:
    image = base64.b64encode(png(figure)).decode()
    return f'<img alt="{escape(title)}" src="data:image/png;base64,{image}">'


def _scores(results: Results, numbers: Sequence[dict[str, Any]]) -> str:
    head = ["rule", "task", "score", "95 % interval", "networks"]
    head += [f"difference to {results.reference}", "", "constants chosen", "state"]
    rows = []
    for row in scores(results, numbers):
        unit = 100 if "accuracy" in row["score"] else 1
        ends = [_number(unit * row[end]) for end in ("low", "high")]
        gap = _number(unit * row["difference_mean"])
        between = [_number(unit * row[f"difference_{end}"]) for end in ("low", "high")]
        rows.append(
            [
                escape(row["rule"]),
                escape(row["task"]),
                _linked(_number(unit * row["mean"]), row["run"]),
                " to ".join(filter(None, ends)),
                _number(row["networks"]),
                f"{gap} ({' to '.join(between)})" if gap and all(between) else gap,
                escape(row["verdict"]),
                escape(row["constants"]),
                escape(row["state"]),
            ]
        )
    return f"<p>Accuracies in per cent, differences in points.</p>{_table(head, rows, numeric=(2, 3, 4, 5))}"


def _failures(results: Results) -> str:
    lost = [row for row in results.runs if row["state"] != "complete"]
    rows = [
        [escape(row["rule"]), escape(row["task"]), escape(row["what"] or row["kind"]), escape(row["reason"])]
        for row in lost
    ]
    if not rows:
        return ""
    table = _table(["rule", "task", "what", "why"], rows)
    return f"<details><summary>{len(rows)} runs that failed or have no meaning, and why</summary>{table}</details>"


def _plausibility(results: Results) -> str:
    found = plausibility(results)
    rows = [
        [escape(rule), *(escape(row.get(name, "")) for name in found.criteria)] for rule, row in found.verdicts.items()
    ]
    title = f"<h2>Constraints of biology, as {found.source}</h2>"
    return title + _table(["rule", *map(escape, found.criteria)], rows)


def _all_numbers(numbers: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            escape(row["rule"]),
            escape(row["task"]),
            escape(row["measure"]),
            escape(row["at"]),
            _linked(_number(row["mean"]), row["run"]),
            " to ".join(filter(None, (_number(row["low"]), _number(row["high"])))),
            _number(row["networks"]),
        ]
        for row in numbers
    ]
    table = _table(["rule", "task", "measure", "at", "mean", "95 % interval", "networks"], rows, numeric=(4, 5, 6))
    return f"<h2>All numbers</h2><details><summary>{len(rows)} numbers</summary>{table}</details>"


def _grid(results: Results) -> str:
    updates = sum(_updates(results, row) for row in results.runs if row["kind"] == "search")
    rows = [
        [
            escape(row["rule"]),
            escape(row["task"]),
            escape(row["constants"]),
            "chosen" if row["chosen"] == "1" else "",
            _number(float(row["mean"])),
            escape(" ".join(_number(float(one)) or "diverged" for one in row["scores"].split())),
        ]
        for row in results.grid
    ]
    table = _table(["rule", "task", "constants", "", "mean on held-out trials", "each network"], rows, numeric=(4,))
    cost = f"{len(rows)} points; {updates:,} updates of a network altogether"
    return f"<h2>The search</h2><p>{cost}.</p><details><summary>the whole grid</summary>{table}</details>"


def _updates(results: Results, row: dict[str, str]) -> int:
    trace = results.trace(row)
    if trace is None:
        return 0
    return len(trace.seeds) * len(trace.learning["loss_by_update"].coords["update"])


def _runs(results: Results) -> str:
    rows = [
        [
            f'<a id="run-{row["number"]}"></a>{row["number"]}',
            escape(", ".join(filter(None, (row["rule"], row["task"], row["what"])))),
            escape(row["kind"]),
            f'<a href="{escape(row["trace"], quote=True)}">{escape(row["trace"])}</a>'
            if row["state"] == "complete"
            else "",
            f"<code>{escape(row['command'])}</code>",
        ]
        for row in results.runs
    ]
    return f"<h2>Runs</h2>{_table(['', 'run', 'kind', 'trace', 'command'], rows)}"


def _file(name: str) -> str:
    return f'<a href="{escape(quote(name), quote=True)}">{escape(name)}</a>'


def _linked(text: str, run: str) -> str:
    return f'<a href="#run-{escape(run, quote=True)}">{text}</a>' if text else ""


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """Write cells, which are HTML already, as a table."""

    def line(row: Sequence[str]) -> str:
        return "".join(f'<td class="n">{one}</td>' if i in numeric else f"<td>{one}</td>" for i, one in enumerate(row))

    top = "".join(f"<th>{one}</th>" for one in head)
    return f"<table><tr>{top}</tr>{''.join(f'<tr>{line(row)}</tr>' for row in rows)}</table>"
