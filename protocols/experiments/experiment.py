"""What an experiment is: a figure or table of a paper as something to run, with the paper's numbers beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from biocredit.circuits.core.errors import nearest
from biocredit.protocols.experiments.overrides import SettingError, as_json, flat, overridden, unknown
from biocredit.protocols.experiments.parts import Run

if TYPE_CHECKING:
    from biocredit.protocols.training.protocol import Protocol


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All settings of one run. A subclass adds its parts (a task, a circuit, ...) and builds the protocol."""

    run: Run = Run()  # noqa: RUF009  (frozen)

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that are needed."""
        return self.task.data_sets if hasattr(self, "task") else ()

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        raise TypeError(f"{type(self).__name__} does not define build")


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
    references
        Numbers to compare with.
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
    references: tuple[Reference, ...] = ()

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
        return _apply(_apply(chosen, self._small(chosen) if quick else {}), overrides or {})

    def _small(self, chosen: Mapping[str, Configuration]) -> dict[str, Any]:
        """Overrides of the quick look that these conditions have."""
        known = _settings(chosen)
        return {name: value for name, value in self.quick.items() if name in known}

    def record(self, condition: str, configuration: Configuration, *, quick: bool) -> dict[str, Any]:
        """Return what the trace should say: enough to run it again, and the numbers to compare a full run with."""
        mine = [asdict(one) for one in self.references if not quick and one.condition in ("", condition)]
        about = {"experiment": self.name, "condition": condition, "quick": quick, "settings": as_json(configuration)}
        return about | {
            "figure": self.figure,
            "title": self.title,
            "paper": self.citation,
            "expected": self.expected,
            "observed": self.observed,
            "full_size": as_json(self.conditions[condition]) == about["settings"],
            "reference": mine,
        }


def _settings(conditions: Mapping[str, Configuration]) -> set[str]:
    """Names of all settings of some conditions."""
    return {name for one in conditions.values() for name in flat(one)}


def _apply(conditions: dict[str, Configuration], overrides: Mapping[str, Any]) -> dict[str, Configuration]:
    """Override each setting in all conditions that have it."""
    known = _settings(conditions)
    for name in overrides:
        if name not in known:
            raise unknown(name, known)
    new = {
        label: overridden(one, {name: value for name, value in overrides.items() if name in flat(one)})
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


def varied(base: Configuration, label: str, name: str, values: Sequence[Any]) -> dict[str, Configuration]:
    """Make one condition for each value of a setting; ``label`` is formatted with the value.

    Examples
    --------
    >>> from biocredit.protocols.experiments.parts import Run
    >>> list(varied(Configuration(run=Run()), "{} seeds", "run.seeds", [1, 5]))
    ['1 seeds', '5 seeds']
    """
    return {label.format(value): overridden(base, {name: value}) for value in values}
