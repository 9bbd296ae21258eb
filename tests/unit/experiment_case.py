"""Small traces and commands for the tests of experiments, figures and reports."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.trace.writer import TraceWriter

#: The demonstration at a size that takes a second.
TINY = [
    "--set",
    "circuit.neurons=16",
    "--set",
    "task.train=100",
    "--set",
    "task.test=50",
    "--epochs",
    "2",
    "--seeds",
    "2",
]
DEMO = "adjoint-propagation/demo"


def write_trace(path: Path, configuration: Mapping[str, Any] | None = None, **arrays: Any) -> Path:
    """Write a finished trace; an array is ``(values, dims)`` or ``(values, dims, coords)`` under its name."""
    writer = TraceWriter.create(
        path, experiment="made", configuration=configuration or {}, citations=["10.7554/eLife.108237"], seeds=[0, 1]
    )
    with writer:
        for name, (values, dims, *coords) in arrays.items():
            writer.constant(name, np.asarray(values), dims, "1", "made for a test", *coords)
    return path


def learned(path: Path, accuracy: Any, configuration: Mapping[str, Any] | None = None, **more: Any) -> Path:
    """Write a trace with a curve of test accuracy ``[seed, epoch]``."""
    accuracy = np.asarray(accuracy, float)
    epochs = {"epoch": np.arange(1, accuracy.shape[1] + 1)}
    return write_trace(path, configuration, **{"learning/test_accuracy": (accuracy, ("seed", "epoch"), epochs)}, **more)
