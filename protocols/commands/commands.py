"""What each subcommand of ``biocredit`` does; heavy imports happen when they are needed."""

import json
import os
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biocredit.analysis.trace.schema import COMPANIONS, TraceError
from biocredit.analysis.trace.storage.durable import WriteError
from biocredit.circuits.core.errors import CircuitError, nearest
from biocredit.protocols.datasets.formats import DataError
from biocredit.protocols.experiments import Experiment, every, find
from biocredit.protocols.experiments.overrides import SettingError, as_json, assignment, from_json
from biocredit.protocols.experiments.settings import PARTS

if TYPE_CHECKING:
    from biocredit.protocols.experiments.runner import Job


#: What a user can put right; anything else is a defect of the program and shows a traceback.
BAD_INPUT = (CircuitError, DataError, TraceError)


class Failed(Exception):
    """A run began and failed."""


# -- experiments ------------------------------------------------------------------------------------------------


def list_command(given: Namespace) -> int:
    """Print every experiment."""
    rows = [("experiment", "figure", "needs", "takes")]
    for name, one in every().items():
        if given.word in name:
            rows.append((name, one.figure, ", ".join(one.needs) or "nothing", one.takes))
    if len(rows) == 1:
        raise SettingError(f"no experiment contains {given.word!r}: see biocredit list")
    _print_table(rows)
    return 0


def show_command(given: Namespace) -> int:
    """Print the configuration of an experiment as JSON."""
    experiment, conditions, quick = _chosen(given)
    about = {"experiment": experiment.name, "figure": experiment.figure, "title": experiment.title, "quick": quick}
    about["conditions"] = {label: as_json(one) for label, one in conditions.items()}
    print(json.dumps(about, indent=2))
    return 0


def run_command(given: Namespace) -> int:
    """Run an experiment."""
    experiment, conditions, quick = _chosen(given)
    several = len(experiment.conditions) > 1 and not (len(conditions) == 1 and given.output)
    place = Path(given.output or experiment.name.replace("/", "_") + ("" if several else ".h5"))
    paths = {label: place / f"{_file_name(label)}.h5" if several else place for label in conditions}
    return _perform(given, experiment, conditions, paths, quick)


def sweep_command(given: Namespace) -> int:
    """Run an experiment at every point of a grid."""
    from biocredit.protocols.experiments.sweep import grid, summarise

    experiment, conditions, quick = _chosen(given)
    points = grid(conditions, dict(_values(text) for text in given.over))
    folder = Path(given.output or experiment.name.replace("/", "_") + "_sweep")
    jobs = [
        _jobs(
            experiment,
            {point.condition: point.configuration},
            {point.condition: folder / f"{_file_name(point.label)}.h5"},
            quick,
        )[0]
        for point in points
    ]
    status = _work(given, jobs)
    print(summarise([job.path for job in jobs], list(dict(_values(text) for text in given.over)), folder / "sweep.csv"))
    return status


def resume_command(given: Namespace) -> int:
    """Go on with a run."""
    _prepare_jax()
    from biocredit.analysis.trace.reader import open_trace
    from biocredit.protocols.experiments.runner import job_of
    from biocredit.protocols.training.protocol import Protocol

    with open_trace(given.trace) as trace:
        own = "run" in trace.configuration and ("experiment" not in trace.configuration or given.epochs is not None)
    if own:
        return _attempt([], lambda: Protocol.from_trace(given.trace).resume(given.trace, epochs=given.epochs))
    job = job_of(given.trace)
    if job.state() == "complete":
        print(f"{job.path} is complete: nothing to resume")
        return 0
    return _attempt([job], job.go_on)


def _chosen(given: Namespace) -> tuple[Experiment, dict[str, Any], bool]:
    """Return the experiment, the configurations that were asked for, and whether they are the quick ones."""
    overrides = dict(assignment(text) for text in given.set)
    overrides |= {
        f"run.{name}": getattr(given, name) for name in ("epochs", "seeds") if getattr(given, name) is not None
    }
    if not given.experiment.endswith(".json"):
        experiment = find(given.experiment)
        return experiment, experiment.configured(overrides, quick=given.quick, only=given.condition), given.quick
    about = _read_json(Path(given.experiment))
    experiment = find(about["experiment"])
    edited = {}
    for label, settings in about["conditions"].items():
        experiment.configured(only=[label])
        edited[label] = from_json(experiment.conditions[label], settings, parts={**PARTS, **experiment.parts})
    changed = Experiment(**{**vars(experiment), "conditions": edited})
    return experiment, changed.configured(overrides, quick=given.quick, only=given.condition), bool(about.get("quick"))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise SettingError(f"{path} is not JSON: {error}") from None
    for name, kind in (("experiment", str), ("conditions", dict)):
        if not isinstance(about, dict) or not isinstance(about.get(name), kind):
            raise SettingError(f"{path} holds no {name!r}: wanted what 'biocredit show' prints")
    return about


def _values(text: str) -> tuple[str, list[str]]:
    """Split ``FIELD=A,B,...``; a value with commas of its own is written as a JSON list of values."""
    name, values = assignment(text)
    if values.startswith("["):
        return name, [json.dumps(value) for value in json.loads(values)]
    return name, [value for value in values.split(",") if value]


def _jobs(experiment: Experiment, conditions: dict[str, Any], paths: dict[str, Path], quick: bool) -> "list[Job]":
    _prepare_jax()
    from biocredit.protocols.experiments.runner import Job

    return [Job(experiment.name, label, one, paths[label], quick) for label, one in conditions.items()]


def _perform(given: Namespace, experiment: Experiment, conditions: dict, paths: dict, quick: bool) -> int:
    jobs = _jobs(experiment, conditions, paths, quick)
    if len(jobs) > 1:
        return _work(given, jobs)
    (job,) = jobs
    status = _attempt(jobs, lambda: job.start(overwrite=given.overwrite))
    print(job.path)
    return status


def _work(given: Namespace, jobs: "list[Job]") -> int:
    """Run several jobs."""
    from biocredit.protocols.experiments.runner import perform

    if given.workers < 1:
        raise SettingError(f"--workers must be 1 or more, got {given.workers}")
    if given.overwrite:
        _remove(job.path for job in jobs)
    return _attempt(jobs, lambda: perform(jobs, workers=given.workers))


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        for one in (path, *(Path(f"{path}{ending}") for ending in COMPANIONS)):
            one.unlink(missing_ok=True)


def _attempt(jobs: "list[Job]", work: Any) -> int:
    from biocredit.protocols.training.checkpoint import RunError

    try:
        work()
    except (RunError, WriteError) as failure:
        raise Failed(str(failure)) from None
    for job in jobs:
        if job.path.exists() and job.state() == "begun":
            print(f"{job.path} is not complete: 'biocredit resume {job.path}' goes on")
    return 0


def _prepare_jax() -> None:
    """Keep compiled programs in the user's cache folder."""
    from biocredit.protocols.datasets.files import cache_folder

    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder() / "compiled"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")


def _file_name(label: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "=.,-+" else "_" for letter in label)


# -- traces -----------------------------------------------------------------------------------------------------


def inspect_command(given: Namespace) -> int:
    """Describe traces, or check them."""
    from biocredit.analysis.trace.check import check, summary

    deviations = 0
    for path in _traces(given.traces):
        if not given.check:
            print(summary(path))
            continue
        found = check(path)
        deviations += len(found)
        print("\n".join(f"{path}: {line}" for line in found) or f"{path}: keeps to the schema")
    return 2 if deviations else 0


def report_command(given: Namespace) -> int:
    """Write a report."""
    from biocredit.analysis.reports.report import write_report

    print(write_report(_traces(given.traces), given.output))
    return 0


def export_command(given: Namespace) -> int:
    """Write a trace in another form."""
    from biocredit.protocols.commands.recordings import export

    return export(given)


def cite_command(given: Namespace) -> int:
    """Print BibTeX."""
    from biocredit.analysis.reports.bibliography import cite

    table = every()
    print(cite(*(table[thing].citation if thing in table else thing for thing in given.things)))
    return 0


def _traces(names: Iterable[str]) -> list[Path]:
    """Expand folders to the traces in them."""
    found: list[Path] = []
    for name in map(Path, names):
        inside = sorted(name.glob("*.h5")) if name.is_dir() else [name]
        if not inside:
            raise CircuitError(f"{name} holds no trace (*.h5)")
        found += inside
    return found


# -- data -------------------------------------------------------------------------------------------------------


def data_command(given: Namespace) -> int:
    """List, find, download or import data sets."""
    from biocredit.protocols.datasets import datasets

    if given.action == "import-recording":
        from biocredit.protocols.commands.recordings import import_recording

        return import_recording(given)
    if given.action in ("list", "where"):
        print(datasets.data_list() if given.action == "list" else datasets.data_where())
        return 0
    if given.name is None:
        raise SettingError(f"data {given.action} needs the name of a data set: {nearest('', datasets.TABLE)}")
    importing = given.action == "import"
    place = datasets.import_files(given.name, given.files) if importing else datasets.fetch(given.name)
    print(f"{given.name}: {place.folder}")
    return 0


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())
