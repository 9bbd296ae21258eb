"""Every figure in one place. Each takes traces (or their file names) and returns a matplotlib figure.

from biocredit import open_trace, figures
figures.learning_curve(open_trace("digits.h5")).savefig("learning.png")
"""

from biocredit.analysis.plots.behaviour import behaviour
from biocredit.analysis.plots.conditions import choices, trajectories
from biocredit.analysis.plots.curves import amplitude_by_region, error_amplitude, learning_curve
from biocredit.analysis.plots.measured import measured
from biocredit.analysis.plots.overview import overview
from biocredit.analysis.plots.panels import panels
from biocredit.analysis.plots.plasticity import audit_table, plasticity_wiring
from biocredit.analysis.plots.psychometric import psychometric
from biocredit.analysis.plots.raster import raster
from biocredit.analysis.plots.sweeps import sweep
from biocredit.analysis.plots.trajectories import settling, trajectory
from biocredit.analysis.plots.wiring_diagram import wiring

__all__ = [
    "amplitude_by_region",
    "audit_table",
    "behaviour",
    "choices",
    "error_amplitude",
    "learning_curve",
    "measured",
    "overview",
    "panels",
    "plasticity_wiring",
    "psychometric",
    "raster",
    "settling",
    "sweep",
    "trajectories",
    "trajectory",
    "wiring",
]
