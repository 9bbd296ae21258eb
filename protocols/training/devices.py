"""Over which devices the seeds of a run are spread, or the trials of every batch of one large network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from biocredit.circuits.core.errors import nearest
from biocredit.protocols.training.checkpoint import RunError
from jax.sharding import Mesh, NamedSharding, PartitionSpec

#: What may be spread: seeds (bit for bit as on one device) or the trials of a batch (to rounding).
SHARDS = ("seeds", "batch")

#: Bytes that the copies of a task's data may take where the devices are the cores of one processor.
COPIES = 1_000_000_000


@dataclass(frozen=True)
class Spread:
    """How arrays lie on the devices.

    Parameters
    ----------
    mesh
        The devices; none where one is enough.
    what
        One of :data:`SHARDS`.
    """

    mesh: Mesh | None = None
    what: str = "seeds"

    @property
    def devices(self) -> int:
        """Number of devices."""
        return self.mesh.size if self.mesh else 1

    @property
    def parts(self) -> int:
        """Number of parts that the axis of the seeds is cut into."""
        return self.devices if self.what == "seeds" else 1

    def copies(self, values: Any) -> Any:
        """Put all of something on every device."""
        values = jax.tree.map(jax.numpy.asarray, values)
        return jax.device_put(values, NamedSharding(self.mesh, PartitionSpec())) if self.mesh else values

    def dealt(self, values: Any) -> Any:
        """Deal something with a leading axis of seeds out to the devices; the last seed fills the places left over."""
        if self.mesh is None or self.what == "batch":
            return self.copies(values)
        count = len(jax.tree.leaves(values)[0])
        if count % self.devices:
            rows = np.minimum(np.arange(count + -count % self.devices), count - 1)
            values = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], values)
        return jax.device_put(values, NamedSharding(self.mesh, PartitionSpec("seeds")))

    def trials(self, batch: Any) -> Any:
        """Spread the trials of a batch, inside of a program."""
        if self.mesh is None or self.what == "seeds":
            return batch
        return jax.lax.with_sharding_constraint(batch, NamedSharding(self.mesh, PartitionSpec("batch")))

    def over_seeds(self, every: Callable[..., Any]) -> Callable[..., Any]:
        """Let ``every(state, arrays, index)`` run on each device for the seeds that lie there."""
        if self.mesh is None or self.what == "batch":
            return every
        seeds, all_of_it = PartitionSpec("seeds"), PartitionSpec()
        ways = {"in_specs": (seeds, all_of_it, seeds), "out_specs": seeds}
        return jax.shard_map(every, mesh=self.mesh, **ways, check_vma=False)


def spread(wanted: int | None, what: str, seeds: int, batch: int, arrays: Any) -> Spread:
    """Choose the devices.

    Parameters
    ----------
    wanted
        Number of devices; by default all, unless the copies of the data would fill the memory of a computer whose
        devices are the cores of its processor.
    what
        One of :data:`SHARDS`.
    seeds, batch
        Number of networks, and of trials of a batch.
    arrays
        Data of the task.

    Raises
    ------
    RunError
        For a number of devices that there are not, or that a batch cannot be cut into.
    """
    if what not in SHARDS:
        raise RunError(f"unknown shard {what!r}: {nearest(what, SHARDS)}")
    found = jax.local_devices()
    if wanted is None:
        size = sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(arrays))
        wanted = min(len(found), max(COPIES // max(size, 1), 1)) if found[0].platform == "cpu" else len(found)
    if isinstance(wanted, bool) or not isinstance(wanted, int | np.integer) or not 1 <= wanted <= len(found):
        raise RunError(f"devices must be 1 to {len(found)} (those that JAX sees), got {wanted!r}")
    count = min(int(wanted), seeds) if what == "seeds" else int(wanted)
    if what == "batch" and batch % count:
        raise RunError(f"a batch of {batch} trials cannot be cut into equal parts for {count} devices")
    return Spread(Mesh(np.array(found[:count]), (what,)), what) if count > 1 else Spread(what=what)
