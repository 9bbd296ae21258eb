"""The demonstration behind ``make demo``: Adjoint Propagation learns digits; a trace and a figure to look at."""

import sys
from pathlib import Path

from biocredit.protocols.cli import main


def demo(folder: str | Path = "demo") -> int:
    """Run the demonstration, draw its figure, and say where both are; return the exit status.

    Parameters
    ----------
    folder
        Where ``ap_digits.h5`` and ``ap_digits.png`` go; what is there is replaced.
    """
    trace, picture = Path(folder) / "ap_digits.h5", Path(folder) / "ap_digits.png"
    status = main(["run", "adjoint-propagation/demo", "-o", str(trace), "--overwrite"])
    if status == 0:
        from biocredit.analysis.plots import figures

        figures.overview(trace).savefig(picture, dpi=160)
        print(picture)
    return status


if __name__ == "__main__":
    sys.exit(demo(*sys.argv[1:2]))
