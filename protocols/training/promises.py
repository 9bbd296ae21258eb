"""What a task promises about its trials, checked on real ones: once before a run, and in every update by flags."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.errors import nearest
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.training.checkpoint import RunError

#: So many trials of each part are looked at before a run.
LOOKED_AT = 64


def check_trials(task: Task, parts: Iterable[str] = ("train", "test")) -> None:
    """Look at really drawn trials, before anything is compiled.

    Parameters
    ----------
    task
        Whose trials.
    parts
        Which of them, ``"train"``, ``"test"``.

    Raises
    ------
    RunError
        In one line: fewer trials in the data than the task says, another number of steps, inputs or readouts that are
        missing or of another size, values that are not finite, labels that name no class.
    """
    for part in parts:
        count = task.n_test if part == "test" else task.n_train
        if count < 1:
            raise RunError(f"{task.name} has no trials to {part}")
        index = np.unique(np.linspace(0, count - 1, min(count, LOOKED_AT)).astype(np.int32))
        batch = _drawn(task, index, part)
        found = [*_wrong_inputs(task, batch, len(index)), *_wrong_targets(task, batch, len(index))]
        if found:
            raise RunError(f"{task.name}, trials to {part}: {found[0]}")


def _drawn(task: Task, index: np.ndarray, part: str) -> Batch:
    """Draw trials as NumPy arrays; stored ones by NumPy's own indexing, which refuses what is not there."""
    key, test = jax.random.key(0), part == "test"
    numbers = jnp.asarray(index)
    try:
        batch = task.draw(task.arrays, numbers, key, test=test)
    except IndexError:
        raise RunError(f"{task.name} says it has {index[-1] + 1} trials to {part}, but the data hold fewer") from None
    except (AttributeError, TypeError):  # it needs arrays of JAX
        batch = task.draw(jax.tree.map(jnp.asarray, task.arrays), numbers, key, test=test)
    if not isinstance(batch, Batch):
        raise RunError(f"{task.name}: draw must return a Batch, got {type(batch).__name__}")
    return Batch(*({name: np.asarray(value) for name, value in part.items()} for part in batch))


def _wrong_inputs(task: Task, batch: Batch, trials: int) -> Iterator[str]:
    yield from _missing("input", task.inputs, batch.inputs)
    for name, value in batch.inputs.items():
        if value.shape[:1] != (trials,):
            yield f"input {name!r} has shape {value.shape}, wanted {trials} trials on the first axis"
        elif task.steps is not None and value.ndim > 2 and value.shape[1] != task.steps:
            yield f"input {name!r} has {value.shape[1]} steps, the task says {task.steps}"
        elif (channels := task.inputs.get(name)) and value[0].size % channels:
            yield f"input {name!r} has trials of shape {value.shape[1:]}, the task says {channels} channels"
        elif not np.isfinite(value).all():
            yield f"input {name!r} is not finite in trial {int(np.argwhere(~np.isfinite(value))[0][0])} of those drawn"


def _wrong_targets(task: Task, batch: Batch, trials: int) -> Iterator[str]:
    yield from _missing("target", task.readouts, batch.targets)
    for name, value in batch.targets.items():
        if value.shape[:1] != (trials,):
            yield f"target {name!r} has shape {value.shape}, wanted {trials} trials on the first axis"
            continue
        counted = value[np.broadcast_to(_counts(batch, value), value.shape)] if value.ndim else value
        if not np.isfinite(counted).all():
            yield f"target {name!r} is not finite where it counts"
        elif name in task.readouts and value.dtype.kind in "iub" and counted.size:
            low, high, classes = int(counted.min()), int(counted.max()), task.readouts[name]
            if low < 0 or high >= classes:
                yield f"target {name!r}: labels {low}..{high} seen, 0..{classes - 1} wanted"
    if "when" in batch.targets and not np.any(batch.targets["when"]):
        yield "no step of any trial is scored: targets['when'] is zero everywhere"


def _missing(what: str, wanted: Mapping[str, int], found: Mapping[str, Any]) -> Iterator[str]:
    for name in wanted:
        if name not in found:
            yield f"{what} {name!r} is promised but not drawn: {nearest(name, found)}"


def _counts(batch: Batch, value: Any) -> Any:
    """Where a target counts: in the trials and steps that the mask ``"when"`` leaves in."""
    when = batch.targets.get("when")
    if when is None or value.ndim < 2 or value.shape[:2] != when.shape[:2]:
        return True
    return (when != 0).reshape(*when.shape[:2], *(1,) * (value.ndim - 2))


def flags(task: Task, batch: Batch) -> dict[str, jax.Array]:
    """Whether the trials of a batch are what the task promises, on the device: scalars by what is wrong if not."""
    found = {}
    for name, classes in task.readouts.items():
        labels = batch.targets.get(name)
        if labels is not None and jnp.issubdtype(labels.dtype, jnp.integer):
            proper = (labels >= 0) & (labels < classes)
            found[f"target {name!r}: labels outside 0..{classes - 1}"] = jnp.all(proper | ~_here(batch, labels))
    if "when" in batch.targets:
        found["no step of the batch is scored"] = jnp.any(batch.targets["when"] != 0)
    return found


def _here(batch: Batch, labels: jax.Array) -> jax.Array:
    return jnp.broadcast_to(jnp.asarray(_counts(batch, labels)), labels.shape)


def check_flags(task: Task, found: Mapping[str, np.ndarray], update: int) -> None:
    """Refuse trials that were not what the task promises.

    Parameters
    ----------
    task
        Whose trials.
    found
        What :func:`flags` returned, ``[seed, update]`` by what is wrong.
    update
        Number of the first update.

    Raises
    ------
    RunError
        With the first of them.
    """
    for what, proper in found.items():
        if not proper.all():
            raise RunError(f"{task.name}: {what}, at update {update + int(np.argwhere(~proper)[:, 1].min())}")
