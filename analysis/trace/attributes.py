"""The root attributes of a trace: how values are stored, and those that every file has."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import h5py
import numpy as np
from biocredit.analysis.trace.schema import VERSION_PREFIX


def as_attribute(value: Any) -> Any:
    """A value as HDF5 stores it: mappings as JSON, sequences of text as arrays of text."""
    if isinstance(value, Mapping):
        return json.dumps(value)
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return np.array(value, dtype=h5py.string_dtype())
    return value


def now() -> str:
    """The present moment in ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Versions of what writes the file, as root attributes."""
    found = {"python": platform.python_version(), "numpy": np.__version__, "h5py": h5py.__version__}
    return {VERSION_PREFIX + package: version for package, version in found.items()}
