"""Independent networks that learn the same task at once: their states, and the programs compiled for them."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.protocols.training.checkpoint import RunError
from biocredit.protocols.training.checks import check_part
from biocredit.protocols.training.update import LearningStep, State
from jax.sharding import Mesh, NamedSharding, PartitionSpec

#: How several networks can run: one after the other in one program, or at once.
PARALLEL = ("map", "vmap")

#: Trials scored at the same time.
EVALUATED_AT_ONCE = 1000


class Networks:
    """One network for each seed; every array has the leading axis ``seed``, dealt out to the devices.

    Parameters
    ----------
    circuit
        What all of them are.
    steps
        What happens in an update, one for each pass through the task in an epoch.
    arrays
        Data of the task; placed on every device once.
    trees
        Arrays of the circuit, for each network.
    seeds
        One number for each network.
    parallel
        ``"map"``, ``"vmap"``, or what suits the device.
    batch_size
        Trials per update.
    devices
        Number of devices; all accelerators by default, and one where there are only CPUs. Results do not depend on it.

    Raises
    ------
    RunError
        If ``parallel`` or ``devices`` is something else.
    """

    def __init__(
        self,
        circuit: Circuit,
        steps: Sequence[LearningStep],
        arrays: Any,
        trees: Iterable[Tree],
        seeds: Sequence[int],
        *,
        parallel: str | None,
        batch_size: int,
        devices: int | None = None,
    ):
        self.parallel = parallel or ("map" if jax.default_backend() == "cpu" else "vmap")
        if self.parallel not in PARALLEL:
            raise RunError(f"unknown parallel {self.parallel!r}: valid are {', '.join(map(repr, PARALLEL))}")
        self.circuit, self.steps, self.count = circuit, tuple(steps), len(seeds)
        self.mesh = mesh_of(devices, self.count)
        self.devices = self.mesh.size if self.mesh else 1
        self.place(arrays)
        plastic = [step.plastic(circuit.read(), arrays, batch_size) for step in self.steps]
        states = [self._state(tree, seed, batch_size, plastic) for tree, seed in zip(trees, seeds, strict=True)]
        self._dealt = self._deal(jax.tree.map(lambda *leaves: jnp.stack(leaves), *states))
        self._learn: dict[tuple, Callable] = {}

    def __len__(self) -> int:
        return self.count

    @property
    def state(self) -> State:
        """Everything of all networks that changes, with the leading axis ``seed``."""
        if self._padding == 0:
            return self._dealt
        return jax.tree.map(lambda leaf: leaf[: self.count], self._dealt)

    @property
    def updates(self) -> int:
        """Number of updates done so far."""
        return int(np.asarray(self._dealt["update"])[0])

    def learn(self, turn: int, index: np.ndarray, records: Sequence[Any] = ()) -> dict[str, Any]:
        """Do the updates of ``index`` ``[seed, update, trial]`` in a pass; return what was logged, ``[seed, update]``.

        Under ``finite`` lies for each weight whether all of it was finite, under ``flags`` whether the trials were what
        the task promises. ``records`` are the functions of signals that are due.
        """
        which = (turn, *(record.label for record in records))
        if which not in self._learn:
            step = self.steps[turn].recording(records)
            self._learn[which] = jax.jit(self.over_seeds(step.many), donate_argnums=0)
        new, log = heard(self._learn[which](self._in_pass(turn), self.arrays, self._deal(index)))
        optimizers = list(self._dealt["optimizer"])
        optimizers[turn] = new["optimizer"]
        self._dealt = {**new, "optimizer": optimizers}
        apart = {name: log.pop(name) for name in ("finite", "flags")}
        apart = jax.tree.map(self._gather, apart)
        return {name: np.asarray(self._gather(values), np.float64) for name, values in log.items()} | apart

    def run(self, program: Callable[..., Any], trials: np.ndarray, *static: Any) -> Any:
        """Run ``program(state, arrays, trials, *static)``, made by :meth:`over_seeds`, for every network."""
        index = np.broadcast_to(trials, (self.count, *trials.shape))
        return jax.tree.map(self._gather, heard(program(self._in_pass(0), self.arrays, self._deal(index), *static)))

    def place(self, arrays: Any) -> None:
        """Put the data of the task on every device."""
        self.arrays = jax.tree.map(jnp.asarray, arrays)
        if self.mesh:
            self.arrays = jax.device_put(self.arrays, NamedSharding(self.mesh, PartitionSpec()))

    def restore(self, state: State) -> None:
        """Put a stored state in place of the present one."""
        self._dealt = self._deal(state)

    def write_back(self) -> None:
        """Put the weights of the first network into the circuit (unless an interrupt tore them away)."""
        tree = self._dealt["tree"]
        if not any(leaf.is_deleted() for leaf in tree.values()):
            self.circuit.write({name: np.asarray(value[0]) for name, value in tree.items()})

    def over_seeds(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Let ``function(state, arrays, index, *static)`` of one network run for all of them, on all devices."""

        def every(state: State, arrays: Any, index: jax.Array, *static: Any) -> Any:
            def here(state: State, arrays: Any, index: jax.Array) -> Any:
                def one(pair: tuple[State, jax.Array]) -> Any:
                    return function(pair[0], arrays, pair[1], *static)

                return jax.lax.map(one, (state, index)) if self.parallel == "map" else jax.vmap(one)((state, index))

            if self.mesh is None:
                return here(state, arrays, index)
            seeds, all_of_it = PartitionSpec("seed"), PartitionSpec()
            dealt = jax.shard_map(
                here, mesh=self.mesh, in_specs=(seeds, all_of_it, seeds), out_specs=seeds, check_vma=False
            )
            return dealt(state, arrays, index)

        return every

    @property
    def _padding(self) -> int:
        return -self.count % self.devices

    def _deal(self, values: Any) -> Any:
        """Deal the seeds out to the devices; the last one fills the places that are left."""
        if self.mesh is None:
            return jax.tree.map(jnp.asarray, values)
        if self._padding:
            rows = np.minimum(np.arange(self.count + self._padding), self.count - 1)
            values = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], values)
        return jax.device_put(values, NamedSharding(self.mesh, PartitionSpec("seed")))

    def _gather(self, values: jax.Array) -> np.ndarray:
        return np.asarray(values)[: self.count]

    def _in_pass(self, turn: int) -> State:
        return {**self._dealt, "optimizer": self._dealt["optimizer"][turn]}

    def _state(self, tree: Tree, seed: int, batch_size: int, plastic: Sequence[Sequence[str]]) -> State:
        optimizers = [
            step.optimizer.init({name: tree[name] for name in names})
            for step, names in zip(self.steps, plastic, strict=True)
        ]
        counters = {"update": jnp.zeros((), jnp.int32), "seed": jnp.asarray(seed, jnp.int32)}
        return {"tree": tree, "optimizer": optimizers, **counters, **self.steps[0].besides(tree, batch_size)}


class Reading:
    """The programs that look at networks without changing them.

    Parameters
    ----------
    networks
        Whose state is read.
    step
        With which interventions and settings.
    """

    def __init__(self, networks: Networks, step: LearningStep):
        self.networks, self.step = networks, step
        self._score = jax.jit(networks.over_seeds(step.evaluate), static_argnums=3)
        self._observe = jax.jit(networks.over_seeds(step.observe), static_argnums=3)

    def score(self, part: str) -> dict[str, np.ndarray]:
        """Score the networks on all trials of a part of the task, ``[seed]`` by name, without learning."""
        count = check_part(self.step.task, part)
        at_once = min(count, EVALUATED_AT_ONCE)
        whole = np.arange(count - count % at_once, dtype=np.int32).reshape(-1, at_once)
        rest = np.arange(count - count % at_once, count, dtype=np.int32)[None]
        totals: dict[str, np.ndarray] = {}
        for rows in (whole, rest):
            if rows.size:
                for name, value in self.networks.run(self._score, rows, part).items():
                    totals[name] = totals.get(name, 0) + value * rows.shape[1] / count
        return totals

    def observe(self, trials: np.ndarray, cuts: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], dict]:
        """Run test trials slowly; return courses ``[seed, trial, time, neuron]`` and the trial table by name."""
        courses, table = self.networks.run(self._observe, trials, tuple(cuts.items()))
        return (
            {name: np.moveaxis(course, 1, 2) for name, course in courses.items()},
            {name: values[0] for name, values in table.items()},
        )


def heard(values: Any) -> Any:
    """Wait for what a compiled program returns, in steps between which Python hears signals: a second Ctrl-C."""
    start = time.monotonic()
    for leaf in jax.tree.leaves(values):
        while not leaf.is_ready():
            time.sleep(min(max((time.monotonic() - start) / 64, 2e-5), 0.1))
    return values


def mesh_of(wanted: int | None, seeds: int) -> Mesh | None:
    """Return the mesh over which seeds are spread; none where one device is enough."""
    found = jax.local_devices()
    if wanted is None:
        wanted = 1 if found[0].platform == "cpu" else len(found)
    if isinstance(wanted, bool) or not isinstance(wanted, int | np.integer) or not 1 <= wanted <= len(found):
        raise RunError(f"devices must be 1 to {len(found)} (those that JAX sees), got {wanted!r}")
    count = min(int(wanted), seeds)
    return Mesh(np.array(found[:count]), ("seed",)) if count > 1 else None
