"""Replaying a reference case: comparing our arrays with the file's, one `Check` at a time."""

import importlib
import io
import pkgutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tests.conformance import adapters

__all__ = [
    "Case",
    "Check",
    "ConformanceError",
    "NoAdapterError",
    "Outcome",
    "Report",
    "adapter_for",
    "carried_cases",
    "compare",
    "is_curve_file",
    "replay_file",
]

Replay = Callable[[str, Mapping[str, np.ndarray]], Iterator["Check"]]


class ConformanceError(Exception):
    """A case that cannot be replayed, with the reason in one line."""


class NoAdapterError(ConformanceError):
    """No adapter belongs to the topic of a file."""


@dataclass(frozen=True)
class Check:
    """Our value of one named array of a case, and how close it has to be.

    Parameters
    ----------
    name : str
        Key in the file.
    value : array_like
        Ours, of the shape in the file.
    atol, rtol : float
        Pass if ``|ours - reference| <= atol + rtol * |reference|``.
    bound : {"at_least", "at_most"}, optional
        A larger, or a smaller, value of ours passes too.
    relative_to : {"entry", "largest"}
        Whether `rtol` applies to each entry of the reference, or to the largest of them.
    """

    name: str
    value: Any
    atol: float = 1e-9
    rtol: float = 0.0
    bound: Literal["at_least", "at_most"] | None = None
    relative_to: Literal["entry", "largest"] = "entry"


@dataclass(frozen=True)
class Outcome:
    """A compared array."""

    name: str
    absolute: float
    relative: float
    tolerance: str
    passed: bool
    problem: str = ""

    def __str__(self) -> str:
        """One line."""
        verdict = "pass" if self.passed else "FAIL"
        numbers = f"abs {self.absolute:9.2e}  rel {self.relative:9.2e}  tol {self.tolerance}"
        return f"  {verdict}  {self.name:<42} {self.problem or numbers}"


@dataclass
class Report:
    """Everything that was compared in one file."""

    path: Path
    outcomes: list[Outcome] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[Outcome]:
        """Arrays that did not pass."""
        return [outcome for outcome in self.outcomes if not outcome.passed]

    @property
    def passed(self) -> bool:
        """Something was compared and all of it passed."""
        return bool(self.outcomes) and not self.failures

    def __str__(self) -> str:
        """One line."""
        worst = max((outcome.absolute for outcome in self.outcomes), default=float("nan"))
        good = len(self.outcomes) - len(self.failures)
        verdict = "pass" if self.passed else "FAIL"
        return f"{verdict}  {self.path.name}: {good} of {len(self.outcomes)} arrays, largest deviation {worst:.2e}"


class Case(Mapping[str, np.ndarray]):
    """Arrays of a reference file, read when asked for; remembers which ones were."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
            self._names = tuple(self._file.files)
        except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            raise ConformanceError(f"{path}: cannot read it as an .npz file ({error})") from None
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> np.ndarray:
        """Read one array."""
        if name not in self._names:
            raise KeyError(name)
        self.used.add(name)
        return self._file[name]

    def __iter__(self) -> Iterator[str]:
        """Names, in the order of the file."""
        return iter(self._names)

    def __len__(self) -> int:
        """Number of arrays."""
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        """Whether the file has such an array (asking does not count as reading)."""
        return name in self._names


def carried_cases() -> dict[str, Path]:
    """Cases in the repository: file name without ending -> path."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "cases").glob("*.npz"))}


def is_curve_file(path: Path) -> bool:
    """Stored learning curves lie beside the cases; they are no cases."""
    return "_curves_" in path.stem


def adapter_for(stem: str) -> Replay:
    """`replay` of the adapter whose name is the longest that the file name starts with."""
    topics = [module.name for module in pkgutil.iter_modules(adapters.__path__)]
    fitting = [topic for topic in topics if stem == topic or stem.startswith(f"{topic}_")]
    if not fitting:
        raise NoAdapterError(f"{stem}: no adapter for this topic, got {', '.join(sorted(topics)) or 'none at all'}")
    return importlib.import_module(f"{adapters.__name__}.{max(fitting, key=len)}").replay


def replay_file(path: Path) -> Report:
    """Replay one case and compare every array that its adapter yields."""
    replay, case = adapter_for(path.stem), Case(path)
    report = Report(path)
    for check in replay(path.stem, case):
        report.outcomes.append(compare(check, case))
    checked = {outcome.name for outcome in report.outcomes}
    report.unused = [name for name in case if name not in case.used | checked and not name.startswith("hp_")]
    return report


def compare(check: Check, case: Mapping[str, np.ndarray]) -> Outcome:
    """Deviation of one array from the file's."""
    tolerance = f"{check.atol:g}" + (f" + {check.rtol:g} * {check.relative_to}" if check.rtol else "")
    if check.name not in case:
        return Outcome(check.name, np.nan, np.nan, tolerance, False, "the file has no array of this name")
    reference, ours = np.asarray(case[check.name]), np.asarray(check.value)
    if reference.dtype.kind in "US" or ours.dtype.kind in "US":
        same = reference.shape == ours.shape and bool(np.all(reference == ours))
        return Outcome(check.name, 0.0, 0.0, "equal", same, "" if same else f"got {ours}, wanted {reference}")
    if reference.shape != ours.shape:
        problem = f"got shape {ours.shape}, wanted {reference.shape}"
        return Outcome(check.name, np.nan, np.nan, tolerance, False, problem)
    return _deviation(check, reference, ours, tolerance)


def _deviation(check: Check, reference: np.ndarray, ours: np.ndarray, tolerance: str) -> Outcome:
    kind = np.complex128 if "c" in (reference.dtype.kind, ours.dtype.kind) else np.float64
    reference, ours = reference.astype(kind), ours.astype(kind)
    same = (ours == reference) | (np.isnan(ours) & np.isnan(reference))
    with np.errstate(invalid="ignore"):
        gap = np.where(same, 0.0, np.abs(ours - reference))
    finite = np.abs(np.where(np.isfinite(reference), reference, 0.0))
    scale = finite.max(initial=0.0) if check.relative_to == "largest" else finite
    close = same | (gap <= check.atol + check.rtol * scale)
    if check.bound == "at_least":
        close |= ours >= reference
    if check.bound == "at_most":
        close |= ours <= reference
    relative = np.divide(gap, finite, out=np.zeros_like(gap), where=finite > 0)
    largest = [float(values.max(initial=0.0)) for values in (gap, relative)]
    return Outcome(check.name, *largest, tolerance, bool(close.all()))
