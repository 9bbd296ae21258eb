"""Recordings: activity ``[condition, time, neuron]`` with its labels, in one HDF5 file that needs no further package.

=====================  ================================================================================================
``/`` (attributes)     format="biocredit-recording", format_version, title, source, citation, licence, condition
``/rate``              ``(condition, time, neuron)`` in Hz, with scales: labels of conditions, ms, numbers of neurons
``/trials``            number of trials of each condition, where it is known
``/covariates/<name>`` ``(condition, time, component)``: what the animal did, such as the position of the hand
=====================  ================================================================================================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from biocredit.analysis.trace.datasets import constant
from biocredit.analysis.trace.labelled import plain, read_labelled
from biocredit.analysis.trace.schema import TraceError
from biocredit.analysis.trace.structure import foreign_parts
from jaxtyping import Float

__all__ = ["Recording", "RecordingError", "open_recording"]

FORMAT, FORMAT_VERSION = "biocredit-recording", 1
TEXTS = ("title", "source", "citation", "licence", "condition")


class RecordingError(TraceError):
    """A recording cannot be read, made or compared as asked; the message is one line for the user."""


@dataclass(frozen=True)
class Recording:
    """Condition averages of recorded neurons.

    Parameters
    ----------
    rate
        ``[condition, time, neuron]`` in Hz.
    time_ms
        Times at equal steps, in ms; 0 is the event that the trials were aligned to.
    labels
        Label of each condition: numbers (a direction in degrees) or words.
    condition
        What the labels mean, such as ``"direction_deg"``.
    trials
        Number of trials that were averaged, by condition; empty where unknown.
    covariates
        What the animal did, ``[condition, time, component]`` by name.
    title, source, citation, licence
        What it is, and whom it belongs to.

    Raises
    ------
    RecordingError
        For NaN or infinity, times at unequal steps, fewer than two conditions, axes that do not fit.
    """

    rate: Float[np.ndarray, "condition time neuron"]
    time_ms: Float[np.ndarray, " time"]
    labels: np.ndarray
    condition: str = "condition"
    trials: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    covariates: Mapping[str, np.ndarray] = field(default_factory=dict)
    title: str = ""
    source: str = ""
    citation: str = ""
    licence: str = ""

    def __post_init__(self):
        shape = np.shape(self.rate)
        if len(shape) != 3 or 0 in shape:
            raise RecordingError(f"rate: wanted [condition, time, neuron], got shape {shape}")
        if shape[0] < 2:
            raise RecordingError(f"wanted at least two conditions, got one ({self.condition} {self.labels[0]})")
        for name, values, size in (("time_ms", self.time_ms, shape[1]), ("labels", self.labels, shape[0])):
            if np.shape(values) != (size,):
                raise RecordingError(f"{name}: wanted {size} entries as in rate {shape}, got shape {np.shape(values)}")
        if np.shape(self.trials) not in ((0,), (shape[0],)):
            raise RecordingError(f"trials: wanted {shape[0]} numbers or none, got shape {np.shape(self.trials)}")
        if len(set(np.asarray(self.labels).tolist())) < shape[0]:
            raise RecordingError("labels: two conditions have one label")
        for name, values in {"rate": self.rate, "time_ms": self.time_ms, **self.covariates}.items():
            if not np.isfinite(values).all():
                count = np.size(values) - np.isfinite(values).sum()
                raise RecordingError(f"{name}: {count} of {np.size(values)} entries are NaN or infinite")
        for name, values in self.covariates.items():
            if np.ndim(values) != 3 or np.shape(values)[:2] != shape[:2]:
                raise RecordingError(f"{name}: wanted {shape[:2]} x components, got shape {np.shape(values)}")
        steps = np.diff(self.time_ms)
        if steps.size and not (steps[0] > 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0)):
            low, high = steps.min(), steps.max()
            raise RecordingError(f"time_ms: wanted equal steps, got steps from {low:g} to {high:g} ms: resample it")

    @property
    def step_ms(self) -> float:
        """Time from one sample to the next, in ms."""
        return float(self.time_ms[1] - self.time_ms[0]) if len(self.time_ms) > 1 else 0.0

    def between(self, start: float, stop: float) -> Recording:
        """Cut out the times from start to stop, both included, in ms."""
        kept = (self.time_ms >= start) & (self.time_ms <= stop)
        if not kept.any():
            span = f"{self.time_ms[0]:g} to {self.time_ms[-1]:g} ms"
            raise RecordingError(f"no sample lies between {start:g} and {stop:g} ms: the recording spans {span}")
        covariates = {name: values[:, kept] for name, values in self.covariates.items()}
        return replace(self, rate=self.rate[:, kept], time_ms=self.time_ms[kept], covariates=covariates)

    def save(self, path: str | Path) -> None:
        """Write the labelled HDF5 form; what is there is replaced when the new file is whole."""
        aside = Path(f"{path}.part")
        try:
            with h5py.File(aside, "w") as h5:
                self._write(h5)
            os.replace(aside, path)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise RecordingError(f"{path}: cannot be written ({' '.join(str(error).split())})") from None

    def _write(self, h5: h5py.File) -> None:
        h5.attrs.update(format=FORMAT, format_version=FORMAT_VERSION, **{name: getattr(self, name) for name in TEXTS})
        time = (self.time_ms, "ms", "time from the event that trials are aligned to")
        coords = {"condition": (self.labels, "1", self.condition), "time": time}
        constant(h5, "rate", self.rate, ("condition", "time", "neuron"), "Hz", "firing rate, mean over trials", coords)
        if len(self.trials):
            constant(h5, "trials", self.trials, ("condition",), "1", "trials of the condition", None)
        for name, values in self.covariates.items():
            dims = ("condition", "time", f"{name}_component")
            constant(h5, f"covariates/{name}", values, dims, "1", name, coords)

    def __repr__(self) -> str:
        conditions, times, neurons = self.rate.shape
        span = f"{self.time_ms[0]:g} to {self.time_ms[-1]:g} ms in steps of {self.step_ms:g}"
        axes = f"{conditions} conditions ({self.condition}) x {times} times ({span}) x {neurons} neurons"
        return f"Recording {self.title!r}: {axes}"


def open_recording(path: str | Path) -> Recording:
    """Read a recording that ``biocredit data import-recording`` or :meth:`Recording.save` wrote.

    Raises
    ------
    RecordingError
        In one line, if the file is missing, damaged, of a newer format, or no recording.
    """
    path = Path(path)
    if not path.is_file():
        raise RecordingError(f"no such file: {path}")
    try:
        with h5py.File(path, "r") as h5:
            for problem in foreign_parts(h5):
                raise RecordingError(f"{path} is no recording to be read: {problem}")
            return _read(path, h5)
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise RecordingError(f"{path}: no recording, or damaged ({' '.join(str(error).split())})") from None


def _read(path: Path, h5: h5py.File) -> Recording:
    found: dict[str, Any] = {name: plain(value) for name, value in h5.attrs.items()}
    if found.get("format") != FORMAT:
        raise RecordingError(
            f"{path} is no recording: 'biocredit data import-recording {path.name} -o NAME.h5' makes one"
        )
    if found.get("format_version", 0) > FORMAT_VERSION:
        raise RecordingError(
            f"{path} has format version {found['format_version']}, this biocredit reads {FORMAT_VERSION}"
        )
    rate = read_labelled(h5["rate"], {})
    return Recording(
        rate.values,
        rate.coords["time"],
        rate.coords["condition"],
        trials=h5["trials"][()] if "trials" in h5 else np.zeros(0, int),
        covariates={name: node[()] for name, node in h5.get("covariates", {}).items() if node.ndim == 3},
        **{name: found.get(name, "") for name in TEXTS},
    )
