"""The arrows between the rooms, checked by importing in a clean interpreter."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "analysis": ("jax", "jaxlib", "brainpy", "brainstate", "circuits", "protocols"),
    "circuits": ("protocols", "analysis"),
}


def modules(room: str) -> list[str]:
    paths = sorted((ROOT / room).rglob("*.py"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a clean interpreter has loaded after running some code."""
    show = f"{code}\nimport sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_does_not_import_what_it_must_not(room: str):
    imports = "\n".join(f"import {name}" for name in modules(room))
    assert not loaded_after(imports) & set(FORBIDDEN[room])


#: The rooms of protocols that apply metrics: measures taken during a run, experiments, and the commands that report.
MAY_ANALYSE = ("protocols.measures", "protocols.experiments", "protocols.commands", "protocols.demo")


def test_protocols_otherwise_use_only_the_trace_format_of_analysis():
    for path in sorted((ROOT / "protocols").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        used = [node.module for node in imports if (node.module or "").startswith("analysis")]
        if not name.startswith(MAY_ANALYSE):
            assert all(module.startswith("analysis.trace") for module in used), name


def test_help_answers_without_jax():
    done = loaded_after("from protocols.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass")
    assert not done & {"jax", "brainpy"}


def test_brainpy_is_imported_in_one_place():
    for room in ("circuits", "protocols"):
        for path in (ROOT / room).rglob("*.py"):
            if path.name != "backend.py":
                assert "import brainpy" not in path.read_text(), path
