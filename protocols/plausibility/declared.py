"""Is what a rule declares what it uses? Declared needs beside measured dependences, by name and by place."""

from collections.abc import Iterable
from fnmatch import fnmatch

from biocredit.analysis.metrics.audited import OWN, Dependence
from biocredit.circuits.core.credit_rule import CreditRule
from biocredit.circuits.recurrent.credit.signals import STATE

FAR = ("broadcast", "nonlocal")
#: Who declares a farther place has declared a nearer one.
FARNESS = {"constant": 0, "own": 0, "broadcast": 1, "nonlocal": 2}


def compare(
    rule: CreditRule,
    dependences: Iterable[Dependence],
    signals: Iterable[Dependence],
    carried: str,
    unresolved: Iterable[str] = (),
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List what is used and not declared, and what is declared and not used.

    Parameters
    ----------
    rule
        The declaration.
    dependences, signals
        What changes, and what teaching signals, depend on directly. Of a teaching signal only what is far from its
        cell has to be declared.
    carried
        What is read of forward weights: ``"nothing"``, ``"signs"``, ``"weights"``.
    unresolved
        Plastic arrays of which the audit cannot say what they depend on.
    """
    unresolved = set(unresolved)
    needed = [row for row in dependences if row.of not in unresolved and not _memory(row)]
    needed = [row for row in needed if row.place != "constant" and not (row.on == row.of and row.place == "synapse")]
    used, undeclared = set(), {}
    for row in needed:
        found = [need for need in rule.needs if _fits(rule, need, row)]
        used |= {need for need in found if _class(rule.needs[need]) == _class(row.place) or row.kind == "chance"}
        if not found:
            undeclared[f"{row.on} ({row.place})"] = None
    for row in signals:
        found = [need for need in rule.needs if _fits(rule, need, row)]
        used |= {need for need in found if _class(rule.needs[need]) == _class(row.place)}
        if not found and row.place in FAR:
            undeclared[f"{row.on} ({row.place}, by {row.of})"] = None
    if carried != rule.transports:
        undeclared[f"{carried} of the forward synapses are read, declared: {rule.transports}"] = None
    if carried != "nothing":
        used |= {need for need in rule.needs if "forward weights" in need}
    constant = {need for need, place in rule.needs.items() if place == "constant"}
    return tuple(undeclared), tuple(sorted(set(rule.needs) - used - constant - set(rule.sometimes)))


def _fits(rule: CreditRule, need: str, row: Dependence) -> bool:
    patterns = rule.probed.get(need, f"{need} *.{need} {need}.*").split()
    named = any(fnmatch(name, pattern) for name in (row.on, f"{row.kind}:{row.on}") for pattern in patterns)
    wide_enough = FARNESS[_class(row.place)] <= FARNESS[_class(rule.needs[need])]
    return named and (row.kind == "chance" or wide_enough)


def _memory(row: Dependence) -> bool:
    """What a rule remembers is its own."""
    return row.phase == "memory" or row.on.startswith(STATE)


def _class(place: str) -> str:
    return "own" if place in (*OWN, "through synapses") else place
