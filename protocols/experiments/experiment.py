"""What an experiment is: a figure or table of a paper as something to run, with the paper's numbers beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from shlex import quote
from typing import Any

from biocredit.analysis.reports.comparison import flattened
from biocredit.circuits.core.errors import nearest
from biocredit.protocols.experiments.configuration import Configuration
from biocredit.protocols.experiments.overrides import SettingError, as_json, flat, has, has_owner, overridden, unknown
from biocredit.protocols.experiments.settings import PARTS


@dataclass(frozen=True)
class Reference:
    """A number to compare ours with.

    Parameters
    ----------
    series
        Name of ours under ``/learning`` (``"test_accuracy"``).
    at
        ``"best"``, ``"last"``, an epoch, or a place on another axis of the series.
    value, sd
        The number, in the units of the series (accuracies as fractions), and its spread over runs.
    source
        Where the number comes from, in words.
    condition
        The condition it belongs to; all by default.
    """

    series: str
    at: str | float
    value: float
    source: str
    sd: float | None = None
    condition: str = ""


@dataclass(frozen=True)
class Observation(Reference):
    """A number of our own.

    Parameters
    ----------
    networks, epochs
        Mean of so many networks, after a run of so many epochs (those of the experiment by default).
    settings
        Settings that differ from the experiment's, ``FIELD=VALUE``, apart by semicolons.
    date, version
        When, and by which version of the program.
    """

    networks: int = 1
    epochs: int | None = None
    settings: str = ""
    date: str = ""
    version: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel of a paper's figure, as data; :data:`biocredit.analysis.plots.panels.KINDS` draws it.

    Parameters
    ----------
    kind
        ``"curve"`` (series along their own axis), ``"bars"`` (last value of every condition), ``"line"`` (last value
        against a setting), ``"heat"`` (over two settings), ``"across"`` (series side by side: regions, layers), or one
        that is drawn from traces: ``"trajectory"``, ``"settling"``, ``"exponents"``, ``"choices"``, ``"pairs"``,
        ``"embedding"``, ``"histogram"``, ``"products"``.
    y
        Name of the series (``angle.*`` for all layers), of the weights, or of the region.
    x, by
        Settings along the abscissa, and by which conditions make lines (several with commas) or the ordinate of a grid.
    only, best
        Conditions that are shown (``"STE*"``); the setting for each value of which only the best condition is.
    log
        Logarithmic axes: ``"x"``, ``"y"``, ``"xy"``.
    title, axis
        Title, and label of the abscissa; by default what the series says.
    snapshot
        Which recorded weights.
    """

    kind: str
    y: str = ""
    x: str = ""
    by: str = ""
    only: str = ""
    best: str = ""
    log: str = ""
    title: str = ""
    axis: str = ""
    snapshot: int = -1


@dataclass(frozen=True)
class Experiment:
    """One figure, panel or table.

    Parameters
    ----------
    name
        ``"paper/figure"``, as the user types it.
    figure, title
        Where it is in the paper, and what is shown.
    citation
        DOI or arXiv identifier of the paper.
    takes
        How long the full size takes; measured, or marked as an estimate.
    conditions
        One configuration for each curve or point, by label.
    quick
        Overrides that let it finish in well under a minute and need no download.
    quick_conditions
        Conditions of the quick look; all by default.
    expected, observed
        What the paper found, in words; what this program found, where it is not just that.
    chosen
        How the hyper-parameters were chosen: the paper's, its program's, or our search and what that cost.
    panels
        The figure as the paper has it, by default the score of every condition.
    references
        Numbers to compare with.
    curves
        Curves of others that figures show beside ours: name, series, values.
    source
        File of one's own that defines it.
    parts
        Parts that it defines besides the package's.
    """

    name: str
    figure: str
    title: str
    citation: str
    takes: str
    conditions: Mapping[str, Configuration]
    quick: Mapping[str, Any] = field(default_factory=dict)
    quick_conditions: tuple[str, ...] = ()
    expected: str = ""
    observed: str = ""
    chosen: str = ""
    panels: tuple[Panel, ...] = (
        Panel("curve", "test_accuracy"),
        Panel("bars", "test_accuracy"),
        Panel("curve", "test_normalised_error", log="y"),
    )
    references: tuple[Reference, ...] = ()
    curves: Mapping[str, Mapping[str, tuple[float, ...]]] = field(default_factory=dict)
    source: str = ""
    parts: Mapping[str, type] = field(default_factory=dict)

    @property
    def needs(self) -> tuple[str, ...]:
        """Data sets that the full size needs."""
        names = [name for configuration in self.conditions.values() for name in configuration.data_sets]
        return tuple(dict.fromkeys(names))

    def configured(
        self, overrides: Mapping[str, Any] | None = None, *, quick: bool = False, only: Sequence[str] = ()
    ) -> dict[str, Configuration]:
        """Return the configurations of all conditions (or of some), with overrides.

        Raises
        ------
        SettingError
            For a condition or setting that does not exist, or an override that makes two conditions the same.
        """
        for label in only:
            if label not in self.conditions:
                raise SettingError(f"{self.name} has no condition {label!r}: {nearest(label, self.conditions)}")
        labels = only or (self.quick_conditions if quick else ()) or self.conditions
        chosen = {label: self.conditions[label] for label in labels}
        small = {name: value for name, value in self.quick.items() if any(has(one, name) for one in chosen.values())}
        return self._apply(self._apply(chosen, small if quick else {}), overrides or {})

    def _apply(self, conditions: dict[str, Configuration], overrides: Mapping[str, Any]) -> dict[str, Configuration]:
        """Override each setting in all conditions that have it."""
        parts = {**PARTS, **self.parts}
        for name in overrides:
            if not any(has(one, name) for one in conditions.values()):
                for one in (one for one in conditions.values() if has_owner(one, name)):
                    overridden(one, {name: overrides[name]}, parts)
                raise unknown(name, {name for one in conditions.values() for name in flat(one)})
        new = {
            label: overridden(one, {name: value for name, value in overrides.items() if has(one, name)}, parts)
            for label, one in conditions.items()
        }
        labels = list(new)
        for number, label in enumerate(labels):
            for other in labels[:number]:
                if new[label] == new[other]:
                    raise SettingError(
                        f"{', '.join(overrides)} is what the conditions {other!r} and {label!r} differ in: "
                        "choose one condition with --condition"
                    )
        return new

    def command(self, condition: str, configuration: Configuration, *, quick: bool = False) -> str:
        """Return the command that runs a configuration of a condition."""
        base = self.configured(quick=quick, only=[condition])[condition]
        then, now = flattened(as_json(base)), flattened(as_json(configuration))
        changed = {name: value for name, value in now.items() if name not in then or then[name] != value}
        words = ["biocredit run", quote(self.source or self.name)]
        words += [f"--condition {quote(condition)}"] * (len(self.conditions) > 1) + ["--quick"] * quick
        written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in changed.items()}
        return " ".join([*words, *(f"--set {quote(f'{name}={value}')}" for name, value in written.items())])

    def record(self, condition: str, configuration: Configuration, *, quick: bool) -> dict[str, Any]:
        """Return what the trace should say: enough to run it again, and the numbers to compare a full run with."""
        mine = [asdict(one) for one in self.references if not quick and one.condition in ("", condition)]
        about = {"experiment": self.name, "condition": condition, "quick": quick, "settings": as_json(configuration)}
        about |= {"source": self.source} if self.source else {}
        about |= {"curves": self.curves} if self.curves and not quick else {}
        return about | {
            "figure": self.figure,
            "title": self.title,
            "paper": self.citation,
            "expected": self.expected,
            "observed": self.observed,
            "full_size": as_json(self.conditions[condition]) == about["settings"],
            "command": self.command(condition, configuration, quick=quick),
            "panels": [asdict(one) for one in self.panels],
            "reference": mine,
        }


def dotted(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with dotted names, from keywords in which double underscores stand for dots.

    Examples
    --------
    >>> dotted({"run__seeds": 3})
    {'run.seeds': 3}
    """
    return {name.replace("__", "."): value for name, value in settings.items()}


def varied(base: Configuration, label: str, name: str, values: Sequence[Any]) -> dict[str, Configuration]:
    """Make one condition for each value of a setting; ``label`` is formatted with the value.

    Examples
    --------
    >>> from biocredit.protocols.experiments.settings import circuits, tasks
    >>> base = Configuration(task=tasks.Images("digits"), circuit=circuits.Chain())
    >>> list(varied(base, "{} seeds", "run.seeds", [1, 5]))
    ['1 seeds', '5 seeds']
    """
    return {label.format(value): overridden(base, {name: value}) for value in values}
