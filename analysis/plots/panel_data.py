"""What a panel of a paper's figure is drawn from: conditions with their settings, our numbers, and those of others."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from biocredit.analysis.reports.comparison import kind_of, label_of, settings_of, words
from biocredit.analysis.trace.labelled import LabelledArray
from biocredit.analysis.trace.reader import Trace
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator

#: How numbers of others look, by whose they are.
MARKS = {"paper": "o", "authors' program": "s", "independent implementation": "^"}
#: More places along a third axis make no lines.
LAYERS = 12


@dataclass(frozen=True)
class Curve:
    """Mean and standard deviation over networks (NaN where there is one) at places along an axis."""

    at: Float[np.ndarray, " place"]
    mean: Float[np.ndarray, " place"]
    sd: Float[np.ndarray, " place"]
    axis: str = "epoch"


@dataclass(frozen=True)
class Condition:
    """One condition: label, settings, numbers of ours and of others, its trace, its name in the experiment."""

    label: str
    settings: Mapping[str, Any]
    series: Mapping[str, Curve]
    known: Sequence[Mapping[str, Any]] = ()
    trace: Trace | None = None
    name: str = ""

    def value(self, series: str) -> tuple[float, float] | None:
        """Return the last mean and standard deviation of a series."""
        curve = self.series.get(series)
        return (curve.mean[-1], curve.sd[-1]) if curve is not None and curve.mean.size else None

    def theirs(self, series: str, *, last: bool = False) -> list[tuple[float, Mapping[str, Any]]]:
        """List the numbers of others with their places; with ``last`` those that stand for the whole run."""
        epochs, known = self.settings.get("run.epochs"), [one for one in self.known if one["series"] == series]
        placed = [(epochs if isinstance(one["at"], str) else one["at"], one) for one in known]
        if not last:
            return [(at, one) for at, one in placed if one["at"] != "best" and at is not None]
        curve = self.series.get(series)
        ends = {epochs, *(curve.at[-1:] if curve else [max((at for at, _ in placed), default=epochs)])}
        whole = [(at, one) for at, one in placed if one["at"] != "best" and (one["at"] == "last" or at in ends)]
        return whole or [(at, one) for at, one in placed if one["at"] == "best"]

    def unfinished(self, series: str) -> bool:
        """Whether ours of a series over epochs ends before the run of the experiment does."""
        curve, epochs = self.series.get(series), self.settings.get("run.epochs")
        return curve is not None and curve.axis == "epoch" and bool(epochs) and curve.at[-1] < epochs


@dataclass(frozen=True)
class Look:
    """What the panels of a figure share: colours by condition, scale and unit of a series."""

    colour: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def scale(series: str) -> float:
        """Accuracies are shown as percentages."""
        return 100.0 if "accuracy" in series else 1.0

    @staticmethod
    def label(series: str) -> str:
        """Name of a vertical axis, with its unit; what the series is of stands in the title."""
        name = series.partition(".")[0]
        unit = " (%)" if "accuracy" in series else " (degrees)" if "angle" in name else ""
        return words(name) + unit

    @staticmethod
    def title(series: str) -> str:
        """What a series is of."""
        return series.partition(".")[2].replace("_", " ").replace(".", ", ").strip("*, ")


def condition_of(trace: Trace) -> Condition:
    """Read a condition from a trace."""
    series = {name: one for found in trace.learning for name, one in _curves(found, trace.learning[found])}
    known = [one for one in trace.configuration.get("reference", ()) if kind_of(one["source"]) in MARKS]
    name = trace.configuration.get("condition") or label_of(trace)
    return Condition(label_of(trace), settings_of(trace), series, known, trace, name)


def _curves(name: str, found: LabelledArray) -> Iterator[tuple[str, Curve]]:
    """Yield a series over one axis as it is, a series over epochs and a few layers as one for each layer."""
    values, dims = found.values, found.dims
    if dims[:1] != ("seed",) or not values.size or len(dims) not in (2, 3):
        return
    at = np.asarray(found.coords[dims[1]])
    if not np.issubdtype(at.dtype, np.number) or not np.issubdtype(values.dtype, np.number):
        return
    if len(dims) == 2:
        yield name, _curve(at, values, dims[1])
    elif values.shape[2] <= LAYERS:
        for number, one in enumerate(np.asarray(found.coords[dims[2]]).tolist()):
            yield f"{name}.{dims[2]}{one}", _curve(at, values[..., number], dims[1])


def _curve(at: np.ndarray, values: np.ndarray, axis: str) -> Curve:
    values = values.astype(float)
    sd = values.std(0, ddof=1) if len(values) > 1 else np.full(values.shape[1], np.nan)
    return Curve(at.astype(float), values.mean(0), sd, axis)


def number_of(setting: Any) -> float | None:
    """Return a setting as a place on an axis: a number, or the first of several that are alike."""
    one = setting[0] if isinstance(setting, list | tuple) and setting else setting
    return float(one) if isinstance(one, int | float) and not isinstance(one, bool) else None


def mark(ax: Any, x: float, scale: float, one: Mapping[str, Any], colour: Any, *, sideways: bool = False) -> None:
    """Mark a number of others at a place along an axis; ``sideways`` where the number runs along the abscissa."""
    sd = scale * one["sd"] if one.get("sd") else None
    look = {"fmt": MARKS[kind_of(one["source"])], "mfc": "white", "mec": colour, "ecolor": colour, "ms": 5}
    places = (scale * one["value"], x, None, sd) if sideways else (x, scale * one["value"], sd, None)
    ax.errorbar(*places, elinewidth=0.8, capsize=2, zorder=5, **look)


def integers(ax: Any, axis: str) -> None:
    """Let an axis that counts have whole numbers."""
    if axis in ("update", "layer") or "epoch" in axis:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
