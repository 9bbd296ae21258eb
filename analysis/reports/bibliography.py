"""BibTeX of what a run used: ``cite("run.h5")``."""

import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from biocredit.analysis.trace.reader import Trace, open_trace

DOI = re.compile(r"10\.\d{4,9}/[^\s,;]+")
ARXIV = re.compile(r"\d{4}\.\d{4,5}")

#: Programs that are cited where a trace says that they were used, by the name of their package.
PROGRAMS = {"brainpy": "10.7554/eLife.86365", "jax": "jax"}


def cite(*things: Trace | str | Path | object) -> str:
    """Return BibTeX entries of everything that was used.

    Parameters
    ----------
    *things
        Traces or their file names; anything with ``citations`` (a protocol); DOIs; arXiv identifiers; texts that hold
        one.

    Examples
    --------
    >>> print(cite("10.7554/eLife.108237").splitlines()[0])
    @article{liu2026adjoint,
    """
    sources = [source for thing in things for source in citations(thing)]
    return "\n\n".join(dict.fromkeys(entry(source) for source in sources))


def citations(thing: Trace | str | Path | object) -> list[str]:
    """List what a thing cites."""
    if isinstance(thing, str | Path) and Path(thing).suffix in (".h5", ".hdf5"):
        thing = open_trace(thing)
    if isinstance(thing, Trace):
        return [*thing.citations, *(source for name, source in PROGRAMS.items() if name in thing.versions)]
    return list(getattr(thing, "citations", [str(thing)]))


def entry(source: str) -> str:
    """Return the BibTeX entry of one source; a plain one where it is not in the table.

    Parameters
    ----------
    source
        DOI, arXiv identifier, or a text that holds one.
    """
    return _listed(source) or _plain(source)


def citable(source: str) -> bool:
    """Say whether a text is listed in the bibliography or holds a DOI or an arXiv identifier."""
    return bool(_listed(source) or _identifiers(source))


@cache
def entries() -> dict[str, str]:
    """Return the entries of ``references.bib`` by DOI, arXiv identifier, key, and ``known_as`` (first words)."""
    text = (files("biocredit.analysis.reports") / "references.bib").read_text(encoding="utf-8")
    found = {}
    for one in text.strip().split("\n\n"):
        names = re.findall(r"(?:doi|eprint|known_as) = \{([^}]+)\}", one)
        found |= {name: one for name in (*names, one.partition("{")[2].partition(",")[0])}
    return found


def _listed(source: str) -> str | None:
    table = entries()
    for key in (*_identifiers(source), source):
        if key in table:
            return table[key]
    return next((text for key, text in table.items() if source.startswith(key)), None)


def _identifiers(source: str) -> list[str]:
    """List the DOIs and arXiv identifiers in a text; the DOI that arXiv gives counts as the identifier."""
    return [*ARXIV.findall(source), *(doi.rstrip(".)") for doi in DOI.findall(source))]


def _plain(source: str) -> str:
    found = _identifiers(source)
    field = "doi" if DOI.search(source) else "eprint" if found else "note"
    name = re.sub(r"\W+", "", found[-1] if found else source)[:40]
    return f"@misc{{{name},\n  {field} = {{{found[-1] if found else source}}}\n}}"
