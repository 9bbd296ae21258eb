"""The arrows between the rooms, checked by importing in a clean interpreter."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = {
    "analysis": ("jax", "jaxlib", "brainpy", "brainstate", "biocredit.circuits", "biocredit.protocols"),
    "circuits": ("biocredit.protocols", "biocredit.analysis"),
}


def modules(room: str) -> list[str]:
    paths = sorted((ROOT / room).rglob("*.py"))
    return [dotted(path).removesuffix(".__init__") for path in paths]


def dotted(path: Path) -> str:
    return "biocredit." + ".".join(path.relative_to(ROOT).with_suffix("").parts)


def loaded_after(code: str) -> set[str]:
    """Packages (and rooms of this one) that a clean interpreter has loaded after running some code."""
    first = "'.'.join(name.split('.')[: 2 if name.startswith('biocredit.') else 1])"
    show = f"{code}\nimport sys; print(*sorted({{{first} for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_does_not_import_what_it_must_not(room: str):
    imports = "\n".join(f"import {name}" for name in modules(room))
    assert not loaded_after(imports) & set(FORBIDDEN[room])


#: The rooms of protocols that apply metrics: measures taken during a run, experiments, the audit, and the commands
#: that report.
MAY_ANALYSE = (
    "biocredit.protocols.recording.measures",
    "biocredit.protocols.experiments",
    "biocredit.protocols.plausibility",
    "biocredit.protocols.commands",
)


def test_protocols_otherwise_use_only_the_trace_format_of_analysis():
    for path in sorted((ROOT / "protocols").rglob("*.py")):
        name = dotted(path)
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        used = [node.module for node in imports if (node.module or "").startswith("biocredit.analysis")]
        if not name.startswith(MAY_ANALYSE):
            assert all(module.startswith("biocredit.analysis.trace") for module in used), name


def test_help_answers_without_jax():
    done = loaded_after(
        "from biocredit.protocols.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    )
    assert not done & {"jax", "brainpy"}


def test_brainpy_is_imported_in_one_place():
    for room in ("circuits", "protocols"):
        for path in (ROOT / room).rglob("*.py"):
            if path.name != "backend.py":
                assert "import brainpy" not in path.read_text(), path
