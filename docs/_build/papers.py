"""Pages of the papers: every figure and table with its numbers, the authors', and ours; and the record of them all."""

import io
from collections.abc import Iterator
from dataclasses import asdict

from biocredit.analysis.plots.panels import draw_panels
from biocredit.analysis.reports.bibliography import entry as bibtex
from biocredit.analysis.reports.comparison import kind_of, number_text, words
from biocredit.analysis.trace.schema import TraceError
from biocredit.protocols.experiments import every
from biocredit.protocols.experiments.experiment import Observation, Reference
from biocredit.protocols.experiments.record import SPREADS, Entry, drawn, table

#: Columns of numbers, by whose they are.
OTHERS = ("paper", "authors' program", "independent implementation")


def pages() -> Iterator[tuple[str, str | bytes]]:
    """Yield path and content of the page of the record, of every paper, and of their figures."""
    entries = [Entry(one) for one in every().values()]
    yield "papers/record.md", record(entries)
    papers: dict[str, list[Entry]] = {}
    for one in entries:
        papers.setdefault(one.experiment.name.partition("/")[0], []).append(one)
    for paper, some in papers.items():
        figures = {one.experiment.name: picture(one) for one in some}
        yield f"papers/{paper}.md", page(paper, some, {name for name, image in figures.items() if image})
        for name, image in figures.items():
            if image:
                yield f"papers/{_file(name)}", image


#: Titles of papers whose names do not say enough.
TITLES = {
    "product-feedback": "Product feedback alignment",
    "modprop": "ModProp",
    "eprop": "E-prop",
    "mdgl": "Multidigraph learning",
    "neural-similarity": "Networks beside motor cortex",
}


def nav() -> list[dict[str, str]]:
    """Return the entries of the menu."""
    names = dict.fromkeys(name.partition("/")[0] for name in every())
    return [{"The record": "papers/record.md"}, *({title(name): f"papers/{name}.md"} for name in names)]


def title(paper: str) -> str:
    """Title of a paper's page."""
    return TITLES.get(paper) or paper.replace("-", " ").capitalize()


def _file(name: str) -> str:
    return f"figures/{name.replace('/', '-')}.svg"


def picture(entry: Entry) -> bytes | None:
    """Draw the paper's figure from the numbers in the tables; nothing where there are none."""
    try:
        figure = draw_panels(drawn(entry), [asdict(one) for one in entry.experiment.panels])
    except TraceError:
        return None
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def record(entries: list[Entry]) -> str:
    """The page that ``biocredit record`` prints."""
    head, *rows = table(entries)
    linked = [(f"[{row[0]}]({row[0].partition('/')[0]}.md#{_anchor(row[0])})", *row[1:]) for row in rows]
    told = [one.verdict.partition(" ")[0] for one in entries]
    text = f"""# The record

Every figure and table that is an experiment here: a number of the paper (or of its authors' program), ours, at which
size, and whether all numbers that can be compared agree. `biocredit record` prints it, `--csv` with the commands.

{sum(bool(one.ours) for one in entries)} of {len(entries)} have numbers of ours,
{sum(one.size == "full" for one in entries)} of them at full size; {told.count("agrees")} agree throughout,
{told.count("differs")} differ somewhere.

Two numbers agree if they differ by at most {SPREADS:g} joint standard deviations over networks (a spread that is not
known counts as large as the other one); where neither has a spread, by at most one point of accuracy or two per cent.
"Best" is the best epoch on the test trials: it stands here only where that is what others report.

"""
    return text + _markdown([head, *linked])


def page(paper: str, entries: list[Entry], figures: set[str]) -> str:
    """One paper: what each figure shows, its numbers, ours, how they were made."""
    parts = [f"# {title(paper)}", f"```bibtex\n{bibtex(entries[0].experiment.citation)}\n```"]
    for one in entries:
        parts += section(one, one.experiment.name in figures)
    return "\n\n".join(parts) + "\n"


def section(entry: Entry, pictured: bool) -> Iterator[str]:
    """One experiment."""
    one = entry.experiment
    yield f"## {one.name.partition('/')[2]}: {one.figure} {{#{_anchor(one.name)}}}"
    yield f"{one.title}."
    if pictured:
        shown = "Ours as lines and bars, mean and standard deviation" if entry.ours else "No numbers of ours yet"
        yield f"![{one.figure}: {one.title}]({_file(one.name)})"
        yield f"*{shown}; open marks are numbers of others.*"
    size = f" ({entry.size})" if entry.size else ""
    yield f"**{entry.verdict.capitalize()}**{size}. The paper finds: {one.expected}."
    if one.observed:
        yield f"This program found: {one.observed}."
    yield f"Hyper-parameters: {one.chosen or 'not said'}. Full size takes {one.takes}."
    made = list(entry.commands) or [f"biocredit run {one.name}"]
    yield ("Ours were made by" if entry.ours else "To be run by") + "\n\n" + "\n".join(f"    {line}" for line in made)
    if rows := numbers(entry):
        yield f'??? note "All numbers ({len(rows) - 1})"\n\n' + "\n".join(
            f"    {line}" for line in _markdown(rows).splitlines()
        )


def numbers(entry: Entry) -> list[tuple[str, ...]]:
    """Return one row for each condition, series and place with a number; the head first."""
    rows: dict[tuple, dict[str, str]] = {}
    for one in entry.experiment.references:
        kind = "ours" if isinstance(one, Observation) else kind_of(one.source)
        place = one.at if isinstance(one.at, str) else f"{one.at:g}"
        cells = rows.setdefault((one.condition or "all", words(one.series), place), {})
        cells[kind] = _cell(one)
    used = [kind for kind in (*OTHERS, "ours") if any(kind in cells for cells in rows.values())]
    head = ("condition", "series", "at", *used)
    return [head, *((*key, *(cells.get(kind, "") for kind in used)) for key, cells in rows.items())] if rows else []


def _cell(one: Reference) -> str:
    text = number_text(one.value, one.sd, "accuracy" in one.series)
    if isinstance(one, Observation):
        return f"{text} (n = {one.networks}, {one.date}, {one.version})"
    return f"{text} ({one.source})" if kind_of(one.source) != one.source else text


def _anchor(name: str) -> str:
    return name.replace("/", "-").lower()


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)
