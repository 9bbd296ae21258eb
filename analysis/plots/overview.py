"""One figure that sums up a run: learning, local errors, and a trajectory with and without the output error."""

import textwrap

from biocredit.analysis.plots.curves import PREFIX, draw_error_amplitude, draw_learning_curve
from biocredit.analysis.plots.style import styled
from biocredit.analysis.plots.trajectories import draw_trajectory, recorded_rates
from biocredit.analysis.reports.comparison import opened
from biocredit.analysis.trace.reader import Trace
from matplotlib.figure import Figure


@styled
def overview(trace: Trace, region: str | None = None) -> Figure:
    """Draw the panels for which the trace holds what they need, side by side.

    Parameters
    ----------
    trace
        A trace.
    region
        Population whose trajectory is shown, at the first snapshot after learning began; by default the last one of
        which the rate was recorded.
    """
    import matplotlib.pyplot as plt

    trace = opened(trace)
    panels = [(draw_learning_curve, {}, {})]
    if any(name.startswith(PREFIX) for name in trace.learning):
        panels.append((draw_error_amplitude, {}, {}))
    recorded = recorded_rates(trace)
    if recorded:
        region = region or recorded[-1]
        snapshots = trace[f"activity/{region}/rate"].shape[0]
        what = {"region": region, "snapshot": min(1, snapshots - 1)}
        panels.append((draw_trajectory, what, {"projection": "3d"}))
    figure = plt.figure(figsize=(4.3 * len(panels), 3.8), layout="constrained")
    grid = figure.add_gridspec(1, len(panels))
    for cell, (draw, what, options) in zip(grid, panels, strict=True):
        draw(figure.add_subplot(cell, **options), trace, **what)
    plt.close(figure)
    lines = textwrap.wrap(_title(trace), 46 * len(panels))
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=11)
    return figure


def _title(trace: Trace) -> str:
    title = trace.configuration.get("title", trace.experiment)
    return f"{title}, {len(trace.seeds)} seed{'s' * (len(trace.seeds) > 1)}"
