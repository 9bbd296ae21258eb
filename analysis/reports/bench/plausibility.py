"""Which constraints of biology the rules of a bench respect: measured where an audit was made, else declared."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass

from biocredit.analysis.reports.bench.results import Results, Row

#: What a rule declares, and when it respects the constraint.
DECLARED = {
    "local": lambda row: row["nonlocal"] == "0",
    "no weight transport": lambda row: row["transports"] == "nothing",
    "one phase": lambda row: row["phases"] == "1",
}
#: Properties of an audit of which "yes" respects a constraint.
AUDITED = (
    "local",
    "no transport of magnitudes",
    "no transport of signs",
    "one phase",
    "no backward locking",
    "no update locking",
    "trials apart",
    "online",
    "causal",
)


@dataclass(frozen=True)
class Plausibility:
    """Verdicts by rule and criterion.

    Attributes
    ----------
    criteria
        Their names.
    verdicts
        ``"yes"`` (respected), ``"part"``, ``"no"``, by rule and criterion.
    source
        Where they come from, in a word.
    """

    criteria: tuple[str, ...]
    verdicts: Mapping[str, Mapping[str, str]]
    source: str

    @property
    def counts(self) -> dict[str, int]:
        """Constraints that each rule respects."""
        return {rule: sum(one == "yes" for one in row.values()) for rule, row in self.verdicts.items()}


def plausibility(results: Results) -> Plausibility:
    """Return the verdicts of ``properties.csv`` in the folder of the bench, which an audit writes, or what is declared.

    Rules that declare nothing, or were not audited, are left out.
    """
    path = results.folder / "properties.csv"
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as table:
            return _audited(results, list(csv.DictReader(table)))
    known = [row for row in results.rules if row["nonlocal"]]
    verdicts = {row["rule"]: {name: "yes" if met(row) else "no" for name, met in DECLARED.items()} for row in known}
    return Plausibility(tuple(DECLARED), verdicts, "declared")


def _audited(results: Results, rows: list[Row]) -> Plausibility:
    """Verdicts by the label on the bench; an audit knows rules by their own names."""
    found = {(row["rule"], row["property"]): row["verdict"] for row in rows}
    criteria = tuple(name for name in AUDITED if any(name == row["property"] for row in rows))
    names = {row["rule"]: row["name"] for row in results.rules if any(row["name"] == one["rule"] for one in rows)}
    verdicts = {label: {one: found.get((name, one), "") for one in criteria} for label, name in names.items()}
    return Plausibility(criteria, verdicts, "measured")
