"""Dual streams: training steps against bare matrix products, and feedback alignment against automatic gradients."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.losses import as_target
from biocredit.circuits.dual_stream import DualStream
from biocredit.circuits.dual_stream.ascending.stack import ascend
from biocredit.circuits.dual_stream.pathways.self_assembling import PerKindTraining
from biocredit.circuits.dual_stream.schedules import momentum_sgd

from tests.benchmarks.timing import interleaved, row

SIZES, EXPANSION, UPDATES = (784, 512, 512, 10), 10, 10


def images(*shape: int) -> tuple[jax.Array, jax.Array]:
    """Random inputs and labels."""
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.standard_normal(shape), jnp.float32), jnp.asarray(rng.integers(0, 10, shape[0]))


def training(stream: str, trials: int, optimizer: optax.GradientTransformation, bias: bool = True) -> Callable[[], Any]:
    """Several whole updates, optimiser included, in one compiled scan."""
    net, (x, y) = DualStream.mlp(SIZES, stream, bias=bias), images(trials, SIZES[0])

    def update(carry: tuple, key: jax.Array) -> tuple[tuple, jax.Array]:
        tree, state = carry
        outcome = net.learn(tree, Batch({"image": x}, {"choice": y}), key)
        weights = {name: tree[name] for name in outcome.changes}
        steps, state = optimizer.update(outcome.changes, state, weights)
        return (tree | optax.apply_updates(weights, steps), state), outcome.metrics["loss"]

    tree = net.read()
    start = tree, optimizer.init({name: tree[name] for name in net.plastic})
    run = jax.jit(lambda start: jax.lax.scan(update, start, jax.random.split(jax.random.key(0), UPDATES)))
    return lambda: run(start)


def draw(*shapes: tuple[int, int]) -> list[jax.Array]:
    """Random matrices that keep the size of activity."""
    rng = np.random.default_rng(1)
    return [jnp.asarray(rng.standard_normal(shape) / np.sqrt(shape[1]), jnp.float32) for shape in shapes]


def products(trials: int, expansion: int = 0) -> Callable[[], Any]:
    """The dense products of the same updates; with ``expansion``, those of the product stream, in the cheaper order."""
    x, _ = images(trials, SIZES[0])
    W = draw(*((above, below) for below, above in pairwise(SIZES)))
    B = draw(*((above, expansion * above) for above in SIZES[1:]))
    R = draw(*((expansion * above, below) for below, above in pairwise(SIZES)))

    def update(weights: tuple, _: None) -> tuple[tuple, None]:
        W, R = weights
        h = [x]
        for w in W:
            h.append(h[-1] @ w.T)
        delta, W, R = h[-1], list(W), list(R)
        for level in reversed(range(len(W))):
            above, change = delta, 1e-9 * delta.T @ h[level]
            if expansion and trials > SIZES[level + 1]:
                delta, R[level] = above @ (B[level] @ R[level]), R[level] + B[level].T @ change
            elif expansion:
                wide = above @ B[level]
                delta, R[level] = wide @ R[level], R[level] + 1e-9 * wide.T @ h[level]
            else:
                delta = above @ W[level]
            W[level] = W[level] + change
        return (W, R), None

    run = jax.jit(lambda weights: jax.lax.scan(update, weights, None, length=UPDATES))
    return lambda: run((W, R))


def assembling_products(trials: int) -> Callable[[], Any]:
    """The dense products of self-assembling learning, as many descending cells as ascending ones at each level."""
    x, _ = images(trials, SIZES[0])
    W = draw(*((above, below) for below, above in pairwise(SIZES)))
    Wbar = draw(*pairwise(SIZES[1:]))
    V, Vbar = (draw(*((size, size) for size in SIZES[1:-1])) for _ in range(2))

    def update(weights: tuple, _: None) -> tuple[tuple, None]:
        W, Wbar, V, Vbar = map(list, weights)
        h = [x]
        for w in W:
            h.append(h[-1] @ w.T)
        arriving, onto = h[-1], h[-1]
        for level in reversed(range(len(V))):
            W[level + 1] += 1e-9 * onto.T @ h[level + 1]
            rate, current = arriving @ Wbar[level].T, h[level + 1] @ Vbar[level].T
            onto, lateral = rate @ V[level].T, 1e-9 * h[level + 1].T @ rate
            Wbar[level] += 1e-9 * current.T @ arriving
            V[level], Vbar[level], arriving = V[level] + lateral, Vbar[level] + lateral.T, rate
        W[0] += 1e-9 * onto.T @ x
        return (W, Wbar, V, Vbar), None

    run = jax.jit(lambda weights: jax.lax.scan(update, weights, None, length=UPDATES))
    return lambda: run((W, Wbar, V, Vbar))


def residual(stream: str, trials: int = 32) -> Callable[[], Any]:
    """Changes of one batch in ResNet-20."""
    net, (x, y) = DualStream.resnet20(stream), images(trials, 32, 32, 3)
    learn = jax.jit(lambda tree: net.learn(tree, Batch({"image": x}, {"choice": y}), jax.random.key(0)).changes)
    tree = net.read()
    return lambda: learn(tree)


def automatic(trials: int = 32) -> Callable[[], Any]:
    """Gradient of the same loss by automatic differentiation."""
    net, (x, y) = DualStream.resnet20("transposed"), images(trials, 32, 32, 3)
    tree = net.read()

    def loss(weights: dict[str, jax.Array]) -> jax.Array:
        output = ascend(net.ascending, tree | weights, x).output
        return net.loss(output, as_target(y, output))[0]

    gradient, weights = jax.jit(jax.grad(loss)), {name: tree[name] for name in net.plastic}
    return lambda: gradient(weights)


def lines() -> Iterator[str]:
    """All ratios of this benchmark."""
    descent, rows = (
        momentum_sgd(0.01, 0.9, 1e-4),
        (
            ("transposed", "bare", 1.3),
            ("random", "bare", 1.3),
            ("product", "bare product", 1.4),
            ("self_assembling", "bare self_assembling", 1.4),
        ),
    )
    for trials in (64, 512):
        functions = {name: training(name, trials, descent) for name in ("transposed", "random", "product")}
        functions["self_assembling"] = training("self_assembling", trials, PerKindTraining().optimizer(), bias=False)
        functions |= {"bare": products(trials), "bare product": products(trials, EXPANSION)}
        seconds = interleaved(functions | {"bare self_assembling": assembling_products(trials)}, 9)
        for name, bare, target in rows:
            what = f"update of 784-512-512-10 by {name}, batch {trials} / bare products"
            yield row(what, seconds[name] / seconds[bare], f"at most {target}")
    seconds = interleaved({"random": residual("random"), "automatic": automatic()}, 7)
    yield row(
        "ResNet-20, random feedback / automatic gradient", seconds["random"] / seconds["automatic"], "at most 1.15"
    )
