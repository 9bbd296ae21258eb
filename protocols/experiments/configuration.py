"""All settings of one run: a task, a circuit, how credit is assigned, a protocol, and what is looked at."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Literal

from biocredit.circuits.core.errors import require
from biocredit.protocols.experiments.memory import check_memory
from biocredit.protocols.experiments.overrides import Named
from biocredit.protocols.experiments.settings import credit
from biocredit.protocols.experiments.settings.optimizers import Optimizer
from biocredit.protocols.experiments.settings.phases import TwoPhase

if TYPE_CHECKING:
    from biocredit.circuits import Circuit
    from biocredit.protocols.recording.record import Record
    from biocredit.protocols.tasks.task import Task
    from biocredit.protocols.training.protocol import Protocol

#: More networks than this are no experiment.
MOST_SEEDS = 100_000


@dataclass(frozen=True)
class Run:
    """How long and how often.

    Parameters
    ----------
    epochs
        Passes through the task; 0 records the circuit as it is born.
    seeds
        Number of independent networks.
    seed
        The first of their seeds.
    batch_size
        Trials per update.
    shuffle
        See :class:`biocredit.protocols.training.protocol.Protocol`.
    pass_trials
        Trials of one pass, drawn at random; by default a pass is all training trials.
    """

    epochs: int = 100
    seeds: int = 5
    seed: int = 0
    batch_size: int = 500
    shuffle: Literal["samples", "batches", "none"] = "batches"
    pass_trials: int | None = None

    def __post_init__(self) -> None:
        require(self.epochs >= 0, f"run.epochs must be 0 or more, got {self.epochs}")
        require(1 <= self.seeds <= MOST_SEEDS, f"run.seeds must be 1 to {MOST_SEEDS}, got {self.seeds}")
        require(0 <= self.seed < 2**31 - MOST_SEEDS, f"run.seed must be 0 to 2**31, got {self.seed}")
        require(self.batch_size >= 1, f"run.batch_size must be 1 or more, got {self.batch_size}")
        require(self.pass_trials != 0, "run.pass_trials must be 1 or more, got 0")


@dataclass(frozen=True)
class Recording:
    """What is recorded besides learning curves.

    Parameters
    ----------
    activity
        Variables of the dynamics, for a few test trials (``"V1.rate"``).
    weights
        Weight arrays.
    amplitudes
        Variables whose mean absolute value is followed; ``*`` stands for anything (``"*.error"``).
    every
        Epochs from one record of activity and weights to the next.
    trials
        Number of test trials whose activity is recorded.
    """

    activity: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    amplitudes: tuple[str, ...] = ()
    every: int = 10
    trials: int = 10

    def records(self, net: "Circuit") -> "list[Record]":
        """List the records of a circuit."""
        from biocredit.protocols.recording.record import Record, amplitude

        slow = [Record(of=name, every=self.every) for name in (*self.activity, *self.weights)]
        followed = [name for name in net.variables() if any(fnmatch(name, one) for one in self.amplitudes)]
        return slow + [amplitude(name) for name in followed]


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All settings of one run; every part is a frozen dataclass of :mod:`biocredit.protocols.experiments.settings`.

    Parameters
    ----------
    task, circuit
        What is learned, and by which circuit.
    pathway, rule
        How credit is assigned in it: one of the two, where the circuit takes one.
    protocol
        What happens in a trial.
    optimizer
        From directions to steps.
    record, measures
        What is recorded, and what is measured, by name.
    run
        How long and how often.
    """

    task: Any
    circuit: Any
    pathway: Any = None
    rule: Any = None
    protocol: Any = TwoPhase()  # noqa: RUF009  (frozen)
    optimizer: Any = Optimizer()  # noqa: RUF009  (frozen)
    record: Recording = Recording()
    measures: Mapping[str, Any] = field(default_factory=dict)
    run: Run = Run()

    @property
    def data_sets(self) -> tuple[str, ...]:
        """Data sets that are needed."""
        return tuple(getattr(self.task, "data_sets", ()))

    def build(self) -> "Protocol":
        """Build circuit, task and protocol.

        Raises
        ------
        CircuitError
            If a part refuses a setting, if parts do not go together, or if the networks do not fit into memory.
        """
        from biocredit.protocols.tasks import passes

        run, task = self.run, self.task.make()
        net = self.network(task)
        size = min(run.batch_size, task.n_train)
        optimizer = self.optimizer.make(task.n_train // size)
        for line in self.optimizer.advice(net):
            warnings.warn(line, stacklevel=2)
        measured = self.measures.values()
        measures = [one.make(net, lambda rule: self._with_rule(rule).network(task)) for one in measured]
        return self.protocol.make(
            net,
            passes(task, run.pass_trials) if run.pass_trials else task,
            optimizer=optimizer,
            seeds=run.seeds,
            batch_size=size,
            shuffle=run.shuffle,
            records=[*self.record.records(net), *(record for one in measured for record in one.records(net))],
            probe_trials=self.record.trials,
            measures=[one for one in measures if not one.why_not(net)],  # conditions differ in what they have
            divergence=self.optimizer.divergence(),
            **({"vary": varied} if (varied := self.optimizer.vary()) else {}),
        )

    def network(self, task: "Task") -> "Circuit":
        """Build the circuit for a task."""
        takes = getattr(self.circuit, "takes", None)
        for word in ("pathway", "rule"):
            fits = getattr(self, word) is None or takes == word
            takes_none = f"takes a {takes}" if takes else "assigns credit in its own way"
            require(fits, f"{word}: the circuit {_name(self.circuit)} {takes_none}, it has no {word}")
        check_memory(self.circuit.widest(task), self.run.seeds)
        given = self.pathway if takes == "pathway" else self.rule
        return self.circuit.make(task, credit.made(given, None), self.run.seed)

    def _with_rule(self, name: str) -> "Configuration":
        return replace(self, rule=credit.Rule(name))


def _name(part: Any) -> str:
    return part.label if isinstance(part, Named) else type(part).__name__
