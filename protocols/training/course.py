"""The course of a run: epochs in compiled stretches; recording, measuring, checkpoints and stopping between them."""

import json
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from biocredit.analysis.trace.reader import open_trace
from biocredit.circuits.core.described import describe, differences
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.surroundings import arithmetic
from biocredit.protocols.recording.trace_recorder import Recorder
from biocredit.protocols.training import checkpoint
from biocredit.protocols.training.checkpoint import RunError, RunWarning
from biocredit.protocols.training.divergence import scores_not_finite
from biocredit.protocols.training.progress import meter
from biocredit.protocols.training.promises import check_flags
from biocredit.protocols.training.sampling import epoch_order
from biocredit.protocols.training.stopping import StopRequest, shorter, stop_request

#: Settings that change nothing in how a run goes on: everything is in its checkpoint.
WITHOUT_EFFECT = ("devices", "start")


@dataclass
class Course:
    """The way of a run from where it is to its last epoch.

    Parameters
    ----------
    run
        The :class:`biocredit.protocols.training.protocol.Protocol`.
    epochs
        Epochs of the run when it is complete.
    recorder, path
        Where it is recorded; nowhere by default.
    logs
        What the stretches of the present epoch logged so far.
    advised
        What the circuit has advised so far, once each.
    """

    run: Any
    epochs: int
    recorder: Recorder | None = None
    path: Path | None = None
    logs: list[dict[str, np.ndarray]] = field(default_factory=list)
    advised: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._compiled, self._saved = False, time.monotonic()

    # -- beginnings ---------------------------------------------------------------------------------------

    @classmethod
    def begin(
        cls,
        run: Any,
        path: str | Path | None,
        epochs: int,
        experiment: str,
        configuration: Mapping[str, Any],
        overwrite: bool,
    ) -> "Course":
        """Begin a run of so many more epochs; its trace holds what is there before them."""
        course = cls(run, run.epoch + epochs)
        if path is not None:
            course.path = Path(path)
            about = run.about(experiment, {**configuration, "run": settings_of(run)})
            record, done = run.records, run.interventions
            course.recorder = Recorder.create(
                path, run.view(), about, records=record, interventions=done, overwrite=overwrite
            )
            checkpoint.path_beside(path).unlink(missing_ok=True)
        course._guarded(course._look)
        return course

    @classmethod
    def resume(cls, run: Any, path: str | Path, epochs: int | None, changed: bool) -> "Course":
        """Go on from a checkpoint."""
        place = checkpoint.path_beside(path)
        leaves, done = checkpoint.read(place)
        lines = differing(done["settings"], run) if "settings" in done else []
        if lines and not changed:
            raise RunError(f"{path} was run with other settings: {'; '.join(lines)} (changed=True allows it)")
        total = done["epochs"] if epochs is None else epochs
        with open_trace(path) as trace:
            over = trace.status == "complete" or done["epoch"] > total
        if done["epoch"] >= total and over:
            raise RunError(f"{path} has done {done['epoch']} epochs, {total} are asked for: nothing to resume")
        run.networks.restore(checkpoint.fitted(leaves, run.state, place))
        run.epoch, run.first_loss = done["epoch"], np.array(done.get("first_loss", run.first_loss))
        run.casualties.dead |= {int(seed): what for seed, what in done.get("dead", {}).items()}
        if done.get("stage", 0) != run.task.stage:
            run.task.stage = done.get("stage", 0)
            run.networks.place(run.task.arrays)
        warn_of_arithmetic(done.get("arithmetic"))
        logs = [{name: np.asarray(value) for name, value in log.items()} for log in done["logs"]]
        recorder = Recorder.resume(path, done, run.records, run.interventions)
        course = cls(run, total, recorder, Path(path), logs)
        for line in lines:
            recorder.event("settings changed", line, run.updates)
        return course

    # -- the way ------------------------------------------------------------------------------------------

    def run_to_end(self, progress: bool, on_interrupt: str) -> Any:
        """Do the epochs that are left, or stop when a signal asks for it; return the run."""
        run = self.run
        left = (self.epochs - run.epoch) * self._updates_per_epoch - sum(map(_updates, self.logs))
        bar = meter(left, run.task.name, progress)
        try:
            with stop_request() as stop:
                self._guarded(lambda: self._go(bar, stop))
        finally:
            bar.close()
            run.networks.write_back()
        resumable = f": 'biocredit resume {self.path}' goes on" if self.path else ""
        stop.act(on_interrupt, f"stopped in epoch {run.epoch + 1}{resumable}")
        return run

    def _guarded(self, work: Any) -> None:
        """Do something; whatever goes wrong, the trace is closed."""
        try:
            work()
        except BaseException as failure:
            if self.recorder:
                self.recorder.fail(failure)
            raise

    def _go(self, bar: Any, stop: StopRequest) -> None:
        while self.run.epoch < self.epochs and not stop.made:
            self._epoch(bar, stop)
            if sum(map(_updates, self.logs)) == self._updates_per_epoch:
                self._finish_epoch()
        self._end()

    @property
    def _updates_per_epoch(self) -> int:
        return self.run.updates_per_pass * len(self.run.settings)

    def _epoch(self, bar: Any, stop: StopRequest) -> None:
        """Run what is left of the present epoch, stretch by stretch."""
        run = self.run
        while (first := sum(map(_updates, self.logs))) < self._updates_per_epoch and not stop.made:
            began = time.monotonic()
            log = self._stretch(*divmod(first, run.updates_per_pass))
            self.logs.append(log)
            bar.advance(_updates(log), loss=float(np.nanmean(log["loss"])))
            if self._compiled:
                run.chunk = shorter(run.chunk, run.updates_per_pass, time.monotonic() - began)
            self._compiled = True
            if time.monotonic() - self._saved > checkpoint.CHECKPOINT_EVERY:
                self._checkpoint()

    def _stretch(self, turn: int, first: int) -> dict[str, np.ndarray]:
        """Run one compiled stretch of one pass; return what was logged, ``[seed, update]`` by name."""
        run, task = self.run, self.run.task
        order = [epoch_order(task.n_train, run.batch_size, run.shuffle, seed, run.epoch) for seed in run.seeds]
        now, ahead = (np.stack(order)[:, at : at + run.chunk] for at in (first, first + run.chunk))
        count = now.shape[1]
        run.networks.expect(now, ahead)
        done = run.updates
        log = run.networks.learn(turn, now, self._functions_due())
        check_flags(task, log.pop("flags"), done)
        if done == 0:
            run.first_loss = log["loss"][:, 0]
        found = run.divergence.found(log["loss"], log.pop("finite"), run.first_loss, update=done)
        self._bury(found)
        if run.dead:  # what JAX returned may be read-only
            log = {name: np.array(values) for name, values in log.items()}
        for number, seed in enumerate(run.seeds):
            since = found[number][0] - done if number in found else 0
            for values in log.values() if seed in run.dead else ():
                values[number, since:] = np.nan
        if self.recorder:
            self.recorder.happened(done, done + count)
        return log

    def _functions_due(self) -> list[Any]:
        epoch = self.run.epoch + 1
        due = [one for one in self.run.records if callable(one.of)]
        return [one for one in due if epoch % one.every == 0 or epoch == self.epochs]

    def _bury(self, found: Mapping[int, tuple[int, str]]) -> None:
        for line in self.run.casualties.add(found, self.run.epoch + 1):
            warnings.warn(f"{line}; the others go on", RunWarning, stacklevel=8)
            if self.recorder:
                self.recorder.event("diverged", line, self.run.updates)

    def _finish_epoch(self) -> None:
        run, logs = self.run, self.logs
        averages = {name: joined(logs, name).mean(1) for name in dict.fromkeys(name for log in logs for name in log)}
        for part in run.evaluate:
            scores = {f"{part}_{name}": value for name, value in run.score(part).items()}
            self._bury(scores_not_finite(scores, run.updates))
            averages |= {name: run.casualties.blank(value) for name, value in scores.items()}
        if line := run.task.after_epoch(averages):
            run.networks.place(run.task.arrays)
            if self.recorder:
                self.recorder.event("task changed", line, run.updates)
        for what, line in run.circuit.advice(averages).items():
            if what not in self.advised:
                self.advised.add(what)
                warnings.warn(f"{line}, in epoch {run.epoch + 1}", RunWarning, stacklevel=7)
        run.epoch, run.last, self.logs = run.epoch + 1, averages, []
        if self.recorder:
            self.recorder.epoch(run.view(), averages, joined(logs, "loss"))
        self._look()
        self._checkpoint()

    def _look(self) -> None:
        """Take the snapshots and measurements that are due."""
        run = self.run
        if self.recorder:
            self.recorder.snapshots(run.view())
        self._measure(one for one in run.measures if one.every and run.epoch % one.every == 0)
        if self.recorder:
            self.recorder.commit()

    def _measure(self, due: Iterable[Measure]) -> None:
        run, view = self.run, self.run.view()
        alive = run.casualties.alive
        for measure in due:
            found = {
                name: spread(values, alive, len(run.seeds)) for name, values in measure.of(view.only(alive)).items()
            }
            keep(run.measured, measure, found)
            if self.recorder:
                self.recorder.measured(view, measure, found)

    def _checkpoint(self) -> None:
        """Commit the trace, then write the checkpoint that belongs to it."""
        self._saved = time.monotonic()
        if self.recorder is None:
            return
        run = self.run
        progress = {
            "settings": settings_of(run),
            "arithmetic": arithmetic(),
            "stage": run.task.stage,
            "epoch": run.epoch,
            "epochs": self.epochs,
            "logs": [{name: value.tolist() for name, value in log.items()} for log in self.logs],
            "first_loss": run.first_loss.tolist(),
            "dead": {str(seed): what for seed, what in run.dead.items()},
            **self.recorder.checkpoint(),
        }
        checkpoint.save(checkpoint.path_beside(self.path), run.state, progress)

    def _end(self) -> None:
        """End the trace: complete, with what is there at the end, or stopped and ready to be resumed."""
        run = self.run
        if run.epoch < self.epochs:
            self._checkpoint()
            if self.recorder:
                self.recorder.close("stopped")
            return
        for one in run.interventions:
            if run.updates and not one.acts(0, run.updates):
                line = f"never happened in {run.updates} updates: {one.describe()}"
                warnings.warn(line, RunWarning, stacklevel=6)
        if self.recorder:
            self.recorder.snapshots(run.view(), last=True)
        self._measure(one for one in run.measures if one.every is None or run.epoch % one.every)
        if self.recorder:
            self.recorder.close("complete")


def settings_of(run: Any) -> Any:
    """Return everything a run was built with, as JSON gives it back; which seeds, not how they were asked for."""
    text = json.loads(json.dumps(describe(run)))
    text["with"]["seeds"] = list(run.seeds)
    return text


def differing(then: Any, run: Any) -> list[str]:
    """List in which settings a run differs from the one of a checkpoint."""
    old, new = ({**text, "with": _with_effect(text["with"])} for text in (then, settings_of(run)))
    return differences(old, new)


def _with_effect(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in WITHOUT_EFFECT}


def warn_of_arithmetic(then: Mapping[str, Any] | None) -> None:
    """Say in one line if the last bits of the results may now be others."""
    now = arithmetic()
    lines = differences({name: then[name] for name in now if name in then}, now) if then else []
    if lines:
        warnings.warn(f"not bit for bit the uninterrupted run: {'; '.join(lines)}", RunWarning, stacklevel=5)


def spread(values: Any, alive: Sequence[int], count: int) -> np.ndarray:
    """Give values of the networks that are alive their places among all, NaN elsewhere."""
    values = np.asarray(values)
    if len(alive) == count:
        return values
    everywhere = np.full((count, *values.shape[1:]), np.nan)
    everywhere[list(alive)] = values
    return everywhere


def keep(measured: dict[str, np.ndarray], measure: Measure, found: Mapping[str, np.ndarray]) -> None:
    """Add what was measured, ``[seed, ...]`` by name, to what was measured before."""
    for name, values in found.items():
        if measure.every is not None:
            before = [measured[name]] if name in measured else []
            values = np.concatenate([*before, values[:, None]], axis=1)
        measured[name] = values


def joined(logs: Sequence[Mapping[str, np.ndarray]], name: str) -> np.ndarray:
    """Join what the stretches of an epoch logged under one name, ``[seed, update, ...]``."""
    return np.concatenate([log[name] for log in logs if name in log], axis=1)


def _updates(log: Mapping[str, np.ndarray]) -> int:
    return np.shape(log["loss"])[1]
