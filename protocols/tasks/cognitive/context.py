"""Decisions about one of two stimuli, as a cue says."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.protocols.tasks.cognitive.perceptual import percentages
from biocredit.protocols.tasks.cognitive.timeline import Duration, Timeline, ring, shown
from biocredit.protocols.tasks.cognitive.trial import CognitiveTask, Seen, Table


class context_decision(CognitiveTask):
    """Say the side of the motion or of the colour, whichever the context cue names (Mante et al. 2013).

    Parameters
    ----------
    coherences
        Per cent, all equally likely, independent for the two modalities.
    **settings
        As in :class:`biocredit.protocols.tasks.cognitive.trial.CognitiveTask`.
    """

    citation = "10.1038/nature12742"
    timing: Mapping[str, Duration] = {
        "fixation": 300,
        "stimulus": 750,
        "delay": ("exponential", 600, 300, 3000),
        "decision": 100,
    }
    channels = ("fixation", "motion_0", "motion_1", "colour_0", "colour_1", "context_motion", "context_colour")
    quiet = ("fixation", "context_motion", "context_colour")
    units_of_conditions: Mapping[str, str] = {"motion_coherence": "%", "colour_coherence": "%"}

    def __init__(self, coherences: Sequence[float] = (5, 15, 50), **settings: Any):
        self.coherences = percentages(coherences)
        super().__init__(**settings)

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw context (0: motion decides), sides and coherences."""
        keys = jax.random.split(key, 5)
        coins = [jax.random.randint(one, (trials,), 0, 2) for one in keys[:3]]
        strengths = [jax.random.choice(one, jnp.array(self.coherences), (trials,)) for one in keys[3:]]
        names = ("context", "motion", "colour", "motion_coherence", "colour_coherence")
        return dict(zip(names, (*coins, *strengths), strict=True))

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show both modalities, and the context all the time."""
        both = [ring(drawn[name] * jnp.pi, 2, drawn[f"{name}_coherence"] / 200, 0.5) for name in ("motion", "colour")]
        context = jax.nn.one_hot(drawn["context"], 2)
        on = time.before("decision") | time.during("decision")
        return jnp.concatenate([shown(time.during("stimulus"), jnp.concatenate(both, 1)), shown(on, context)], axis=-1)

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with the side of the cued modality."""
        return 1 + jnp.where(drawn["context"] == 0, drawn["motion"], drawn["colour"])

    def ideal(self, seen: Seen) -> np.ndarray:
        """Compare the mean evidence of the cued modality."""
        motion, colour = (seen.mean("stimulus", name).argmax(1) for name in ("motion", "colour"))
        return 1 + np.where(seen.mean("stimulus", "context").argmax(1) == 0, motion, colour)


class multisensory(CognitiveTask):
    """Say the side that two modalities show together, each a part of the evidence (Raposo et al. 2014).

    Parameters
    ----------
    coherences
        Per cent, all equally likely; a uniform share of it goes to the first modality, the rest to the second.
    **settings
        As in :class:`biocredit.protocols.tasks.cognitive.trial.CognitiveTask`.
    """

    citation = "10.1038/nn.3865"
    timing: Mapping[str, Duration] = {"fixation": 300, "stimulus": 750, "decision": 100}
    channels = ("fixation", "vision_0", "vision_1", "sound_0", "sound_1")
    units_of_conditions: Mapping[str, str] = {"coherence": "%"}

    def __init__(self, coherences: Sequence[float] = (5, 15, 50), **settings: Any):
        self.coherences = percentages(coherences)
        super().__init__(**settings)

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw side, coherence and the share of vision."""
        side, strength, share = jax.random.split(key, 3)
        coherence = jax.random.choice(strength, jnp.array(self.coherences), (trials,))
        side = jax.random.randint(side, (trials,), 0, 2)
        return {"side": side, "coherence": coherence, "share": jax.random.uniform(share, (trials,))}

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show both modalities."""
        shares = (drawn["share"], 1 - drawn["share"])
        both = [ring(drawn["side"] * jnp.pi, 2, drawn["coherence"] * share / 200, 0.5) for share in shares]
        return shown(time.during("stimulus"), jnp.concatenate(both, axis=1))

    def answer(self, drawn: Table) -> jax.Array:
        """Answer with the side."""
        return 1 + drawn["side"]

    def ideal(self, seen: Seen) -> np.ndarray:
        """Add the evidence of both modalities up."""
        return 1 + (seen.mean("stimulus", "vision") + seen.mean("stimulus", "sound")).argmax(1)
