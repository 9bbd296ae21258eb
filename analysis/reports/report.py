"""Reports: figures, and ours beside the paper's numbers, as one HTML file or as Markdown with images."""

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from biocredit.analysis.reports.bibliography import cite
from biocredit.analysis.reports.comparison import (
    Row,
    compare,
    headline,
    label_of,
    opened,
    value,
    varying,
    words,
)
from biocredit.analysis.reports.equal_error import answer, equal_error_figure, equal_error_table, measures_of
from biocredit.analysis.reports.report_figures import figures_of
from biocredit.analysis.trace.reader import Trace, TraceError
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:1rem 0}"
    "td,th{padding:.25rem .8rem;border-bottom:1px solid #ddd;text-align:left}"
    "img{max-width:100%}pre{background:#f6f6f6;padding:1rem;overflow-x:auto;font-size:12px}.note{color:#8a4b00}"
)
#: Letters that mean something in Markdown.
MARKUP = frozenset("\\`*[]|~$")
Table = list[list[str]]


def write_report(traces: Sequence[Trace | str | Path], path: str | Path) -> Path:
    """Write a report of one or several runs.

    Parameters
    ----------
    traces
        Traces or their file names.
    path
        ``.html`` (figures inside) or ``.md`` (figures beside it, in a folder of the same name).

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TraceError
        If the ending of the file is neither.
    """
    path, found = Path(path), [opened(trace) for trace in traces]
    writers = {".html": _html, ".md": _markdown}
    if path.suffix not in writers:
        raise TraceError(f"{path}: a report is a .html or .md file")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(writers[path.suffix](found, path), encoding="utf-8")
    return path


# -- what is said -----------------------------------------------------------------------------------------------


def title_of(traces: Sequence[Trace]) -> str:
    """Return the title of a report."""
    titles = dict.fromkeys(trace.configuration.get("title") or trace.experiment for trace in traces)
    return "; ".join(titles)


def notes(traces: Sequence[Trace]) -> list[str]:
    """Say what a reader must know before comparing numbers."""
    said: dict[str, list[str]] = {}
    for trace in traces:
        for warning in _warnings(trace):
            said.setdefault(warning, []).append(label_of(trace))
    found = []
    for key, who in (("expected", "The paper finds"), ("observed", "This program found at full size")):
        texts = dict.fromkeys(trace.configuration.get(key, "") for trace in traces)
        found += [f"{who}: {text}." for text in texts if text]
    compared = [trace for trace in traces if measures_of([trace])]
    found += [f"{line}." for measure in measures_of(compared) for line in answer(compared, measure)]
    return found + [f"{', '.join(names)}: {warning}" for warning, names in said.items()]


def _warnings(trace: Trace) -> list[str]:
    about, warnings = trace.configuration, []
    if trace.interrupted or trace.status in ("stopped", "failed"):
        warnings.append(f"the run is not complete ({trace.status}).")
    if about.get("quick"):
        warnings.append("a quick look with small settings; the numbers do not compare with the paper's.")
    elif about.get("full_size") is False:
        warnings.append("settings differ from those of the experiment.")
    return warnings


def runs_table(traces: Sequence[Trace]) -> Table:
    """Return one row for each run and score."""
    table = [["run", "seeds", "epochs", "score", "best", "last"]]
    for trace in traces:
        for series in headline(trace):
            percent = "accuracy" in series
            epochs = str(trace.learning[series].shape[1])
            numbers = [spread_text(value(trace, series, at), percent) for at in ("best", "last")]
            table.append([label_of(trace), str(len(trace.seeds)), epochs, words(series), *numbers])
    return table


def comparison_table(traces: Sequence[Trace]) -> Table:
    """Return one row for each number of the paper; the heading alone where there is none."""
    table = [["run", "quantity", "ours", "theirs", "difference", "source"]]
    for trace in traces:
        table += [[label_of(trace), row.quantity, *_numbers(row), row.source] for row in compare(trace)]
    return table


def _numbers(row: Row) -> list[str]:
    scale, unit = (100, " points") if row.percent else (1, "")
    paper = f"{scale * row.paper:.4g}" + (f" ± {scale * row.paper_sd:.2g}" if row.paper_sd else "")
    if row.deviation is None:
        return ["not reached", paper, ""]
    return [spread_text(row.ours, row.percent), paper, f"{scale * row.deviation:+.2f}{unit}"]


def spread_text(runs: Sequence[float], percent: bool) -> str:
    """Write mean and standard deviation over runs.

    Examples
    --------
    >>> import numpy as np
    >>> spread_text(np.array([0.5, 0.6]), percent=True)
    '55.00 ± 7.07 (n = 2)'
    """
    scale = 100 if percent else 1
    if len(runs) == 0:
        return ""
    sd = f" ± {scale * runs.std(ddof=1):.2f}" if len(runs) > 1 else ""
    return f"{scale * runs.mean():.2f}{sd} (n = {len(runs)})"


def differences(traces: Sequence[Trace]) -> Table:
    """Return the settings in which the runs differ."""
    columns = varying(traces)
    table = [["run", *columns]]
    return table + [
        [label_of(trace), *(str(column[number]) for column in columns.values())] for number, trace in enumerate(traces)
    ]


# -- how it is written ------------------------------------------------------------------------------------------


def _sections(traces: Sequence[Trace]) -> dict[str, Table | Figure]:
    """Return tables and figures by title, what answers the question of the experiment first."""
    compared = [trace for trace in traces if measures_of([trace])]
    found: dict[str, Table | Figure] = {}
    for measure in measures_of(compared):
        found[f"At equal error: {measure}"] = equal_error_table(compared, measure)
        found[f"Distance against error: {measure}"] = equal_error_figure(compared, measure)
    return found | _tables(traces) | figures_of(traces)


def _tables(traces: Sequence[Trace]) -> dict[str, Table]:
    tables = {"Runs": runs_table(traces), "Ours beside theirs": comparison_table(traces)}
    if len(traces) > 1:
        tables["Settings that differ"] = differences(traces)
    return {name: table for name, table in tables.items() if len(table) > 1}


def _html(traces: Sequence[Trace], path: Path) -> str:
    parts = [f"<h1>{escape(title_of(traces))}</h1>"]
    parts += [f'<p class="note">{escape(note)}</p>' for note in notes(traces)]
    for name, section in _sections(traces).items():
        parts.append(f"<h2>{escape(name)}</h2>")
        if isinstance(section, Figure):
            image = base64.b64encode(png(section)).decode()
            parts.append(f'<img alt="{escape(name)}" src="data:image/png;base64,{image}">')
        else:
            parts.append(_html_table(section))
    parts += ["<h2>Cite</h2>", f"<pre>{escape(cite(*traces))}</pre>", _provenance(traces, "<pre>", "</pre>", escape)]
    head = f'<!doctype html><meta charset="utf-8"><title>{escape(title_of(traces))}</title><style>{STYLE}</style>'
    return "\n".join([head, *parts]) + "\n"


def _html_table(table: Table) -> str:
    head, *rows = ["".join(f"<t{tag}>{escape(cell)}</t{tag}>" for cell in row) for row, tag in _tagged(table)]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _tagged(table: Table) -> list[tuple[list[str], str]]:
    return [(row, "d" if number else "h") for number, row in enumerate(table)]


def _markdown(traces: Sequence[Trace], path: Path) -> str:
    parts = [f"# {harmless(title_of(traces))}", *map(harmless, notes(traces))]
    folder, number = path.with_suffix(""), 0
    for name, section in _sections(traces).items():
        parts.append(f"## {harmless(name)}")
        if isinstance(section, Figure):
            number += 1
            folder.mkdir(exist_ok=True)
            (folder / f"{number}.png").write_bytes(png(section))
            parts.append(f"![{harmless(name)}](<{folder.name}/{number}.png>)")
        else:
            lines = [section[0], ["---"] * len(section[0]), *section[1:]]
            parts.append("\n".join("| " + " | ".join(map(harmless, row)) + " |" for row in lines))
    parts += ["## Cite", f"```bibtex\n{_unfenced(cite(*traces))}\n```"]
    parts += [_provenance(traces, "```\n", "\n```", _unfenced)]
    return "\n\n".join(parts) + "\n"


def harmless(text: str) -> str:
    r"""Write a text from a trace so that Markdown shows it as it is: no markup, no HTML, one line.

    Examples
    --------
    >>> print(harmless("<b>*new*</b> a|b"))
    &lt;b&gt;\*new\*&lt;/b&gt; a\|b
    """
    line = escape(" ".join(str(text).split()), quote=False)
    return "".join(f"\\{letter}" if letter in MARKUP else letter for letter in line)


def _unfenced(text: str) -> str:
    """Text that stays inside a fenced block."""
    return text.replace("```", "``")


def _provenance(traces: Sequence[Trace], before: str, after: str, quote: Callable[[str], str]) -> str:
    """Name the files and the programs that wrote them."""
    lines = []
    for trace in traces:
        versions = ", ".join(f"{name} {number}" for name, number in sorted(trace.versions.items()))
        device = trace.attributes.get("device", "unknown device")
        lines.append(f"{trace.path.name}: {trace.status}, {trace.attributes.get('created')}, {device}; {versions}")
    return before + quote("\n".join(lines)) + after


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    for text in figure.findobj(Text):
        if text.get_text().count("$") > 1 and not _is_math(text.get_text()):
            text.set_parse_math(False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150)
    return stream.getvalue()


def _is_math(text: str) -> bool:
    """Whether matplotlib can set a text with dollars in it."""
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return False
    return True
