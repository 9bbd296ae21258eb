"""Comparing a stimulus with one that is held in memory."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import require
from biocredit.protocols.tasks.cognitive.timeline import Duration, Timeline, ring, shown
from biocredit.protocols.tasks.cognitive.trial import CognitiveTask, Seen, Table


class delayed_match_to_sample(CognitiveTask):
    """Say whether a test stimulus equals the sample before it (Miller et al. 1996; numbers of NeuroGym).

    Examples
    --------
    >>> delayed_match_to_sample(dt=100).choices
    ('fixate', 'match', 'non-match')
    """

    citation = "10.1523/JNEUROSCI.16-16-05154.1996"
    timing: Mapping[str, Duration] = {"fixation": 300, "sample": 500, "delay": 1000, "test": 500, "decision": 900}
    channels = ("fixation", "stimulus_0", "stimulus_1")
    choices = ("fixate", "match", "non-match")
    noisy = ("sample", "test")

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw the sample and whether the test matches."""
        sample, match = jax.random.randint(key, (2, trials), 0, 2)
        return {"sample": sample, "match": match}

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show sample and test, one of two angles each."""
        test = jnp.where(drawn["match"] == 1, drawn["sample"], 1 - drawn["sample"])
        pair = {"sample": drawn["sample"], "test": test}
        return sum(shown(time.during(name), ring(side * jnp.pi, 2, 0.5, 0.5)) for name, side in pair.items())

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with match or non-match."""
        return 2 - drawn["match"]

    def ideal(self, seen: Seen) -> np.ndarray:
        """Remember the sample."""
        sample, test = (seen.mean(name, "stimulus").argmax(1) for name in ("sample", "test"))
        return np.where(sample == test, 1, 2)


class dms_distractors(CognitiveTask):
    """Go at the test that equals the sample, after none, one or two that do not (Miller et al. 1996).

    The decision of a trial is the matching test, and the choice the test in which "go" leads most. What comes after the
    match does not count.

    Examples
    --------
    >>> task = dms_distractors(dt=100)
    >>> task.choices, task.steps
    (('fixate', 'go'), 58)
    """

    citation = "10.1523/JNEUROSCI.16-16-05154.1996"
    timing: Mapping[str, Duration] = {
        **{"fixation": 300, "sample": 500, "delay_1": 1000, "test_1": 500, "delay_2": 1000, "test_2": 500},
        **{"delay_3": 1000, "decision": 1000},
    }
    TESTS = ("test_1", "test_2", "decision")
    channels = ("fixation", "stimulus_0", "stimulus_1")
    choices = ("fixate", "go")
    noisy = ("sample", *TESTS)
    withholds = True
    chance = 1 / 3
    observed = "match"

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw the sample and which test matches."""
        sample, match = jax.random.split(key)
        return {
            "sample": jax.random.randint(sample, (trials,), 0, 2),
            "match": jax.random.randint(match, (trials,), 1, 4),
        }

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show the sample, other stimuli, and the match."""
        same, other = (ring(side * jnp.pi, 2, 0.5, 0.5) for side in (drawn["sample"], 1 - drawn["sample"]))
        total = shown(time.during("sample"), same)
        for number, name in enumerate(self.TESTS, 1):
            matches = (drawn["match"] == number)[:, None]
            here = time.during(name) & (drawn["match"] >= number)[:, None]
            total = total + shown(here, jnp.where(matches, same, other))
        return total

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with go."""
        return jnp.ones_like(drawn["match"])

    def responding(self, drawn: Table, time: Timeline) -> jax.Array:
        """Say that to go is due in the test that matches."""
        at = [time.during(name) & (drawn["match"] == number)[:, None] for number, name in enumerate(self.TESTS, 1)]
        return at[0] | at[1] | at[2]

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw fresh trials; steps after the match do not count, and those of the match are the decision."""
        batch = super().draw(arrays, index, key, test=test)
        match, clock = batch.trials["match"], self._tests()
        time = jnp.arange(self.steps)[None] * self.dt
        start, stop = (jnp.array(ends)[match - 1] for ends in clock)
        inside = (time >= start[:, None]) & (time < stop[:, None])
        weight = jnp.where(inside, self.decision_weight, jnp.where(time < start[:, None], self.fixation_weight, 0.0))
        table = dict(batch.trials) | {"decision_start": start, "decision_stop": stop, "withholds": match * 0 + 1}
        return batch._replace(targets=dict(batch.targets) | {"when": weight}, trials=table)

    def _tests(self) -> tuple[list[float], list[float]]:
        """Return when each test begins and ends, ms."""
        ends, now = {}, 0.0
        for name, (low, high) in self.longest().items():
            require(low == high, f"{self.name}: {name} must be a fixed time, got {low:g} to {high:g} ms")
            ends[name] = (now, now + round(high / self.dt) * self.dt)
            now = ends[name][1]
        return [ends[name][0] for name in self.TESTS], [ends[name][1] for name in self.TESTS]

    def score(self, outputs: Mapping[str, jax.Array], batch: Batch) -> dict[str, jax.Array]:
        """Take the test in which "go" leads "fixate" most for the answer."""
        lead = outputs["choice"][..., 1] - outputs["choice"][..., 0]
        time = jnp.arange(self.steps) * self.dt
        inside = [(time >= start) & (time < stop) for start, stop in zip(*self._tests(), strict=True)]
        chosen = jnp.stack([jnp.mean(lead, axis=1, where=one[None]) for one in inside]).argmax(0) + 1
        broken = jnp.any((lead > 0) & (time[None] < batch.trials["decision_start"][:, None]), axis=1)
        right = jnp.mean(chosen == batch.trials["match"], dtype=lead.dtype)
        return {"decision_accuracy": right, "fixation_breaks": jnp.mean(broken, dtype=lead.dtype)}

    def ideal(self, seen: Seen) -> np.ndarray:
        """Remember the sample, and take the test that is most like it."""
        sample = seen.mean("sample", "stimulus").argmax(1)
        tests = np.stack([seen.mean(name, "stimulus") for name in self.TESTS])
        like = np.take_along_axis(tests, np.broadcast_to(sample[None, :, None], (3, len(sample), 1)), 2)[..., 0]
        return like.argmax(0) + 1


class delayed_comparison(CognitiveTask):
    """Say which of two vibrations a delay apart had the higher frequency (Romo et al. 1999).

    Parameters
    ----------
    pairs
        Pairs of frequencies in Hz, all equally likely and in either order. A frequency f is shown as
        ``(1 + (f - lowest) / (highest - lowest)) / 2``.
    **settings
        As in :class:`biocredit.protocols.tasks.cognitive.trial.CognitiveTask`.
    """

    citation = "10.1038/20939"
    timing: Mapping[str, Duration] = {
        **{"fixation": 500, "stimulus_1": 500, "delay": 1000, "stimulus_2": 500, "decision": 100},
    }
    channels = ("fixation", "frequency")
    choices = ("fixate", "first", "second")
    noisy = ("stimulus_1", "stimulus_2")
    units_of_conditions: Mapping[str, str] = {"f1": "Hz", "f2": "Hz"}

    def __init__(
        self,
        pairs: Sequence[tuple[float, float]] = ((18, 10), (22, 14), (26, 18), (30, 22), (34, 26)),
        **settings: Any,
    ):
        self.pairs = tuple(tuple(map(float, pair)) for pair in pairs)
        fits = bool(self.pairs) and all(len(pair) == 2 and pair[0] != pair[1] for pair in self.pairs)
        require(fits, f"pairs: got {pairs}, wanted pairs of different frequencies")
        super().__init__(**settings)

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw a pair and its order."""
        which, order = jax.random.split(key)
        pair = jnp.array(self.pairs)[jax.random.randint(which, (trials,), 0, len(self.pairs))]
        pair = jnp.where(jax.random.bernoulli(order, shape=(trials, 1)), pair, pair[:, ::-1])
        return {"f1": pair[:, 0], "f2": pair[:, 1]}

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show one frequency after the other."""
        lowest, highest = np.min(self.pairs), np.max(self.pairs)
        coded = {name: (1 + (drawn[name] - lowest) / (highest - lowest)) / 2 for name in ("f1", "f2")}
        first, second = (time.during(f"stimulus_{number}") for number in (1, 2))
        return shown(first, coded["f1"][:, None]) + shown(second, coded["f2"][:, None])

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with the higher one."""
        return jnp.where(drawn["f1"] > drawn["f2"], 1, 2)

    def ideal(self, seen: Seen) -> np.ndarray:
        """Compare the means."""
        first, second = (seen.mean(name, "frequency")[:, 0] for name in ("stimulus_1", "stimulus_2"))
        return np.where(first > second, 1, 2)


class delayed_paired_association(CognitiveTask):
    """Go if the second stimulus belongs to the first: 1 to 3, 2 to 4 (Sakai and Miyashita 1991; NeuroGym)."""

    citation = "10.1038/354152a0"
    timing: Mapping[str, Duration] = {
        **{"fixation": 0, "stimulus_1": 1000, "delay_1": 1000, "stimulus_2": 1000, "delay_2": 1000, "decision": 500},
    }
    channels = ("fixation", "stimulus_1", "stimulus_2", "stimulus_3", "stimulus_4")
    choices = ("fixate", "go")
    noisy = ("stimulus_1", "stimulus_2")
    withholds = True

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw one of four pairs."""
        first, second = jax.random.randint(key, (2, trials), 0, 2)
        return {"first": 1 + first, "second": 3 + second}

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show one stimulus after the other."""
        pair = {"stimulus_1": drawn["first"], "stimulus_2": drawn["second"]}
        return sum(shown(time.during(name), jax.nn.one_hot(which - 1, 4)) for name, which in pair.items())

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with go for associated ones."""
        return (drawn["second"] - drawn["first"] == 2).astype(jnp.int32)

    def ideal(self, seen: Seen) -> np.ndarray:
        """Remember the first stimulus."""
        first, second = (seen.mean(name, "stimulus").argmax(1) for name in ("stimulus_1", "stimulus_2"))
        return (second - first == 2).astype(int)
