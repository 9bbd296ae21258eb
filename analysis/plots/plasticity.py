"""Pictures of an audit: what a synapse needs to know, and the matrix of rules and properties."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from biocredit.analysis.metrics.audited import Audit, Dependence
from biocredit.analysis.plots.style import PALETTE, QUIET, canvas, styled
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

#: Colour of what is found at each place.
PLACES = {
    "pre": PALETTE[0],
    "post": PALETTE[2],
    "both ends": PALETTE[5],
    "synapse": QUIET,
    "broadcast": PALETTE[4],
    "nonlocal": PALETTE[1],
}
#: Where the texts of a place stand: left edge, height of the first line, and the end of the arrow.
STANDS = {
    "pre": ((0.1, 1.35), (1.7, 0.22)),
    "post": ((4.35, 1.35), (4.3, 0.22)),
    "both ends": ((0.1, -0.85), (3.0, 0.0)),
    "synapse": ((2.3, -0.85), (3.0, 0.0)),
    "broadcast": ((2.3, 2.35), (3.0, 0.0)),
    "nonlocal": ((4.75, -0.85), (3.0, 0.0)),
}
LINE, SHOWN = 0.27, 5
VERDICTS = {"yes": "#8CC9B4", "part": "#F3D27A", "no": "#EBA07A", "number": "#E4E8EE", "not measured": "#FFFFFF"}


@styled
def plasticity_wiring(audit: Audit, array: str | None = None) -> Figure:
    """Draw one synapse with everything that its change depends on, by the place where it is found.

    Parameters
    ----------
    audit
        What ``biocredit.audit`` returns.
    array
        Plastic array; by default the one that needs most.

    Raises
    ------
    ValueError
        If there is no such array.
    """
    array = array or max(audit.arrays, key=lambda name: len(audit.of(name)))
    rows, (pre, post) = audit.of(array), audit.arrays[array]
    figure, ax = canvas(size=(7.4, 4.2))
    places = {row.place for row in rows}
    below = -2.5 if places & {"both ends", "synapse", "nonlocal"} else -0.9
    ax.set(xlim=(-0.1, 7.4), ylim=(below, 3.0 if "broadcast" in places else 2.3), aspect="equal")
    ax.axis("off")
    ax.set_title(f"{audit.rule}: what a synapse of {array} needs to know")
    for x, name, colour in ((1.5, pre or "bias", PLACES["pre"]), (4.5, post, PLACES["post"])):
        ax.add_patch(Circle((x, 0), 0.28, facecolor="white", edgecolor=colour, linewidth=2))
        ax.text(x, -0.42, name, ha="center", va="top", fontsize=8)
    ax.add_patch(FancyArrowPatch((1.8, 0), (4.2, 0), arrowstyle="-|>", mutation_scale=12, color="#444444"))
    ax.add_patch(Circle((3.0, 0), 0.09, color="#444444"))
    for place in PLACES:
        _place(ax, place, [row for row in rows if row.place == place])
    return figure


def _place(ax: Any, place: str, rows: Sequence[Dependence]) -> None:
    if not rows:
        return
    (x, y), target = STANDS[place]
    colour, above = PLACES[place], y > 0
    texts = [place, *dict.fromkeys(map(_said, rows))]
    texts = [*texts[: SHOWN + 1], f"and {len(texts) - SHOWN - 1} more"] if len(texts) > SHOWN + 1 else texts
    top = y + LINE * (len(texts) - 1) if above and place != "broadcast" else y
    for number, text in enumerate(texts):
        weight = "bold" if number == 0 else "normal"
        ax.text(x, top - number * LINE, text, color=colour, fontsize=8, weight=weight, va="center")
    edge = top - (len(texts) - 0.4) * LINE if above else y + 0.18
    line = {"linestyle": "--" if place in ("nonlocal", "broadcast") else "-", "color": colour, "linewidth": 1.2}
    ax.add_patch(FancyArrowPatch((x + 0.5, edge), target, arrowstyle="-|>", mutation_scale=9, **line))


def _said(row: Dependence) -> str:
    when = f" ({', '.join(row.times)})" if row.times else ""
    size = f" [{row.units}]" if row.place == "broadcast" else ""
    return f"{row.on}{size}{when}"


@styled
def audit_table(audits: Sequence[Audit], properties: Sequence[str] = ()) -> Figure:
    """Draw verdicts and numbers as a matrix, a row for each rule and a column for each property.

    Parameters
    ----------
    audits
        What ``biocredit.audit`` returned for each.
    properties
        Which of them; all that are measured somewhere by default.
    """
    names = list(dict.fromkeys(name for one in audits for name in one.properties))
    measured = [name for name in names if any(one.properties[name].verdict != "not measured" for one in audits
                                              if name in one.properties)]  # fmt: skip
    names = list(properties) or measured
    figure, ax = canvas(size=(3.0 + 0.62 * len(names), 1.9 + 0.26 * len(audits)))
    colours = np.array([[to_rgb(VERDICTS[_verdict(one, name)]) for name in names] for one in audits])
    ax.imshow(colours, aspect="auto")
    for row, one in enumerate(audits):
        for column, name in enumerate(names):
            ax.text(column, row, _cell(one, name), ha="center", va="center", fontsize=7)
    ax.set_xticks(range(len(names)), names, rotation=40, ha="left", rotation_mode="anchor", fontsize=8)
    ax.set_yticks(range(len(audits)), [one.rule for one in audits], fontsize=8)
    ax.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.set_xticks(np.arange(-0.5, len(names)), minor=True)
    ax.set_yticks(np.arange(-0.5, len(audits)), minor=True)
    ax.grid(visible=False)
    ax.grid(which="minor", color="white", linewidth=1.5)
    ax.tick_params(which="minor", length=0)
    ax.spines[:].set_visible(False)
    return figure


def _verdict(audit: Audit, name: str) -> str:
    return audit.properties[name].verdict if name in audit.properties else "not measured"


def _cell(audit: Audit, name: str) -> str:
    verdict = _verdict(audit, name)
    if verdict == "not measured":
        return ""
    value = audit.properties[name].value
    number = f"{value:.2g}" if np.isfinite(value) else ""
    if verdict == "number":
        return number
    return verdict if verdict == "yes" or not value or not number else f"{verdict} {number}"
