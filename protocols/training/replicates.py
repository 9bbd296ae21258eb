"""Independent networks that learn the same task at once: their states, and the programs compiled for them."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.protocols.training.checkpoint import RunError
from biocredit.protocols.training.update import LearningStep, State

#: How several networks can run: one after the other in one program, or at once.
PARALLEL = ("map", "vmap")


class Networks:
    """One network for each seed; every array has the leading axis ``seed``.

    Parameters
    ----------
    circuit
        What all of them are.
    steps
        What happens in an update, one for each pass through the task in an epoch.
    arrays
        Data of the task, on the device.
    seeds
        One number for each network.
    as_is
        Whether the first network is ``circuit`` as it is, not drawn anew.
    parallel
        ``"map"``, ``"vmap"``, or what suits the device.
    batch_size
        Trials per update.

    Raises
    ------
    RunError
        If ``parallel`` is something else.
    """

    def __init__(
        self,
        circuit: Circuit,
        steps: Sequence[LearningStep],
        arrays: Any,
        seeds: Sequence[int],
        *,
        as_is: bool,
        parallel: str | None,
        batch_size: int,
    ):
        self.parallel = parallel or ("map" if jax.default_backend() == "cpu" else "vmap")
        if self.parallel not in PARALLEL:
            raise RunError(f"unknown parallel {self.parallel!r}: valid are {', '.join(map(repr, PARALLEL))}")
        self.circuit, self.steps, self.arrays = circuit, tuple(steps), jax.tree.map(jnp.asarray, arrays)
        drawn = [self._tree(seed, as_is and number == 0) for number, seed in enumerate(seeds)]
        states = [self._state(tree, seed, batch_size) for tree, seed in zip(drawn, seeds, strict=True)]
        self.state: State = self._spread(jax.tree.map(lambda *leaves: jnp.stack(leaves), *states))
        self._learn = [jax.jit(self._over_seeds(step.many), donate_argnums=0) for step in self.steps]
        self._observe = jax.jit(self._over_seeds(self.steps[0].observe))
        self._score = jax.jit(self._over_seeds(self.steps[0].evaluate), static_argnums=3)

    def __len__(self) -> int:
        return len(self.state["seed"])

    @property
    def updates(self) -> int:
        """Number of updates done so far."""
        return int(np.asarray(self.state["update"])[0])

    def learn(self, turn: int, index: np.ndarray) -> dict[str, Any]:
        """Do the updates of ``index`` ``[seed, update, trial]`` in a pass; return what was logged, ``[seed, update]``.

        Under ``finite`` lies for each weight whether all of it was finite.
        """
        new, log = self._learn[turn](self._in_pass(turn), self.arrays, jnp.asarray(index))
        optimizers = list(self.state["optimizer"])
        optimizers[turn] = new["optimizer"]
        self.state = {**new, "optimizer": optimizers}
        finite = {name: np.asarray(flags) for name, flags in log.pop("finite").items()}
        return {name: np.asarray(values, np.float64) for name, values in log.items()} | {"finite": finite}

    def score(self, trials: np.ndarray, test: bool) -> dict[str, np.ndarray]:
        """Sum metrics over the rows of ``trials`` ``[row, trial]``, ``[seed]`` by name, without learning."""
        sums = self._score(self._in_pass(0), self.arrays, self._for_each(trials), test)
        return {name: np.asarray(value) for name, value in sums.items()}

    def observe(self, trials: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Run test trials slowly; return courses ``[seed, time, trial, neuron]`` and the trial table by name."""
        courses, table = self._observe(self._in_pass(0), self.arrays, self._for_each(trials))
        return jax.tree.map(np.asarray, courses), {name: np.asarray(values[0]) for name, values in table.items()}

    def restore(self, state: State) -> None:
        """Put a stored state in place of the present one."""
        self.state = self._spread(jax.tree.map(jnp.asarray, state))

    def write_back(self) -> None:
        """Put the weights of the first network into the circuit (unless an interrupt tore them away)."""
        tree = self.state["tree"]
        if not any(leaf.is_deleted() for leaf in tree.values()):
            self.circuit.write({name: np.asarray(value[0]) for name, value in tree.items()})

    def _in_pass(self, turn: int) -> State:
        return {**self.state, "optimizer": self.state["optimizer"][turn]}

    def _for_each(self, trials: np.ndarray) -> jax.Array:
        return jnp.asarray(np.broadcast_to(trials, (len(self), *trials.shape)))

    def _tree(self, seed: int, as_is: bool) -> Tree:
        if as_is:
            return self.circuit.read()
        return {name: self.circuit._cast(value) for name, value in self.circuit.initial(seed).items()}

    def _state(self, tree: Tree, seed: int, batch_size: int) -> State:
        plastic = [step.plastic(tree, self.arrays, batch_size) for step in self.steps]
        optimizers = [
            step.optimizer.init({name: tree[name] for name in names})
            for step, names in zip(self.steps, plastic, strict=True)
        ]
        counters = {"update": jnp.zeros((), jnp.int32), "seed": jnp.asarray(seed, jnp.int32)}
        return {"tree": tree, "optimizer": optimizers, **counters}

    def _spread(self, state: State) -> State:
        """Deal the seeds out to all devices, where they run at once and divide evenly."""
        devices = jax.devices()
        if self.parallel == "map" or len(devices) == 1 or len(state["seed"]) % len(devices):
            return state
        mesh = jax.sharding.Mesh(np.array(devices), ("seed",))
        return jax.device_put(state, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("seed")))

    def _over_seeds(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def every(state: State, arrays: Any, index: jax.Array, *static: Any) -> Any:
            def one(pair: tuple[State, jax.Array]) -> Any:
                return function(pair[0], arrays, pair[1], *static)

            return jax.lax.map(one, (state, index)) if self.parallel == "map" else jax.vmap(one)((state, index))

        return every
