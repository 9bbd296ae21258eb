"""How a network that has learned stands what is done to it: silenced cells, noise on its weights."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.described import described
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.view import RunView

#: Names in the trace of what is done.
SILENCED, NOISY = "silenced", "noisy_weights"


@described
def silenced_cells(fractions: Sequence[float] = (0.1, 1 / 3, 0.5), draws: int = 3, trials: int = 1000) -> Measure:
    """Score networks in which a fraction of the cells of every hidden population does not fire.

    Parameters
    ----------
    fractions
        Of each population; a rounded number of cells, drawn at random.
    draws
        Random choices of cells over which scores are averaged.
    trials
        Test trials.
    """

    def disturbed(run: RunView, tree: Tree, level: jax.Array, key: jax.Array) -> tuple[Tree, Probe]:
        sizes = hidden_sizes(run.circuit)
        alive = {
            f"{name}.rate": jax.random.permutation(jax.random.fold_in(key, number), size) >= jnp.round(level * size)
            for number, (name, size) in enumerate(sizes.items())
        }

        def probe(name: str, phase: str, value: jax.Array) -> jax.Array:
            return value * _as_cells(alive[name], value) if name in alive else value

        return tree, probe

    def why_not(net: Circuit) -> str:
        return "" if hidden_sizes(net) else f"{type(net).__name__} has no hidden population whose rates pass a probe"

    axis = (np.asarray(fractions, float), "1", "fraction of the cells of each population that is silent")
    return _scored(SILENCED, disturbed, axis, draws, trials, why_not)


@described
def noisy_weights(levels: Sequence[float] = (0.1, 0.3, 1.0), draws: int = 3, trials: int = 1000) -> Measure:
    """Score networks with normal noise on all plastic weights.

    Parameters
    ----------
    levels
        Standard deviation of the noise, over that of the weights of each array.
    draws
        Draws of the noise over which scores are averaged.
    trials
        Test trials.
    """

    def disturbed(run: RunView, tree: Tree, level: jax.Array, key: jax.Array) -> tuple[Tree, Probe]:
        noisy = dict(tree)
        for number, name in enumerate(run.circuit.plastic):
            grain = jax.random.normal(jax.random.fold_in(key, number), tree[name].shape, tree[name].dtype)
            exists = tree[name] != 0
            noisy[name] = tree[name] + level * jnp.std(tree[name], where=exists) * jnp.where(exists, grain, 0)
        return noisy, untouched

    axis = (np.asarray(levels, float), "1", "noise on the weights, over their standard deviation")
    return _scored(NOISY, disturbed, axis, draws, trials, lambda net: "")


def _scored(
    name: str, disturbed: Callable[..., tuple[Tree, Probe]], axis: tuple, draws: int, trials: int, why_not: Callable
) -> Measure:
    require(draws >= 1 <= trials, f"{name}: wanted 1 or more draws and trials, got {draws} and {trials}")

    def of(run: RunView) -> Mapping[str, np.ndarray]:
        net, task, settings = run.circuit, run.task, run.settings[0]
        index = jnp.arange(min(trials, task.n_test), dtype=jnp.int32)

        def score(tree: Tree, arrays: Any, level: jax.Array, draw: jax.Array) -> dict[str, jax.Array]:
            key = jax.random.fold_in(jax.random.key(0), draw)
            batch = task.draw_part(arrays, index, jax.random.key(1), "test")
            tree, probe = disturbed(run, tree, level, key)
            outputs = net.respond(tree, batch.inputs, probe, **settings)
            return net.metrics(outputs, batch.targets) | task.score(outputs, batch)

        levels, numbers = jnp.repeat(jnp.asarray(axis[0], jnp.float32), draws), jnp.arange(draws)
        every = jax.jit(
            lambda tree, arrays: jax.lax.map(
                lambda pair: score(tree, arrays, *pair), (levels, jnp.tile(numbers, len(axis[0])))
            )
        )
        found = [jax.device_get(every(tree, task.arrays)) for tree in run.networks()]
        shape = (len(found), len(axis[0]), draws)
        return {
            f"{name}.{what}": np.array([one[what] for one in found], np.float64).reshape(shape).mean(2)
            for what in found[0]
        }

    return Measure(of, {f"{name}_level": axis}, f"score with {name.replace('_', ' ')}", why_not=why_not)


def _as_cells(alive: jax.Array, value: jax.Array) -> jax.Array:
    """Which cells are alive, along the last axes of a signal, over which the cells of a population are laid out."""
    axes = next(k for k in range(1, value.ndim + 1) if np.prod(value.shape[-k:]) == alive.size)
    return alive.reshape(*(1,) * (value.ndim - axes), *value.shape[-axes:]).astype(value.dtype)


def hidden_sizes(net: Circuit) -> dict[str, int]:
    """Sizes of the populations that fire between inputs and readouts while a circuit responds, by name."""
    ends = {"input", "readout"}
    rows = [one for one in net.populations() if one.kind not in ends and not one.name.endswith("input")]
    passing, firing = net.probed(), net.firing()
    rows = [one for one in rows if one.name in firing and "inference" in passing.get(f"{one.name}.rate", {})]
    top = next((one.size for one in net.populations() if one.kind == "readout"), None)
    return {one.name: one.size for one in rows if one.size != top}
