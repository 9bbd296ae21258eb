"""A rule of one's own on the bench: the file that ``biocredit run`` takes."""

from pathlib import Path

from biocredit.protocols.experiments.bench.rows import Bench, RuleRow
from biocredit.protocols.experiments.overrides import SettingError
from biocredit.protocols.experiments.own_file import load


def own_row(path: str | Path, bench: Bench) -> RuleRow:
    """Make a row of the rule, pathway or circuit in a file of one's own.

    Parameters
    ----------
    path
        A Python file that defines ``configuration`` (or ``experiment``); its rule or pathway, or else its circuit,
        goes on the bench, with its protocol. Task, size, optimiser and measures are the bench's.
    bench
        Where it goes.

    Raises
    ------
    SettingError
        If it is for the other bench.
    """
    own = load(path)
    one = next(iter(own.conditions.values()))
    temporal = bench.name == "temporal"
    if (one.pathway is not None and temporal) or (one.rule is not None and not temporal):
        other = "static" if temporal else "temporal"
        raise SettingError(f"{path}: its rule is for the bench {other!r}: biocredit bench {other} --rule {path}")
    label = Path(path).stem
    if label in [row.label for row in bench.rules]:
        raise SettingError(f"{path}: the bench has a rule {label!r} already, give the file another name")
    word = "rule" if one.rule is not None else "pathway" if one.pathway is not None else "circuit"
    settings = {word: getattr(one, word)} | ({"protocol": one.protocol} if word == "circuit" else {})
    return RuleRow(label, settings, own=own)
