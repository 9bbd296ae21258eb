"""Every figure in one place. Each takes traces (or their file names) and returns a matplotlib figure.

from analysis import open_trace, figures
figures.learning_curve(open_trace("digits.h5")).savefig("learning.png")
"""

from analysis.behaviour_figure import behaviour
from analysis.curves import amplitude_by_region, error_amplitude, learning_curve
from analysis.measured_figure import measured
from analysis.overview import overview
from analysis.psychometric_figure import psychometric
from analysis.sweep_figures import sweep
from analysis.trajectories import settling, trajectory
from analysis.wiring_diagram import wiring

__all__ = [
    "amplitude_by_region",
    "behaviour",
    "error_amplitude",
    "learning_curve",
    "measured",
    "overview",
    "psychometric",
    "settling",
    "sweep",
    "trajectory",
    "wiring",
]
