"""One folder a paper: ``experiments.py``, the numbers of others (``published.csv``) and our own (``observed.csv``).

Both tables have one number a line: experiment, condition (all where it is empty), series, ``at`` (``best``, ``last``,
an epoch or a place on another axis), value in the units of the series (accuracies are fractions), spread over runs.
Other people's numbers say where they come from. Ours say how many networks they are a mean of, how many epochs the run
had (those of the experiment where it is empty), which settings differ from the experiment's (``FIELD=VALUE``, apart by
semicolons), and when and by which version they were made: enough to type the command that gives them again.
"""

import csv
from functools import cache
from importlib.resources import files

from biocredit.protocols.experiments.experiment import Observation, Reference

#: The folders, in the order in which they are listed.
PAPERS = (
    "adjoint_propagation",
    "product_feedback_alignment",
    "self_assembling_learning",
    "counter_current_learning",
    "modprop",
    "neural_similarity",
    "spiking",
    "temporal_tasks",
    "adjoint_beyond",
)

OURS = "this program"


@cache
def numbers(file: str) -> dict[str, tuple[Reference, ...]]:
    """Return the numbers in the files of one name (``"published.csv"``) by experiment."""
    found: dict[str, tuple[Reference, ...]] = {}
    for paper in PAPERS:
        for row in _rows(paper, file):
            found[row["experiment"]] = (*found.get(row["experiment"], ()), _reference(row))
    return found


def curves(paper: str, file: str) -> dict[str, dict[str, tuple[float, ...]]]:
    """Return curves of others by name and series, from a table with a column ``name`` and one for each series.

    Examples
    --------
    >>> max(curves("neural_similarity", "released_networks.csv")["released: e-prop, 0.0003"]["update"])
    1000.0
    """
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for row in _rows(paper, file):
        curve = found.setdefault(row.pop("name"), {})
        for series, value in row.items():
            curve[series] = (*curve.get(series, ()), float(value))
    return found


def _rows(paper: str, file: str) -> list[dict[str, str]]:
    place = files("biocredit.protocols.experiments.papers") / paper / file
    with place.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def _reference(row: dict[str, str]) -> Reference:
    at = row["at"] if row["at"] in ("best", "last") else float(row["at"])
    spread = float(row["sd"]) if row["sd"] else None
    number = row["series"], at, float(row["value"])
    if "source" in row:
        return Reference(*number, row["source"], spread, row["condition"])
    made = {name: row.get(name) or "" for name in ("settings", "date", "version")}
    networks, epochs = int(row["networks"]), int(row["epochs"]) if row.get("epochs") else None
    source = f"{OURS}, {networks} network{'s' * (networks > 1)}, {made['date']}"
    return Observation(*number, source, spread, row["condition"], networks, epochs, **made)
