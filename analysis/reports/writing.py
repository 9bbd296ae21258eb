"""How a report is written: one HTML file that needs nothing else, or Markdown with images beside it."""

import base64
import io
import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from biocredit.analysis.reports.tables import Table
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text

#: Letters that mean something in Markdown.
MARKUP = frozenset("\\`*[]|~$")

STYLE = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.5rem;overflow-wrap:anywhere}
figure{margin:1.2rem 0}figcaption{font-weight:600;margin-bottom:.3rem}
figure img{max-width:100%;height:auto;cursor:zoom-in}
dialog{border:0;padding:0;max-width:98vw;max-height:98vh;overflow:auto}dialog img{cursor:zoom-out;display:block}
.wide{overflow-x:auto}
table{border-collapse:collapse;margin:.6rem 0;font-variant-numeric:tabular-nums}
td,th{padding:.25rem .8rem;border-bottom:1px solid #ddd;text-align:left;vertical-align:top;overflow-wrap:break-word;
max-width:26rem}
th{cursor:pointer;white-space:nowrap}th[aria-sort=ascending]::after{content:" \\25B4"}
th[aria-sort=descending]::after{content:" \\25BE"}
pre,code{font:12px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
pre{background:#f6f6f6;padding:1rem}.note{color:#7a4100;margin:.4rem 0}
@media print{body{max-width:none;margin:0}figure,tr{break-inside:avoid}th{cursor:auto}.wide{overflow:visible}
th::after{content:""!important}}
"""
SCRIPT = """
const number = text => { const found = text.match(/[-+]?\\d*\\.?\\d+(e[-+]?\\d+)?/i); return found ? +found[0] : NaN };
const compare = (a, b) => { const [x, y] = [number(a), number(b)];
  return isNaN(x) || isNaN(y) || x === y ? a.localeCompare(b, undefined, {numeric: true}) : x - y };
for (const head of document.querySelectorAll("th")) head.addEventListener("click", () => {
  const body = head.closest("table").tBodies[0], column = head.cellIndex;
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const rows = [...body.rows].sort((a, b) => compare(a.cells[column].textContent, b.cells[column].textContent));
  body.append(...(up ? rows : rows.reverse()));
});
const large = document.querySelector("dialog");
for (const image of document.querySelectorAll("figure img")) image.addEventListener("click", () => {
  large.firstElementChild.src = image.src; large.showModal() });
large.addEventListener("click", () => large.close());
"""


def html(
    path: Path,
    *,
    title: str,
    notes: Sequence[str],
    figures: Mapping[str, Figure],
    tables: Mapping[str, Table],
    origin: Table,
    traces: Mapping[str, Path],
    citations: str,
) -> str:
    """Return a report as one HTML file: figures first, tables that sort, figures that enlarge, readable in print."""
    parts = [f"<h1>{escape(title)}</h1>"]
    for name, figure in figures.items():
        image = base64.b64encode(png(figure)).decode()
        picture = f'<img alt="{escape(name)}" src="data:image/png;base64,{image}">'
        parts += [f"<figure><figcaption>{escape(name)}</figcaption>{picture}</figure>"]
    parts += [f'<p class="note">{escape(note)}</p>' for note in notes]
    for name, table in tables.items():
        parts += [f"<h2>{escape(name)}</h2>", _html_table(table)]
    links = {name: f'<a href="{escape(_beside(path, place))}">{escape(name)}</a>' for name, place in traces.items()}
    parts += ["<h2>How it was made</h2>", _html_table(origin, links)]
    parts += ["<h2>Cite</h2>", f"<pre>{escape(citations)}</pre>", '<dialog><img alt="enlarged figure"></dialog>']
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
    )
    return "\n".join([head, *parts, f"<script>{SCRIPT}</script></body></html>"]) + "\n"


def _beside(path: Path, trace: Path) -> str:
    """Where a trace lies, seen from the report."""
    return quote(os.path.relpath(trace.resolve(), path.resolve().parent))


def _html_table(table: Table, links: Mapping[str, str] | None = None) -> str:
    head, *rows = table
    lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    lines += ["".join(f"<td>{(links or {}).get(cell) or escape(cell)}</td>" for cell in row) for row in rows]
    first, *others = [f"<tr>{line}</tr>" for line in lines]
    body = "".join(others)
    return f'<div class="wide"><table><thead>{first}</thead><tbody>{body}</tbody></table></div>'


def markdown(
    path: Path,
    *,
    title: str,
    notes: Sequence[str],
    figures: Mapping[str, Figure],
    tables: Mapping[str, Table],
    origin: Table,
    traces: Mapping[str, Path],
    citations: str,
) -> str:
    """Return a report as Markdown; its figures go into a folder of the same name."""
    parts, folder = [f"# {harmless(title)}"], path.with_suffix("")
    for number, (name, figure) in enumerate(figures.items(), start=1):
        folder.mkdir(exist_ok=True)
        (folder / f"{number}.png").write_bytes(png(figure))
        parts += [f"## {harmless(name)}", f"![{harmless(name)}](<{folder.name}/{number}.png>)"]
    parts += map(harmless, notes)
    for name, (head, *rows) in {**tables, "How it was made": origin}.items():
        lines = [head, ["---"] * len(head), *rows]
        cells = ["| " + " | ".join(map(harmless, row)) + " |" for row in lines]
        parts += [f"## {harmless(name)}", "\n".join(cells)]
    return "\n\n".join([*parts, "## Cite", f"```bibtex\n{_unfenced(citations)}\n```"]) + "\n"


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
