"""What a task promises about its trials, watched in every update by flags from the device.

Before a run, :meth:`biocredit.protocols.tasks.task.Task.check` looks at really drawn trials; what it did not draw is
seen here, in compiled stretches where nothing can be raised.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.training.checkpoint import RunError


def flags(task: Task, batch: Batch) -> dict[str, jax.Array]:
    """Whether the trials of a batch are what the task promises, on the device: scalars by what is wrong if not."""
    found, when = {}, batch.targets.get("when")
    for name, classes in task.readouts.items():
        labels = batch.targets.get(name)
        if labels is not None and jnp.issubdtype(labels.dtype, jnp.integer):
            counted = jnp.ones((), bool) if when is None or labels.shape != when.shape else when != 0
            proper = (labels >= 0) & (labels < classes)
            counted = jnp.broadcast_to(counted, labels.shape)
            found[f"target {name!r}: labels outside 0..{classes - 1}"] = jnp.all(proper | ~counted)
    if when is not None:
        found["no step of the batch is scored"] = jnp.any(when != 0)
    return found


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
