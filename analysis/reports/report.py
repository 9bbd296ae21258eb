"""Reports: the paper's figure, ours beside the paper's numbers, and how to make it again, as HTML or as Markdown."""

from collections.abc import Sequence
from pathlib import Path

from biocredit.analysis.reports.bibliography import cite
from biocredit.analysis.reports.comparison import distinguish, headline, label_of, opened
from biocredit.analysis.reports.equal_error import answer, equal_error_figures, equal_error_tables
from biocredit.analysis.reports.report_figures import figures_of
from biocredit.analysis.reports.tables import provenance, tables_of
from biocredit.analysis.reports.writing import html, markdown
from biocredit.analysis.trace.reader import Trace, TraceError

WRITERS = {".html": html, ".md": markdown}
#: What the numbers in the tables mean.
MEANING = (
    "Numbers are means over networks, ± is their standard deviation; scores are those of the last epoch, on the test "
    "trials. Open marks in figures are numbers of others."
)


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
    if path.suffix not in WRITERS:
        raise TraceError(f"{path}: a report is a .html or .md file")
    path.parent.mkdir(parents=True, exist_ok=True)
    distinguish(found)
    text = WRITERS[path.suffix](
        path,
        title=title_of(found),
        notes=[*answer(found), *notes(found), MEANING],
        figures=equal_error_figures(found) | figures_of(found),
        tables=equal_error_tables(found) | tables_of(found),
        origin=provenance(found),
        traces={trace.path.name: trace.path for trace in found},
        citations=cite(*found),
    )
    path.write_text(text, encoding="utf-8")
    return path


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
    return found + [f"{', '.join(names)}: {warning}" for warning, names in said.items()]


def _warnings(trace: Trace) -> list[str]:
    about, warnings = trace.configuration, []
    if trace.interrupted or trace.status in ("stopped", "failed"):
        warnings.append(f"the run is not complete ({trace.status}).")
    elif trace.status == "running":
        warnings.append("the run is still going on.")
    if not headline(trace) and not list(trace.activity):
        warnings.append("the trace holds no learning curve and no activity.")
    if about.get("quick"):
        warnings.append("a quick look with small settings; the numbers do not compare with the paper's.")
    elif about.get("full_size") is False:
        warnings.append("settings differ from those of the experiment.")
    return warnings
