"""How figures look: one palette that colour-blind readers can tell apart, one set of sizes."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from matplotlib import colormaps, interactive, is_interactive, rc_context
from matplotlib.figure import Figure

Draw = TypeVar("Draw", bound=Callable[..., Any])

#: Okabe and Ito's colours, in the order of use.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
#: Paul Tol's muted colours, where there are more than eight.
MORE = ("#882255", "#44AA99", "#999933", "#332288", "#AA4499", "#661100")
QUIET = "#8A8A8A"
STYLE = {
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "axes.prop_cycle": f"cycler('color', {list(PALETTE)})",
}


def styled(draw: Draw) -> Draw:
    """Let a function that returns a figure draw in this style, and leave the settings of the session as they were.

    Where the first figure of a notebook switches it to showing figures, it stays so.
    """

    @wraps(draw)
    def drawing(*things: Any, **options: Any) -> Any:
        with rc_context(STYLE):
            figure = draw(*things, **options)
            shows = is_interactive()
        interactive(shows)
        return figure

    return drawing


def canvas(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (4.4, 3.0), **options: Any
) -> tuple[Figure, Any]:
    """Return a figure and its axes.

    Parameters
    ----------
    rows, columns
        Number of panels.
    size
        Width and height of one panel in inches.
    **options
        Go to ``matplotlib.pyplot.subplots``.

    Examples
    --------
    >>> figure, axes = canvas(1, 2)
    >>> len(axes)
    2
    """
    import matplotlib.pyplot as plt

    size = (columns * size[0], rows * size[1])
    figure, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", **options)
    plt.close(figure)  # the caller shows it, once
    return figure, axes


def axes_for(ax: Any = None, **options: Any) -> tuple[Any, Any]:
    """Return what a figure of one panel returns, and the axes to draw into: the given axes, or those of a new figure.

    Parameters
    ----------
    ax
        Axes of the user's own figure.
    **options
        Go to :func:`canvas` where there are none.
    """
    return (ax, ax) if ax is not None else canvas(**options)


def canvas_of(
    projections: Sequence[str | None], heights: Sequence[float], columns: int, width: float = 4.2
) -> tuple[Figure, list[Any]]:
    """Return a figure and its axes, row by row, where panels differ in height (inches) and projection."""
    import matplotlib.pyplot as plt

    rows = [heights[start : start + columns] for start in range(0, len(heights), columns)]
    tall = [max(row) for row in rows]
    figure = plt.figure(figsize=(columns * width, sum(tall)), layout="constrained")
    grid = figure.add_gridspec(len(rows), columns, height_ratios=tall)
    cells = [(row, column) for row in range(len(rows)) for column in range(columns)]
    axes = [figure.add_subplot(grid[cell], projection=one) for cell, one in zip(cells, projections, strict=False)]
    plt.close(figure)
    return figure, axes


def lettered(axes: Sequence[Any]) -> None:
    """Put the letters a, b, c ... before the titles of several panels."""
    if len(axes) > 1:
        for letter, ax in zip("abcdefghijklmnopqrstuvwxyz", axes, strict=False):
            ax.set_title(f"{letter}  {ax.get_title('left')}".rstrip(), loc="left")


def colours(count: int, ordered: bool = False) -> Sequence[Any]:
    """Return colours for so many things; a sequence from dark to light where their order means something."""
    if ordered or count > len(PALETTE + MORE):
        return [colormaps["viridis"](place) for place in np.linspace(0.05, 0.88, max(count, 2))][:count]
    return (PALETTE + MORE)[:count]


def band(ax: Any, x: np.ndarray, runs: np.ndarray, **line: Any) -> Any:
    """Draw the mean over runs ``[run, x]`` with the range from smallest to largest; return the line."""
    (drawn,) = ax.plot(x, runs.mean(0), **({"marker": "o", "ms": 4} if len(x) == 1 else {}) | line)
    if len(runs) > 1 and len(x) == 1:
        ax.vlines(x, runs.min(0), runs.max(0), color=drawn.get_color(), linewidth=1)
    elif len(runs) > 1:
        ax.fill_between(x, runs.min(0), runs.max(0), color=drawn.get_color(), alpha=0.18, linewidth=0)
    return drawn
