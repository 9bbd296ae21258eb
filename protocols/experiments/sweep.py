"""Sweeps: an experiment at every point of a grid of settings, one trace a point."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.trace.reader import Trace, open_trace
from biocredit.analysis.trace.spreadsheet import write_csv
from biocredit.protocols.experiments import Configuration
from biocredit.protocols.experiments.overrides import SettingError, flat, has, has_owner, overridden, unknown
from biocredit.protocols.experiments.settings import PARTS

#: Columns of the summary: what is read from the end of every learning curve.
COLUMNS = ("best_mean", "best_sd", "last_mean", "last_sd", "seeds", "epochs", "status")


@dataclass(frozen=True)
class Point:
    """One point of a grid.

    Parameters
    ----------
    label
        Settings in words, unique in the grid.
    condition
        Condition of the experiment that was varied.
    configuration
        All settings.
    """

    label: str
    condition: str
    configuration: Configuration


def grid(conditions: Mapping[str, Configuration], over: Mapping[str, Sequence[Any]]) -> list[Point]:
    """Combine all values of all settings, for every condition.

    Parameters
    ----------
    conditions
        Configurations by label.
    over
        Values by dotted name of a setting.

    Raises
    ------
    SettingError
        For an unknown setting, a value of another type, or a value given twice.

    Examples
    --------
    >>> from biocredit.protocols.experiments import find
    >>> demo = find("adjoint-propagation/demo").conditions
    >>> [point.label for point in grid(demo, {"run.seeds": [1, 2], "run.epochs": [3]})]
    ['run.seeds=1,run.epochs=3', 'run.seeds=2,run.epochs=3']
    """
    points = []
    for label, configuration in conditions.items():
        for name in over:
            if not has(configuration, name):
                if has_owner(configuration, name):
                    overridden(configuration, {name: over[name][0]}, PARTS)
                raise unknown(name, flat(configuration))
        for values in product(*over.values()):
            chosen = dict(zip(over, values, strict=True))
            words = [label] * (len(conditions) > 1) + [f"{name}={value}" for name, value in chosen.items()]
            points.append(Point(",".join(words), label, overridden(configuration, chosen, PARTS)))
    for number, point in enumerate(points):
        if point.configuration in [other.configuration for other in points[:number]]:
            raise SettingError(f"{point.label} is in the grid twice")
    return points


def file_name(label: str) -> str:
    """Return a name for a file, not longer than file systems allow."""
    safe = "".join(letter if letter.isalnum() or letter in "=.,-+" else "_" for letter in label)
    return safe if len(safe.encode()) <= 200 else f"{safe[:150]}_{hash_of(label)}"


def hash_of(label: str) -> str:
    """Return a short name that depends on a text alone."""
    return sha256(label.encode()).hexdigest()[:12]


def summarise(paths: Sequence[Path], over: Sequence[str], table: Path) -> str:
    """Write a table of all points as CSV and return it as text.

    Parameters
    ----------
    paths
        Traces; the ones that do not exist are left out.
    over
        Names of the settings that vary.
    table
        File to write.
    """
    rows = [_row(open_trace(path), over) for path in paths if path.exists()]
    text = io.StringIO()
    head = ["condition", *over, "series", *COLUMNS]
    write_csv(text, head, ([row.get(name, "") for name in head] for row in rows))
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(text.getvalue())
    return f"{text.getvalue()}{table}"


def _row(trace: Trace, over: Sequence[str]) -> dict[str, Any]:
    settings = _flat_json(trace.configuration["settings"])
    row = {"condition": trace.configuration["condition"], "status": trace.status, "seeds": len(trace.seeds)}
    row |= {name: settings[name] for name in over}
    series = next((name for name in ("test_accuracy", "test_loss", "loss") if name in trace.learning), None)
    if series is None:
        return row
    curve = trace.learning[series].values
    best = curve.max(1) if "accuracy" in series else curve.min(1)
    spread = {"best": best, "last": curve[:, -1]}
    row |= {f"{name}_mean": round(float(values.mean()), 6) for name, values in spread.items()}
    if len(curve) > 1:
        row |= {f"{name}_sd": round(float(np.std(values, ddof=1)), 6) for name, values in spread.items()}
    return row | {"series": series, "epochs": curve.shape[1]}


def _flat_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name, value in settings.items():
        inner = _flat_json(value) if isinstance(value, Mapping) else {"": value}
        found |= {f"{name}.{word}".rstrip("."): one for word, one in inner.items()}
    return found
