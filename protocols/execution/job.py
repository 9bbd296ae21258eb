"""A job: one configuration, and the file that its trace goes to. The trace is the job's identity and its claim."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from biocredit.analysis.trace.reader import Trace, open_trace
from biocredit.circuits.core.errors import CircuitError
from biocredit.protocols.experiments import Configuration, Experiment, ExperimentError, find
from biocredit.protocols.experiments.overrides import as_json, from_json
from biocredit.protocols.experiments.own_file import load
from biocredit.protocols.experiments.settings import PARTS
from biocredit.protocols.training.checkpoint import RunError, path_beside, reached

#: What building a circuit, task or protocol from settings may raise.
REFUSALS = (ValueError, TypeError, ArithmeticError, LookupError, MemoryError, AttributeError, NotImplementedError)


@dataclass(frozen=True)
class Job:
    """One configuration of an experiment, and the file that its trace goes to.

    Parameters
    ----------
    experiment
        What it belongs to.
    condition
        Which of its conditions.
    configuration
        Settings.
    path
        Trace file.
    quick
        Whether the settings are those of a quick look.
    """

    experiment: Experiment
    condition: str
    configuration: Configuration
    path: Path
    quick: bool = False

    def plain(self) -> dict[str, Any]:
        """Return the job as JSON, from which another process makes it again."""
        about = self.experiment.record(self.condition, self.configuration, quick=self.quick)
        same = {name: about[name] for name in ("experiment", "condition", "quick", "settings")}
        return same | {"path": str(self.path), "source": self.experiment.source}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Make a job again.

        Raises
        ------
        ExperimentError
            If the experiment, its condition or its file are not there any more.
        """
        experiment = load(plain["source"]) if plain.get("source") else find(plain["experiment"])
        example = experiment.conditions.get(plain["condition"])
        if example is None:
            raise ExperimentError(
                f"{plain['path']}: {experiment.name} has no condition {plain['condition']!r} any more"
            )
        settings = from_json(example, plain["settings"], parts={**PARTS, **experiment.parts})
        return cls(experiment, plain["condition"], settings, Path(plain["path"]), bool(plain["quick"]))

    @classmethod
    def of(cls, path: str | Path) -> Self:
        """Read from a trace which job it belongs to.

        Raises
        ------
        ExperimentError
            If it was not written by an experiment.
        """
        trace: Trace = open_trace(path)
        about = trace.configuration
        if not {"experiment", "condition", "settings", "quick"} <= set(about):
            raise ExperimentError(f"{path} was not written by an experiment: build its protocol and call resume()")
        return cls.from_plain({**about, "path": str(path)})

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
        settings = json.loads(json.dumps(as_json(self.configuration)))
        if (trace.experiment, trace.configuration.get("settings")) != (self.experiment.name, settings):
            raise ExperimentError(f"{self.path} holds another run: choose another place, or allow --overwrite")
        return "complete" if trace.status == "complete" else "begun" if path_beside(self.path).exists() else "lost"

    def reached(self) -> tuple[int, int]:
        """Return how far its last checkpoint is, in epochs and updates of the present one."""
        return reached(path_beside(self.path))

    def start(self, *, overwrite: bool = False, progress: bool = True) -> Path:
        """Run it from the beginning."""
        run = self.built()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        record = self.experiment.record(self.condition, self.configuration, quick=self.quick)
        about = {"experiment": self.experiment.name, "configuration": record}
        run.train(self.configuration.run.epochs, self.path, overwrite=overwrite, progress=progress, **about)
        return self.path

    def go_on(self, *, progress: bool = True) -> Path:
        """Resume it from its checkpoint, or start it again where it was lost before the first one.

        Raises
        ------
        RunError
            If epochs are recorded and the checkpoint is missing.
        """
        if self.state() == "lost":
            if done := epochs_in(open_trace(self.path)):
                raise RunError(
                    f"{self.path} holds {done} epochs, but its checkpoint {path_beside(self.path).name} is missing: "
                    "copy it along, or start anew with biocredit run --overwrite"
                )
            return self.start(overwrite=True, progress=progress)
        self.built().resume(self.path, progress=progress)
        return self.path

    def built(self) -> Any:
        """Build the protocol.

        Raises
        ------
        ExperimentError
            If circuit, task or protocol refuse a setting.
        """
        try:
            return self.configuration.build()
        except REFUSALS as refusal:
            named = isinstance(refusal, CircuitError) or type(refusal) is ValueError
            what = "" if named else f"cannot be built with these settings: {type(refusal).__name__}: "
            raise ExperimentError(f"{what}{' '.join(str(refusal).split())}") from refusal


def epochs_in(trace: Trace) -> int:
    """Count the epochs that a trace holds."""
    return max((len(one.coords["epoch"]) for one in trace.learning.values() if "epoch" in one.dims), default=0)
