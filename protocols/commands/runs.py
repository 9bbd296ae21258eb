"""Commands that run experiments: ``run``, ``resume``, ``sweep``, ``work``, ``status``, ``merge``."""

import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biocredit.analysis.trace.schema import COMPANIONS, TraceError
from biocredit.analysis.trace.storage.durable import WriteError
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.commands.choosing import chosen, prepare_jax, values
from biocredit.protocols.commands.door import BAD_INPUT, FAILED, INTERRUPTED, TRY_AGAIN, Failed, complain, say
from biocredit.protocols.commands.files import repaired, require_sound
from biocredit.protocols.commands.tables import print_table
from biocredit.protocols.experiments.overrides import SettingError

if TYPE_CHECKING:
    from biocredit.protocols.execution.job import Job
    from biocredit.protocols.execution.perform import Outcome


def run_command(given: Namespace) -> int:
    """Run an experiment."""
    from biocredit.protocols.experiments.sweep import file_name

    experiment, conditions, quick = chosen(given)
    several = len(conditions) > 1 or (len(experiment.conditions) > 1 and not given.output)
    place = Path(given.output or experiment.name.replace("/", "_") + ("" if several else ".h5"))
    if place.is_dir() and not several:
        raise SettingError(f"{place} is a folder: wanted the name of a trace file, such as {place / 'run.h5'}")
    paths = {label: place / f"{file_name(label)}.h5" if several else place for label in conditions}
    jobs = _jobs(experiment, conditions, paths, quick)
    if len(jobs) > 1 or given.on != "pool" or given.dry_run:
        return _work(given, jobs, place if several else Path(f"{place}.jobs"))
    (job,) = jobs
    if job.path.exists() and not given.overwrite:
        if not given.resume:
            raise SettingError(f"{job.path} exists already: --resume goes on with it, --overwrite starts anew")
        return _go_on(job)
    return _attempt(job, lambda: job.start(overwrite=given.overwrite))


def resume_command(given: Namespace) -> int:
    """Go on with a run."""
    prepare_jax()
    from biocredit.analysis.trace.reader import open_trace
    from biocredit.protocols.execution.job import Job
    from biocredit.protocols.training.protocol import Protocol

    if "nothing to repair" not in (done := repaired(Path(given.trace))):
        print(done)
    require_sound([Path(given.trace)])
    with open_trace(given.trace) as trace:
        about = trace.configuration
    if "run" in about and ("experiment" not in about or given.epochs is not None):
        run = Protocol.from_trace(given.trace)
        return _finish(lambda: run.resume(given.trace, epochs=given.epochs), Path(given.trace))
    return _go_on(Job.of(given.trace))


def sweep_command(given: Namespace) -> int:
    """Run an experiment at every point of a grid."""
    prepare_jax()
    from biocredit.protocols.execution.sweeps import jobs_of
    from biocredit.protocols.experiments.sweep import summarise

    experiment, conditions, quick = chosen(given)
    over = dict(values(text) for text in given.over)
    folder = Path(given.output or experiment.name.replace("/", "_") + "_sweep")
    jobs = jobs_of(experiment, conditions, over, folder, quick)
    status = _work(given, jobs, folder)
    if not given.dry_run and given.on != "slurm":
        print(summarise([job.path for job in jobs], list(over), folder / "sweep.csv"))
    return status


def work_command(given: Namespace) -> int:
    """Do one job of a folder: what a task of an array runs."""
    from biocredit.protocols.training.stopping import stop_request

    with stop_request():
        prepare_jax()
        from biocredit.protocols.execution import slurm
        from biocredit.protocols.execution.folder import Fruitless, jobs_in
        from biocredit.protocols.execution.perform import Restarts, attempt

        folder = Path(given.folder)
        jobs, record = jobs_in(folder), Fruitless(folder, given.number)
        if not 0 <= given.number < len(jobs):
            raise SettingError(f"{given.folder} holds jobs 0 to {len(jobs) - 1}, not {given.number}")
        job = jobs[given.number]
        restarts = Restarts(job, record.read())
        outcome = attempt(job.plain())
        print(f"{outcome.path}: {outcome.state} {outcome.reason}".strip())
        status = exit_status([outcome])
        if status != TRY_AGAIN:
            return status
        if not restarts.worth_another():
            raise Failed(f"{job.path} was begun {restarts.fruitless} times in a row without getting further")
        record.write(restarts.fruitless)
        slurm.requeue(os.environ)
        return status


def status_command(given: Namespace) -> int:
    """Say how far the runs of a folder are."""
    from biocredit.protocols.execution.status import table

    print_table(table(Path(given.folder)))
    return 0


def merge_command(given: Namespace) -> int:
    """Join the seeds of several traces."""
    from biocredit.protocols.execution.merge import merge

    print(merge(given.traces, given.output, overwrite=given.overwrite))
    return 0


def _jobs(experiment: Any, conditions: dict[str, Any], paths: dict[str, Path], quick: bool) -> "list[Job]":
    prepare_jax()
    from biocredit.protocols.execution.job import Job

    return [Job(experiment, label, one, paths[label], quick) for label, one in conditions.items()]


def _work(given: Namespace, jobs: "Sequence[Job]", folder: Path) -> int:
    """Run several jobs where the user says."""
    from biocredit.protocols.execution import engines, slurm
    from biocredit.protocols.execution.folder import claimed
    from biocredit.protocols.execution.perform import perform

    if given.workers < 1:
        raise SettingError(f"--workers must be 1 or more, got {given.workers}")
    limits = {"partition": given.partition, "time": given.time, "gpus": given.gpus, "memory": given.memory}
    resources = engines.Resources(given.workers, **limits, limit=given.array_limit)
    if given.dry_run:
        print("\n".join(f"{job.state():9} {job.path}" for job in jobs))
        if given.on == "slurm":
            print(slurm.text(folder.resolve().name, range(len(jobs)), resources))
        return 0
    if given.overwrite:
        _remove(job.path for job in jobs)
    if given.on == "slurm":
        script, due = slurm.write(folder, jobs, resources)
        number = f"{slurm.submit(script)}: " if due else ""
        others = f" of {len(jobs)}, the others are complete or in the queue" * (due < len(jobs))
        print(f"{number}{due} jobs{others}; 'biocredit status {folder}' says how far they are")
        return 0
    with claimed(folder, jobs), engines.executor(given.on, resources) as executor:
        outcomes = perform(jobs, executor)
    return _summed_up(outcomes)


def _summed_up(outcomes: "Sequence[Outcome]") -> int:
    """Print one line for each run that did not end well; return the exit status."""
    bad = [one for one in outcomes if one.state in ("failed", "refused", "busy")]
    left = [one for one in outcomes if one.state == "stopped"]
    if left:
        say(f"{len(left)} of {len(outcomes)} are not complete: the same command goes on")
    for one in bad[:20]:
        say(f"{one.path}: {one.state}: {one.reason}", sys.stderr)
    status = exit_status(outcomes)
    if bad:
        return complain("sweep", f"{len(bad)} of {len(outcomes)} runs failed; first: {bad[0].reason}", status)
    return status


def exit_status(outcomes: "Sequence[Outcome]") -> int:
    """Return 0, or the most urgent of the statuses of several runs."""
    states = {one.state for one in outcomes}
    if "stopped" in states:
        return INTERRUPTED if any(one.reason == "Ctrl-C" for one in outcomes) else TRY_AGAIN
    if states == {"refused"}:
        return BAD_INPUT
    return FAILED if states & {"failed", "refused", "busy"} else 0


def _go_on(job: "Job") -> int:
    if job.state() == "complete":
        print(f"{job.path} is complete: nothing to resume")
        return 0
    return _attempt(job, job.go_on)


def _attempt(job: "Job", work: Any) -> int:
    return _finish(work, job.path, job.experiment.source)


def _finish(work: Any, path: Path, source: str = "") -> int:
    """Do a single run; say in one line what went wrong, or how to go on."""
    from biocredit.protocols.experiments.own_file import where
    from biocredit.protocols.training.checkpoint import RunError

    try:
        work()
    except (RunError, WriteError) as failure:
        raise Failed(str(failure)) from None
    except (CircuitError, TraceError):
        raise
    except Exception as failure:
        place = where(failure, source) if source else ""
        if place:
            raise Failed(place) from failure
        raise
    except (KeyboardInterrupt, SystemExit):
        _say_how_to_go_on(path)
        raise
    _say_how_to_go_on(path)
    say(str(path))
    return 0


def _say_how_to_go_on(path: Path) -> None:
    from biocredit.analysis.trace.reader import open_trace

    if path.exists() and open_trace(path).status == "stopped":
        say(f"{path} is not complete: 'biocredit resume {path}' goes on")


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        for one in (path, *(Path(f"{path}{ending}") for ending in COMPANIONS)):
            one.unlink(missing_ok=True)
