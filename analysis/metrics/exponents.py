"""Lyapunov exponents of a recorded region under its recorded drive (eLife 2026, 15:e108237, figure 2c)."""

from typing import NamedTuple

import numpy as np
from biocredit.analysis.metrics.dynamics import RateMap
from biocredit.analysis.metrics.lyapunov import mean_after, tangent_growth
from biocredit.analysis.reports.comparison import settings_of
from biocredit.analysis.trace.reader import Trace, TraceError
from jaxtyping import Float


class Exponents(NamedTuple):
    """Exponents of one region, natural logarithm per iteration, means over the probe trials."""

    maximal: Float[np.ndarray, " seeds"]
    finite_time: Float[np.ndarray, " seeds"]


def region_exponents(
    trace: Trace, region: str = "V1", *, window: int = 8, transient: int = 200, steps: int = 500
) -> Exponents:
    """Compute the exponents of a region from its recurrent weights and its clamp current, from rest.

    Parameters
    ----------
    trace
        A trace with ``Record(of="V1.W_rec")`` and ``Record(of="V1.clamp")``; the first snapshot is used.
    window
        Iterations of the finite-time exponent, from the first one on.
    transient, steps
        Iterations that are left out of the maximal exponent, and iterations that it is the mean of.

    Raises
    ------
    TraceError
        If weights or current were not recorded.
    """
    for name in (f"weights/{region}.W_rec", f"activity/{region}/clamp"):
        if name not in trace:
            raise TraceError(f"{trace.path.name} holds no {name!r}, which the exponents need")
    activation = settings_of(trace).get("circuit.activation", "tanh")
    weights = trace.read(f"weights/{region}.W_rec", snapshot=0).values
    when = trace[f"activity/{region}/phase"].values.astype(str)
    settled = int(np.flatnonzero(when == "inference")[-1])
    drive = trace.read(f"activity/{region}/clamp", snapshot=0, time=settled).values
    lengths = (window, transient + steps, transient)
    found = [_of_one(*pair, activation, *lengths) for pair in zip(weights, drive, strict=True)]
    return Exponents(*map(np.array, zip(*found, strict=True)))


def _of_one(
    weights: np.ndarray, drive: np.ndarray, activation: str, window: int, total: int, transient: int
) -> tuple[float, float]:
    """Maximal and finite-time exponent of one network, means over trials."""
    system = RateMap(weights.astype(float), activation=activation)
    direction = np.random.default_rng(0).standard_normal(drive.shape)
    course = np.broadcast_to(drive.astype(float), (total, *drive.shape))
    growth = tangent_growth(system, np.zeros_like(direction), course, direction)
    return float(mean_after(growth, transient).mean()), float(growth[:window].mean())
