"""What cognitive tasks have in common: periods, a fixation cue, noise, a choice, and its score on decisions only."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import CircuitError, nearest, require
from biocredit.protocols.tasks.cognitive.timeline import Duration, Timeline, bounds, draw_duration
from biocredit.protocols.tasks.task import Period, Task
from jaxtyping import Array, Float, Int

Table = dict[str, jax.Array]
"""Conditions of trials, ``[trial]`` by name."""

NOISES = ("stimulus", "everywhere")


class CognitiveTask(Task):
    """Trials as rows of periods, the last of which is ``"decision"``.

    A task of the shelf is a subclass that says ``timing``, ``channels``, ``choices`` and defines
    :meth:`conditions`, :meth:`stimulus`, :meth:`answer` and :meth:`ideal`. Input channel 0 is the fixation cue: 1 until
    the decision, 0 in it. At every step one of the choices is right: 0, ``"fixate"``, until the decision.

    Parameters
    ----------
    dt
        Length of a step in ms. Periods are in ms, so that one task runs at any step.
    timing
        Durations of periods that differ from the task's own: ms, ``("uniform", low, high)`` or
        ``("exponential", mean, low, high)``.
    sigma, noise, tau
        Noise: independent normal. ``"stimulus"``: of standard deviation ``sigma / sqrt(dt)`` (dt in ms), in the
        stimulus channels in the periods that show them (NeuroGym's convention); ``"everywhere"``:
        ``sigma sqrt(2 dt / tau)`` in every channel at every step (PsychRNN's).
    fixation_weight, decision_weight
        Weight in the loss of each step before the decision, and in it.
    n_train, n_test
        Trials that count as one pass.

    Notes
    -----
    Arrays are as long as the longest possible trial; steps after the decision do not count. Numbers of the tasks:
    NeuroGym 2.2; PsychRNN (doi:10.1523/ENEURO.0427-20.2020).
    """

    timing: Mapping[str, Duration] = {}
    channels: tuple[str, ...] = ("fixation",)
    choices: tuple[str, ...] = ("fixate", "left", "right")
    #: Channels without noise, and periods with it.
    quiet: tuple[str, ...] = ("fixation",)
    noisy: tuple[str, ...] = ("stimulus",)
    #: Whether to fixate on may be the right decision.
    withholds: bool = False
    scoring: Mapping[str, str] = {"loss": "cross_entropy", "answer": "every"}
    units_of_conditions: Mapping[str, str] = {}
    #: Column of the trial table that an ideal observer says.
    observed: str = "label"

    def __init__(
        self,
        *,
        dt: float = 20.0,
        timing: Mapping[str, Duration] | None = None,
        sigma: float = 1.0,
        noise: str = "stimulus",
        tau: float = 100.0,
        fixation_weight: float = 1.0,
        decision_weight: float = 5.0,
        n_train: int = 640,
        n_test: int = 320,
    ):
        self.name, self.dt = type(self).__name__, float(dt)
        require(dt > 0 and tau > 0, f"{self.name}: dt and tau must be positive numbers of ms, got {dt} and {tau}")
        require(noise in NOISES, f"{self.name}: unknown noise {noise!r}: {nearest(noise, NOISES)}")
        weights = min(fixation_weight, decision_weight)
        require(weights >= 0 < decision_weight, f"{self.name}: weights must not be negative, the decision's positive")
        require(sigma >= 0, f"{self.name}: sigma must not be negative, got {sigma}")
        require(min(n_train, n_test) > 0, f"{self.name}: n_train and n_test must be positive")
        for period in timing or {}:
            known = f"{self.name} has no period {period!r}: {nearest(period, self.timing)}"
            require(period in self.timing, known)
        self.timing = {**self.timing, **(timing or {})}
        self.sigma = sigma / np.sqrt(dt) if noise == "stimulus" else sigma * np.sqrt(2 * dt / tau)
        self.everywhere = noise == "everywhere"
        self.fixation_weight, self.decision_weight = fixation_weight, decision_weight
        self.inputs, self.readouts = {"stimulus": len(self.channels)}, {"choice": len(self.choices)}
        self.n_train, self.n_test, self.arrays = n_train, n_test, {}
        if self.chance is None:
            self.chance = 1 / (len(self.choices) - (not self.withholds))
        self._lay_out()

    def _lay_out(self) -> None:
        """Count the steps of the longest trial, and name the periods that begin and end at the same time in all."""
        now, fixed, periods, units = 0.0, True, [], {"decision_start": "ms", "decision_stop": "ms"}
        self.steps = 0
        for name, (low, high) in self.longest().items():
            steps = round(high / self.dt)
            least = f"{self.name}: {name} of {low:g} ms is shorter than a step of {self.dt:g} ms"
            require(high == 0 or round(low / self.dt) > 0 or low == 0, least)
            self.steps += steps
            fixed = fixed and low == high
            units |= {} if low == high else {name: "ms"}
            if fixed and steps:
                periods.append((name, now, now + steps * self.dt))
            now += steps * self.dt
        require(self.longest()["decision"][0] > 0, f"{self.name}: the decision takes no time")
        self.periods = tuple(Period(*one) for one in periods)
        self.trial_units = {**units, **self.units_of_conditions}

    # -- what a task says ---------------------------------------------------------------------------------

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw the conditions of each trial."""
        raise CircuitError(f"task {self.name!r} does not define conditions")

    def stimulus(self, drawn: Table, time: Timeline) -> Float[Array, "trial time channel"]:
        """Return the input channels after the fixation cue, without noise."""
        raise CircuitError(f"task {self.name!r} does not define stimulus")

    def answer(self, drawn: Table) -> Int[Array, " trial"]:
        """Return the right choice of each trial."""
        raise CircuitError(f"task {self.name!r} does not define answer")

    def ideal(self, seen: "Seen") -> Int[np.ndarray, " trial"]:
        """Return the choices of an observer who knows the task and sees the noisy inputs, in NumPy."""
        raise CircuitError(f"task {self.name!r} does not define ideal")

    def longest(self) -> dict[str, tuple[float, float]]:
        """Return the shortest and the longest duration of each period, ms."""
        return {name: bounds(duration, f"{self.name}: {name}") for name, duration in self.timing.items()}

    def durations(self, key: jax.Array, trials: int, drawn: Table) -> Table:
        """Draw the duration of each period, ms; a task whose durations follow its conditions says them here."""
        keys = jax.random.split(key, len(self.timing))
        return {name: draw_duration(one, k, trials) for k, (name, one) in zip(keys, self.timing.items(), strict=True)}

    # -- what all have in common --------------------------------------------------------------------------

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw fresh trials; the indices only say how many."""
        told, clock, grain = jax.random.split(key, 3)
        drawn = self.conditions(told, len(index))
        durations = self.durations(clock, len(index), drawn)
        time = Timeline.consecutive(durations, self.dt, self.steps)
        fixation = time.before("decision")
        clean = jnp.concatenate([fixation[..., None] * 1.0, self.stimulus(drawn, time)], axis=-1)
        here = jnp.ones_like(clean, bool) if self.everywhere else self._noisy(time)
        noise = self.sigma * jax.random.normal(grain, clean.shape, clean.dtype)
        over = ~(fixation | time.during("decision"))
        inputs = jnp.where(over[..., None], 0, clean + jnp.where(here, noise, 0))
        label = self.answer(drawn).astype(jnp.int32)
        target = jnp.where(self.responding(drawn, time), label[:, None], 0)
        weight = jnp.where(fixation, self.fixation_weight, jnp.where(time.during("decision"), self.decision_weight, 0))
        table = drawn | {name: value for name, value in durations.items() if name in self.trial_units}
        table |= {f"decision_{end}": getattr(time, end)["decision"] * self.dt for end in ("start", "stop")}
        return Batch({"stimulus": inputs}, {"choice": target, "when": weight}, table | {"label": label})

    def responding(self, drawn: Table, time: Timeline) -> Array:
        """Say at which steps the answer is due: in the decision."""
        return time.during("decision")

    def _noisy(self, time: Timeline) -> Array:
        loud = jnp.array([name not in self.quiet for name in self.channels])
        return time.during(*self.noisy)[..., None] & loud[None, None]

    def score(self, outputs: Mapping[str, jax.Array], batch: Batch) -> dict[str, jax.Array]:
        """Score decisions, and count broken fixations, see :func:`decision_scores`."""
        ends = (batch.trials["decision_start"], batch.trials["decision_stop"])
        withheld = jnp.full(len(ends[0]), self.withholds)
        return decision_scores(outputs["choice"], batch.trials["label"], ends, withheld, self.dt)


def decision_scores(
    output: Float[Array, "trial time choice"],
    label: Int[Array, " trial"],
    ends: tuple[jax.Array, jax.Array],
    withholds: jax.Array,
    dt: float,
) -> dict[str, jax.Array]:
    """Score decisions alone, so that to fixate all the time is worth a guess.

    Parameters
    ----------
    output, label
        Readout, and the right choice of each trial.
    ends
        Beginning and end of the decision of each trial, ms.
    withholds
        Whether in a trial to fixate (choice 0) may be the decision.
    dt
        Length of a step, ms.

    Returns
    -------
    dict
        ``decision_accuracy``: how often the choice with the largest mean output over the decision is right, among all
        but 0 where that is no decision; ``fixation_breaks``: in how many trials another output than 0 is largest
        at some step before the decision.
    """
    time = jnp.arange(output.shape[1])[None] * dt
    start, stop = (end[:, None] for end in ends)
    deciding = ((start <= time) & (time < stop)).astype(output.dtype)
    mean = jnp.sum(output * deciding[..., None], axis=1) / jnp.sum(deciding, axis=1)[:, None]
    out = (jnp.arange(output.shape[-1]) == 0)[None] & ~withholds[:, None]
    chosen = jnp.where(out, -jnp.inf, mean).argmax(-1)
    broken = jnp.any((time < start) & (output.argmax(-1) != 0), axis=1)
    return {
        "decision_accuracy": jnp.mean(chosen == label, dtype=output.dtype),
        "fixation_breaks": jnp.mean(broken, dtype=output.dtype),
    }


class Seen:
    """What an ideal observer sees of a batch: inputs and when the periods are, but no condition.

    Parameters
    ----------
    task, batch
        The task, and trials of it.
    """

    def __init__(self, task: CognitiveTask, batch: Batch):
        self.inputs = np.asarray(batch.inputs["stimulus"], float)
        self.channels = task.channels
        trials, longest = len(self.inputs), task.longest()
        known = {
            name: np.full(trials, high) if low == high else batch.trials[name] for name, (low, high) in longest.items()
        }
        self.time = Timeline.consecutive({k: jnp.asarray(v) for k, v in known.items()}, task.dt, task.steps)

    def mean(self, period: str, *prefixes: str) -> Float[np.ndarray, "trial channel"]:
        """Average the channels whose names begin so over a period."""
        return self.total(period, *prefixes) / np.asarray(self.time.during(period)).sum(1)[:, None]

    def total(self, period: str, *prefixes: str) -> Float[np.ndarray, "trial channel"]:
        """Add up the channels whose names begin so over a period."""
        chosen = [number for number, name in enumerate(self.channels) if name.startswith(prefixes)]
        return (self.inputs[..., chosen] * np.asarray(self.time.during(period))[..., None]).sum(1)


def ideal_choices(task: CognitiveTask, trials: int = 1000, seed: int = 0) -> tuple[np.ndarray, Batch]:
    """Return what the ideal observer chooses in test trials, and the trials.

    Examples
    --------
    >>> from biocredit.protocols import tasks
    >>> choice, batch = ideal_choices(tasks.go_nogo(), 20)
    >>> bool((choice == batch.trials["label"]).all())
    True
    """
    batch = jax.jit(lambda key: task.draw({}, jnp.arange(trials), key, test=True))(
        jax.random.key(seed, impl="unsafe_rbg")
    )
    return np.asarray(task.ideal(Seen(task, batch))), batch
