"""When a network counts as diverged, and what is said then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from biocredit.protocols.training.checkpoint import RunError


@dataclass(frozen=True)
class Divergence:
    """What counts as divergence, besides a loss, a weight or a test score that is not finite.

    Parameters
    ----------
    factor
        Largest loss of an update, over that of the first update; any by default.
    remedy
        What to say besides: which settings led there, what may help.

    Examples
    --------
    >>> Divergence(10.0).found(np.array([[2.0, 30.0]]), {}, np.array([2.0]), update=100)
    {0: (101, 'the loss of update 101 is 30, more than 10 times the 2 of the first update')}
    """

    factor: float = inf
    remedy: str = ""

    def found(
        self, loss: np.ndarray, finite: Mapping[str, np.ndarray], first_loss: np.ndarray, *, update: int
    ) -> dict[int, tuple[int, str]]:
        """Find the networks that diverged in a stretch of updates.

        Parameters
        ----------
        loss, finite
            Loss, and whether each weight array is finite by name, ``[seed, update]``.
        first_loss
            Loss of the very first update, ``[seed]``.
        update
            Number of the first update of the stretch.

        Returns
        -------
        dict
            At which update, and what went wrong first, by the number of the network.
        """
        grown = loss > self.factor * first_loss[:, None]
        bad = {"loss grown": grown, "loss": ~np.isfinite(loss)} | {name: ~flags for name, flags in finite.items()}
        return {
            number: self._first({name: flags[number] for name, flags in bad.items()}, loss[number], first, update)
            for number, first in enumerate(first_loss)
            if any(flags[number].any() for flags in bad.values())
        }

    def _first(
        self, bad: Mapping[str, np.ndarray], loss: np.ndarray, first_loss: float, update: int
    ) -> tuple[int, str]:
        places = {name: int(np.argmax(flags)) for name, flags in bad.items() if flags.any()}
        name = min(places, key=places.get)
        at = places[name]
        if name != "loss grown":
            return update + at, f"{name!r} is not finite first, at update {update + at}"
        limit = f"more than {self.factor:g} times the {first_loss:.3g} of the first update"
        return update + at, f"the loss of update {update + at} is {loss[at]:.3g}, {limit}"

    def say(self, what: str, epoch: int, seed: int | None = None) -> str:
        """Say in one line that the run, or one network of it, diverged."""
        who = "the run" if seed is None else f"the network of seed {seed}"
        return f"{who} diverged in epoch {epoch}: {what}" + (f"; {self.remedy}" if self.remedy else "")


class Casualties:
    """Networks of a run that diverged; the others go on.

    Parameters
    ----------
    seeds
        Seed of each network.
    rule
        What counts as divergence.

    Attributes
    ----------
    dead
        What happened, by seed.
    """

    def __init__(self, seeds: Sequence[int], rule: Divergence):
        self.seeds, self.rule, self.dead = tuple(seeds), rule, {}

    @property
    def alive(self) -> list[int]:
        """Numbers of the networks that go on."""
        return [number for number, seed in enumerate(self.seeds) if seed not in self.dead]

    def blank(self, values: np.ndarray) -> np.ndarray:
        """Put NaN in place of the values of networks that diverged, ``[seed, ...]``."""
        if not self.dead:
            return values
        gone = np.array([seed in self.dead for seed in self.seeds])
        values = np.asarray(values)
        values = np.array(values, values.dtype if values.dtype.kind == "f" else np.float64)
        values[gone] = np.nan
        return values

    def blank_floats(self, arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Do so with all arrays of a mapping that can hold NaN."""
        if not self.dead:
            return arrays
        return {name: self.blank(one) if np.asarray(one).dtype.kind == "f" else one for name, one in arrays.items()}

    def add(self, found: Mapping[int, tuple[int, str]], epoch: int) -> list[str]:
        """Mark networks as diverged, by their numbers; return a line for each.

        Raises
        ------
        RunError
            If none is left.
        """
        new = {number: what for number, what in found.items() if self.seeds[number] not in self.dead}
        self.dead |= {self.seeds[number]: what for number, (_, what) in new.items()}
        if new and not self.alive:
            raise RunError(self.rule.say(min(new.values())[1], epoch))
        return [self.rule.say(what, epoch, self.seeds[number]) for number, (_, what) in new.items()]


def scores_not_finite(scores: Mapping[str, np.ndarray], update: int) -> dict[int, tuple[int, str]]:
    """Find the networks of which a score, ``[seed]`` by name, is not finite."""
    bad = {name: ~np.isfinite(values) for name, values in scores.items()}
    return {
        int(number): (update, f"{name!r} is not finite after update {update}")
        for name, flags in reversed(bad.items())
        for number in np.flatnonzero(flags)
    }
