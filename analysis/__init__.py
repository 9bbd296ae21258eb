"""What was found: traces, metrics, figures, reports. Needs no JAX: NumPy, SciPy, h5py, scikit-learn and matplotlib."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

_HOMES = {
    "open_trace": "trace",
    "Trace": "trace",
    "TraceError": "trace",
    "TraceWriter": "trace_writer",
    "cite": "bibliography",
}

__all__ = ["Trace", "TraceError", "TraceWriter", "cite", "open_trace"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"analysis.{_HOMES[name]}"), name)
    if not name.startswith("_") and find_spec(f"analysis.{name}"):
        return import_module(f"analysis.{name}")
    raise AttributeError(f"module 'analysis' has no attribute {name!r}")
