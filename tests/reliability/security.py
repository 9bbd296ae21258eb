"""What strangers' files must not be able to do: each tried by a test, and the source searched for what could do it."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.reliability import Row
from tests.reliability.suites import rows

ROOT = Path(__file__).parents[2]
ROOMS = ("biocredit", "circuits", "protocols", "analysis")

SUBJECTS = {
    "links and raw storage that lead out of a trace or a recording: followed": ("leads_out",),
    "archives, arrays and images that unpack to too much: unpacked": (
        "bomb",
        "too_much",
        "many_pixels",
        "large",
        "limit",
    ),
    "paths out of the target folder: written to": ("outside_of_the_folder",),
    "PostScript named .jpg, pickles, parts named in a trace: a program is started": (
        "starts_no_program",
        "pickle",
        "runs_nothing",
    ),
    "HTML, Markdown, mathtext of names: not escaped": ("as_they_are",),
    "cells of CSV files that begin like a formula": ("cells", "formula"),
}

FORBIDDEN = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml"}
CALLS = {"eval", "exec", "compile", "__import__", "extractall", "extract", "unpack_archive", "system", "popen"}


def main(count: int = 0) -> list[Row]:
    """The tests of security, and what is found in the source."""
    files = ["test_trace_strangers", "test_datasets_odd", "test_sweep"]
    found = [row for row in rows(files, SUBJECTS) if row.what != "other tests"]
    return [
        *found,
        Row.of("source that unpickles, evaluates, unpacks whole or runs a shell", len(sources()), in_source()),
    ]


def sources() -> list[Path]:
    """All files of the product."""
    return [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]


def in_source() -> list[str]:
    """Where the product could run what a file holds."""
    return [f"{file.relative_to(ROOT)}, line {line}: {what}" for file in sources() for line, what in unsafe(file)]


def unsafe(file: Path) -> list[tuple[int, str]]:
    """Lines of a source file with what could run a stranger's code, or unpack without a limit."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [one.name for one in node.names] + [getattr(node, "module", None) or ""]
            found += [(node.lineno, f"imports {name}") for name in names if name.partition(".")[0] in FORBIDDEN]
        if not isinstance(node, ast.Call):
            continue
        words = {one.arg: ast.unparse(one.value) for one in node.keywords}
        called = ast.unparse(node.func)
        if called.rpartition(".")[2] in CALLS and not called.endswith(".compile"):  # a pattern's, a program's of JAX
            found.append((node.lineno, f"calls {called}"))
        if called in ("np.load", "np.save") and words.get("allow_pickle") != "False":
            found.append((node.lineno, f"{called} without allow_pickle=False"))
        if called == "Image.open" and "formats" not in words:
            found.append((node.lineno, "Image.open without formats"))
        if words.get("shell") == "True":
            found.append((node.lineno, f"{called} with a shell"))
    return found
