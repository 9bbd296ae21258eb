"""Every notebook runs from top to bottom, at small size; what is kept with its figures is its source, cleaned."""

import json
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs" / "_build"))
notebooks = pytest.importorskip("notebooks")

KEPT = sorted((ROOT / "notebooks").glob("*.ipynb"))
#: Constants that a notebook may define at the start of a line, and their values here.
SMALL = {"EPOCHS": "2", "SEEDS": "1", "UPDATES": "20"}


@pytest.mark.parametrize("path", notebooks.SOURCES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_notebook_runs(path: Path):
    notebooks.execute(notebooks.source(path, SMALL))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_kept_notebook_is_its_source_with_figures_and_no_traces_of_a_machine(path: Path):
    kept, source = nbformat.read(path, 4), notebooks.source(path.with_suffix(".py"))
    assert [cell.source for cell in kept.cells] == [cell.source for cell in source.cells]
    outputs = [output for cell in kept.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    texts = " ".join(json.dumps(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in outputs)
    assert not re.search(r"Warning|Traceback|/home/|/root/|/tmp/|/work/", texts)
    assert path.stat().st_size < 1_000_000


def test_cleaning_drops_paths_addresses_and_warnings():
    cell = nbformat.v4.new_code_cell("1")
    output = nbformat.v4.new_output
    cell.outputs = [
        output("stream", name="stderr", text="UserWarning: no"),
        output("stream", name="stdout", text="wrote /tmp/abc/run.h5"),
        output("execute_result", data={"text/plain": "<object at 0x7f00>"}, execution_count=1),
    ]
    found = notebooks.cleaned(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert [one.get("text", one.get("data", {}).get("text/plain")) for one in found] == ["wrote run.h5", "<object>"]
