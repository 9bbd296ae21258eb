"""The engine of every protocol: compiled stretches of learning; recording and stopping between them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.trace.reader import open_trace
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.described import Described
from biocredit.circuits.core.rebuilt import rebuild
from biocredit.protocols.interventions import declare as lesions
from biocredit.protocols.interventions.check import check_on_task as check_interventions
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.record import Record
from biocredit.protocols.recording.trace_recorder import About, Recorder, check_records
from biocredit.protocols.recording.view import RunView
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.training import checks, starting
from biocredit.protocols.training.checkpoint import RunError
from biocredit.protocols.training.course import Course, settings_of
from biocredit.protocols.training.divergence import Casualties, Divergence
from biocredit.protocols.training.replicates import Networks, Reading
from biocredit.protocols.training.sampling import check_order, chunk_length
from biocredit.protocols.training.update import LearningStep, State


class Protocol(Described):
    """Let a circuit learn a task.

    A subclass says what happens in one batch of trials through the keyword arguments that it hands to
    ``circuit.learn``; everything else is here.

    Parameters
    ----------
    circuit
        Any :class:`biocredit.circuits.core.circuit.Circuit`.
    task
        Any :class:`biocredit.protocols.tasks.Task`.
    optimizer
        An optax transformation, a name such as ``"sgd"``, or a learning rate (of Adam); ``adam(1e-3)`` by default.
    seeds
        Number of independent networks (the first one is ``circuit`` as it is, the others are drawn with the following
        seeds), or their seeds, all drawn. As many as ``start`` has, by default, or one.
    start
        Where all networks begin: a run, a trace (its last snapshot) or ``(trace, snapshot)``, or arrays by name, shaped
        like the circuit's or with a leading axis ``seed``.
    batch_size
        Trials per update.
    shuffle
        ``"samples"``, ``"batches"`` (composed once, reordered at every epoch) or ``"none"``.
    interventions
        What is done while the networks learn, see :mod:`biocredit.protocols.interventions.declare`.
    records
        See :class:`biocredit.protocols.recording.record.Record`; a name stands for ``Record(name)``.
    evaluate
        What is scored after every epoch besides the running averages: ``"test"``, ``"train"``, ``"validation"``.
    alternate
        Settings of the phases of several passes through the task in every epoch, each with an optimiser state of its
        own: ``[{"mode": "task2"}, {"mode": "task1"}]``. One pass by default.
    parallel
        How several seeds run: ``"map"`` (one after the other in one program, best on CPUs), ``"vmap"`` (at once, best
        on GPUs), by default what suits the device.
    devices
        Over how many devices the seeds are spread: all by default (the cores of a processor count as devices).
    shard
        ``"seeds"``: every device has some of the networks, with the same results; ``"batch"``: some of the trials of
        every batch, for a large network, with the same results to rounding.
    chunk
        Longest stretch of updates in one compiled call.
    probe_trials
        Number of test trials (the first ones) whose activity is recorded.
    measures
        What is measured in the networks, see :class:`biocredit.protocols.recording.measures.measure.Measure`.
    divergence
        When to give a network up, see :class:`biocredit.protocols.training.divergence.Divergence`; without it, when a
        number is not finite.
    **settings
        Settings of the phases that the circuit knows.

    Attributes
    ----------
    epoch, updates
        Passes through the task, and updates, done so far.
    last
        Averages and scores of the last epoch, ``[seed]`` by name.
    measured
        What was measured, by name: ``[seed, measurement, ...]``, or ``[seed, ...]`` where it is measured once.

    Raises
    ------
    RunError
        In one line, for anything that cannot be meant.
    """

    def __init__(
        self,
        circuit: Circuit,
        task: Task,
        *,
        optimizer: Any = None,
        seeds: int | Sequence[int] | None = None,
        start: Any = None,
        batch_size: int = 100,
        shuffle: str = "samples",
        interventions: lesions.Intervention | Sequence[lesions.Intervention] = (),
        records: Record | str | Sequence[Record | str] = (),
        evaluate: str | Sequence[str] = ("test",),
        alternate: Sequence[Mapping[str, Any]] = ({},),
        parallel: str | None = None,
        devices: int | None = None,
        shard: str = "seeds",
        chunk: int = 128,
        probe_trials: int = 10,
        measures: Measure | Sequence[Measure] = (),
        divergence: Divergence = Divergence(),  # noqa: B008  (frozen)
        **settings: Any,
    ):
        checks.check_counts(batch_size=batch_size, chunk=chunk, probe_trials=probe_trials)
        check_order(task.n_train, batch_size, shuffle)
        self.circuit, self.task, self.batch_size, self.shuffle = circuit, task, batch_size, shuffle
        self._interventions = lesions.several(interventions)
        self.settings = tuple(checks.check_settings(circuit, {**settings, **one}) for one in alternate)
        self.records = checks.as_several(records, Record, "records", named=Record)
        check_records(self.records, circuit, self.settings[0])
        self.measures = checks.as_several(measures, Measure, "measures")
        for measure in self.measures:
            measure.check(circuit)
        self.evaluate, self.divergence = checks.as_parts(evaluate), divergence
        task.check()
        for part in self.evaluate:
            checks.check_part(task, part)
        check_interventions(self._interventions, circuit, task, self.settings)
        self.optimizer = checks.as_optimizer(optimizer)
        self.updates_per_pass = task.n_train // batch_size
        self.epoch, self.last, self.measured = 0, {}, {}
        self.probe_trials = min(probe_trials, task.n_test)
        began = start.view() if isinstance(start, Protocol) else start
        self.seeds, trees = starting.begin(circuit, seeds, began)
        fetched = task.fetched_bytes * batch_size * len(self.seeds)
        self.chunk = chunk_length(self.updates_per_pass, chunk, fetched)
        self.first_loss, self.casualties = np.full(len(self.seeds), np.nan), Casualties(self.seeds, divergence)
        self.networks = Networks(
            circuit,
            [self._step(one, self._interventions) for one in self.settings],
            task.arrays,
            trees,
            self.seeds,
            parallel=parallel,
            batch_size=batch_size,
            devices=devices,
            shard=shard,
        )
        self._reading = Reading(self.networks, self.networks.steps[0])

    def _step(self, settings: Mapping[str, Any], interventions: Sequence[lesions.Intervention]) -> LearningStep:
        """Put together what happens in one update."""
        return LearningStep(self.circuit, self.task, self.optimizer, settings, interventions)

    @property
    def interventions(self) -> tuple[lesions.Intervention, ...]:
        """What is done while the networks learn; fixed when the protocol is built."""
        return self._interventions

    @interventions.setter
    def interventions(self, given: Any) -> None:
        """Refuse others than those that the run was built with."""
        raise RunError(
            "the interventions of a run are fixed: run.test(interventions=...) tests its networks under others"
        )

    @property
    def citations(self) -> list[str]:
        """DOI or arXiv identifiers of the circuit's rule and of the task."""
        task = getattr(self.task, "citations", [self.task.citation])
        return list(dict.fromkeys(text for text in (getattr(self.circuit, "citation", ""), *task) if text))

    @property
    def dead(self) -> dict[int, str]:
        """Networks that diverged: what happened, by seed. Their numbers are NaN from there."""
        return self.casualties.dead

    @property
    def state(self) -> State:
        """Everything of all networks in training that changes, with the leading axis ``seed``."""
        return self.networks.state

    @property
    def tree(self) -> Tree:
        """Persistent arrays of all seeds by name, ``[seed, ...]``."""
        return self.state["tree"]

    @property
    def updates(self) -> int:
        """Number of updates done so far."""
        return self.networks.updates

    def view(self) -> RunView:
        """Return what recorder and measures see of the run now."""
        return self._seen_by(self._reading)

    def _seen_by(self, reading: Reading) -> RunView:
        probes = np.arange(self.probe_trials, dtype=np.int32)

        def observe(cuts: Mapping[str, Any]) -> tuple[Mapping[str, np.ndarray], dict[str, np.ndarray]]:
            courses, trials = reading.observe(probes, cuts)
            return self.casualties.blank_floats(courses), trials

        return RunView(
            circuit=self.circuit,
            task=self.task,
            tree=self.casualties.blank_floats(self.tree),
            seeds=self.seeds,
            epoch=self.epoch,
            update=self.updates,
            batch_size=self.batch_size,
            settings=self.settings,
            observe=observe,
        )

    def train(
        self,
        epochs: int,
        record: str | Path | None = None,
        *,
        progress: bool = True,
        overwrite: bool = False,
        experiment: str = "",
        configuration: Mapping[str, Any] | None = None,
        on_interrupt: str = "raise",
    ) -> "Protocol":
        """Go through the task ``epochs`` times; return the protocol itself.

        Parameters
        ----------
        epochs
            Epochs to add to the ones already done.
        record
            Trace file to write; a checkpoint lies beside it.
        progress
            Whether to show progress.
        overwrite
            Whether an existing trace may be replaced.
        experiment, configuration
            What the trace should say about the run, besides how it was built.
        on_interrupt
            ``"raise"``: after Ctrl-C the run is saved and KeyboardInterrupt goes on (after SIGTERM or SIGHUP the
            program ends with status 75); ``"return"``: the run is saved and returned.

        Raises
        ------
        RunError
            If all networks diverged. The trace, with status "failed", holds every finished epoch.
        """
        checks.check_interrupt(on_interrupt)
        epochs = checks.check_epochs(epochs, record is not None or bool(self.measures))
        return Course.begin(self, record, epochs, experiment, configuration or {}, overwrite).run_to_end(
            progress, on_interrupt
        )

    def resume(
        self,
        record: str | Path,
        *,
        epochs: int | None = None,
        changed: bool = False,
        progress: bool = True,
        on_interrupt: str = "raise",
    ) -> "Protocol":
        """Go on with a run that was stopped or killed, exactly as if it had not been.

        Parameters
        ----------
        record
            The trace; its checkpoint lies beside it. The protocol must be built like the one that wrote it.
        epochs
            Epochs of the whole run; those that were asked for when it began, by default. More than that extend a run
            that is complete.
        changed
            Whether settings may differ from those of the run; the trace then notes which, as an event.
        progress, on_interrupt
            As in :meth:`train`.

        Raises
        ------
        RunError
            If there is no checkpoint, or settings differ.
        """
        checks.check_interrupt(on_interrupt)
        return Course.resume(self, record, epochs, changed).run_to_end(progress, on_interrupt)

    @classmethod
    def from_trace(cls, record: str | Path) -> "Protocol":
        """Build the protocol of a trace again, as it was before learning: circuit, task, optimiser and all settings.

        Raises
        ------
        CircuitError
            In one line, if the trace does not hold enough: parts that cannot be imported by name, data of one's own.
        """
        with open_trace(record) as trace:
            text = trace.configuration.get("run")
        if text is None:
            raise RunError(f"{record} does not say with what it was built: build the protocol in Python")
        text["with"].pop("start", None)  # where it began is in its checkpoint
        run = rebuild(text)
        if not isinstance(run, Protocol):
            raise RunError(f"{record} holds no protocol but a {type(run).__name__}")
        return run

    def test(
        self,
        interventions: lesions.Intervention | Sequence[lesions.Intervention] = (),
        part: str = "test",
        record: str | Path | None = None,
        *,
        overwrite: bool = False,
    ) -> dict[str, np.ndarray]:
        """Score all networks as they are now, under other interventions than those of the run; nothing is learned.

        Parameters
        ----------
        interventions
            What is done during the test, in place of what was done during learning.
        part
            ``"test"``, ``"train"`` or ``"validation"``.
        record
            A trace for the scores, and for the activity that the run's ``records`` name.
        overwrite
            Whether an existing trace may be replaced.

        Returns
        -------
        dict
            Scores ``[seed]`` by name.

        Raises
        ------
        RunError
            For an intervention that would not act at the present update.
        """
        acting = lesions.several(interventions)
        check_interventions(acting, self.circuit, self.task, self.settings)
        (part,) = checks.as_parts(part)
        for one in acting:
            if not one.acts(self.updates, self.updates + 1):
                raise RunError(f"this test is at update {self.updates}: there is no {one.describe()}")
        reading = Reading(self.networks, self._step(self.settings[0], acting))
        scores = {name: self.casualties.blank(value) for name, value in reading.score(part).items()}
        if record is not None:
            recorder = Recorder.create(
                record,
                self._seen_by(reading),
                self.about(
                    f"test of {self.label}", {"test": {"part": part, "update": self.updates}, "run": settings_of(self)}
                ),
                records=self.records,
                interventions=acting,
                overwrite=overwrite,
            )
            with recorder.writer:
                view = self._seen_by(reading)
                recorder.epoch(view, {f"{part}_{name}": value for name, value in scores.items()})
                recorder.snapshots(view)
        return scores

    def score(self, part: str = "test") -> dict[str, np.ndarray]:
        """Score all networks on the test (or other) trials as they learn, ``[seed]`` by name."""
        (part,) = checks.as_parts(part)
        return {name: self.casualties.blank(value) for name, value in self._reading.score(part).items()}

    def activity(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Run the probe trials slowly; return activity ``[seed, trial, time, neuron]`` and the trial table by name."""
        return self.view().observe({name: Record(of=name).cut(self.circuit, {}) for name in self.circuit.variables()})

    @property
    def label(self) -> str:
        """What is run: ``circuit/rule/task``."""
        return label_of(self.circuit, self.task)

    def about(self, experiment: str, configuration: Mapping[str, Any]) -> About:
        """Return what a trace says about this run."""
        named = experiment or f"{type(self).__name__} of {self.task.name}"
        return About(named, self.label, configuration, self.citations, self.networks.devices)


def label_of(circuit: Circuit, task: Task) -> str:
    """Name what is run: ``circuit/rule/task``."""
    rule = getattr(circuit, "rule", None)
    return f"{type(circuit).__name__}/{getattr(rule, 'name', rule) or 'own'}/{task.name}"
