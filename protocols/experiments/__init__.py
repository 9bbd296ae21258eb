"""Every figure and table as a named, runnable experiment. One folder a paper; nothing here imports JAX.

A new paper: a folder in ``papers`` with a file ``experiments.py`` that holds a tuple ``EXPERIMENTS`` of
:class:`~biocredit.protocols.experiments.experiment.Experiment`, two tables of numbers, and one row in
:data:`~biocredit.protocols.experiments.papers.PAPERS`.
"""

from dataclasses import replace
from importlib import import_module

from biocredit.circuits.core.errors import CircuitError, nearest
from biocredit.protocols.experiments.bench import BENCHES, bench_named
from biocredit.protocols.experiments.experiment import Configuration, Experiment, Reference
from biocredit.protocols.experiments.papers import PAPERS, numbers

__all__ = ["Configuration", "Experiment", "ExperimentError", "Reference", "every", "find"]


class ExperimentError(CircuitError):
    """There is no such experiment."""


def every() -> dict[str, Experiment]:
    """Return all experiments by name."""
    files = (import_module(f"biocredit.protocols.experiments.papers.{name}.experiments") for name in PAPERS)
    published, ours = numbers("published.csv"), numbers("observed.csv")
    return {
        one.name: replace(one, references=(*published.get(one.name, ()), *ours.get(one.name, ())))
        for file in files
        for one in file.EXPERIMENTS
    }


def find(name: str) -> Experiment:
    """Return an experiment by name; ``"bench/static"`` is a bench.

    Raises
    ------
    ExperimentError
        If there is none; the message names the nearest one.

    Examples
    --------
    >>> find("adjoint-propagation/fig2a").figure
    'Figure 2a'
    """
    paper, _, which = name.partition("/")
    if paper == "bench" and which in BENCHES:
        return bench_named(which).experiment()
    table = every()
    if name not in table:
        raise ExperimentError(f"unknown experiment {name!r}: {_hint(name, table)}")
    return table[name]


def _hint(name: str, table: dict[str, Experiment]) -> str:
    """Suggest the nearest experiment; all of them are too many for one line."""
    return nearest(name, table).partition("valid:")[0] + "see biocredit list"
