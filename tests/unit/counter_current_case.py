"""Small counter-current circuits of every kind, and their local losses under automatic differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.losses import as_target
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.stack import ascend
from biocredit.circuits.dual_stream.pathways.counter_current import (
    RELEASED_CONVOLUTIONAL,
    CounterCurrent,
    MatchedMaps,
    PrintedCounterCurrent,
    Similarity,
    architectures,
)
from biocredit.circuits.dual_stream.pathways.counter_current.comparisons import unsettled
from biocredit.circuits.dual_stream.pathways.counter_current.levels import counter_levels
from biocredit.circuits.dual_stream.pathways.counter_current.pathway import PAIRINGS

COSINES = {"comparison": RELEASED_CONVOLUTIONAL}


def dense(descending, **options):
    return DualStream(*architectures.dense([6, 5, 4, 3], **options), descending, dtype=jnp.float64)


def pooled(descending, **options):
    return DualStream(*architectures.pooling([2, 4, 5, 6], 3, **options), descending, dtype=jnp.float64)


def strided(descending, **options):
    return DualStream(*architectures.strided([2, 4, 5], 3, **options), descending, dtype=jnp.float64)


def autoencoder(descending):
    nodes = architectures.autoencoder([4, 5], 8, 2)
    return DualStream(*nodes, descending, loss="mean_squared_error", dtype=jnp.float64)


CIRCUITS = {
    "dense": lambda: dense(CounterCurrent()),
    "dense, filter": lambda: dense(CounterCurrent(flooding=0.6)),
    "dense, normalised": lambda: dense(CounterCurrent(normalised="after"), normalised="before"),
    "dense, printed": lambda: dense(PrintedCounterCurrent()),
    "dense, same class": lambda: dense(CounterCurrent(pairing="same_class", comparison=Similarity(within=0.2))),
    "pooling": lambda: pooled(CounterCurrent(**COSINES)),
    "pooling, filter": lambda: pooled(CounterCurrent(**COSINES, flooding=0.6)),
    "pooling, normalised": lambda: pooled(
        CounterCurrent(**COSINES, normalised="before"), normalised="before", first_kernel=5
    ),
    "stride, normalised": lambda: strided(CounterCurrent(**COSINES, normalised="after"), normalised="after"),
    "autoencoder": lambda: autoencoder(
        CounterCurrent(
            comparison=MatchedMaps(0.7, 1.3),
            pairing="same_trial",
            normalised="after",
            initializers=architectures.autoencoder_initializers(2),
        )
    ),
}


def seeded(net: DualStream, seed: int = 0) -> dict:
    """Plastic weights of any scale: the published starts have zeros and tiny values, where errors hide."""
    random = np.random.default_rng(seed)
    drawn = {name: 0.5 * random.normal(size=net.read()[name].shape) for name in net.plastic}
    return net.read() | {name: jnp.asarray(value) for name, value in drawn.items()}


def trials(net: DualStream, count: int = 7, seed: int = 1) -> Batch:
    random = np.random.default_rng(seed)
    x = jnp.asarray(random.normal(size=(count, *net.input_shape)))
    classes = list(net.ascending.values())[-1].outputs
    target = jnp.asarray(random.integers(0, classes, count)) if net.loss.name == "cross_entropy" else x[::-1]
    return Batch({"x": x}, {"choice": target})


def local_losses(net: DualStream, batch: Batch):
    """Every local loss as a function of the weights, with each part's input held constant."""
    stream, nodes = net.descending, net.ascending
    (x,), (labels,) = batch.inputs.values(), batch.targets.values()

    def losses(weights: dict, held: dict) -> list:
        tree = held | weights
        ascent = ascend(nodes, held, x)
        target = as_target(labels, ascent.output)
        shown, match = PAIRINGS[stream.pairing](target)
        levels = counter_levels(nodes, net.shapes, stream.normalised)
        up, down, constant_up, constant_down = [x], [shown], x, shown
        for level in levels:
            up.append(ascend(level.up, tree, constant_up).output)
            constant_up = ascend(level.up, held, constant_up).output
        for level in reversed(levels):
            down.append(ascend(level.down, tree, constant_down, stream="down").output)
            constant_down = ascend(level.down, held, constant_down, stream="down").output
        down = down[::-1]
        keep = unsettled(ascent.output, target, stream.flooding) if stream.flooding else jnp.ones(len(x))
        kept = [h * keep.reshape(-1, *(1,) * (h.ndim - 1)) for h in up]
        bottom = value(stream.comparison, kept[0], down[0], match, ends=True)
        inside = [value(stream.comparison, a, b, match) for a, b in zip(kept[1:-1], down[1:-1], strict=True)]
        if isinstance(stream.comparison, MatchedMaps):
            top = value(stream.comparison, up[-1], target, match, ends=True)
        else:
            top = net.loss(up[-1], target)[0]
        return [bottom, *inside, top]

    return losses


def value(comparison, a, b, match, ends=False):
    """The value of a local loss, written out as in the specification, independently of the product."""
    if isinstance(comparison, MatchedMaps):
        height = a.shape[1]
        loss = comparison.values * height * jnp.mean((a - b) ** 2)
        return loss if ends else loss + comparison.shapes * height * jnp.mean((shape(a) - shape(b)) ** 2)
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    share = 1 if comparison.reference_units is None else comparison.reference_units / a.shape[1]
    if comparison.scaling == "unit_length":
        a, b = unit(a), unit(b)
    size = {"mean_square": lambda e: jnp.mean(e**2), "norm": jnp.linalg.norm}[comparison.measure]
    within = (
        size(a @ a.T - jnp.eye(len(a), dtype=a.dtype)) + size(b @ b.T - jnp.eye(len(b))) if comparison.within else 0.0
    )
    return share * comparison.between * size(a @ b.T - match) + comparison.within * within


def unit(rows):
    squares = jnp.sum(rows**2, axis=1, keepdims=True)
    return rows / (root(squares) + 1e-8)


def shape(maps):
    centred = maps - jnp.mean(maps, axis=(1, 2), keepdims=True)
    squares = jnp.sum(centred**2, axis=(1, 2), keepdims=True)
    return centred / (root(squares) + 1e-8)


def root(squares):
    """Square root whose derivative at zero is zero."""
    return jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1.0)), 0.0)


def learned(net: DualStream, tree: dict, batch: Batch) -> dict:
    return jax.jit(lambda tree: net.learn(tree, batch, jax.random.key(0)).changes)(tree)
