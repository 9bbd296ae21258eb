"""What is measured in two streams that face each other: similarity, embeddings, weights, operations.

For :mod:`biocredit.circuits.dual_stream.pathways.counter_current` (arXiv 2409.19841). Metrics are those of
:mod:`analysis`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.analysis.metrics import alignment, kernels, operations
from biocredit.analysis.metrics.representation import joint_embedding
from biocredit.circuits.core.circuit import Batch, Circuit
from biocredit.circuits.core.described import described
from biocredit.circuits.core.flops import product_operations
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.stack import stages
from biocredit.circuits.dual_stream.pathways.counter_current.levels import cut_at_stages
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.view import RunView


def facing_names(net: DualStream) -> list[tuple[str, str]]:
    """Names of the signals that face each other, ascending and descending, from the input to the output."""
    cut = cut_at_stages(net.ascending)
    below = [("up.input.rate", "down.input.rate")]
    inner = [list(part)[-1] for part in cut[:-1]]
    top, node = list(cut[-1].items())[-1]
    return [
        *below,
        *((f"up.{n}.rate", f"down.{n}.rate") for n in inner),
        (f"up.{top}.{node.variable}", "down.target.rate"),
    ]


def _no_stack(net: Circuit) -> str:
    return "" if isinstance(net, DualStream) else f"{type(net).__name__} is no stack of stages"


def _no_streams(net: Circuit) -> str:
    facing = not _no_stack(net) and {name for pair in facing_names(net) for name in pair} <= set(net.variables())
    return "" if facing else f"{type(net).__name__} has no two streams that face each other"


def streams(run: RunView, trials: int, levels: Sequence[int]) -> Iterator[list[tuple[np.ndarray, np.ndarray]]]:
    """Activities of both streams at some levels for the first test trials: for every seed a list of pairs.

    Ascending activity is ``[trial, unit]``; descending activity has one row for each thing that the circuit shows its
    stream (one a class with prototypes).
    """
    names = [facing_names(run.circuit)[level] for level in levels]
    index = jnp.arange(min(trials, run.task.n_test), dtype=jnp.int32)
    wanted = {name for pair in names for name in pair}

    @jax.jit
    def observe(tree: Any, arrays: Any) -> list:
        batch = run.task.draw(arrays, index, jax.random.key(0), test=True)
        electrode = Electrode(lambda name, phase: name in wanted)
        run.circuit.cycle(tree, batch, electrode)
        found = {name: value.reshape(len(value), -1) for (name, _), value in electrode.readings.items()}
        return [(found[up], found[down]) for up, down in names]

    for seed in range(len(run.seeds)):
        yield observe(jax.tree.map(lambda leaf, s=seed: leaf[s], run.tree), run.task.arrays)


def labels(run: RunView, trials: int) -> np.ndarray:
    """Labels of the first test trials."""
    index = jnp.arange(min(trials, run.task.n_test), dtype=jnp.int32)
    targets = run.task.draw(jax.tree.map(jnp.asarray, run.task.arrays), index, jax.random.key(0), test=True).targets
    return np.asarray(next(iter(targets.values())))


@jax.jit
def unit_gram(rows: jax.Array) -> jax.Array:
    """Inner products of all pairs of centred rows, as one vector of length 1; CKA is the product of two of them."""
    centred = rows - rows.mean(0, keepdims=True)
    products = (centred @ centred.T).ravel()
    return products / jnp.linalg.norm(products)


@described
def similarity_of_streams(levels: int, trials: int = 1000, every: int | None = 1) -> Measure:
    """Linear CKA between every level of the descending stream and every level of the ascending one (figure 6).

    Parameters
    ----------
    levels
        Populations of each stream, input and output included.
    trials
        Test trials; a trial's descending activity is that of its class.
    every
        Epochs from one measurement to the next.
    """

    def of(run: RunView) -> dict[str, np.ndarray]:
        rows, found = labels(run, trials), []
        for pairs in streams(run, trials, range(levels)):
            ups = jnp.stack([unit_gram(a) for a, _ in pairs])
            downs = jnp.stack([unit_gram(b if len(b) == len(rows) else b[rows]) for _, b in reversed(pairs)])
            found.append(np.asarray(downs @ ups.T, np.float64))
        return {"cka": np.array(found)}

    axes = {
        "descending_level": (np.arange(levels)[::-1], "1", "level of the descending stream, 0 is the input"),
        "ascending_level": (np.arange(levels), "1", "level of the ascending stream, 0 is the input"),
    }
    return Measure(of, axes, "centred kernel alignment of the two streams", every, _no_streams)


@described
def embedding_of_streams(levels: Sequence[int], trials: int = 500, every: int | None = 1) -> Measure:
    """t-SNE of both streams' activity at one level together: trials first, then the classes (figures 3 and 8).

    Parameters
    ----------
    levels
        Which levels, counted from the input.
    trials
        Test trials that are shown.
    every
        Epochs from one measurement to the next; every measurement is an embedding of its own.
    """

    def of(run: RunView) -> dict[str, np.ndarray]:
        found: dict[str, list] = {f"tsne.level{level}": [] for level in levels}
        for pairs in streams(run, trials, levels):
            for level, (a, b) in zip(levels, pairs, strict=True):
                classes = np.concatenate([labels(run, trials), np.arange(len(b))])
                perplexity = min(30.0, (len(a) + len(b) - 1) / 3)
                points = np.concatenate(joint_embedding(np.asarray(a), np.asarray(b), perplexity))
                descending = np.arange(len(points)) >= len(a)
                found[f"tsne.level{level}"].append(np.column_stack([points, classes, descending]))
        return {name: np.array(values) for name, values in found.items()}

    columns = (np.array(["x", "y", "class", "descending"]), "1", "place in the embedding, class, 1 if descending")
    return Measure(of, {"point": None, "column": columns}, "joint embedding of the two streams", every, _no_streams)


@described
def weights_facing(net: DualStream, every: int | None = 1) -> Measure:
    """Cosine of every ascending weight and the descending one beside it, turned round (figure 9).

    Kernels are compared as they are (``"plain"``) and turned by 180 degrees, which is their transpose.
    """
    paths = list(stages(net.ascending))

    def of(run: RunView) -> dict[str, np.ndarray]:
        def cosines(flip: bool) -> np.ndarray:
            pairs = [(np.asarray(run.tree[f"up.{p}.W"]), np.asarray(run.tree[f"down.{p}.W"])) for p in paths]
            seeds = range(len(run.seeds))
            return np.array([[alignment.weight_cosine(u[s], v[s], flip) for u, v in pairs] for s in seeds])

        return {"weight_cosine.plain": cosines(False), "weight_cosine.turned": cosines(True)}

    axis = (np.arange(1, len(paths) + 1), "1", "layer, from the input up")
    return Measure(of, {"layer": axis}, "cosine of ascending and descending weights", every, _no_streams)


@described
def first_kernels(path: str) -> Measure:
    """Share of high frequencies, and mean frequency, of the kernels of a convolution (figure 4)."""

    def of(run: RunView) -> dict[str, np.ndarray]:
        weights = np.asarray(run.tree[f"up.{path}.W"], np.float64)
        stack = weights.reshape(len(weights), -1, *weights.shape[-2:])
        high, mean = kernels.high_frequency_fraction(stack, fft_size=16), kernels.spectral_centroid(stack, fft_size=16)
        return {"kernel.high_frequency_fraction": high, "kernel.mean_frequency": mean}

    def why_not(net: Circuit) -> str:
        shape = net.read().get(f"up.{path}.W", np.zeros(0)).shape
        return "" if len(shape) == 4 else f"{type(net).__name__} has no convolution {path!r}"

    return Measure(of, {"kernel": None}, "kernels of the first convolution", why_not=why_not)


@described
def operation_count(rules: Sequence[str], batch_sizes: Sequence[int], **settings: Any) -> Measure:
    """Operations of one sample and one update: read from the compiled step's program, and by formula (table 2).

    Parameters
    ----------
    rules
        Names in :data:`biocredit.analysis.metrics.operations.COUNTS`.
    batch_sizes
        Trials in a batch.
    **settings
        Settings of the formulas.
    """

    def of(run: RunView) -> dict[str, np.ndarray]:
        net, classes = run.circuit, next(iter(run.task.readouts.values()))
        sizes = [*(stage.inputs for stage in stages(net.ascending).values()), classes]
        counts: dict[str, list] = {"operations.counted": [_counted(net, size) / size for size in batch_sizes]}
        for rule in rules:
            given = {**settings, "prototypes": classes}
            one = [operations.operations(rule, sizes, **given, batch_size=size) for size in batch_sizes]
            counts[f"operations.{rule}"] = one
        return {name: np.tile(np.asarray(one, np.float64), (len(run.seeds), 1)) for name, one in counts.items()}

    axis = (np.array(batch_sizes), "1", "trials in a batch")
    return Measure(of, {"batch_size": axis}, "operations for one sample and one update", why_not=_no_stack)


def _counted(net: DualStream, trials: int) -> int:
    batch = Batch({"x": jnp.zeros((trials, *net.input_shape))}, {"y": jnp.zeros(trials, jnp.int32)})

    def changes(tree: Any) -> Any:
        outcome = net.learn(tree, batch, jax.random.key(0))
        return outcome.changes, outcome.tree

    return product_operations(changes, net.read())
