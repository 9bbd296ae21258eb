"""Spikes in a trace: who fired when, how often, and how regularly."""

from dataclasses import dataclass, replace

import numpy as np
from biocredit.analysis.trace.reader import Trace, TraceError
from biocredit.analysis.trace.schema import SPIKE_COLUMNS, nearest
from jaxtyping import Float, Int

__all__ = ["Spikes", "cv_of_intervals", "intervals", "recorded_spikes", "spikes_in"]


@dataclass(frozen=True)
class Spikes:
    """Spikes of one population, one entry a spike, and what was looked at.

    Attributes
    ----------
    neuron, time, trial, seed, update : array [spike]
        Number of the neuron, time in the trial (ms), trial, seed of the network, weight updates before the trial.
    neurons, trials, seeds, updates : array
        All that were recorded, also those that never fired.
    steps : array [time]
        Times at which a spike was possible, ms.
    blocks : array [neuron], optional
        Blocks (cell types) of each neuron.

    Examples
    --------
    >>> one = Spikes.of_course(np.eye(3)[None, None, None], np.arange(3.0))
    >>> one.neuron.tolist(), one.time.tolist()
    ([0, 1, 2], [0.0, 1.0, 2.0])
    """

    neuron: Int[np.ndarray, " spike"]
    time: Float[np.ndarray, " spike"]
    trial: Int[np.ndarray, " spike"]
    seed: Int[np.ndarray, " spike"]
    update: Int[np.ndarray, " spike"]
    neurons: Int[np.ndarray, " neuron"]
    trials: Int[np.ndarray, " trial"]
    seeds: Int[np.ndarray, " seed"]
    updates: Int[np.ndarray, " snapshot"]
    steps: Float[np.ndarray, " time"]
    blocks: np.ndarray | None = None

    @classmethod
    def of_course(cls, course: Float[np.ndarray, "snapshot seed trial time neuron"], steps: np.ndarray) -> "Spikes":
        """Find the spikes in a course that is above 0 where a neuron fires, everything numbered from 0."""
        update, seed, trial, step, neuron = np.nonzero(np.asarray(course) > 0)
        sizes = [np.arange(size) for size in course.shape]
        looked = {"updates": sizes[0], "seeds": sizes[1], "trials": sizes[2], "neurons": sizes[4]}
        steps = np.asarray(steps, float)
        return cls(neuron, steps[step], trial, seed, update, **looked, steps=steps)

    @property
    def duration(self) -> float:
        """Length of a trial in ms."""
        step = self.steps[1] - self.steps[0] if len(self.steps) > 1 else 1.0
        return float(self.steps[-1] - self.steps[0] + step)

    def only(self, **chosen: int) -> "Spikes":
        """Keep one ``update``, ``seed``, ``trial`` or ``neuron``.

        Raises
        ------
        TraceError
            If it was not recorded.
        """
        kept = self
        for name, value in chosen.items():
            all_of_them = getattr(self, f"{name}s")
            if value not in all_of_them:
                raise TraceError(f"no spikes of {name} {value}: recorded are {', '.join(map(str, all_of_them[:20]))}")
            hit = getattr(kept, name) == value
            columns = {column: getattr(kept, column)[hit] for column in SPIKE_COLUMNS}
            kept = replace(kept, **columns, **{f"{name}s": np.array([value])})
            if name == "neuron" and self.blocks is not None:
                kept = replace(kept, blocks=self.blocks[all_of_them == value])
        return kept

    def places(self, name: str) -> Int[np.ndarray, " spike"]:
        """Position of each spike along an axis: ``"neuron"``, ``"trial"``, ``"seed"`` or ``"update"``."""
        there = getattr(self, f"{name}s")
        order = np.argsort(there)
        return order[np.searchsorted(there, getattr(self, name), sorter=order)]

    def rates(self) -> Float[np.ndarray, " neuron"]:
        """Firing rate of each neuron in Hz, over all trials, networks and looks that are left."""
        looks = len(self.trials) * len(self.seeds) * len(self.updates)
        counts = np.bincount(self.places("neuron"), minlength=len(self.neurons))
        return counts / (looks * self.duration / 1000)

    def population_rate(self, width: float) -> tuple[Float[np.ndarray, " bin"], Float[np.ndarray, " bin"]]:
        """Mean rate of all neurons in bins of so many ms: middles of the bins (ms), rates (Hz)."""
        start = self.steps[0]
        edges = start + width * np.arange(int(np.ceil(self.duration / width)) + 1)
        looks = len(self.trials) * len(self.seeds) * len(self.updates) * len(self.neurons)
        counts = np.histogram(self.time, edges)[0]
        widths = np.minimum(edges[1:], start + self.duration) - edges[:-1]
        return edges[:-1] + widths / 2, counts / (looks * widths / 1000)


def intervals(spikes: Spikes) -> dict[int, Float[np.ndarray, " interval"]]:
    """Intervals between spikes (ms) of each neuron, within trials: none goes from one trial to the next.

    Parameters
    ----------
    spikes
        Spikes of any number of trials, networks and looks.
    """
    order = np.lexsort((spikes.time, spikes.trial, spikes.seed, spikes.update, spikes.neuron))
    same = np.ones(max(len(order) - 1, 0), bool)
    for name in ("neuron", "update", "seed", "trial"):
        same &= np.diff(getattr(spikes, name)[order]) == 0
    found, owner = np.diff(spikes.time[order])[same], spikes.neuron[order][1:][same]
    return {int(neuron): found[owner == neuron] for neuron in spikes.neurons}


def cv_of_intervals(spikes: Spikes, least: int = 2) -> Float[np.ndarray, " neuron"]:
    """Coefficient of variation of the intervals of each neuron: 0 for a clock, about 1 for a Poisson process.

    Parameters
    ----------
    spikes
        Spikes of any number of trials.
    least
        Fewer intervals than this have none: NaN.

    Examples
    --------
    >>> clock = Spikes.of_course(np.ones((1, 1, 1, 9, 1)), np.arange(9.0))
    >>> cv_of_intervals(clock).tolist()
    [0.0]
    """
    each = (intervals(spikes)[int(neuron)] for neuron in spikes.neurons)
    return np.array([one.std() / one.mean() if len(one) >= least else np.nan for one in each])


def recorded_spikes(trace: Trace) -> list[str]:
    """List the populations whose spikes a trace holds."""
    return [name.removesuffix("/spikes/neuron") for name in trace.activity if name.endswith("/spikes/neuron")]


def spikes_in(trace: Trace, population: str = "cells") -> Spikes:
    """Read the spikes of a population.

    Parameters
    ----------
    trace
        A trace with spikes: ``Record("cells.spike")``.
    population
        Name of the population, or of the record.

    Raises
    ------
    TraceError
        If they were not recorded.
    """
    recorded = recorded_spikes(trace)
    if population not in recorded:
        hint = f"no spikes of {population!r} in {trace.path.name}{nearest(population, recorded)}"
        raise TraceError(f"{hint}: Record('{population}.spike')")
    arrays = trace.arrays(f"activity/{population}")
    columns = {name: arrays[f"spikes/{name}"].values for name in SPIKE_COLUMNS}
    axes = arrays["firing_rate"].coords
    looked = {"neurons": axes["neuron"], "trials": axes["trial"], "seeds": axes["seed"], "updates": axes["update"]}
    block = arrays["block"].values.astype(str)
    return Spikes(**columns, **looked, steps=arrays["phase"].coords["time"], blocks=block)
