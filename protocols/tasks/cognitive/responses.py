"""Going, withholding, and reaching to or away from a stimulus."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import require
from biocredit.protocols.tasks.cognitive.timeline import Duration, Timeline, ring, shown
from biocredit.protocols.tasks.cognitive.trial import CognitiveTask, Seen, Table


class go_nogo(CognitiveTask):
    """Go after a go stimulus and a delay, fixate on after the other (numbers of NeuroGym 2.2).

    Examples
    --------
    >>> go_nogo().chance
    0.5
    """

    timing: Mapping[str, Duration] = {"fixation": 0, "stimulus": 500, "delay": 500, "decision": 500}
    channels = ("fixation", "stimulus_nogo", "stimulus_go")
    choices = ("fixate", "go")
    withholds = True

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw go or not."""
        return {"go": jax.random.randint(key, (trials,), 0, 2)}

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show one of two stimuli."""
        return shown(time.during("stimulus"), jax.nn.one_hot(drawn["go"], 2))

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with go, or with fixating on."""
        return drawn["go"]

    def ideal(self, seen: Seen) -> np.ndarray:
        """Compare the two channels."""
        return seen.mean("stimulus", "stimulus").argmax(1)


class anti_reach(CognitiveTask):
    """Reach to where a stimulus was, or where the rule cue says so to the opposite place (Munoz and Everling 2004).

    Parameters
    ----------
    size
        Places on the ring of channels, and of choices; even.
    anti
        Fraction of trials with the anti rule.
    cue
        Whether two channels say the rule all the time. Without a cue one rule must hold in all trials.
    **settings
        As in :class:`biocredit.protocols.tasks.cognitive.trial.CognitiveTask`.
    """

    citation = "10.1038/nrn1345"
    timing: Mapping[str, Duration] = {"fixation": 500, "stimulus": 500, "delay": 0, "decision": 500}
    units_of_conditions: Mapping[str, str] = {"angle": "deg"}
    quiet = ("fixation", "rule_pro", "rule_anti")

    def __init__(self, size: int = 32, *, anti: float = 0.5, cue: bool = True, **settings: Any):
        require(size >= 2 and size % 2 == 0, f"anti_reach: size must be an even number of places, got {size}")
        require(0 <= anti <= 1, f"anti_reach: anti must be a fraction of trials, got {anti}")
        require(cue or anti in (0, 1), "anti_reach: without a cue nobody can know the rule: anti=0, anti=1 or cue=True")
        self.size, self.anti, self.cue = size, anti, cue
        self.channels = ("fixation", *(f"stimulus_{k}" for k in range(size)), *("rule_pro", "rule_anti")[: 2 * cue])
        self.choices = ("fixate", *(f"place_{k}" for k in range(size)))
        super().__init__(**settings)

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw place and rule."""
        where, which = jax.random.split(key)
        place = jax.random.randint(where, (trials,), 0, self.size)
        anti = jax.random.bernoulli(which, self.anti, (trials,)).astype(jnp.int32)
        return {"place": place, "angle": place * 360.0 / self.size, "anti": anti}

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show the place on the ring, and the rule."""
        place = shown(time.during("stimulus"), ring(2 * jnp.pi * drawn["place"] / self.size, self.size))
        if not self.cue:
            return place
        on = time.before("decision") | time.during("decision")
        return jnp.concatenate([place, shown(on, jax.nn.one_hot(drawn["anti"], 2))], axis=-1)

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with the place, or the opposite one."""
        return 1 + (drawn["place"] + drawn["anti"] * (self.size // 2)) % self.size

    def ideal(self, seen: Seen) -> np.ndarray:
        """Read the angle of the whole ring."""
        total = seen.mean("stimulus", "stimulus") @ np.exp(2j * np.pi * np.arange(self.size) / self.size)
        place = np.round(np.angle(total) * self.size / (2 * np.pi)).astype(int)
        anti = seen.mean("stimulus", "rule").argmax(1) if self.cue else int(self.anti)
        return 1 + (place + anti * (self.size // 2)) % self.size
