"""Numbers that this program gave itself, to compare later runs with: ``our_numbers.csv``, one number a line.

Full size unless the number of epochs says otherwise; ``networks`` is the number of seeds, ``at`` an epoch, ``best`` or
``last``, and values have the units of the series (accuracies are fractions).
"""

import csv
from functools import cache
from importlib.resources import files

from protocols.experiments.experiment import Reference

#: What came out otherwise than expected, in words, by experiment.
OBSERVED = {
    "product-feedback/fig2": (
        "the same; after 40 epochs the path of PFA is at 18.8, 19.5 and 17.7 degrees, because what decay has left of "
        "the initial mismatch (7.6, 8.8 and 2.1 degrees in PFA-o, still falling) adds to the 17.5 of the limit"
    ),
    "modprop/fig3a": (
        "the same order; MDGL and the three-factor rule made the activity of some networks explode at every rate from "
        "1e-4 on (the spectral radius is 1.3 at the start); the others end far above ModProp"
    ),
}

SOURCE = "this program, version 0.1.0, float32 on 2 CPU cores"


@cache
def table() -> dict[str, tuple[Reference, ...]]:
    """Return the numbers by experiment."""
    found: dict[str, tuple[Reference, ...]] = {}
    with (files("protocols.experiments") / "our_numbers.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["experiment"]] = (*found.get(row["experiment"], ()), _reference(row))
    return found


def ours(experiment: str) -> tuple[Reference, ...]:
    """Return what this program gave in an experiment."""
    return table().get(experiment, ())


def _reference(row: dict[str, str]) -> Reference:
    networks = "one network" if row["networks"] == "1" else f"{row['networks']} networks"
    at = row["at"] if row["at"] in ("best", "last") else float(row["at"])
    spread = float(row["sd"]) if row["sd"] else None
    return Reference(row["series"], at, float(row["value"]), f"{SOURCE}, {networks}", spread, row["condition"])
