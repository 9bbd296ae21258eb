"""An animation of one trial of Adjoint Propagation: the error enters some cells and spreads over the dynamics."""

from pathlib import Path

import numpy as np
from biocredit.analysis.plots.style import canvas, styled
from biocredit.analysis.plots.trajectories import phase_courses, recorded_rates
from biocredit.analysis.reports.comparison import opened
from biocredit.analysis.trace.reader import Trace
from matplotlib.animation import FuncAnimation, PillowWriter


@styled
def spreading_error(
    trace: Trace, path: str | Path, *, trial: int = 0, seed: int = 0, snapshot: int = 0, milliseconds: int = 500
) -> Path:
    """Write a GIF of the local error of every cell, iteration by iteration of the learning phase.

    The error of a cell is the difference of its activity without and with the output error at the same iteration
    (eLife 2026, 15:e108237); colour shows its size, one square a cell, in the order of the cells.

    Parameters
    ----------
    trace
        A trace with the rates of some regions in both phases: ``Record(of="V1.rate")``, from rest.
    path
        The GIF.
    trial, seed, snapshot
        Positions along these axes.
    milliseconds
        How long an iteration is shown.
    """
    trace, path = opened(trace), Path(path)
    errors = {name: _error(trace, name, trial, seed, snapshot) for name in reversed(recorded_rates(trace))}
    steps = min(len(one) for one in errors.values())
    figure, axes = canvas(len(errors), 1, (5.0, 1.5), squeeze=False)
    size = max(float(np.abs(one).max()) for one in errors.values()) or 1.0
    images = []
    for ax, (name, error) in zip(axes[:, 0], errors.items(), strict=True):
        images.append(ax.imshow(_square(0 * error[0]), cmap="RdBu_r", vmin=-size, vmax=size, aspect="auto"))
        ax.set(xticks=[], yticks=[], ylabel=name)
        ax.grid(visible=False)
    figure.colorbar(images[0], ax=axes[:, 0], label="local error")

    def frame(step: int) -> list:
        for image, error in zip(images, errors.values(), strict=True):
            image.set_data(_square(error[step - 1] if step else 0 * error[0]))
        axes[0, 0].set_title(f"iteration {step}" if step else "before the error enters")
        return images

    FuncAnimation(figure, frame, frames=steps + 1).save(path, writer=PillowWriter(fps=1000 / milliseconds), dpi=90)
    return path


def _error(trace: Trace, region: str, trial: int, seed: int, snapshot: int) -> np.ndarray:
    courses = phase_courses(trace, region, seed=seed, snapshot=snapshot)
    before, after = courses["inference"][trial], courses["learning"][trial]
    steps = min(len(before), len(after))
    return before[:steps] - after[:steps]


def _square(cells: np.ndarray, rows: int = 4) -> np.ndarray:
    padded = np.full(-(-cells.size // rows) * rows, np.nan)
    padded[: cells.size] = cells
    return padded.reshape(rows, -1)
