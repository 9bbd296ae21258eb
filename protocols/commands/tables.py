"""Tables in a terminal, and what there is to choose from: rules, pathways, tasks, measures, interventions."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from biocredit.protocols.experiments import every


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows under each other; the first is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())


def experiments() -> list[tuple[str, ...]]:
    """Every experiment: figure, data, time."""
    head = ("experiment", "figure", "needs", "takes")
    return [head, *((name, one.figure, ", ".join(one.needs) or "nothing", one.takes) for name, one in every().items())]


def rules() -> list[tuple[str, ...]]:
    """Temporal credit rules."""
    from biocredit.circuits.recurrent.rules import RULES

    return [("rule", "paper", "exact", "a synapse sees"), *(_declared(name, one) for name, one in RULES.items())]


def pathways() -> list[tuple[str, ...]]:
    """Descending pathways of dual streams."""
    from biocredit.circuits.dual_stream import PATHWAYS

    head = ("pathway", "paper", "exact", "a synapse sees", "what it is")
    return [head, *((*_declared(name, one.rule), _first_line(one)) for name, one in PATHWAYS.items())]


def tasks() -> list[tuple[str, ...]]:
    """Tasks."""
    from biocredit.protocols import tasks as room

    names = [name for name in room.HOME if name[0].islower()]
    return [("task", "what it is"), *((name, _first_line(getattr(room, name))) for name in names)]


def measures() -> list[tuple[str, ...]]:
    """Measures that a configuration can name."""
    from biocredit.protocols.experiments.settings import measures as room
    from biocredit.protocols.experiments.settings import parts_in

    return [("measure", "what it is"), *((name, _first_line(one)) for name, one in parts_in(room).items())]


def interventions() -> list[tuple[str, ...]]:
    """Interventions."""
    from biocredit.protocols import interventions as room

    found = {name: getattr(room, name) for name in room.__all__ if name[0].islower()}
    return [("intervention", "what it does"), *((name, _first_line(one)) for name, one in found.items())]


def _declared(name: str, rule: Any) -> tuple[str, ...]:
    seen = getattr(rule, "needs", None) or getattr(rule, "sees", None) or getattr(rule, "signals", ())
    exact = "exact" if rule.exact else rule.exact_when
    return name, str(rule.citation), exact, ", ".join(seen)


def _first_line(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


#: What ``biocredit list`` can list.
LISTS: dict[str, Callable[[], list[tuple[str, ...]]]] = {
    "experiments": experiments,
    "rules": rules,
    "pathways": pathways,
    "tasks": tasks,
    "measures": measures,
    "interventions": interventions,
}
