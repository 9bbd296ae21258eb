"""Accumulation of evidence: cues pass on the left and on the right, as a mouse runs down a track."""

from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import require
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.tasks.temporal import consecutive, positive
from jaxtyping import Array, Float, Int


def cue_rates(
    cues: Int[Array, "trial cue"],
    *,
    cue: int = 100,
    interval: int = 150,
    steps: int = 2250,
    recall: int = 150,
    channels: int = 40,
    rate: float = 0.04,
    background: float | None = None,
    leading: bool = True,
) -> Float[Array, "trial time channel"]:
    """Probability of a spike of each input channel at each step.

    Four groups of channels: left, right, recall, noise. Cue k lies in the last ``cue`` steps of interval k and
    excites the group of its side (0: left, 1: right); the recall group is excited in the last ``recall`` steps.

    Parameters
    ----------
    cues
        Side of each cue.
    cue, interval, steps, recall
        In steps.
    channels
        Number of channels, a quarter in each group.
    rate, background
        Probability a step of an excited group, and of the noise group at all times (a quarter of it by default).
    leading
        Whether silence comes before the cue of an interval (Bellec et al. 2020) or after it
        (doi:10.1073/pnas.2111821118).
    """
    require(channels % 4 == 0, f"cues come over four groups of channels, got {channels} channels")
    time, background = jnp.arange(steps), rate / 4 if background is None else background
    turn, phase = jnp.divmod(time, interval)
    shown = phase >= interval - cue if leading else phase < cue
    here = (shown & (turn < cues.shape[1]))[None]
    side = cues[:, jnp.minimum(turn, cues.shape[1] - 1)]
    ask = jnp.broadcast_to((time >= steps - recall)[None], side.shape)
    groups = [here & (side == 0), here & (side == 1), ask]
    excited = jnp.stack([jnp.where(one, rate, 0.0) for one in groups] + [jnp.full(side.shape, background)], axis=-1)
    return jnp.repeat(excited, channels // 4, axis=-1)


class evidence_accumulation(Task):
    """Say on which side more cues passed, after a delay (Bellec et al. 2020; the task of Morcos and Harvey 2016).

    Parameters
    ----------
    cues
        Number of cues, odd.
    cue, interval, delay, recall
        Length of a cue, from cue to cue, from the last cue to the recall, and of the recall, in ms.
    probability
        Of a cue on the side that the trial favours.
    group
        Input channels of each of the groups left, right, recall and noise.
    spikes
        Whether channels spike (0 or 1 at each step), or carry their spike probability over the rate of an excited one.
    rate, background
        Firing rates of excited and noise channels, Hz.
    dt, n_train, n_test
        Step in ms, trials that count as one pass.

    Examples
    --------
    >>> evidence_accumulation().steps, evidence_accumulation(spikes=False, dt=10).inputs
    (2250, {'spikes': 40})
    """

    citation = "10.1038/s41467-020-17236-y"
    scoring = {"loss": "cross_entropy", "answer": "every"}  # noqa: RUF012
    chance = 0.5

    def __init__(
        self,
        cues: int = 7,
        *,
        cue: float = 100.0,
        interval: float = 150.0,
        delay: float = 1050.0,
        recall: float = 150.0,
        probability: float = 0.7,
        group: int = 10,
        spikes: bool = True,
        rate: float = 40.0,
        background: float = 10.0,
        dt: float = 1.0,
        n_train: int = 640,
        n_test: int = 320,
    ):
        positive(cues=cues, cue=cue, recall=recall, group=group, rate=rate, dt=dt, n_train=n_train, n_test=n_test)
        require(cues % 2 == 1, f"evidence_accumulation: an even number of cues may tie, got {cues}")
        require(cue <= interval, f"evidence_accumulation: cues of {cue:g} ms do not fit into {interval:g} ms")
        require(0.5 <= probability <= 1, f"evidence_accumulation: probability must be 0.5 to 1, got {probability}")
        require(max(rate, background) * dt <= 1000, f"evidence_accumulation: {rate:g} Hz is more than a spike a step")
        self.name, self.dt, self.cues, self.probability, self.spikes = "evidence", float(dt), cues, probability, spikes
        in_steps = [round(one / dt) for one in (cue, interval, delay, recall)]
        require(
            min(in_steps[0], in_steps[1], in_steps[3]) > 0, f"evidence_accumulation: a step of {dt:g} ms is too long"
        )
        tail = in_steps[2] + in_steps[3]
        self.steps, self.recall, self.top = cues * in_steps[1] + tail, in_steps[3], rate * dt / 1000
        self.shape = {"cue": in_steps[0], "interval": in_steps[1], "steps": self.steps, "recall": in_steps[3]}
        self.shape |= {"channels": 4 * group, "rate": self.top, "background": background * dt / 1000}
        self.inputs, self.readouts = {"spikes": 4 * group}, {"choice": 2}
        self.n_train, self.n_test, self.arrays = n_train, n_test, {}
        self.trial_units = {"decision_start": "ms", "decision_stop": "ms"}
        self.periods = consecutive(dt, cues=cues * in_steps[1], delay=in_steps[2], decision=in_steps[3])

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw fresh trials; the indices only say how many."""
        coin, sides, grain = jax.random.split(key, 3)
        favoured = jax.random.bernoulli(coin, 0.5, (len(index), 1))
        chance = jnp.where(favoured, self.probability, 1 - self.probability)
        cues = jax.random.bernoulli(sides, chance, (len(index), self.cues)).astype(jnp.int32)
        rates = cue_rates(cues, **self.shape)
        shown = jax.random.bernoulli(grain, rates).astype(rates.dtype) if self.spikes else rates / self.top
        right = cues.sum(1)
        label = (right > self.cues // 2).astype(jnp.int32)
        when = jnp.arange(self.steps)[None] >= self.steps - self.recall
        when = jnp.broadcast_to(when, (len(index), self.steps)).astype(rates.dtype)
        table = {"right_cues": right, "label": label}
        table |= {f"decision_{end}": jnp.full(len(index), at * self.dt) for end, at in self._decision().items()}
        return Batch({"spikes": shown}, {"choice": label, "when": when}, table)

    def _decision(self) -> dict[str, int]:
        return {"start": self.steps - self.recall, "stop": self.steps}

    def score(self, outputs: Any, batch: Batch) -> dict[str, jax.Array]:
        """Take the side with the largest mean output over the recall."""
        mean = outputs["choice"][:, -self.recall :].mean(1)
        right = mean.argmax(-1) == batch.trials["label"]
        return {"decision_accuracy": jnp.mean(right, dtype=mean.dtype)}
