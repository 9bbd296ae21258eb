"""Tasks from one's own arrays: trials by their number, with every mistake said in a line."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import nearest, require
from biocredit.protocols.tasks.given import as_array, class_numbers, demand_finite, scale_of, zeros_and_ones
from biocredit.protocols.tasks.task import Period, Task
from biocredit.protocols.tasks.wrapped import share

#: What a readout may be asked for, and what it is then called.
KINDS = {"classes": "choice", "labels": "labels", "values": "values"}


class from_arrays(Task):
    """A task of one's own arrays, for static circuits or (with ``dt``) for circuits whose trials have time.

    Parameters
    ----------
    inputs
        ``[trial, channel]``, images ``[trial, row, column]`` or ``[trial, row, column, colour]``, or with ``dt``
        ``[trial, time, channel]``. Several ports: a dictionary by name; one alone is called ``"input"``.
    targets
        Class numbers or names ``[trial]`` (or ``[trial, 1]``, or ``[trial, time]`` with ``dt``); zeros and ones
        ``[trial, label]``; real values ``[trial]``, ``[trial, output]`` or ``[trial, time, output]``. Several
        readouts: a dictionary by name; one alone is called ``"choice"``, ``"labels"`` or ``"values"``.
    kind
        ``"classes"``, ``"labels"`` or ``"values"``, for each readout by name where they differ. By default what the
        numbers say: real numbers are values, whole ones in several columns labels, other whole ones and names classes.
    classes
        Number of classes; or all labels in the order of their class numbers; or names of class numbers.
    when
        ``[trial, time]``: weights of the steps that count, zero where a trial is over or an answer is missing.
        Targets there may be anything, inputs after the last step that counts too.
    dt
        Length of a step in ms. With it axis 1 of the inputs is time.
    scale
        Factor from stored inputs to what is shown. By default whole numbers are divided by the range of their type
        (unsigned bytes and words) or refused, and real numbers are kept.
    flat
        Whether images are handed over as vectors.
    conditions
        Columns ``[trial]`` of the trial table, numbers by name.
    test, validation
        Which trials are kept apart: a fraction (drawn at random), a number, an array of trial numbers; none: 0.
    seed
        Of the random parts.
    periods
        Named stretches of every trial: ``{"cue": (0, 200)}`` in ms.
    units, condition_units
        Units of values by readout, and of conditions.
    name, citation
        For records and figures.

    Raises
    ------
    CircuitError
        With one line: shapes, numbers of trials that differ, labels out of range, values that are not finite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(100, 8)), rng.integers(0, 3, 100)
    >>> from_arrays(x, y, test=0.2, validation=10)
    <task arrays: 70 training, 10 validation and 20 test trials; input: 8, choice: 3>
    >>> from_arrays(rng.normal(size=(50, 20, 4)), rng.normal(size=(50, 20, 2)), dt=10.0, name="reach").scoring["loss"]
    'half_squared_error'
    """

    def __init__(
        self,
        inputs: Any,
        targets: Any,
        *,
        kind: str | Mapping[str, str] | None = None,
        classes: Any = None,
        when: Any = None,
        dt: float | None = None,
        scale: float | None = None,
        flat: bool = True,
        conditions: Mapping[str, Any] | None = None,
        test: Any = 0.2,
        validation: Any = 0,
        seed: int = 0,
        periods: Mapping[str, tuple[float, float]] | None = None,
        units: Mapping[str, str] | None = None,
        condition_units: Mapping[str, str] | None = None,
        name: str = "arrays",
        citation: str = "",
    ):
        require(dt is None or dt > 0, f"{name}: dt must be a positive number of ms, got {dt}")
        self.name, self.citation, self.flat = name, citation, flat
        shown = {port: as_array(one, f"{name}: {port}") for port, one in ports(inputs, "input").items()}
        trials = len(next(iter(shown.values())))
        self._time(dt, shown)
        when = None if when is None else self._when(when, trials)
        answers = self._answers(targets, kind, classes, trials, when)
        stored = {"inputs": {k: self._shown(k, one, scale, trials, when) for k, one in shown.items()}, **answers}
        stored["trials"] |= self._conditions(conditions or {}, trials)
        self.units, self.trial_units = dict(units or {}), dict(condition_units or {})
        self.periods = tuple(Period(one, float(start), float(stop)) for one, (start, stop) in (periods or {}).items())
        self._split(stored, trials, test, validation, seed)

    def _time(self, dt: float | None, shown: Mapping[str, np.ndarray]) -> None:
        if dt is None:
            return
        self.dt, steps = float(dt), {one.shape[1] for one in shown.values() if one.ndim == 3}
        shapes = ", ".join(f"{port} {one.shape}" for port, one in shown.items())
        flat = all(one.ndim == 3 for one in shown.values()) and len(steps) == 1
        require(flat, f"{self.name}: with dt inputs are [trial, time, channel] of one length, got {shapes}")
        self.steps = steps.pop()
        require(self.steps > 0, f"{self.name}: trials have no time steps: {shapes}")

    def _when(self, when: Any, trials: int) -> np.ndarray:
        require(self.steps is not None, f"{self.name}: when= belongs to trials with time: say dt=")
        when = as_array(when, f"{self.name}: when").astype(np.float32)
        wanted = f"{self.name}: when is {when.shape}, wanted ({trials}, {self.steps})"
        require(when.shape == (trials, self.steps), wanted)
        right = bool(np.isfinite(when).all()) and when.min() >= 0
        require(right, f"{self.name}: when must be finite and not negative")
        never = np.flatnonzero(when.sum(1) == 0)
        require(not len(never), f"{self.name}: {len(never)} trials have no step that counts, the first is {never[:1]}")
        return when

    def _shown(
        self, port: str, one: np.ndarray, scale: float | None, trials: int, when: np.ndarray | None
    ) -> np.ndarray:
        """Enter an input port, and return its numbers as they are kept."""
        what = f"{self.name}: {port}"
        require(one.dtype.kind in "biuf", f"{what}: got names, wanted numbers")
        require(len(one) == trials, f"{what}: {len(one)} trials, the other inputs have {trials}")
        require(one.ndim > 1, f"{what}: got shape {one.shape}, wanted (trials, channels)")
        if when is not None and one.dtype.kind == "f":
            over = np.flip(np.maximum.accumulate(np.flip(when, 1), 1), 1) == 0
            one = np.where(over[..., None] & ~np.isfinite(one), 0, one)
        demand_finite(one, what)
        factor = 1.0 if one.dtype.kind == "b" else scale_of(one, scale, what)
        channels = one.shape[2:] if self.steps is not None else one.shape[1:]
        self.inputs = {**self.inputs, port: int(np.prod(channels))}
        if factor != 1 and one.dtype.kind == "f":
            return one * factor
        self.scales = {**getattr(self, "scales", {}), port: factor}
        if self.steps is None and one.ndim > 2:
            self.image_shape = one.shape[1:]
        return one.reshape(len(one), -1) if self.flat and self.steps is None else one

    def _answers(
        self, targets: Any, kind: Any, classes: Any, trials: int, when: np.ndarray | None
    ) -> dict[str, dict[str, np.ndarray]]:
        """Enter the readouts, and return their targets as they are kept."""
        found, table, several = {}, {}, isinstance(targets, Mapping)
        for given, one in ports(targets, "targets").items():
            what = f"{self.name}: {given}"
            one = as_array(one, what)
            require(len(one) == trials, f"{what}: {len(one)} targets for {trials} trials")
            asked = kind.get(given) if isinstance(kind, Mapping) else kind
            asked = asked or self._guess(one)
            require(asked in KINDS, f"{what}: unknown kind {asked!r}: {nearest(asked, KINDS)}")
            readout = given if several else KINDS[asked]
            names = classes.get(given) if isinstance(classes, Mapping) else classes
            value, size = self._target(one, asked, names, when, what)
            found[readout], self.readouts = value, {**self.readouts, readout: size}
            self.kinds = {**self.kinds, readout: asked}
            if asked == "classes" and value.ndim == 1:
                table["label" if len(ports(targets, "")) == 1 else f"label_{readout}"] = value
        if when is not None:
            found["when"] = when
        if self.steps is not None:
            courses = any(value.ndim > 1 and value.shape[1:2] == (self.steps,) for value in found.values())
            loss = {"classes": "cross_entropy", "labels": "binary_cross_entropy", "values": "half_squared_error"}
            (first, *_) = self.kinds.values()
            self.scoring = {"loss": loss[first], "answer": "every" if courses else "last"}
        return {"targets": found, "trials": table}

    def _guess(self, one: np.ndarray) -> str:
        several = one.ndim > 1 and one.shape[1:] != (1,) and (self.steps is None or one.shape[1] != self.steps)
        if one.dtype.kind == "f":
            return "values"
        return "labels" if several or one.ndim > 2 else "classes"

    def _target(
        self, one: np.ndarray, kind: str, classes: Any, when: np.ndarray | None, what: str
    ) -> tuple[np.ndarray, int]:
        """Return a target as it is kept, with an axis of outputs unless it is of classes, and the number of outputs."""
        timed = self.steps is not None and one.ndim > 1 and one.shape[1] == self.steps
        if when is not None and timed:
            gone = (when == 0).reshape(*when.shape, *(1,) * (one.ndim - 2))
            fill = one[when > 0].reshape(-1, *one.shape[2:])[0] if kind == "classes" else np.zeros((), one.dtype)
            one = np.where(gone, fill, one)
        if kind == "classes":
            several = one.ndim == 1 or one.shape[1:] == (1,) or (timed and one.ndim == 2)
            wanted = "(trials,)" + " or (trials, time)" * (self.steps is not None)
            require(several, f"{what}: got shape {one.shape}, wanted class numbers {wanted}")
            value, self.classes = class_numbers(one, classes, what)
            return value, len(self.classes)
        require(one.dtype.kind in "biuf", f"{what}: got names, wanted numbers")
        value = one[..., None] if one.ndim == 1 + timed else one
        require(value.ndim == 2 + timed, f"{what}: got shape {one.shape}, wanted (trials{', time' * timed}, outputs)")
        demand_finite(value, what)
        return (zeros_and_ones(value, what) if kind == "labels" else value.astype(float)), value.shape[-1]

    def _conditions(self, conditions: Mapping[str, Any], trials: int) -> dict[str, np.ndarray]:
        table = {}
        for column, one in conditions.items():
            one = as_array(one, f"{self.name}: condition {column!r}")
            shaped = one.shape == (trials,) and one.dtype.kind in "biuf"
            wanted = f"wanted {trials} numbers (write names as codes)"
            require(shaped, f"{self.name}: condition {column!r} is {one.dtype} {one.shape}, {wanted}")
            table[column] = one
        return table

    def _split(self, stored: dict[str, Any], trials: int, test: Any, validation: Any, seed: int) -> None:
        """Part the trials: training trials, then the validation trials, and the test trials."""
        left = np.random.default_rng(seed).permutation(trials)
        kept, left = apart(test, left, trials, f"{self.name}: test")
        held, left = apart(validation, left, trials, f"{self.name}: validation")
        self.n_train, self.n_validation, self.n_test = len(left), len(held), len(kept)
        require(self.n_train > 0, f"{self.name}: no trial of {trials} is left to learn from")
        rows = {"train": np.concatenate([np.sort(left), np.sort(held)]), "test": np.sort(kept)}
        self.arrays = {
            part: jax.tree.map(lambda one, chosen=chosen: one[chosen], stored | {"number": np.arange(trials)})
            for part, chosen in rows.items()
        }

    @property
    def balance(self) -> dict[str, np.ndarray]:
        """Number of training trials (or steps) of each class, by readout."""
        targets = self.arrays["train"]["targets"]
        return {
            name: np.bincount(np.ravel(targets[name][: self.n_train]), minlength=size)
            for name, size in self.readouts.items()
            if self.kind(name) == "classes"
        }

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return the trials with these numbers."""
        rows = jax.tree.map(lambda one: one[index], arrays["test" if test else "train"])
        inputs = {port: self._scaled(port, one) for port, one in rows["inputs"].items()}
        targets = {name: self._course(name, one) for name, one in rows["targets"].items()}
        return Batch(inputs, targets, rows["trials"] | {"index": rows["number"]})

    def _scaled(self, port: str, one: jax.Array) -> jax.Array:
        if jnp.issubdtype(one.dtype, jnp.floating):
            return one
        return one.astype(jnp.float32) * jnp.float32(self.scales[port])

    def _course(self, name: str, one: jax.Array) -> jax.Array:
        """Return a target as circuits want it: values and labels as real numbers, at every step where there is time."""
        if name == "when" or self.kinds[name] == "classes":
            return one
        one = one.astype(jnp.float32) if self.kinds[name] == "labels" else one
        if self.steps is None or one.ndim == 3:
            return one
        return jnp.broadcast_to(one[:, None], (len(one), self.steps, one.shape[-1]))


def ports(given: Any, alone: str) -> dict[str, Any]:
    """Return arrays by name; one without a name gets it."""
    return dict(given) if isinstance(given, Mapping) else {alone: given}


def apart(part: Any, left: np.ndarray, trials: int, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Take trials out of those that are left: a fraction of all, a number, or these; return them and the rest.

    Examples
    --------
    >>> apart([0, 2], np.arange(4), 4, "test")
    (array([0, 2]), array([1, 3]))
    """
    if isinstance(part, Sequence | np.ndarray) and not isinstance(part, str):
        chosen = np.asarray(part)
        whole = chosen.ndim == 1 and (chosen.dtype.kind in "iu" or not chosen.size)
        require(whole, f"{what} trials: got {chosen.dtype} {chosen.shape}, wanted a list of trial numbers")
        gone = chosen[~np.isin(chosen, left)]
        require(not gone.size, f"{what} trials: {gone[:1]} is no trial of 0..{trials - 1}, or taken by another part")
        require(len(np.unique(chosen)) == len(chosen), f"{what} trials: one is named twice")
        return chosen.astype(int), left[~np.isin(left, chosen)]
    number = 0 if part == 0 else share(part, trials, what)
    return left[:number], left[number:]
