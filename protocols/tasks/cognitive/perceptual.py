"""Perceptual decisions about noisy evidence."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.errors import require
from biocredit.protocols.tasks.cognitive.timeline import Duration, Timeline, ring, shown
from biocredit.protocols.tasks.cognitive.trial import CognitiveTask, Seen, Table


class perceptual_decision(CognitiveTask):
    """Say to which of two sides random dots move (Britten et al. 1992; numbers of NeuroGym).

    Two channels: ``cos(theta_k - theta) coherence / 200 + 0.5``, and noise.

    Parameters
    ----------
    coherences
        Per cent, all equally likely.
    **settings
        As in :class:`biocredit.protocols.tasks.cognitive.trial.CognitiveTask`.

    Examples
    --------
    >>> perceptual_decision(dt=100)
    <task perceptual_decision: 640 training and 320 test trials; stimulus: 3, choice: 3>
    """

    citation = "10.1523/JNEUROSCI.12-12-04745.1992"
    timing: Mapping[str, Duration] = {"fixation": 100, "stimulus": 2000, "delay": 0, "decision": 100}
    channels = ("fixation", "stimulus_0", "stimulus_1")
    units_of_conditions: Mapping[str, str] = {"coherence": "%"}

    def __init__(self, coherences: Sequence[float] = (0, 6.4, 12.8, 25.6, 51.2), **settings: Any):
        self.coherences = percentages(coherences)
        super().__init__(**settings)

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw side and coherence."""
        side, strength = jax.random.split(key)
        coherence = jax.random.choice(strength, jnp.array(self.coherences), (trials,))
        return {"side": jax.random.randint(side, (trials,), 0, 2), "coherence": coherence}

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show the dots."""
        return shown(time.during("stimulus"), ring(drawn["side"] * jnp.pi, 2, drawn["coherence"] / 200, 0.5))

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with the side, also where there is no evidence."""
        return 1 + drawn["side"]

    def ideal(self, seen: Seen) -> np.ndarray:
        """Compare the mean evidence."""
        return 1 + seen.mean("stimulus", "stimulus").argmax(1)


class delayed_response(perceptual_decision):
    """Say after a delay to which side random dots moved; parameters as of :class:`perceptual_decision`."""

    timing: Mapping[str, Duration] = {
        "fixation": 0,
        "stimulus": 1150,
        "delay": ("exponential", 500, 300, 700),
        "decision": 1500,
    }


def percentages(coherences: Sequence[float]) -> tuple[float, ...]:
    """Return coherences as numbers; refuse what is no per cent."""
    values = tuple(map(float, coherences))
    require(bool(values) and all(0 <= value <= 100 for value in values), f"coherences: got {values}, wanted per cents")
    return values
