"""Centre-out reaches to eight targets: direction and hold cue in, the movement of the arm out.

The task of the program released with Liu, Yang and Cueva 2025, arXiv 2506.06904; one step is 10 ms. A trial is given by
its direction and two intervals: the direction is shown after the first one, the hold cue goes off after the second.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import choose, require
from biocredit.protocols.tasks.task import Task
from jaxtyping import Array, Float, Int

#: Course of the direction cue, and its last part, with which the hold cue goes off.
RISE = (0.05, 0.1, 0.2, 0.35, 0.65, 0.8, 0.9, 0.95)
BUMP = (*RISE, *[1.0] * 7, *reversed(RISE))
FALL = tuple(reversed(RISE))

DIRECTIONS, STEP_MS = 8, 10.0
#: Intervals in steps: below these in training, and those of the trials that are compared with recordings.
LONGEST, COMPARED = (50, 150), (25, 105)
#: Movement times in ms that a target holds.
BEFORE_MS, AFTER_MS = -100.0, 400.0


class Reaches(NamedTuple):
    """Trials of given directions and intervals."""

    inputs: Float[Array, "trial time 3"]
    """Sine and cosine of the direction, hold cue."""
    target: Float[Array, "trial time output"]
    mask: Float[Array, "trial time output"]
    """1 where an output counts."""
    index: Int[Array, "trial 4"]
    """First and last step of the direction cue, and of the movement."""


def reaches(
    condition: Int[Array, " trial"],
    interval1: Int[Array, " trial"],
    interval2: Int[Array, " trial"],
    movement: Float[Array, "condition sample output"],
    steps: int = 300,
    offset: int = -10,
    one_hot: bool = False,
) -> Reaches:
    """Lay out trials.

    Parameters
    ----------
    condition, interval1, interval2
        Direction (times 45 degrees), steps before it is shown, steps from its end to the end of the hold cue.
    movement
        What is wanted of the outputs, from 100 ms before movement onset on.
    steps
        Length of a trial.
    offset
        Steps from the end of the hold cue to the first sample of the movement.
    one_hot
        Whether eight outputs for the condition come first; they are wanted from the first sample on to the end.

    Examples
    --------
    >>> one = jnp.array([2])
    >>> trials = reaches(one, jnp.array([25]), jnp.array([105]), jnp.ones((8, 51, 2)))
    >>> trials.inputs.shape, trials.index.tolist()
    ((1, 300, 3), [[25, 47, 143, 193]])
    """
    time, dtype = jnp.arange(steps), movement.dtype
    shown, gone = interval1, interval1 + len(BUMP) + interval2
    first, samples = gone + offset, movement.shape[1]

    def since(start: jax.Array) -> jax.Array:
        return time[None] - start[:, None]

    def course(values: tuple[float, ...], start: jax.Array) -> jax.Array:
        at = since(start)
        inside = (at >= 0) & (at < len(values))
        return jnp.where(inside, jnp.asarray(values, dtype)[jnp.clip(at, 0, len(values) - 1)], 0)

    angle = (2 * np.pi / DIRECTIONS) * condition.astype(dtype)
    cue = course(BUMP, shown)
    held = (since(gone - len(FALL)) < 0).astype(dtype) + course(FALL, gone - len(FALL))
    inputs = jnp.stack([jnp.sin(angle)[:, None] * cue, jnp.cos(angle)[:, None] * cue, held], axis=-1)
    at = since(first)[..., None]
    wanted = movement[condition[:, None], jnp.clip(at[..., 0], 0, samples - 1)]
    target = jnp.where((at >= 0) & (at < samples), wanted, 0)
    mask = jnp.broadcast_to(at < samples, target.shape).astype(dtype)
    if one_hot:
        named = jnp.where(at >= 0, jax.nn.one_hot(condition, DIRECTIONS, dtype=dtype)[:, None], 0)
        target, mask = jnp.concatenate([named, target], -1), jnp.concatenate([jnp.ones_like(named), mask], -1)
    last = jnp.minimum(first + samples - 1, steps - 1)
    return Reaches(inputs, target, mask, jnp.stack([shown, shown + len(BUMP) - 1, first, last], axis=-1))


def shared_weights(mask: Float[Array, "trial time output"]) -> Float[Array, "trial time output"]:
    """Weights with which a sum over steps and outputs, averaged over trials, is the mean over all that counts.

    Examples
    --------
    >>> float(shared_weights(jnp.ones((2, 5, 3))).sum() / 2)
    1.0
    """
    return mask * (len(mask) / mask.sum())


def minimum_jerk() -> dict[str, Float[np.ndarray, "condition sample 2"]]:
    """Straight reaches of minimum jerk (Flash and Hogan 1985) of 10 cm in 400 ms, by an arm of two joints.

    Returns
    -------
    dict
        Changes of ``position``, ``velocity`` and ``angles`` (shoulder, elbow), each component divided by its largest
        absolute value; samples every 10 ms from -100 to 400 ms.

    Examples
    --------
    >>> {name: values.shape for name, values in minimum_jerk().items()}
    {'position': (8, 51, 2), 'velocity': (8, 51, 2), 'angles': (8, 51, 2)}
    """
    upper, fore, start = 0.30, 0.33, np.radians([45.0, 90.0])
    time = np.clip(np.arange(BEFORE_MS, AFTER_MS + STEP_MS, STEP_MS) / AFTER_MS, 0, 1)
    travelled = 10 * time**3 - 15 * time**4 + 6 * time**5
    speed = 30 * time**2 - 60 * time**3 + 30 * time**4
    angle = 2 * np.pi / DIRECTIONS * np.arange(DIRECTIONS)
    heading = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None]
    joint = start.sum()
    home = np.array([upper * np.cos(start[0]) + fore * np.cos(joint), upper * np.sin(start[0]) + fore * np.sin(joint)])
    hand = home + 0.1 * travelled[None, :, None] * heading
    x, y = hand[..., 0], hand[..., 1]
    elbow = np.arccos((x**2 + y**2 - upper**2 - fore**2) / (2 * upper * fore))
    shoulder = np.arctan2(y, x) - np.arctan2(fore * np.sin(elbow), upper + fore * np.cos(elbow))
    found = {
        "position": hand - home,
        "velocity": speed[None, :, None] * heading,
        "angles": np.stack([shoulder, elbow], axis=-1) - start,
    }
    return {name: values / np.abs(values).max(axis=(0, 1)) for name, values in found.items()}


#: Movements by name.
MOVEMENTS = {"minimum_jerk": minimum_jerk}


class reach(Task):
    """Reach to one of eight targets when the hold cue goes off. Every training trial is fresh.

    Parameters
    ----------
    movement
        ``"minimum_jerk"``, or recorded kinematics by name, ``[8, 51, component]`` from -100 to 400 ms every 10 ms.
    outputs
        Which of them are asked for.
    steps
        Length of a trial in steps of 10 ms.
    offset
        Steps from the end of the hold cue to the first sample of the movement.
    n_train, n_test
        Trials that make one pass. The first eight test trials have the eight directions and the intervals with which
        networks are compared with recordings; further ones are fresh.

    Raises
    ------
    CircuitError
        For unknown outputs, movements of another shape, trials too short.

    Examples
    --------
    >>> batch = reach().draw({"movement": reach().arrays["movement"]}, jnp.arange(4), jax.random.key(0))
    >>> batch.inputs["cues"].shape, batch.targets["arm"].shape
    ((4, 300, 3), (4, 300, 2))
    """

    citation = "arXiv:2506.06904"
    scoring: Mapping[str, str] = {"loss": "half_squared_error", "answer": "every"}
    trial_units: Mapping[str, str] = {"direction": "degree", "interval1": "step", "interval2": "step"}

    def __init__(
        self,
        movement: Literal["minimum_jerk"] | Mapping[str, np.ndarray] = "minimum_jerk",
        outputs: tuple[str, ...] = ("angles",),
        *,
        steps: int = 300,
        offset: int = -10,
        n_train: int = 100,
        n_test: int = 8,
    ):
        known = choose(movement, MOVEMENTS, "movement")() if isinstance(movement, str) else dict(movement)
        parts = [np.asarray(choose(name, known, "output of the reach task")) for name in outputs]
        samples = round((AFTER_MS - BEFORE_MS) / STEP_MS) + 1
        for name, part in zip(outputs, parts, strict=True):
            fits = part.ndim == 3 and part.shape[:2] == (DIRECTIONS, samples)
            require(fits, f"{name}: wanted [{DIRECTIONS}, {samples}, component], got {part.shape}")
        least = COMPARED[0] + len(BUMP) + COMPARED[1] + offset + samples
        require(steps >= least, f"steps: wanted at least {least} for the compared trials, got {steps}")
        self.name, self.steps, self.dt, self.offset = "reach", steps, STEP_MS, offset
        self.arrays = {"movement": np.concatenate(parts, axis=-1).astype(np.float32)}
        self.inputs, self.readouts = {"cues": 3}, {"arm": self.arrays["movement"].shape[-1]}
        self.kinds, self.units = {"arm": "values"}, {"arm": "1"}
        self.n_train, self.n_test = n_train, n_test

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Draw trials; the first eight of a batch have the eight directions."""
        keys, count = jax.random.split(key, 3), len(index)
        place = index if test else jnp.arange(count)
        condition = jnp.where(place < DIRECTIONS, place, jax.random.randint(keys[0], (count,), 0, DIRECTIONS))
        intervals = [jax.random.randint(k, (count,), 0, n) for k, n in zip(keys[1:], LONGEST, strict=True)]
        if test:
            intervals = [jnp.where(index < DIRECTIONS, n, i) for n, i in zip(COMPARED, intervals, strict=True)]
        trials = reaches(condition, *intervals, arrays["movement"], self.steps, self.offset)
        table = {"direction": 360 / DIRECTIONS * condition, "interval1": intervals[0], "interval2": intervals[1]}
        when = shared_weights(trials.mask)[..., 0]
        return Batch({"cues": trials.inputs}, {"arm": trials.target, "when": when}, table)
