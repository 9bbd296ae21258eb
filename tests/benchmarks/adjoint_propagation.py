"""Adjoint Propagation: training steps against the bare matrix products that the mathematics needs."""

import time
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits import ModularRNN
from biocredit.protocols import TwoPhase
from biocredit.protocols.tasks import ImageTask

from tests.benchmarks.timing import exponent, interleaved, row, without_cache

BATCH, PIXELS, CLASSES, ITERATIONS = 500, 784, 10, 8


def noise_task(trials: int = BATCH) -> ImageTask:
    """Random images of MNIST's size."""
    rng = np.random.default_rng(0)
    data = (rng.random((trials, PIXELS), np.float32), rng.integers(0, CLASSES, trials))
    return ImageTask("noise", data, (data[0][:10], data[1][:10]), CLASSES)


def protocol(
    neurons: int = 1024, regions: int = 2, trials: int = BATCH, batch: int = BATCH, **settings: Any
) -> TwoPhase:
    """The demo network on random images."""
    task = noise_task(trials)
    own = {name: settings.pop(name) for name in ("matmul_precision",) if name in settings}
    initial = {"recurrent": _quick_recurrent}
    net = ModularRNN.chain(task, regions=regions, neurons=neurons, initial=initial, **own)
    return TwoPhase(net, task, optimizer=optax.adam(1e-3), batch_size=batch, shuffle="none", evaluate=(), **settings)


def _quick_recurrent(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Recurrent weights of spectral radius about 0.25, by the circular law instead of eigenvalues."""
    return 0.25 * rng.standard_normal(shape) / np.sqrt(shape[0])


def training_step(run: TwoPhase) -> Any:
    """One update of one seed, compiled; the state is handed from call to call."""
    networks = run.networks
    step = jax.jit(lambda state, arrays, index: networks.steps[0](state, arrays, index)[0], donate_argnums=0)
    state = jax.tree.map(lambda leaf: jnp.array(leaf[0]), {**run.state, "optimizer": run.state["optimizer"][0]})
    box, index = SimpleNamespace(state=state), jnp.arange(run.batch_size, dtype=jnp.int32)

    def call() -> Any:
        box.state = step(box.state, networks.arrays, index)
        return box.state

    return call


def bare_products(neurons: int, regions: int, iterations: int, batch: int = BATCH) -> Any:
    """Only the dense products: the first iteration from rest needs none, the second only the rows of clamped blocks."""
    block, rng = neurons // 4, np.random.default_rng(1)
    draw = lambda *shape: jnp.asarray(rng.standard_normal(shape) / np.sqrt(shape[-1]), jnp.float32)  # noqa: E731
    weights = [draw(neurons, neurons) for _ in range(regions)]
    between, w_in, w_out = draw(block, block), draw(PIXELS, block), draw(block, CLASSES)
    x, h, e = draw(batch, PIXELS), draw(batch, neurons), draw(batch, CLASSES)

    @jax.jit
    def run(weights: list, x: jax.Array, h: jax.Array, e: jax.Array) -> Any:
        results = [x @ w_in, x.T @ h[:, :block], h[:, :block] @ w_out, e @ w_out.T, h[:, :block].T @ e]
        for weight in weights:
            for clamped in (block, 2 * block):
                state = h[:, :clamped] @ weight[:clamped]
                state = jax.lax.fori_loop(0, iterations - 2, lambda _, s, w=weight: s @ w, state)
                results.append(state)
        for _ in range(regions - 1):
            results += [h[:, :block] @ between, h[:, :block] @ between.T, h[:, :block].T @ h[:, block : 2 * block]]
        return results

    return partial(run, weights, x, h, e)


def naive_loop(neurons: int, regions: int, iterations: int, batch: int = BATCH) -> Any:
    """The same network with all full products at every iteration, compiled."""
    rng = np.random.default_rng(2)
    block = neurons // 4
    draw = lambda *shape: jnp.asarray(rng.standard_normal(shape) / np.sqrt(shape[0]) / 4, jnp.float32)  # noqa: E731
    weights, currents = [draw(neurons, neurons) for _ in range(regions)], draw(batch, neurons)
    x, e, w_in = draw(batch, PIXELS), draw(batch, CLASSES), draw(PIXELS, block)

    @jax.jit
    def run(weights: list, currents: jax.Array) -> Any:
        results = []
        for weight in weights:
            step = lambda _, h, w=weight: jnp.tanh(h @ w + currents)  # noqa: E731
            z = jax.lax.fori_loop(0, iterations, step, jnp.zeros_like(currents))
            y = jax.lax.fori_loop(0, iterations, step, jnp.zeros_like(currents) + z[:1] * 0)
            results += [z.T @ (z - y), x @ w_in, x.T @ z[:, :block], z[:, :block].T @ e]
        return results

    return partial(run, weights, currents)


def lines() -> Iterator[str]:
    """All ratios of this benchmark."""
    yield from step_ratios()
    yield from precision()
    yield overhead()
    yield compile_ratio()
    yield from growth()


def step_ratios() -> Iterator[str]:
    """The demo step against bare products and against the naive loop."""
    step = training_step(protocol(iterations=(ITERATIONS, ITERATIONS)))
    seconds = interleaved(
        {"step": step, "bare": bare_products(1024, 2, ITERATIONS), "naive": naive_loop(1024, 2, ITERATIONS)}
    )
    yield row(
        "training step 2 x 1024, batch 500, T = 8 / bare products", seconds["step"] / seconds["bare"], "at most 1.15"
    )
    yield row("training step / naive compiled loop", seconds["step"] / seconds["naive"], "at most 0.9")


def precision() -> Iterator[str]:
    """Low-precision operands; slower where the hardware emulates them."""
    steps = {name: training_step(protocol(matmul_precision=name)) for name in ("float32", "bfloat16")}
    seconds = interleaved(steps, rounds=5)
    yield row("training step bfloat16 / float32", seconds["bfloat16"] / seconds["float32"], "below 1 with matrix units")


def overhead() -> str:
    """What an epoch costs beyond its compiled updates."""
    run = protocol(trials=BATCH * 12)
    run.train(1, progress=False)
    index = np.arange(BATCH * 12, dtype=np.int32).reshape(1, 12, BATCH)

    def epoch() -> Any:
        run.train(1, progress=False)
        return run.state["update"]

    def compiled() -> Any:
        run.networks.learn(0, index)
        return run.state["update"]

    seconds = interleaved({"epoch": epoch, "compiled": compiled}, rounds=5)
    return row("whole epoch / its compiled updates", seconds["epoch"] / seconds["compiled"], "below 1.03")


def compile_ratio() -> str:
    """Compile time of ten regions against two, without the persistent cache."""
    with without_cache():
        compile_seconds(2)
        seconds = {regions: compile_seconds(regions) for regions in (2, 10)}
    return row("compile time of 10 regions / 2 regions", seconds[10] / seconds[2], "below 3")


def compile_seconds(regions: int) -> float:
    """Seconds to trace and compile one update of a chain."""
    run = protocol(neurons=64, regions=regions, batch=20)
    networks = run.networks
    state = jax.tree.map(lambda leaf: leaf[0], {**run.state, "optimizer": run.state["optimizer"][0]})
    start = time.perf_counter()
    jax.jit(lambda *arguments: networks.steps[0](*arguments)).lower(state, networks.arrays, jnp.arange(20)).compile()
    return time.perf_counter() - start


def growth() -> Iterator[str]:
    """Exponents of the cost in regions, iterations and neurons."""
    for what, values, arguments in (
        ("regions", [1, 2, 4, 8], lambda v: {"regions": v, "neurons": 512}),
        ("iterations", [8, 16, 32, 64], lambda v: {"iterations": (v, v), "neurons": 512}),
        ("neurons", [256, 512, 1024, 2048, 4096], lambda v: {"neurons": v}),
    ):
        steps = {str(v): training_step(protocol(batch=100, trials=100, **arguments(v))) for v in values}
        seconds = interleaved(steps, rounds=3)
        slope = exponent(values[-3:], [seconds[str(v)] for v in values[-3:]])
        yield row(
            f"exponent of the cost in {what}, {values[-3]} to {values[-1]}", slope, "2" if what == "neurons" else "1"
        )
