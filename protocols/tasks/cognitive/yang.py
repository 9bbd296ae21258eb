"""Twenty tasks for one network: reaching, deciding and matching on two rings (Yang et al. 2019)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import nearest, require
from biocredit.protocols.tasks.cognitive.timeline import Timeline, shown
from biocredit.protocols.tasks.cognitive.trial import CognitiveTask, Seen, Table, decision_scores

#: Places on a ring.
PLACES = 16
FAMILIES = ("reach", "decide", "match")
PERIODS = ("fixation", "stimulus_1", "delay", "stimulus_2", "decision")


@dataclass(frozen=True)
class Rule:
    """One of the twenty tasks.

    Attributes
    ----------
    family
        ``"reach"``, ``"decide"`` or ``"match"``.
    timing
        Durations of the periods, ms.
    flip
        Reach to the opposite place; go at non-matches.
    now
        The stimulus comes with the decision.
    rings
        Weight of the evidence on each ring.
    halves
        Match the half of the ring, not the place.
    """

    family: str
    timing: tuple[int, int, int, int, int]
    flip: bool = False
    now: bool = False
    rings: tuple[int, int] = (1, 1)
    halves: bool = False


REACH, LATER = (500, 500, 0, 0, 500), (500, 500, 500, 0, 500)
DECIDE, APART = (300, 500, 0, 0, 300), (300, 500, 1000, 500, 300)
MATCH, NOW = (300, 500, 1000, 500, 500), (500, 0, 0, 0, 500)
DECISIONS = {"dm1": (1, 0), "dm2": (0, 1), "ctxdm1": (1, 0), "ctxdm2": (0, 1), "multidm": (1, 1)}
RULES = {
    "go": Rule("reach", REACH),
    "rt_go": Rule("reach", NOW, now=True),
    "delay_go": Rule("reach", LATER),
    "anti": Rule("reach", REACH, flip=True),
    "rt_anti": Rule("reach", NOW, flip=True, now=True),
    "delay_anti": Rule("reach", LATER, flip=True),
    **{
        f"{late}{name}": Rule("decide", timing, rings=rings)
        for late, timing in (("", DECIDE), ("delay_", APART))
        for name, rings in (
            ("dm1", (1, 0)),
            ("dm2", (0, 1)),
            ("ctxdm1", (1, 0)),
            ("ctxdm2", (0, 1)),
            ("multidm", (1, 1)),
        )
    },
    "dms": Rule("match", MATCH),
    "dnms": Rule("match", MATCH, flip=True),
    "dmc": Rule("match", MATCH, halves=True),
    "dnmc": Rule("match", MATCH, flip=True, halves=True),
}
COHERENCES, STRENGTHS = (0.08, 0.16, 0.32, 0.64), (0.3, 0.6, 1.0)


def bump(place: jax.Array) -> jax.Array:
    """Activity of a ring, ``0.8 exp(-d^2 / 2)`` with d the distance in units of pi/8, ``[trial, channel]``."""
    around = jnp.arange(PLACES)[None] - place[:, None]
    distance = jnp.minimum(around % PLACES, -around % PLACES)
    return 0.8 * jnp.exp(-(distance**2) / 2)


class yang20(CognitiveTask):
    """Learn twenty tasks in one network, each trial one of them, named by a rule cue (Yang et al. 2019).

    Inputs: fixation, two rings of 16 channels, one cue for each rule (on all the time). Choices: fixate, and a ring of
    16 places. Reaching: a stimulus on either ring. Deciding: two stimuli at opposite places, of strength 0.5 +- half
    the coherence on the rings that the rule reads (the other ring, where there is one, shows something else at the
    same places), together, or a delay apart with two of three strengths; the stronger one is reached. Matching: reach
    to the second stimulus if it matches the first, fixate on otherwise.

    Parameters
    ----------
    rules
        Names in :data:`RULES`; all by default. All rule cues stay.
    **settings
        As in :class:`biocredit.protocols.tasks.cognitive.trial.CognitiveTask`.

    Notes
    -----
    Periods of deciding and matching, the strengths 0.5 +- c/2 and even shares of the rules are ours.
    """

    citation = "10.1038/s41593-018-0310-2"
    channels = (
        "fixation",
        *(f"ring_{ring}_{place}" for ring in "AB" for place in range(PLACES)),
        *(f"rule_{name}" for name in RULES),
    )
    quiet = ("fixation", *(f"rule_{name}" for name in RULES))
    choices = ("fixate", *(f"place_{place}" for place in range(PLACES)))
    noisy = ("stimulus_1", "stimulus_2", "decision")
    timing: Mapping[str, Any] = dict.fromkeys(PERIODS, 0)
    units_of_conditions: Mapping[str, str] = dict.fromkeys(PERIODS, "ms")

    def __init__(self, rules: Sequence[str] = tuple(RULES), **settings: Any):
        for name in rules:
            require(name in RULES, f"yang20: unknown rule {name!r}: {nearest(name, RULES)}")
        require(len(rules) > 0 and not settings.get("timing"), "yang20: wanted some rules, with their own timing")
        self.rules = tuple(rules)
        matching = [RULES[name].family == "match" for name in rules]
        self.chance = float(np.mean(np.where(matching, 0.5, 1 / PLACES)))
        super().__init__(**settings)

    def longest(self) -> dict[str, tuple[float, float]]:
        """Return the shortest and longest period of all rules."""
        times = np.array([RULES[name].timing for name in self.rules], float)
        return dict(zip(PERIODS, zip(times.min(0).tolist(), times.max(0).tolist(), strict=True), strict=True))

    def durations(self, key: jax.Array, trials: int, drawn: Table) -> Table:
        """Take the periods of each trial's rule."""
        times = jnp.asarray([rule.timing for rule in RULES.values()], float)[drawn["rule"]]
        return {name: times[:, number] for number, name in enumerate(PERIODS)}

    def conditions(self, key: jax.Array, trials: int) -> Table:
        """Draw rule, places, rings, strengths; what a rule does not need is not seen."""
        keys = jax.random.split(key, 8)
        known = jnp.array([list(RULES).index(name) for name in self.rules])
        rule = jax.random.choice(keys[0], known, (trials,))
        place, other = jax.random.randint(keys[1], (2, trials), 0, PLACES)
        halves = jnp.array([one.halves for one in RULES.values()])[rule]
        half = (place < PLACES // 2) == (other < PLACES // 2)
        match = jax.random.randint(keys[2], (trials,), 0, 2)
        near = jnp.where(half, other, (other + PLACES // 2) % PLACES)
        far = (near + PLACES // 2) % PLACES
        unlike = (place + 1 + other % (PLACES - 1)) % PLACES
        test = jnp.where(halves, jnp.where(match == 1, near, far), jnp.where(match == 1, place, unlike))
        sign = jax.random.choice(keys[3], jnp.array([-1, 1]), (2, trials))
        strength = jax.random.choice(keys[4], jnp.array(COHERENCES), (2, trials))
        weak = jax.random.randint(keys[5], (2, trials), 0, 3)
        strong = (weak + jax.random.randint(keys[6], (2, trials), 1, 3)) % 3
        levels = jnp.array(STRENGTHS)
        delayed = jnp.array([one.timing == APART for one in RULES.values()])[rule]
        pair = [
            jnp.where(delayed[None], levels[weak], 0.5 + sign * strength / 2),
            jnp.where(delayed[None], levels[strong], 0.5 - sign * strength / 2),
        ]
        both = jnp.array([one.rings == (1, 1) for one in RULES.values()])[rule]
        pair = [jnp.where(both[None], one[:1], one) for one in pair]
        drawn = {"rule": rule, "place": place, "test": test, "match": match}
        drawn |= {"ring": jax.random.randint(keys[7], (trials,), 0, 2)}
        drawn |= {"withholds": jnp.array([one.family == "match" for one in RULES.values()])[rule].astype(jnp.int32)}
        return drawn | {f"{end}_{ring}": pair[k][r] for k, end in enumerate("ab") for r, ring in enumerate("AB")}

    def stimulus(self, drawn: Table, time: Timeline) -> jax.Array:
        """Show both rings, and the rule all the time."""
        rule = drawn["rule"]
        family, now, apart = (
            jnp.array(one)[rule]
            for one in (
                [FAMILIES.index(one.family) for one in RULES.values()],
                [one.now for one in RULES.values()],
                [one.timing == APART for one in RULES.values()],
            )
        )
        shows = jnp.array([shown_rings(name) for name in RULES])[rule]
        place, opposite = bump(drawn["place"]), bump((drawn["place"] + PLACES // 2) % PLACES)
        test, rings = bump(drawn["test"]), []
        early = time.during("stimulus_1") | (now[:, None] & time.during("decision"))
        for number, ring in enumerate("AB"):
            single = (drawn["ring"] == number)[:, None]
            first, second = drawn[f"a_{ring}"][:, None] * place, drawn[f"b_{ring}"][:, None] * opposite
            one = jnp.where(apart[:, None], first, first + second)
            deciding, matching = (family == 1)[:, None], (family == 2)[:, None]
            here = shows[:, number : number + 1]
            early_ring = jnp.where(deciding, here * one, single * place)
            late_ring = jnp.where(deciding, here * second, jnp.where(matching, single * test, 0))
            rings.append(shown(early, early_ring) + shown(time.during("stimulus_2"), late_ring))
        on = time.before("decision") | time.during("decision")
        return jnp.concatenate([*rings, shown(on, jax.nn.one_hot(rule, len(RULES)))], axis=-1)

    def answer(self, drawn: Table) -> jax.Array:
        """Reach, decide or match as the rule says."""
        rule, half = drawn["rule"], PLACES // 2
        family = jnp.array([FAMILIES.index(one.family) for one in RULES.values()])[rule]
        flip = jnp.array([one.flip for one in RULES.values()])[rule]
        reads = jnp.array([one.rings for one in RULES.values()])[rule]
        lead = sum(reads[:, number] * (drawn[f"a_{ring}"] - drawn[f"b_{ring}"]) for number, ring in enumerate("AB"))
        opposite = (drawn["place"] + half) % PLACES
        reach = jnp.where(flip, opposite, drawn["place"])
        decide = jnp.where(lead > 0, drawn["place"], opposite)
        match = jnp.where((drawn["match"] == 1) != flip, 1 + drawn["test"], 0)
        return jnp.stack([1 + reach, 1 + decide, match])[family, jnp.arange(len(rule))]

    def score(self, outputs: Mapping[str, jax.Array], batch: Batch) -> dict[str, jax.Array]:
        """Score decisions of all rules together; only matching allows to fixate."""
        trials = batch.trials
        ends = (trials["decision_start"], trials["decision_stop"])
        return decision_scores(outputs["choice"], trials["label"], ends, trials["withholds"] == 1, self.dt)

    def ideal(self, seen: Seen) -> np.ndarray:
        """Read the rule, and compare the rings with bumps at all places."""
        rules = list(RULES.values())
        rule = seen.total("fixation", "rule").argmax(1)
        bumps = np.asarray(bump(jnp.arange(PLACES))) / 0.8
        look = {
            name: [seen.total(name, f"ring_{ring}") @ bumps.T for ring in "AB"]
            for name in ("stimulus_1", "stimulus_2", "decision")
        }
        choice = np.zeros(len(rule), int)
        for trial, one in enumerate(rules[k] for k in rule):
            first, second, now = (
                sum(weight * ring[trial] for weight, ring in zip(one.rings, rings, strict=True))
                for rings in look.values()
            )
            choice[trial] = _choose(one, now if one.now else first, second)
        return choice


def shown_rings(name: str) -> tuple[int, int]:
    """Say on which rings the evidence of a rule is shown: both where the rule must choose between them or add them."""
    return RULES[name].rings if "ctx" not in name else (1, 1)


def _choose(rule: Rule, first: np.ndarray, second: np.ndarray) -> int:
    half, place, test = PLACES // 2, int(first.argmax()), int(second.argmax())
    if rule.family == "reach":
        return 1 + (place + rule.flip * half) % PLACES
    if rule.family == "decide":
        return 1 + (place if rule.timing == DECIDE or first.max() > second.max() else test)
    match = (place < half) == (test < half) if rule.halves else place == test
    return 1 + test if match != rule.flip else 0
