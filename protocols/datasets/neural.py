"""Recordings that are looked up like data sets: in ``$BIOCREDIT_DATA``, then in the user's cache folder."""

from pathlib import Path

import numpy as np
from biocredit.circuits.core.errors import nearest
from biocredit.protocols.datasets.files import roots
from biocredit.protocols.datasets.formats import DataError

#: File below a root by name.
FILES = {"hatsopoulos2007": "neural/hatsopoulos2007.npz"}


def recorded(name: str = "hatsopoulos2007") -> dict[str, np.ndarray]:
    """Read the arrays of a recording: rates ``[condition, time, neuron]``, times, directions, kinematics.

    Raises
    ------
    DataError
        If the name is unknown, or the file is nowhere; none of these can be fetched.
    """
    if name not in FILES:
        raise DataError(f"unknown recording {name!r}: {nearest(name, FILES)}")
    for root in roots():
        path = Path(root) / FILES[name]
        if path.is_file():
            try:
                with np.load(path, allow_pickle=False) as arrays:
                    return dict(arrays)
            except (OSError, ValueError) as error:
                raise DataError(f"{path}: damaged ({' '.join(str(error).split())})") from None
    raise DataError(f"{FILES[name]} is in none of {', '.join(map(str, roots()))}; set $BIOCREDIT_DATA")


def recorded_movement(
    name: str = "hatsopoulos2007", start: float = -100.0, stop: float = 400.0
) -> dict[str, np.ndarray]:
    """Position, velocity and angles of the arm by name, ``[condition, sample, component]``, start to stop in ms."""
    arrays = recorded(name)
    kept = (arrays["time_ms"] >= start) & (arrays["time_ms"] <= stop)
    names = {"position": "hand_position", "velocity": "hand_velocity", "angles": "arm_angle"}
    return {ours: arrays[theirs][:, kept] for ours, theirs in names.items()}
