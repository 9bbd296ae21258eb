"""Independent networks that learn the same task at once: their states, and the programs compiled for them."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.training.checkpoint import RunError
from biocredit.protocols.training.checks import check_part
from biocredit.protocols.training.devices import spread
from biocredit.protocols.training.update import LearningStep, State

#: How several networks can run: one after the other in one program, or at once.
PARALLEL = ("map", "vmap")

#: Trials scored at the same time.
EVALUATED_AT_ONCE = 1000

#: Bytes that their inputs may take: large images are scored a few at a time.
EVALUATED_BYTES = 250_000_000


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
    devices, shard
        How many devices share the seeds or the trials, see :func:`biocredit.protocols.training.devices.spread`.

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
        shard: str = "seeds",
    ):
        self.parallel = parallel or ("map" if jax.default_backend() == "cpu" else "vmap")
        if self.parallel not in PARALLEL:
            raise RunError(f"unknown parallel {self.parallel!r}: valid are {', '.join(map(repr, PARALLEL))}")
        self.spread = spread(devices, shard, len(seeds), batch_size, arrays)
        self.circuit, self.count = circuit, len(seeds)
        self.steps = tuple(step.on(self.spread) for step in steps)
        self.place(arrays)
        plastic = [step.plastic(circuit.read(), arrays, batch_size) for step in self.steps]
        states = [self._state(tree, seed, batch_size, plastic) for tree, seed in zip(trees, seeds, strict=True)]
        self._dealt = self.spread.dealt(jax.tree.map(lambda *leaves: jnp.stack(leaves), *states))
        self._learn: dict[tuple, Callable] = {}
        self._ahead, self._next = None, None

    @property
    def devices(self) -> int:
        """Number of devices that share the work."""
        return self.spread.devices

    def __len__(self) -> int:
        return self.count

    @property
    def state(self) -> State:
        """Everything of all networks that changes, with the leading axis ``seed``."""
        if self.count % self.spread.parts == 0:
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
        arrays, self._next = self._fetched(index), None
        which = (turn, *(record.label for record in records))
        if which not in self._learn:
            step = self.steps[turn].recording(records)
            self._learn[which] = jax.jit(self.over_seeds(step.many), donate_argnums=0)
        new, log = self._learn[which](self._in_pass(turn), arrays, self.spread.dealt(index))
        if self._ahead is not None:  # fetched while the devices compute
            self._next = (self._ahead, self._fetched(self._ahead))
        heard(log)
        optimizers = list(self._dealt["optimizer"])
        optimizers[turn] = new["optimizer"]
        self._dealt = {**new, "optimizer": optimizers}
        apart = {name: log.pop(name) for name in ("finite", "flags")}
        apart = jax.tree.map(self._gather, apart)
        return {name: np.asarray(self._gather(values), np.float64) for name, values in log.items()} | apart

    def expect(self, now: np.ndarray, ahead: np.ndarray) -> None:
        """Be told the trials ``[seed, update, trial]`` of the stretch that comes, and of the one after it."""
        task = self.steps[0].task
        task.expect(np.concatenate([rows.reshape(-1, rows.shape[-1]) for rows in (now, ahead)]))
        self._ahead = ahead if task.fetched_bytes and ahead.size else None

    def _fetched(self, index: np.ndarray, *, test: bool = False) -> Any:
        """Return arrays with what these trials need, on the devices: fetched before, or now."""
        if self._next is not None and np.array_equal(self._next[0], index):
            return self._next[1]
        fetched = self.steps[0].task.fetch(index, test=test)
        return joined(self.arrays, self.spread.copies(fetched)) if fetched else self.arrays

    def run(self, program: Callable[..., Any], trials: np.ndarray, *static: Any, part: str | None = None) -> Any:
        """Run ``program(state, arrays, trials, *static)``, made by :meth:`over_seeds`, for every network.

        Parameters
        ----------
        part
            The part whose trials are fetched for it; none by default.
        """
        index = np.broadcast_to(trials, (self.count, *trials.shape))
        arrays = self.arrays
        if part is not None:
            first = self.steps[0].task.n_train if part == "validation" else 0
            arrays = self._fetched(trials + first, test=part == "test")
        found = heard(program(self._in_pass(0), arrays, self.spread.dealt(index), *static))
        return jax.tree.map(self._gather, found)

    def place(self, arrays: Any) -> None:
        """Put the data of the task on every device."""
        self.arrays = self.spread.copies(arrays)

    def restore(self, state: State) -> None:
        """Put a stored state in place of the present one."""
        self._dealt = self.spread.dealt(state)

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

            return self.spread.over_seeds(here)(state, arrays, index)

        return every

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
        at_once = evaluated_at_once(self.step.task, count)
        whole = np.arange(count - count % at_once, dtype=np.int32).reshape(-1, at_once)
        rest = np.arange(count - count % at_once, count, dtype=np.int32)[None]
        totals: dict[str, np.ndarray] = {}
        streamed = self.step.task.fetched_bytes > 0
        for rows in (*(whole[:, None] if streamed else [whole]), rest):
            if rows.size:
                fetched = part if streamed else None
                for name, value in self.networks.run(self._score, rows, part, part=fetched).items():
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


def evaluated_at_once(task: Task, count: int) -> int:
    """Return how many of so many trials are scored at a time: as many as :data:`EVALUATED_BYTES` of inputs allow."""
    size = 4 * sum(task.inputs.values()) * (task.steps or 1)
    return min(count, EVALUATED_AT_ONCE, max(EVALUATED_BYTES // size, 1))


def joined(arrays: Any, more: Any) -> Any:
    """Return arrays by name, at any depth, with more of them.

    Examples
    --------
    >>> joined({"train": {"label": 1}, "order": 2}, {"train": {"image": 3}})
    {'train': {'label': 1, 'image': 3}, 'order': 2}
    """
    if not isinstance(more, Mapping):
        return more
    return {**arrays, **{name: joined(arrays.get(name, {}), value) for name, value in more.items()}}
