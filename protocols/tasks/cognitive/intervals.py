"""Judging and producing intervals of time."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import require
from biocredit.protocols.tasks.cognitive.timeline import Duration, Timeline
from biocredit.protocols.tasks.cognitive.trial import CognitiveTask, Seen, Table


class interval_discrimination(CognitiveTask):
    """Say which of two stimuli lasted longer (numbers of NeuroGym 2.2)."""

    timing: Mapping[str, Duration] = {
        "fixation": 300,
        "stimulus_1": ("uniform", 300, 600),
        "delay_1": ("uniform", 800, 1500),
        "stimulus_2": ("uniform", 300, 600),
        "delay_2": 500,
        "decision": 300,
    }
    channels = ("fixation", "stimulus_1", "stimulus_2")
    choices = ("fixate", "first", "second")
    noisy = ("stimulus_1", "stimulus_2")

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw the durations in whole steps, as they are shown, never two equal ones."""
        first, second = (self._steps(name) for name in ("stimulus_1", "stimulus_2"))
        pairs = np.array([(a, b) for a in first for b in second if a != b]).reshape(-1, 2) * self.dt
        require(len(pairs) > 0, f"{self.name}: the two stimuli always last equally long in steps of {self.dt:g} ms")
        pair = jnp.asarray(pairs)[jax.random.randint(key, (trials,), 0, len(pairs))]
        return {"stimulus_1": pair[:, 0], "stimulus_2": pair[:, 1]}

    def _steps(self, name: str) -> range:
        low, high = self.longest()[name]
        return range(round(low / self.dt), round(high / self.dt) + 1)

    def durations(self, key: jax.Array, trials: int, drawn: Table) -> Table:
        """Take the durations of the stimuli from the conditions."""
        return super().durations(key, trials, drawn) | {name: drawn[name] for name in ("stimulus_1", "stimulus_2")}

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show one stimulus after the other, in channels of their own."""
        return jnp.stack([time.during(name) * 1.0 for name in ("stimulus_1", "stimulus_2")], axis=-1)

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with the longer one."""
        return jnp.where(drawn["stimulus_1"] > drawn["stimulus_2"], 1, 2)

    def ideal(self, seen: Seen) -> np.ndarray:
        """Add up what each channel showed."""
        first, second = (seen.total(name, name)[:, 0] for name in ("stimulus_1", "stimulus_2"))
        return np.where(first > second, 1, 2)


class ready_set_go(CognitiveTask):
    """Go after "set" as long as "ready" came before it, times a gain (Jazayeri and Shadlen 2010; NeuroGym's numbers).

    The decision begins after "set". To go is due from ``gain * measure`` on, counted from the beginning of "set", and
    until the end of the trial. Scores: ``timing_error`` in ms, from the moment due to the first step of the decision
    at which "go" leads (the end where it never does); ``decision_accuracy``: errors of at most a tenth of the interval.

    Parameters
    ----------
    gain
        Interval to produce over the interval measured.
    **settings
        As in :class:`biocredit.protocols.tasks.cognitive.trial.CognitiveTask`.
    """

    citation = "10.1038/nn.2590"
    timing: Mapping[str, Duration] = {
        **{"fixation": 100, "ready": 83, "measure": ("uniform", 800, 1500), "set": 83},
    }
    channels = ("fixation", "ready", "set")
    choices = ("fixate", "go")
    noisy = ("ready", "set")
    withholds = True
    chance = 0.0

    def __init__(self, gain: float = 1.0, **settings: Any):
        require(gain > 0, f"ready_set_go: gain must be positive, got {gain}")
        self.gain = gain
        super().__init__(**settings)

    def longest(self) -> dict[str, tuple[float, float]]:
        """Let production take twice the interval, less "set"."""
        found = super().longest()
        whole = (round(measure / self.dt) * self.dt for measure in found["measure"])
        ends = tuple(2 * self.gain * measure - found["set"][1] for measure in whole)
        require(ends[0] > 0, f"ready_set_go: with gain {self.gain:g} the interval is over before 'set'")
        return found | {"decision": ends}

    def durations(self, key: jax.Array, trials: int, drawn: Table) -> Table:
        """Let production take twice the interval, less "set"."""
        found = super().durations(key, trials, drawn)
        measure = jnp.round(found["measure"] / self.dt) * self.dt
        return found | {"measure": measure, "decision": 2 * self.gain * measure - found["set"]}

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Say the gain; the interval is a duration."""
        return {"gain": jnp.full(trials, self.gain)}

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show ready and set."""
        return jnp.stack([time.during(name) * 1.0 for name in ("ready", "set")], axis=-1)

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with go."""
        return jnp.ones(len(drawn["gain"]), jnp.int32)

    def responding(self, drawn: Table, time: Timeline) -> jax.Array:
        """Say that to go is due after the interval."""
        interval = self.gain * (time.start["set"] - time.start["measure"])
        due = time.start["set"] + jnp.round(interval).astype(jnp.int32)
        return time.during("decision") & (jnp.arange(time.steps)[None] >= due[:, None])

    def score(self, outputs: Mapping[str, jax.Array], batch: Batch) -> dict[str, jax.Array]:
        """Score the moment of going."""
        y, trials = outputs["choice"], batch.trials
        time = jnp.arange(self.steps)[None] * self.dt
        deciding = (trials["decision_start"][:, None] <= time) & (time < trials["decision_stop"][:, None])
        gone = deciding & (y[..., 1] > y[..., 0])
        went = jnp.where(gone.any(1), gone.argmax(1) * self.dt, trials["decision_stop"])
        interval = self.gain * trials["measure"]
        begin = trials["decision_start"] - round(self.longest()["set"][1] / self.dt) * self.dt
        error = jnp.abs(went - begin - interval)
        broken = jnp.any((y[..., 1] > y[..., 0]) & (time < trials["decision_start"][:, None]), axis=1)
        scores = {"timing_error": error, "decision_accuracy": error <= interval / 10, "fixation_breaks": broken}
        return {name: jnp.mean(value, dtype=y.dtype) for name, value in scores.items()}

    def ideal(self, seen: Seen) -> np.ndarray:
        """Go: what is asked for is when."""
        return np.ones(len(seen.inputs), int)
