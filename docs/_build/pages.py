"""Pages that follow from the program: every public name; the rest is in the files beside this one."""

import inspect
from collections.abc import Iterator
from importlib import import_module

import biocredit
import cards
import gallery
import papers

#: Rooms whose public names have a page of reference: the tables in which they are looked up, and what they are.
REFERENCE = {
    "circuits": "What exists.",
    "protocols": "What is done.",
    "protocols.tasks": "What is shown and asked.",
    "protocols.interventions": "What is cut, silenced, scaled, delayed.",
    "analysis": "What was found.",
    "analysis.plots.figures": "Every figure.",
}


def everything() -> Iterator[tuple[str, str | bytes]]:
    """Yield path and content of everything that is generated."""
    for room, what in REFERENCE.items():
        yield f"reference/{room.replace('.', '-')}.md", reference(room, what)
    yield from papers.pages()
    yield from cards.pages()
    yield "gallery.md", gallery.page()


def public(room: str) -> dict[str, str]:
    """Full dotted path of every public name of a room that is an object (not a module)."""
    module = import_module(f"biocredit.{room}")
    found = {}
    for name in dir(module) if hasattr(module, "HOME") else getattr(module, "__all__", ()):
        value = getattr(module, name)
        if not inspect.ismodule(value) and hasattr(value, "__qualname__") and not name.startswith("_"):
            found[name] = f"{value.__module__}.{value.__qualname__}"
    return found


def reference(room: str, what: str) -> str:
    """One page of reference."""
    lines = [f"# `biocredit.{room}`", "", what, ""]
    lines += [f"::: {path}\n" for path in dict.fromkeys(public(room).values())]
    return "\n".join(lines)


def undocumented() -> list[str]:
    """Public names without a docstring, those of the front door included."""
    doors = [getattr(biocredit, name) for name in dir(biocredit)]
    objects = {f"biocredit.{one.__name__}": one for one in doors if hasattr(one, "__name__")}
    for room in REFERENCE:
        module = import_module(f"biocredit.{room}")
        objects |= {path: getattr(module, name) for name, path in public(room).items()}
    return sorted(name for name, one in objects.items() if not inspect.getdoc(one))
