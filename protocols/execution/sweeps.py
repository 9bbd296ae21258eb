"""Sweeps from Python: an experiment at every point of a grid, by any executor."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from biocredit.protocols.execution.folder import claimed
from biocredit.protocols.execution.job import Job
from biocredit.protocols.execution.perform import Outcome, perform
from biocredit.protocols.experiments import Configuration, Experiment, find
from biocredit.protocols.experiments.own_file import load
from biocredit.protocols.experiments.sweep import file_name, grid


def sweep(
    experiment: str,
    over: Mapping[str, Sequence[Any]],
    folder: str | Path,
    *,
    executor: Executor | None = None,
    settings: Mapping[str, Any] | None = None,
    condition: Sequence[str] = (),
    quick: bool = False,
) -> list[Outcome]:
    """Run an experiment at every point of a grid; what is complete is left alone, what was begun goes on.

    Parameters
    ----------
    experiment
        Name of an experiment, or a Python file of one's own.
    over
        Values by dotted name of a setting, as after ``--over``.
    folder
        Where the traces go.
    executor
        Any :class:`concurrent.futures.Executor`: of Dask, MPI, Parsl, a pool; this process by default.
    settings
        Other settings by dotted name.
    condition
        Only these conditions.
    quick
        Small settings.

    Returns
    -------
    list of Outcome
        One for each point.

    Raises
    ------
    CircuitError
        For unknown experiments, conditions and settings.

    Examples
    --------
    >>> import tempfile
    >>> small = {"circuit.neurons": 16, "task.train": 100, "task.test": 50, "run.seeds": 1, "run.epochs": 1}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = sweep("adjoint-propagation/demo", {"run.seed": [0]}, folder, settings=small)
    [1/1] ...run.seed=0.h5
    [1/1] ...run.seed=0.h5: complete
    """
    found = load(experiment) if experiment.endswith(".py") else find(experiment)
    conditions = found.configured(settings, quick=quick, only=condition)
    jobs = jobs_of(found, conditions, over, Path(folder), quick)
    with claimed(Path(folder), jobs):
        return perform(jobs, executor)


def jobs_of(
    experiment: Experiment,
    conditions: Mapping[str, Configuration],
    over: Mapping[str, Sequence[Any]],
    folder: Path,
    quick: bool,
) -> list[Job]:
    """Make the job of every point of a grid."""
    points = grid(conditions, over)
    paths = [folder / f"{file_name(point.label)}.h5" for point in points]
    return [
        Job(experiment, point.condition, point.configuration, path, quick)
        for point, path in zip(points, paths, strict=True)
    ]
