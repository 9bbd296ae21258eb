"""Trials of environments with NeuroGym's interface, generated on the host and stored."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import CircuitError, require
from biocredit.protocols.tasks.arrays import from_arrays
from biocredit.protocols.tasks.cognitive.trial import decision_scores

#: What an environment must offer.
INTERFACE = ("reset", "new_trial", "observation_space", "action_space")


class from_gym(from_arrays):
    """Trials of a gymnasium-like environment with NeuroGym's interface.

    ``env.reset(seed=...)``, ``env.new_trial(**conditions)``, then ``env.ob`` ``[time, channel]``, ``env.gt`` ``[time]``
    (choices) or ``[time, output]`` (values), ``env.trial`` (conditions), ``env.dt`` (ms), and where they are there
    ``env.start_t`` and ``env.end_t`` (ms, by period), ``env.observation_space.name`` and ``env.action_space.name``
    (channels and choices by name).

    Parameters
    ----------
    env
        The environment.
    n_train, n_test
        Trials to generate; training and test trials from different seeds.
    seed
        Of the environment: ``seed`` for training, ``seed + 1`` for test trials.
    validation
        Training trials to hold out, as in :class:`biocredit.protocols.tasks.arrays.from_arrays`.
    conditions
        Conditions to fix in every trial, handed to ``new_trial``.
    name
        For records; by default the environment's class.

    Raises
    ------
    CircuitError
        With one line, where the environment lacks something, or trials are not as it says.
    """

    def __init__(
        self,
        env: Any,
        *,
        n_train: int = 500,
        n_test: int = 200,
        seed: int = 0,
        validation: Any = 0,
        conditions: Mapping[str, Any] | None = None,
        name: str | None = None,
    ):
        env = getattr(env, "unwrapped", env)
        name = name or type(env).__name__
        for part in INTERFACE:
            require(hasattr(env, part), f"from_gym: {name} has no {part!r}; wanted NeuroGym's trial interface")
        require(n_train > 0 and n_test > 0, f"from_gym: wanted some trials, got {n_train} and {n_test}")
        trials = generate(env, n_train, seed, conditions or {}, name)
        trials += generate(env, n_test, seed + 1, conditions or {}, name)
        inputs, when = padded([trial["ob"] for trial in trials], name)
        targets = padded([trial["gt"] for trial in trials], name)[0]
        self.channels = named(env.observation_space, inputs.shape[-1])
        classes = named(env.action_space, _choices(env, targets)) if targets.ndim == 2 else None
        table, units = columns(trials, name)
        super().__init__(
            {"stimulus": inputs},
            {"choice" if classes else "values": targets},
            classes=classes,
            kind="classes" if classes else "values",
            when=when,
            dt=float(getattr(env, "dt", 1.0)),
            conditions=table,
            condition_units=units,
            test=np.arange(n_train, n_train + n_test),
            validation=validation,
            seed=seed,
            name=name,
        )
        withheld = (table["label"] == 0).any() if "label" in table else False
        self.withholds = bool(withheld)
        if classes:
            self.chance = 1 / (len(classes) - (not self.withholds))

    def score(self, outputs: Mapping[str, jax.Array], batch: Batch) -> dict[str, jax.Array]:
        """Score choices in the period "decision", where the environment has one."""
        if "choice" not in outputs or "decision_start" not in batch.trials:
            return {}
        ends = (batch.trials["decision_start"], batch.trials["decision_stop"])
        withheld = np.full(len(batch.trials["label"]), self.withholds)
        return decision_scores(outputs["choice"], batch.trials["label"], ends, withheld, self.dt)


def generate(env: Any, trials: int, seed: int, conditions: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Let an environment make trials; return inputs, targets, conditions and periods of each."""
    env.reset(seed=seed)
    found = []
    for _ in range(trials):
        told = env.new_trial(**conditions)
        trial = getattr(env, "trial", None) or told or {}
        for part in ("ob", "gt"):
            require(getattr(env, part, None) is not None, f"from_gym: after new_trial {name} has no {part!r}")
        ends = {k: (v, env.end_t[k]) for k, v in getattr(env, "start_t", {}).items() if k in env.end_t}
        found.append({"ob": np.array(env.ob, float), "gt": np.array(env.gt), "trial": dict(trial), "periods": ends})
        same = len(found[-1]["ob"]) == len(found[-1]["gt"])
        require(same, f"from_gym: {name} made {len(env.ob)} steps of inputs and {len(env.gt)} of targets")
    return found


def padded(rows: list[np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pad trials to the longest one, with zeros; return them and the mask of what was there."""
    longest = max(map(len, rows))
    try:
        full = [np.pad(row, [(0, longest - len(row))] + [(0, 0)] * (row.ndim - 1)) for row in rows]
        return np.stack(full), np.stack([np.arange(longest) < len(row) for row in rows]).astype(np.float32)
    except ValueError as error:
        raise CircuitError(f"from_gym: trials of {name} differ in their channels ({error})") from error


def named(space: Any, size: int) -> tuple[str, ...]:
    """Name the channels of a space; a name for several channels is numbered."""
    names = [str(number) for number in range(size)]
    for name, at in (getattr(space, "name", None) or {}).items():
        several = np.ravel(at)
        for number, channel in enumerate(several):
            names[int(channel)] = name if len(several) == 1 else f"{name}_{number}"
    return tuple(names)


def columns(trials: list[dict[str, Any]], name: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Make the trial table: conditions that are numbers (names as codes), the decision, the label."""
    table: dict[str, np.ndarray] = {}
    for column in trials[0]["trial"]:
        values = np.array([np.asarray(trial["trial"].get(column, np.nan)).tolist() for trial in trials], object)
        if all(isinstance(value, str) for value in values):
            table[column] = np.unique(values.astype(str), return_inverse=True)[1]
        elif all(isinstance(value, int | float | bool) for value in values):
            table[column] = values.astype(float)
    units = {}
    if all("decision" in trial["periods"] for trial in trials):
        for number, end in enumerate(("start", "stop")):
            table[f"decision_{end}"] = np.array([trial["periods"]["decision"][number] for trial in trials], float)
            units[f"decision_{end}"] = "ms"
    if trials[0]["gt"].ndim == 1:
        table["label"] = np.array([int(trial["gt"][-1]) for trial in trials])
    return table, units


def _choices(env: Any, targets: np.ndarray) -> int:
    return max(int(getattr(env.action_space, "n", 0)), int(targets.max()) + 1)
