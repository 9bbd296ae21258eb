"""Counter-current learning: training steps against bare matrix products and against back-propagation."""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits import DualStream
from biocredit.circuits.dual_stream.pathways.counter_current import (
    RELEASED_CONVOLUTIONAL,
    CounterCurrent,
    architectures,
)
from biocredit.circuits.dual_stream.pathways.counter_current.training import TRAININGS
from biocredit.protocols import TwoPhase
from biocredit.protocols.tasks import ImageTask, as_maps

from tests.benchmarks.adjoint_propagation import noise_task, training_step
from tests.benchmarks.timing import interleaved, row

SIZES, BATCH, MAPS = architectures.DENSE["mnist"], 256, 32


def dense_step(descending: str) -> Any:
    """One update of the six-layer network."""
    net = DualStream(*architectures.dense(SIZES), descending)
    optimizer = TRAININGS["dense"].optimizer(1)
    return training_step(TwoPhase(net, noise_task(BATCH), optimizer=optimizer, batch_size=BATCH, evaluate=()))


def convolutional_step(descending: Any) -> Any:
    """One update of the pooling network on random colour images."""
    random = np.random.default_rng(0)
    data = (random.random((MAPS, 32, 32, 3), np.float32), random.integers(0, 10, MAPS))
    task = as_maps(ImageTask("noise", data, data, 10, flat=False), 32)
    net = DualStream(*architectures.pooling(), descending)
    optimizer = TRAININGS["cifar10_pooling"].optimizer(1)
    return training_step(TwoPhase(net, task, optimizer=optimizer, batch_size=MAPS, evaluate=()))


def bare_products() -> Any:
    """Only the matrix products: both streams, similarities, teaching currents, changes."""
    random, classes = np.random.default_rng(1), SIZES[-1]
    draw = lambda *shape: jnp.asarray(random.standard_normal(shape), jnp.float32)  # noqa: E731
    ups, downs = ([draw(o, i) for i, o in pairwise(SIZES)], [draw(i, o) for i, o in pairwise(SIZES)])
    rates, facing = [draw(BATCH, d) for d in SIZES], [draw(classes, d) for d in SIZES]
    mismatch = draw(BATCH, classes)

    @jax.jit
    def run(ups: list, downs: list, rates: list, facing: list) -> Any:
        found = []
        for level, (u, v) in enumerate(zip(ups, downs, strict=True)):
            a, b = rates[level], facing[level]
            found += [a @ u.T, facing[level + 1] @ v.T, a @ b.T, mismatch.T @ a]
            found += [rates[level + 1].T @ a, facing[level].T @ facing[level + 1]]
            found += [mismatch @ b] if level else []
        return found

    return partial(run, ups, downs, rates, facing)


def lines() -> Iterator[str]:
    """All ratios of this benchmark."""
    steps = {name: dense_step(name) for name in ("counter_current", "transposed")}
    seconds = interleaved(steps | {"bare": bare_products()}, rounds=50)
    mine = seconds["counter_current"]
    yield row("dense step 6 x 256, batch 256 / bare products", mine / seconds["bare"], "at most 1.3")
    yield row("dense step / back-propagation", mine / seconds["transposed"], "at most 1.25")
    stream = CounterCurrent(comparison=RELEASED_CONVOLUTIONAL, flooding=0.1)
    maps = {"mine": convolutional_step(stream), "bp": convolutional_step("transposed")}
    seconds = interleaved(maps, rounds=5)
    yield row("convolutional step / back-propagation", seconds["mine"] / seconds["bp"], "at most 1.5")
