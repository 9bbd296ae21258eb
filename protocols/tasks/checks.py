"""Checks of really drawn trials against what their task says, before anything is compiled."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from biocredit.circuits.core.errors import CircuitError, require

#: So many numbers are drawn at most to check a part of a task, and so many trials.
NUMBERS, TRIALS = 2_000_000, 1000


def check_part(task: Any, part: str) -> None:
    """Draw trials of a part, spread over all of it, and check them.

    Parameters
    ----------
    task
        Any :class:`biocredit.protocols.tasks.task.Task`.
    part
        ``"train"``, ``"validation"`` or ``"test"``.

    Raises
    ------
    CircuitError
        With one line that says what was seen and what was wanted.
    """
    size = sum(task.inputs.values()) * (task.steps or 1)
    trials = int(min(task.count(part), TRIALS, max(4, NUMBERS // max(size, 1))))
    index = np.unique(np.linspace(0, task.count(part) - 1, trials).astype(np.int32))
    what = f"task {task.name!r}, {part} trials"
    batch = _drawn(task, index, part, what)
    check_batch(batch, task, len(index), what)


def _drawn(task: Any, index: np.ndarray, part: str, what: str) -> Any:
    """Draw with NumPy's arrays where that works, as those refuse a trial number beyond the data; JAX's never do."""
    key = jax.random.key(0, impl="unsafe_rbg")  # compiles several times faster
    if not jax.tree.leaves(task.arrays):
        return jax.jit(lambda key, index: task.draw_part({}, index, key, part))(key, index)
    try:
        return task.draw_part(task.arrays, index, key, part)
    except IndexError as error:
        raise CircuitError(f"{what}: there are fewer stored than the {task.count(part)} promised ({error})") from error
    except (TypeError, AttributeError, ValueError) as error:
        if isinstance(error, CircuitError):
            raise
        arrays = jax.tree.map(jax.numpy.asarray, task.arrays)
        return task.draw_part(arrays, jax.numpy.asarray(index), key, part)


def check_batch(batch: Any, task: Any, trials: int, what: str) -> None:
    """Check the inputs, targets and trial table of one batch."""
    _names(batch.inputs, task.inputs, f"{what}: inputs")
    targets = {name: np.asarray(value) for name, value in batch.targets.items()}
    when = targets.pop("when", None)
    _names(targets, task.readouts, f"{what}: targets")
    counted = _counted(when, task, trials, what)
    for name, size in task.inputs.items():
        _check_input(np.asarray(batch.inputs[name]), task, trials, size, f"{what}: input {name!r}")
    for name, size in task.readouts.items():
        check = _check_classes if task.kind(name) == "classes" else _check_numbers
        check(targets[name], task, trials, size, counted, f"{what}: target {name!r}", task.kind(name))
    for name, column in batch.trials.items():
        require(np.shape(column) == (trials,), f"{what}: column {name!r} is {np.shape(column)}, wanted ({trials},)")


def _names(got: Mapping[str, Any], wanted: Mapping[str, Any], what: str) -> None:
    require(set(got) == set(wanted), f"{what}: got {', '.join(got) or 'none'}, wanted {', '.join(wanted) or 'some'}")


def _check_input(value: np.ndarray, task: Any, trials: int, size: int, what: str) -> None:
    lead = (trials,) if task.steps is None else (trials, task.steps)
    rest = value.shape[len(lead) :]
    fits = value.shape[: len(lead)] == lead and int(np.prod(rest)) == size and bool(rest)
    require(fits, f"{what}: got shape {value.shape}, wanted ({', '.join(map(str, (*lead, size)))})")
    _finite(value, np.ones((), bool), what)


def _counted(when: np.ndarray | None, task: Any, trials: int, what: str) -> np.ndarray:
    """Say which steps of which trials count."""
    if when is None:
        return np.ones((trials, task.steps or 1), bool)
    require(task.steps is not None, f"{what}: 'when' belongs to trials with time, and the task says no steps")
    wanted = (trials, task.steps)
    require(when.shape == wanted, f"{what}: 'when' is {when.shape}, wanted {wanted}")
    require(bool(np.isfinite(when).all()) and when.min() >= 0, f"{what}: 'when' must be finite and not negative")
    never = np.flatnonzero(when.sum(1) == 0)
    require(len(never) < trials, f"{what}: no step of any trial counts: 'when' is zero everywhere")
    return when > 0


def _check_classes(
    label: np.ndarray, task: Any, trials: int, size: int, counted: np.ndarray, what: str, kind: str
) -> None:
    fits = label.shape == (trials,) or (task.steps is not None and label.shape == (trials, task.steps))
    wanted = f"({trials},)" + (f" or ({trials}, {task.steps})" if task.steps else "")
    require(fits, f"{what}: got shape {label.shape}, wanted class numbers of shape {wanted}")
    require(
        np.issubdtype(label.dtype, np.integer), f"{what}: got {label.dtype}, wanted whole class numbers 0..{size - 1}"
    )
    seen = label[counted] if label.ndim == 2 else label[counted.any(1)]
    low, high = seen.min(), seen.max()
    require(low >= 0 and high < size, f"{what}: labels {low}..{high} seen, 0..{size - 1} wanted")


def _check_numbers(
    value: np.ndarray, task: Any, trials: int, size: int, counted: np.ndarray, what: str, kind: str
) -> None:
    timed = task.steps is not None and value.shape[:2] == (trials, task.steps)
    rest = value.shape[2 if timed else 1 :]
    fits = value.shape[:1] == (trials,) and bool(rest) and int(np.prod(rest)) == size
    lead = f"({trials}, " if task.steps is None else f"({trials}, {task.steps}, "
    require(fits, f"{what}: got shape {value.shape}, wanted {lead}{size})")
    require(np.issubdtype(value.dtype, np.floating), f"{what}: got {value.dtype}, wanted floating-point {kind}")
    seen = counted if timed else counted.any(1)
    _finite(value, seen.reshape(*seen.shape, *(1,) * (value.ndim - seen.ndim)), what)
    if kind == "labels":
        known = value[np.broadcast_to(seen.reshape(*seen.shape, *(1,) * (value.ndim - seen.ndim)), value.shape)]
        others = known[(known != 0) & (known != 1)]
        require(not others.size, f"{what}: got {others[:1]}, wanted zeros and ones")


def _finite(value: np.ndarray, counted: np.ndarray, what: str) -> None:
    bad = ~np.isfinite(value) & counted
    require(not bad.any(), f"{what}: {int(bad.sum())} values are NaN or infinite where they count")
