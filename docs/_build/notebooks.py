"""Run notebooks from their sources and keep them with their figures: ``python docs/_build/notebooks.py [NAME ...]``.

Small and alike from machine to machine: images of a few dozen kilobytes, no times, no paths, no warnings.
"""

import base64
import io
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
#: Images are not wider than this, in pixels, and have so many colours.
WIDTH, COLOURS = 900, 256
#: What names a place on this machine.
PLACES = re.compile(r"(?:/[\w.+-]+){2,}/(?=[\w.+-]+)")


def source(path: Path, small: dict[str, str] | None = None) -> nbformat.NotebookNode:
    """Read a notebook; ``small`` gives other values to constants at the start of a line."""
    text = path.read_text(encoding="utf-8")
    for name, value in (small or {}).items():
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.M)
    return jupytext.reads(text, fmt="py:percent")


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run all cells."""
    NotebookClient(notebook, timeout=3600, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    return notebook


def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what differs from run to run: times, versions, paths, warnings, progress."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    for number, cell in enumerate(notebook.cells):
        cell.metadata, cell["id"] = {}, f"cell-{number}"
        if cell.cell_type == "code":
            cell.outputs = [_output(one) for one in cell.outputs if one.get("name") != "stderr"]
    return notebook


def _output(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    output.pop("metadata", None)
    if "text" in output:
        output.text = PLACES.sub("", output.text)
    data = output.get("data", {})
    if "text/plain" in data:
        data["text/plain"] = PLACES.sub("", re.sub(r" at 0x[0-9a-f]+", "", data["text/plain"]))
    if "image/png" in data:
        data["image/png"] = _small(data["image/png"])
    if output.output_type in ("display_data", "execute_result"):
        output.metadata = {}
    return output


def _small(image: str) -> str:
    picture = Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.quantize(COLOURS).save(stream, format="png", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def main(names: list[str]) -> None:
    """Run the notebooks with these names, or all of them."""
    for path in SOURCES:
        if not names or any(name in path.stem for name in names):
            nbformat.write(cleaned(execute(source(path))), path.with_suffix(".ipynb"))
            print(path.with_suffix(".ipynb").relative_to(ROOT))


if __name__ == "__main__":
    main(sys.argv[1:])
