"""Recordings that are looked up like data sets: in ``$BIOCREDIT_DATA``, then in the user's cache folder."""

from pathlib import Path

import numpy as np
from biocredit.circuits.core.errors import nearest
from biocredit.protocols.datasets.files import roots
from biocredit.protocols.datasets.formats import DataError

#: File below a root by name.
FILES = {"hatsopoulos2007": "neural/hatsopoulos2007.npz"}


def recorded(name: str = "hatsopoulos2007") -> dict[str, np.ndarray]:
    """Return the arrays of a recording: rates ``[condition, time, neuron]``, times, directions, kinematics.

    Parameters
    ----------
    name
        Name in :data:`FILES`, or ``"made_up"``: no recording, see :func:`made_up`.

    Raises
    ------
    DataError
        If the name is unknown, or the file is nowhere; none of these can be fetched.
    """
    if name == "made_up":
        return made_up()
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


def made_up(neurons: int = 60, seed: int = 0) -> dict[str, np.ndarray]:
    """Make neurons that are random mixtures of the arm's movement, of its preparation and of a common time course.

    A stand-in with the axes of ``"hatsopoulos2007"`` for examples that need no data; it says nothing about a brain.
    """
    from biocredit.protocols.tasks.reaching import minimum_jerk

    rng, time = np.random.default_rng(seed), np.arange(-800.0, 401.0, 10.0)
    moves, angle = minimum_jerk(), np.pi / 4 * np.arange(8)
    arm, speed = moves["angles"], np.gradient(moves["angles"], axis=1) * 10
    latent = np.zeros((8, len(time), 8))
    latent[:, 70:121, :2], latent[:, 65:116, 2:4] = arm, speed
    latent[..., 4:6] = np.exp(-(((time[:, None] - [-400.0, 0.0]) / 150) ** 2))
    prepared = (time < 50) / (1 + np.exp(-(time + 500) / 60))
    latent[..., 6:] = np.stack([np.sin(angle), np.cos(angle)], axis=-1)[:, None] * prepared[:, None]
    noise = 0.2 * rng.standard_normal((8, len(time), neurons))
    rate = 10 * np.maximum(latent @ rng.standard_normal((8, neurons)) + noise, 0)
    still = np.zeros((8, 70, 2))
    moved = {"hand_position": "position", "hand_velocity": "velocity", "arm_angle": "angles"}
    covariates = {name: np.concatenate([still, moves[ours]], axis=1) for name, ours in moved.items()}
    return {"firing_rate_hz": rate, "time_ms": time, "direction_deg": 45.0 * np.arange(8), **covariates}


def recorded_movement(
    name: str = "hatsopoulos2007", start: float = -100.0, stop: float = 400.0
) -> dict[str, np.ndarray]:
    """Position, velocity and angles of the arm by name, ``[condition, sample, component]``, start to stop in ms."""
    arrays = recorded(name)
    kept = (arrays["time_ms"] >= start) & (arrays["time_ms"] <= stop)
    names = {"position": "hand_position", "velocity": "hand_velocity", "angles": "arm_angle"}
    return {ours: arrays[theirs][:, kept] for ours, theirs in names.items()}
