"""The gallery: every figure that the package can make, from quick looks: ``python docs/_build/gallery.py [FOLDER]``."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biocredit.analysis.plots import figures
from biocredit.analysis.plots.animation import spreading_error

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images" / "gallery"

#: Quick looks by a short name: experiment, condition, settings.
RUNS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "ap": ("adjoint-propagation/demo", "AP", ("protocol.iterations=[6, 6]", "record.every=1")),
    "ap1": ("adjoint-propagation/fig2d", "SR=0.1", ()),
    "ap2": ("adjoint-propagation/fig2d", "SR=2.0", ()),
    "choice": ("adjoint-propagation/appendix2", "noise=1.0", ()),
    "pfa": ("product-feedback/fig2", "PFA", ()),
    "fa": ("product-feedback/fig2", "FA", ()),
    "sal": ("self-assembling-learning/fig5", "rate 0.1", ()),
    "ccl": ("counter-current-learning/fig3", "CCL", ()),
    "modprop": ("modprop/fig6-xor", "ModProp_Wab, lr=0.0005", ()),
    "task": ("temporal-tasks/perceptual-decision", "BPTT, rates", ('record.activity=["cells.rate", "output"]',)),
    "spikes": ("eprop/evidence-reduced", "e-prop", ()),
}
#: Descending pathways that are audited.
AUDITED = ("transposed", "random", "direct", "product", "weight_mirror")
Made = dict[str, Any]
#: Figures: file, what it shows, and how it is made from the runs.
FIGURES: list[tuple[str, str, Callable[[Made], Any]]] = [
    ("learning_curve", "Learning curve of one run", lambda of: figures.learning_curve(of["ap"])),
    ("learning_curves", "Several runs together", lambda of: figures.learning_curve(of["pfa"], of["fa"])),
    ("overview", "Overview of a run", lambda of: figures.overview(of["ap"])),
    ("error_amplitude", "Local errors over learning", lambda of: figures.error_amplitude(of["ap"])),
    ("amplitude_by_region", "Local errors by region", lambda of: figures.amplitude_by_region(of["ap"])),
    ("trajectory", "Trajectory of a region, with and without the error", lambda of: figures.trajectory(of["ap"], "V2")),
    ("settling", "How a region settles", lambda of: figures.settling(of["ap1"], of["ap2"])),
    ("measured", "What was measured while circuits learned", lambda of: figures.measured(of["pfa"], of["fa"])),
    ("panels", "A paper's figure", lambda of: figures.panels(of["pfa"], of["fa"])),
    ("embedding", "Two streams embedded together", lambda of: figures.panels(of["ccl"])),
    ("psychometric", "Psychometric curve", lambda of: figures.psychometric(of["choice"])),
    ("sweep", "A score against what differs", lambda of: figures.sweep(of["pfa"], of["fa"])),
    ("behaviour", "Behaviour in a temporal task", lambda of: figures.behaviour(of["task"])),
    ("choices", "Choices against the strength of the evidence", lambda of: figures.choices(of["task"])),
    ("trajectories", "Mean trajectories by condition", lambda of: figures.trajectories(of["task"])),
    ("raster", "Spikes", lambda of: figures.raster(of["spikes"])),
    ("plasticity_wiring", "What a synapse needs to know", lambda of: figures.plasticity_wiring(of["audits"][0])),
    ("audit_table", "Measured properties of several rules", lambda of: figures.audit_table(of["audits"])),
    *(
        (f"wiring_{name}", f"Wiring: {title}", lambda of, name=name: figures.wiring(of[name]))
        for name, title in (
            ("ap", "Adjoint Propagation"),
            ("pfa", "product feedback"),
            ("sal", "self-assembling learning"),
            ("ccl", "counter-current learning"),
            ("modprop", "a rate network with cell types"),
            ("spikes", "a spiking network"),
        )
    ),
]
ANIMATION = "spreading_error.gif"


def page() -> str:
    """Markdown of the gallery."""
    parts = ["# Gallery", "Every figure of `biocredit.figures`, from quick looks of a few seconds. Save them as `.pdf`, `.svg` or `.png`;"
             " those of one panel take `ax=`."]
    kept = [(name, title) for name, title, _ in FIGURES if (IMAGES / f"{name}.png").exists()]
    parts += [f"## {title}\n\n![{title}](images/gallery/{name}.png)" for name, title in kept]
    if (IMAGES / ANIMATION).exists():
        parts.append(f"## One trial of Adjoint Propagation\n\n![The error spreads](images/gallery/{ANIMATION})")
    return "\n\n".join(parts) + "\n"


def audits() -> list[Any]:
    """Audit a few pathways on digits."""
    from biocredit import DualStream, audit, tasks

    task = tasks.digits()
    return [audit(DualStream.mlp([64, 8, 6, 10], name), task) for name in AUDITED]


def make(folder: Path) -> None:
    """Run the quick looks and draw everything."""
    from biocredit.protocols.cli import main

    folder.mkdir(parents=True, exist_ok=True)
    place, made = Path(tempfile.mkdtemp()), {}
    for name, (experiment, condition, settings) in RUNS.items():
        made[name] = place / f"{name}.h5"
        options = [word for one in settings for word in ("--set", one)]
        if main(["run", experiment, "--quick", "--condition", condition, *options, "-o", str(made[name])]) != 0:
            print(f"{experiment} did not run", file=sys.stderr)
    made["audits"] = audits()
    for name, _, draw in FIGURES:
        try:
            draw(made).savefig(folder / f"{name}.png", dpi=90)
        except Exception as failure:
            print(f"{name}: {failure}", file=sys.stderr)
    spreading_error(made["ap"], folder / ANIMATION)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES)
