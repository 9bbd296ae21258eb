"""Run experiments into trace files: one job a file, one after the other or in several processes."""

import json
import multiprocessing
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biocredit.analysis.trace.reader import Trace, TraceError, open_trace
from biocredit.protocols.experiments import Configuration, ExperimentError, find
from biocredit.protocols.experiments.overrides import as_json, from_json
from biocredit.protocols.experiments.settings import PARTS
from biocredit.protocols.training.checkpoint import RunError, path_beside


@dataclass(frozen=True)
class Job:
    """One configuration of an experiment, and the file that its trace goes to.

    Parameters
    ----------
    experiment, condition
        Names.
    configuration
        Settings.
    path
        Trace file.
    quick
        Whether the settings are those of a quick look.
    """

    experiment: str
    condition: str
    configuration: Configuration
    path: Path
    quick: bool = False

    @property
    def record(self) -> dict[str, Any]:
        """What the trace says about the run."""
        return find(self.experiment).record(self.condition, self.configuration, quick=self.quick)

    def state(self) -> str:
        """``"new"``, ``"complete"``, ``"begun"`` (a checkpoint lies beside it) or ``"lost"`` (no checkpoint).

        Raises
        ------
        ExperimentError
            If the file holds another run.
        """
        if not self.path.exists():
            return "new"
        trace = open_trace(self.path)
        settings = trace.configuration.get("settings")
        if (trace.experiment, settings) != (self.experiment, _plain(self.configuration)):
            raise ExperimentError(f"{self.path} holds another run: choose another place, or allow --overwrite")
        return "complete" if trace.status == "complete" else "begun" if path_beside(self.path).exists() else "lost"

    def start(self, *, overwrite: bool = False, progress: bool = True) -> Path:
        """Run it from the beginning."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        about = {"experiment": self.experiment, "configuration": self.record}
        epochs = self.configuration.run.epochs
        built(self.configuration).train(epochs, self.path, overwrite=overwrite, progress=progress, **about)
        return self.path

    def go_on(self, *, progress: bool = True) -> Path:
        """Resume it from its checkpoint, or start it again where it was lost before the first one."""
        if self.state() == "lost":
            if done := epochs_in(self.path):
                raise RunError(
                    f"{self.path} holds {done} epochs, but its checkpoint {path_beside(self.path).name} is missing: "
                    "copy it along, or start anew with biocredit run --overwrite"
                )
            return self.start(overwrite=True, progress=progress)
        built(self.configuration).resume(self.path, progress=progress)
        return self.path


def epochs_in(path: Path) -> int:
    """Count the epochs that a trace holds."""
    return max(
        (len(one.coords["epoch"]) for one in open_trace(path).learning.values() if "epoch" in one.dims), default=0
    )


def built(configuration: Configuration) -> Any:
    """Build the protocol of a configuration.

    Raises
    ------
    ExperimentError
        If circuit, task or protocol refuse a setting.
    """
    try:
        return configuration.build()
    except ValueError as refusal:
        raise ExperimentError(" ".join(str(refusal).split())) from refusal


def job_of(path: str | Path) -> Job:
    """Read from a trace which job it belongs to.

    Raises
    ------
    ExperimentError
        If it was not written by a named experiment.
    """
    trace: Trace = open_trace(path)
    about: Mapping[str, Any] = trace.configuration
    if "experiment" not in about:
        raise ExperimentError(f"{path} was not written by a named experiment: build its protocol and call resume()")
    experiment = find(about["experiment"])
    example = experiment.conditions.get(about["condition"])
    if example is None:
        raise ExperimentError(f"{path}: {experiment.name} has no condition {about['condition']!r} any more")
    settings = from_json(example, about["settings"], parts={**PARTS, **experiment.parts})
    return Job(experiment.name, about["condition"], settings, Path(path), about["quick"])


def perform(jobs: Iterable[Job], *, workers: int = 1, say: Callable[[str], None] = print) -> list[Path]:
    """Run several jobs; complete ones are left alone, begun ones are resumed.

    Parameters
    ----------
    workers
        Processes at a time.
    say
        Called with a line for every job that is done.

    Raises
    ------
    RunError
        When all others are done, if a run failed.
    """
    jobs = list(jobs)
    states = [job.state() for job in jobs]
    due = [job for job, state in zip(jobs, states, strict=True) if state != "complete"]
    if len(due) < len(jobs):
        say(f"{len(jobs) - len(due)} of {len(jobs)} are complete already")
    failures = _in_processes(due, workers, say) if workers > 1 else _in_turn(due, say)
    if failures:
        raise RunError(f"{len(failures)} of {len(due)} runs failed; first: {failures[0]}")
    return [job.path for job in jobs]


def _in_turn(jobs: list[Job], say: Callable[[str], None]) -> list[str]:
    failures = []
    for number, job in enumerate(jobs, start=1):
        say(f"[{number}/{len(jobs)}] {job.path}")
        outcome = attempt(job, progress=True)
        failures += [outcome] if outcome else []
        if _stopped(job):
            say("stopped; the same command goes on")
            break
    return failures


def _in_processes(jobs: list[Job], workers: int, say: Callable[[str], None]) -> list[str]:
    failures = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        running = {pool.submit(attempt, job): job for job in jobs}
        for number, future in enumerate(as_completed(running), start=1):
            outcome = future.result()
            failures += [outcome] if outcome else []
            say(f"[{number}/{len(jobs)}] {running[future].path}{f': {outcome}' if outcome else ''}")
    return failures


def attempt(job: Job, progress: bool = False) -> str:
    """Run a job, from its checkpoint if it has one; return why the run failed, or nothing.

    Raises
    ------
    ExperimentError
        If the job cannot be built: bad input, which further jobs will share.
    """
    try:
        if job.state() == "new":
            job.start(progress=progress)
        else:
            job.go_on(progress=progress)
    except (RunError, TraceError) as failure:
        return f"{job.path}: {' '.join(str(failure).split())}"
    return ""


def _stopped(job: Job) -> bool:
    return job.path.exists() and open_trace(job.path).status == "stopped"


def _plain(configuration: Configuration) -> Any:
    return json.loads(json.dumps(as_json(configuration)))
