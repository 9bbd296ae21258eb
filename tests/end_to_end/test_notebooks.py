"""Every notebook runs from top to bottom, at small size."""

import re
from pathlib import Path

import jupytext
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.py"))
#: Constants that a notebook may define at the start of a line, and their values here.
SMALL = {"EPOCHS": "2", "SEEDS": "1", "UPDATES": "20"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_notebook_runs(path: Path):
    text = path.read_text()
    for name, value in SMALL.items():
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.M)
    notebook = jupytext.reads(text, fmt="py:percent")
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
