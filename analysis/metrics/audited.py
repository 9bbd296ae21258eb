"""What an audit found: what each synapse depends on, and the properties that follow, each with its number."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Literal

__all__ = ["OWN", "Audit", "Dependence", "Property", "write_csv"]

Verdict = Literal["yes", "part", "no", "number", "not measured"]
#: Places that belong to a synapse: its presynaptic cell, its postsynaptic cell, both, itself.
OWN = ("pre", "post", "both ends", "synapse")


@dataclass(frozen=True)
class Dependence:
    """One direct dependence that was measured: everything else was clamped.

    Parameters
    ----------
    of
        Plastic array, or the teaching signal, that moves.
    on
        Signal, weight, input, target or source of chance that was disturbed.
    kind
        What kind of thing that is.
    phase
        In which phase it passes; empty for arrays.
    place
        Where it is, seen from a synapse (or a cell): ``"pre"``, ``"post"``, ``"both ends"``, ``"synapse"``,
        ``"broadcast"``, ``"nonlocal"``, ``"constant"`` (of cells, of types); of a teaching signal also ``"through
        synapses"``.
    units
        Number of values that are disturbed one by one: the dimension of what is broadcast.
    strength
        Largest relative change.
    times
        When it is read, seen from the teaching signal of a step: of ``"past"``, ``"present"``, ``"future"``.
    note
        What a reader should know.
    """

    of: str
    on: str
    kind: str
    phase: str
    place: str
    units: int
    strength: float
    times: tuple[str, ...] = ()
    note: str = ""

    @property
    def own(self) -> bool:
        """Whether the synapse (or the cell) finds it where it is."""
        return self.place in (*OWN, "through synapses")


@dataclass(frozen=True)
class Property:
    """A verdict, the number behind it, and how it was measured."""

    verdict: Verdict
    value: float = float("nan")
    how: str = ""


@dataclass(frozen=True)
class Audit:
    """What was measured of one rule in one circuit.

    Parameters
    ----------
    rule, citation, circuit
        Which rule, its source, and in which circuit.
    arrays
        Ends ``(pre, post)`` of every plastic array by name.
    dependences
        What the change of every plastic array depends on directly.
    signals
        What every teaching signal depends on directly.
    properties
        Property by name.
    declared
        What the rule says that a synapse needs, and from where.
    undeclared, unused
        Measured and not declared; declared and not measured. Both empty: the declaration is true.
    clamped_error
        Largest relative difference of clamped and free run: 0 where the instrument is sound.
    """

    rule: str
    citation: str
    circuit: str
    arrays: Mapping[str, tuple[str, str]]
    dependences: tuple[Dependence, ...]
    signals: tuple[Dependence, ...]
    properties: Mapping[str, Property]
    declared: Mapping[str, str] = field(default_factory=dict)
    undeclared: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    clamped_error: float = 0.0

    def of(self, array: str) -> tuple[Dependence, ...]:
        """Return what the change of one plastic array depends on."""
        if array not in self.arrays:
            raise ValueError(f"no plastic array is called {array!r}: valid are {', '.join(self.arrays)}")
        return tuple(one for one in self.dependences if one.of == array)

    def rows(self) -> list[dict[str, object]]:
        """Return one row for each property."""
        about = {"rule": self.rule, "circuit": self.circuit}
        return [about | {"property": name} | asdict(one) for name, one in self.properties.items()]

    def __str__(self) -> str:
        """Show the table as text."""
        lines = [f"{self.rule} ({self.circuit}), clamped against free run: {self.clamped_error:.1e}"]
        for array, (pre, post) in self.arrays.items():
            lines.append(f"  {array}: {pre or '1'} -> {post}")
            lines += [f"    {_line(one)}" for one in self.of(array)]
        lines += [f"  {name}: {one.verdict} ({one.value:.3g}) {one.how}" for name, one in self.properties.items()]
        lines += [f"  measured, not declared: {one}" for one in self.undeclared]
        return "\n".join([*lines, *(f"  declared, not measured: {one}" for one in self.unused)])


def _line(one: Dependence) -> str:
    when = f", {' and '.join(one.times)}" if one.times else ""
    phase = f" [{one.phase}]" if one.phase else ""
    return f"{one.on}{phase}: {one.place}{when} ({one.strength:.2g})" + (f"; {one.note}" if one.note else "")


def write_csv(path: str | Path, audits: Iterable[Audit]) -> Path:
    """Write all dependences of some audits, one a row."""
    names = ["rule", "circuit", "level", *(one.name for one in fields(Dependence))]
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for audit in audits:
            for level, rows in (("change", audit.dependences), ("signal", audit.signals)):
                about = {"rule": audit.rule, "circuit": audit.circuit, "level": level}
                writer.writerows(about | asdict(one) | {"times": " ".join(one.times)} for one in rows)
    return Path(path)
