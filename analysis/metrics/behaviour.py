"""Behaviour in temporal tasks: choices and their times from the readout and the trial table of a trace.

The choice at a moment is the largest readout; the answer is the choice at the end of the trial, and the decision is
made when the choice changes for the last time. What a network says before it can know is a guess that it may keep, so
decision times are to be compared between conditions, not read as reaction times.

Where the trial table says when each trial is decided (cognitive tasks), the answer is the choice with the largest mean
readout in that period, among all but choice 0, "fixate", unless to fixate may be right; and times are counted from the
beginning of the period to the last change within it.
"""

from dataclasses import dataclass

import numpy as np
from biocredit.analysis.trace.reader import LabelledArray, Trace, TraceError
from jaxtyping import Bool, Float, Int
from scipy.stats import binomtest

__all__ = ["Behaviour", "behaviour_in", "decision_times", "interval", "recorded_choices", "trial_table"]

READOUT, LABEL = "output", "label"
#: Columns that say when each trial is decided (ms), and whether to fixate (choice 0) may be the decision.
START, STOP, WITHHOLDS = "decision_start", "decision_stop", "withholds"


@dataclass(frozen=True)
class Behaviour:
    """What networks chose in each trial.

    Attributes
    ----------
    time : array [time]
        Time in the trial.
    right : array [seed, trial, time]
        Whether the choice of the moment is the right one.
    decided : array [seed, trial]
        Time of the decision, see `decision_times`.
    conditions : dict
        Columns of the trial table that differ between trials, `[trial]` by name; the right answers where nothing else
        does.
    units : dict
        Units of the conditions and of `"time"`.
    chance : float
        Fraction of right answers of a guess.
    answered : array [seed, trial], optional
        Whether the answer is right, where it is not the choice at the end of the trial.
    """

    time: Float[np.ndarray, " time"]
    right: Bool[np.ndarray, "seed trial time"]
    decided: Float[np.ndarray, "seed trial"]
    conditions: dict[str, np.ndarray]
    units: dict[str, str]
    chance: float
    answered: Bool[np.ndarray, "seed trial"] | None = None

    @property
    def correct(self) -> Bool[np.ndarray, "seed trial"]:
        """Whether the answer is right."""
        return self.right[..., -1] if self.answered is None else self.answered

    def graded(self) -> str | None:
        """Name the condition with more than two levels, the one with most of them; None if there is none."""
        levels = {name: len(np.unique(values)) for name, values in self.conditions.items()}
        many = [name for name, count in levels.items() if 2 < count <= len(self.conditions[name]) / 2]
        return max(many, key=levels.get) if many else None

    def groups(self, *names: str) -> dict[tuple, Bool[np.ndarray, " trial"]]:
        """Trials of each combination of the levels of these conditions, sorted.

        Parameters
        ----------
        *names
            Conditions; all by default.
        """
        table = np.stack([self.conditions[name] for name in names or self.conditions], axis=1)
        return {tuple(row.tolist()): (table == row).all(1) for row in np.unique(table, axis=0)}


def recorded_choices(trace: Trace) -> bool:
    """Whether the trace holds the readout of a temporal task with the right answers."""
    names = set(trace.activity)
    return {f"{READOUT}/{READOUT}", f"{READOUT}/{LABEL}"} <= names


def behaviour_in(trace: Trace, snapshot: int = -1) -> Behaviour:
    """Read the choices of all networks.

    Parameters
    ----------
    trace
        A trace with the readout: `Record(of="output")`, of as many trials as `probe_trials`.
    snapshot
        Position along the snapshots.

    Raises
    ------
    TraceError
        If the readout, or the right answer of each trial, was not recorded.
    """
    if not recorded_choices(trace):
        raise TraceError("no choices in this trace: wanted Record(of='output') and a task whose trials have a label")
    output = trace.read(f"activity/{READOUT}/{READOUT}", snapshot=snapshot)
    label, choice = trace[f"activity/{READOUT}/{LABEL}"], output.values.argmax(-1)
    time, table = output.coords["time"], trial_table(trace)
    conditions = table or {LABEL: label}
    units = {name: column.units for name, column in conditions.items()}
    said = {name: column.values for name, column in conditions.items()}
    units |= {"time": trace[f"activity/{READOUT}/time"].units}
    if f"{READOUT}/{START}" not in trace.activity:
        decided, right = decision_times(choice, time), choice == label.values[None, :, None]
        return Behaviour(time, right, decided, said, units, 1 / output.shape[-1])
    start, stop = (trace[f"activity/{READOUT}/{name}"].values for name in (START, STOP))
    withholds = np.full(len(label.values), bool((label.values == 0).any()))
    if f"{READOUT}/{WITHHOLDS}" in trace.activity:
        withholds = trace[f"activity/{READOUT}/{WITHHOLDS}"].values.astype(bool)
    answer = answers(output.values, time, start, stop, withholds)
    still = np.where(time >= stop[:, None], answer[..., None], choice)
    decided = np.clip(decision_times(still, time) - start, 0, None)
    right, chance = choice == label.values[None, :, None], np.mean(1 / (output.shape[-1] - ~withholds))
    return Behaviour(time, right, decided, said, units, float(chance), answer == label.values)


def answers(
    output: Float[np.ndarray, "seed trial time choice"],
    time: Float[np.ndarray, " time"],
    start: Float[np.ndarray, " trial"],
    stop: Float[np.ndarray, " trial"],
    withholds: Bool[np.ndarray, " trial"],
) -> Int[np.ndarray, "seed trial"]:
    """Choice with the largest mean readout while a trial is decided, choice 0 only where it may be an answer.

    Examples
    --------
    >>> output = np.array([[[[9.0, 0, 0], [9, 0, 1], [9, 3, 0]]]])
    >>> answers(output, np.arange(3.0), np.array([1.0]), np.array([3.0]), np.array([False])).item()
    1
    """
    inside = (time >= start[:, None]) & (time < stop[:, None])
    mean = (output * inside[..., None]).sum(2) / inside.sum(1)[:, None]
    mean[..., 0] = np.where(withholds, mean[..., 0], -np.inf)
    return mean.argmax(-1)


def trial_table(trace: Trace) -> dict[str, LabelledArray]:
    """Columns of the trial table that differ between trials and do not number them, without the right answer."""
    names = [name.removeprefix(f"{READOUT}/") for name in trace.activity if name.startswith(f"{READOUT}/")]
    others = (READOUT, LABEL, START, STOP, WITHHOLDS)
    columns = {name: trace[f"activity/{READOUT}/{name}"] for name in names if name not in others}
    return {
        name: column
        for name, column in columns.items()
        if column.dims == ("trial",) and 1 < len(np.unique(column.values)) < len(column)
    }


def decision_times(
    choice: Int[np.ndarray, "*lead time"], time: Float[np.ndarray, " time"]
) -> Float[np.ndarray, "*lead"]:
    """Time from which the choice does not change any more.

    Examples
    --------
    >>> decision_times(np.array([[0, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 1]]), np.array([0.0, 2.0, 4.0, 6.0]))
    array([4., 0., 6.])
    """
    same = choice == choice[..., -1:]
    kept = np.flip(np.logical_and.accumulate(np.flip(same, -1), axis=-1), -1)
    return np.asarray(time)[kept.argmax(-1)]


def interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's confidence interval of a fraction (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Examples
    --------
    >>> [round(bound, 3) for bound in interval(8, 10)]
    [0.49, 0.943]
    """
    found = binomtest(int(successes), int(trials)).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)
