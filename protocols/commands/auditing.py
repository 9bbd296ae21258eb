"""The command ``biocredit audit``: what every synapse of a rule needs to know."""

import sys
from argparse import Namespace
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.commands.choosing import prepare_jax
from biocredit.protocols.commands.door import FAILED
from biocredit.protocols.commands.tables import print_table

if TYPE_CHECKING:
    from biocredit.analysis.metrics.audited import Audit
    from biocredit.protocols.plausibility.subjects import Subject


def audit_command(given: Namespace) -> int:
    """Audit rules; print what was found, and write the page where a folder is given."""
    prepare_jax()
    from biocredit.analysis.reports.audit_page import compared, read_claims, write_audit
    from biocredit.protocols.plausibility.subjects import named, subjects

    words = [named(word) for word in given.rules]
    wanted = {name: one for table in words for name, one in table.items()} if words else subjects()
    if given.output and Path(given.output).exists() and not Path(given.output).is_dir():
        raise CircuitError(f"{given.output} is a file: wanted a folder")
    audits, failed = [], 0
    for number, (name, subject) in enumerate(wanted.items(), 1):
        sys.stderr.write(f"{number} of {len(wanted)}: {name}\n")
        try:
            audits.append(_audited(name, subject, given.quick))
        except Exception as error:
            if len(wanted) == 1:
                raise
            failed += 1
            sys.stderr.write(f"{name} could not be audited: {type(error).__name__}: {error}\n")
    known = [array for one in audits for array in one.arrays]
    if given.array and given.array not in known:
        raise CircuitError(f"no plastic array is called {given.array!r}: valid are {', '.join(dict.fromkeys(known))}")
    claims = read_claims(Path(str(files("biocredit.protocols.plausibility") / "claims.csv")))
    for one in audits if len(audits) < 4 else ():
        print(one, end="\n\n")
    _print(audits)
    differ = [row for row in compared(audits, claims) if row[2] != row[3]]
    if differ:
        print("\nmeasured otherwise than published")
        print_table([("rule", "property", "measured", "published", "the number", "source"), *differ])
    if given.output:
        print(write_audit(audits, claims, given.output, given.array))
    return FAILED if failed else 0


def _audited(name: str, subject: "Subject", quick: bool) -> "Audit":
    from biocredit.protocols.plausibility.auditing import audit
    from biocredit.protocols.plausibility.training import after_training

    task = subject.task()
    found = replace(audit(subject.build(task), task, **subject.settings), rule=name)
    if quick or subject.trained is None:
        return found
    return replace(found, properties={**found.properties, **after_training(subject.trained(task), task)})


def _print(audits: "list[Audit]") -> None:
    names = list(dict.fromkeys(name for one in audits for name in one.properties))
    short = {"not measured": "", "number": ""}
    rows = []
    for name in names:
        found = [one.properties.get(name) for one in audits]
        cells = [
            short.get(one.verdict, one.verdict) or f"{one.value:.3g}".replace("nan", "") if one else "" for one in found
        ]
        rows.append((name, *cells))
    for first in range(0, len(audits), 6):
        part = slice(first + 1, first + 7)
        print_table([("property", *(one.rule for one in audits[first : first + 6])), *((r[0], *r[part]) for r in rows)])
        print()
