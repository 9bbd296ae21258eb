"""The engine of every protocol: compiled stretches of learning; recording and stopping between them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optax
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import nearest
from biocredit.protocols.interventions import declare as lesions
from biocredit.protocols.interventions.check import check_on_task as check_interventions
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.record import Record
from biocredit.protocols.recording.trace_recorder import Recorder
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.training import checkpoint
from biocredit.protocols.training.checkpoint import RunError
from biocredit.protocols.training.divergence import Divergence
from biocredit.protocols.training.progress import meter
from biocredit.protocols.training.replicates import Networks
from biocredit.protocols.training.sampling import check_order, chunk_length, epoch_order
from biocredit.protocols.training.stopping import stop_request
from biocredit.protocols.training.update import LearningStep, State

#: Test trials evaluated at the same time.
EVALUATED_AT_ONCE = 1000


class Protocol:
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
        An optax transformation; ``adam(1e-3)`` by default.
    seeds
        Number of independent networks (the first one is ``circuit`` as it is, the others are drawn with the following
        seeds), or their seeds, all drawn.
    batch_size
        Trials per update.
    shuffle
        ``"samples"``, ``"batches"`` (composed once, reordered at every epoch) or ``"none"``.
    interventions
        See :mod:`biocredit.protocols.interventions.declare`.
    records
        See :class:`biocredit.protocols.recording.record.Record`.
    evaluate
        What is scored after every epoch besides the running averages: ``"test"``, ``"train"``.
    alternate
        Settings of the phases of several passes through the task in every epoch, each with an optimiser state of its
        own: ``[{"mode": "task2"}, {"mode": "task1"}]``. One pass by default.
    parallel
        How several seeds run: ``"map"`` (one after the other in one program, best on CPUs), ``"vmap"`` (at once, best
        on GPUs), by default what suits the device.
    chunk
        Longest stretch of updates in one compiled call.
    probe_trials
        Number of test trials (the first ones) whose activity is recorded.
    measures
        What is measured in the networks when the run is complete, see
        :class:`biocredit.protocols.recording.measures.measure.Measure`.
    divergence
        When to give up, see :class:`biocredit.protocols.training.divergence.Divergence`; without it, when a number is
        not finite.
    **settings
        Settings of the phases that the circuit knows.
    """

    def __init__(
        self,
        circuit: Circuit,
        task: Task,
        *,
        optimizer: optax.GradientTransformation | None = None,
        seeds: int | Sequence[int] = 1,
        batch_size: int = 100,
        shuffle: str = "samples",
        interventions: lesions.Intervention | Sequence[lesions.Intervention] = (),
        records: Sequence[Record] = (),
        evaluate: Sequence[str] = ("test",),
        alternate: Sequence[Mapping[str, Any]] = ({},),
        parallel: str | None = None,
        chunk: int = 128,
        probe_trials: int = 10,
        measures: Sequence[Measure] = (),
        divergence: Divergence = Divergence(),  # noqa: B008  (frozen)
        **settings: Any,
    ):
        check_order(task.n_train, batch_size, shuffle)
        self.interventions = lesions.several(interventions)
        self.circuit, self.task, self.batch_size, self.shuffle = circuit, task, batch_size, shuffle
        self.seeds = tuple(range(circuit.seed, circuit.seed + seeds)) if isinstance(seeds, int) else tuple(seeds)
        self.records, self.evaluate = tuple(records), tuple(evaluate)
        self.measures, self.divergence = tuple(measures), divergence
        self.first_loss = np.full(len(self.seeds), np.nan)
        self._kinds = {record.label: record.kind(circuit) for record in self.records}
        self.settings = [check_settings(circuit, {**settings, **one}) for one in alternate]
        check_interventions(self.interventions, circuit, task, self.settings)
        self.updates_per_pass = task.n_train // batch_size
        self.chunk = chunk_length(self.updates_per_pass, chunk)
        self.epoch, self.last = 0, {}
        self.probe_trials = min(probe_trials, task.n_test)
        optimizer = optimizer or optax.adam(1e-3)
        signals = [record for record in self.records if self._kinds[record.label] == "signal"]
        steps = [
            self._learning_step(circuit, task, optimizer, one, self.interventions, signals) for one in self.settings
        ]
        as_is = isinstance(seeds, int)
        self.networks = Networks(
            circuit, steps, task.arrays, self.seeds, as_is=as_is, parallel=parallel, batch_size=batch_size
        )

    def _learning_step(self, *parts: Any) -> LearningStep:
        """Put together what happens in one update."""
        return LearningStep(*parts)

    @property
    def citations(self) -> list[str]:
        """DOI or arXiv identifiers of the circuit's rule and of the task."""
        task = getattr(self.task, "citations", [self.task.citation])
        return list(dict.fromkeys(text for text in (getattr(self.circuit, "citation", ""), *task) if text))

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

    def train(
        self,
        epochs: int,
        record: str | Path | None = None,
        *,
        progress: bool = True,
        overwrite: bool = False,
        experiment: str = "",
        configuration: Mapping[str, Any] | None = None,
    ) -> "Protocol":
        """Go through the task ``epochs`` times; return the protocol itself.

        Parameters
        ----------
        epochs
            Epochs to add to the ones already done.
        record
            Trace file to write; a checkpoint lies beside it until the run is complete.
        progress
            Whether to show progress.
        overwrite
            Whether an existing trace may be replaced.
        experiment, configuration
            What the trace should say about the run.

        Raises
        ------
        RunError
            If the run diverges. The trace, with status "failed", holds every finished epoch.
        """
        recorder = Recorder.create(self, record, experiment, configuration or {}, overwrite) if record else None
        return self._train(self.epoch + epochs, recorder, progress, [])

    def resume(self, record: str | Path, *, progress: bool = True) -> "Protocol":
        """Go on with a run that was stopped or killed, exactly as if it had not been.

        Parameters
        ----------
        record
            The trace; its checkpoint lies beside it. The protocol must be built like the one that wrote it.
        """
        state, done = checkpoint.load(checkpoint.path_beside(record), self.state)
        self.networks.restore(state)
        self.epoch, self.first_loss = done["epoch"], np.array(done.get("first_loss", self.first_loss))
        recorder = Recorder.resume(self, record, done)
        logs = [{name: np.asarray(value) for name, value in log.items()} for log in done["logs"]]
        return self._train(done["epochs"], recorder, progress, logs)

    def _train(self, epochs: int, recorder: Recorder | None, progress: bool, logs: list[dict]) -> "Protocol":
        total = (epochs - self.epoch) * self.updates_per_pass * len(self.settings) - sum(map(_updates, logs))
        bar = meter(total, self.task.name, progress)
        try:
            with stop_request() as stop:
                while self.epoch < epochs and not stop.made:
                    logs = self._epoch(recorder, bar, stop, logs)
                    if self._complete(logs):
                        self._finish_epoch(recorder, logs, epochs)
                        logs = []
                if recorder:
                    recorder.close(self, epochs, logs)
        except BaseException as failure:
            if recorder:
                recorder.fail(failure)
            raise
        finally:
            bar.close()
            self.networks.write_back()
        return self

    def _complete(self, logs: list[dict]) -> bool:
        return sum(map(_updates, logs)) == self.updates_per_pass * len(self.settings)

    def _epoch(self, recorder: Any, bar: Any, stop: Any, logs: list[dict]) -> list[dict]:
        """Run what is left of the present epoch, chunk by chunk."""
        logs = list(logs)
        start = sum(map(_updates, logs))
        for number, step in enumerate(range(0, self.updates_per_pass * len(self.settings), self.chunk)):
            if step < start:
                continue
            if stop.made:
                break
            turn, first = divmod(number * self.chunk, self.updates_per_pass)
            logs.append(self._chunk(turn, first))
            self._check(logs[-1])
            bar.advance(self.chunk, loss=float(np.mean(logs[-1]["loss"])))
        return logs

    def _chunk(self, turn: int, first: int) -> dict[str, np.ndarray]:
        """Run one compiled stretch of one pass; return what was logged, ``[seed, update]`` by name."""
        order = [epoch_order(self.task.n_train, self.batch_size, self.shuffle, s, self.epoch) for s in self.seeds]
        return self.networks.learn(turn, np.stack(order)[:, first : first + self.chunk])

    def _check(self, log: dict[str, Any]) -> None:
        done = self.updates - self.chunk
        if done == 0:
            self.first_loss = log["loss"][:, 0]
        self.divergence.check(log["loss"], log.pop("finite"), self.first_loss, update=done, epoch=self.epoch + 1)

    def _finish_epoch(self, recorder: Recorder | None, logs: list[dict], epochs: int) -> None:
        self.epoch += 1
        self.last = {name: joined(logs, name).mean(1) for name in _names(logs)}
        for part in self.evaluate:
            self.last |= {f"{part}_{name}": value for name, value in self.score(part).items()}
        if recorder:
            recorder.epoch(self, logs)
            recorder.checkpoint(self, epochs, [])

    def score(self, part: str = "test") -> dict[str, np.ndarray]:
        """Score all networks on the test (or training) trials, ``[seed]`` by name."""
        test = part == "test"
        count = self.task.n_test if test else self.task.n_train
        at_once = min(count, EVALUATED_AT_ONCE)
        whole = np.arange(count - count % at_once, dtype=np.int32).reshape(-1, at_once)
        rest = np.arange(count - count % at_once, count, dtype=np.int32)[None]
        totals: dict[str, np.ndarray] = {}
        for rows in (whole, rest):
            if rows.size:
                for name, value in self.networks.score(rows, test).items():
                    totals[name] = totals.get(name, 0) + value * rows.shape[1] / count
        return totals

    def activity(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Run the probe trials slowly; return activity ``[seed, trial, time, neuron]`` and the trial table by name."""
        courses, table = self.networks.observe(np.arange(self.probe_trials, dtype=np.int32))
        return {name: np.moveaxis(course, 1, 2) for name, course in courses.items()}, table


def check_settings(circuit: Circuit, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse a setting that the circuit's phases do not have."""
    for name in settings:
        if name not in circuit.phase_settings:
            valid = nearest(name, circuit.phase_settings) if circuit.phase_settings else "this circuit has none"
            raise RunError(f"unknown setting {name!r} of {type(circuit).__name__}: {valid}")
    return dict(settings)


def joined(logs: Sequence[Mapping[str, np.ndarray]], name: str) -> np.ndarray:
    """Join what the chunks of an epoch logged under one name, ``[seed, update, ...]``."""
    return np.concatenate([log[name] for log in logs if name in log], axis=1)


def _updates(log: Mapping[str, np.ndarray]) -> int:
    return np.shape(log["loss"])[1]


def _names(logs: list[dict]) -> list[str]:
    return list(dict.fromkeys(name for log in logs for name in log))
