"""Rate networks: credit rules against the bare forward scan, the online recursion against memory traffic.

Several gradients run in one compiled scan, as in training, where memory is taken once and not at every update. The
bare forward scan is written by hand: input product, recurrence that stores the rates, readout.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits import RateRNN
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.credit_rule import Tree

from tests.benchmarks.timing import exponent, interleaved, row

STEPS, TRIALS, IN, OUT = 1000, 32, 2, 2
PIXELS, IMAGES, CELLS, UPDATES_PER_EPOCH = 784, 256, 200, 235


def network(rule: str, neurons: int, inputs: int = IN, outputs: int = OUT, **settings: Any) -> RateRNN:
    """Build a network with I and E cells."""
    settings = {"loss": "half_squared_error", "answer": "every", "tau": 30.0, "dtype": jnp.float32, **settings}
    return RateRNN({"x": inputs}, neurons, {"y": outputs}, rule=rule, **settings)


def noise(steps: int = STEPS, trials: int = TRIALS) -> Batch:
    """Random inputs and targets."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(trials, steps, IN)), rng.normal(size=(trials, steps, OUT))
    return Batch({"x": jnp.asarray(x, jnp.float32)}, {"y": jnp.asarray(y, jnp.float32)})


def plastic(net: RateRNN) -> Tree:
    """Weights that learn."""
    tree = net.read()
    return {name: tree[name] for name in net.plastic}


def several(net: RateRNN, change: Callable[[Tree], Tree], updates: int) -> Callable[[], Tree]:
    """Follow a change of the weights by a tiny step, several times in one compiled scan."""
    tree = net.read()

    def update(weights: Tree, _: None) -> tuple[Tree, None]:
        return jax.tree.map(lambda w, d: w - 1e-9 * d, weights, change(tree | weights)), None

    run = jax.jit(lambda weights: jax.lax.scan(update, weights, None, length=updates)[0])
    weights = plastic(net)
    return lambda: run(weights)


def gradient(net: RateRNN, batch: Batch, updates: int) -> Callable[[], Tree]:
    """Return gradients of one rule."""
    return several(net, lambda tree: net.learn(tree, batch).changes, updates)


def bare(net: RateRNN, batch: Batch, updates: int) -> Callable[[], Tree]:
    """Return the forward scan alone, by hand; every weight follows from the readout, so nothing can be left out."""

    def forward(tree: Tree) -> Tree:
        keep, rest = tree["keep"], jnp.zeros((len(batch.inputs["x"]), len(tree["W_rec"])), jnp.float32)

        def step(carry: tuple, current: jax.Array) -> tuple[tuple, jax.Array]:
            state = keep * carry[0] + (1 - keep) * (carry[1] @ tree["W_rec"] + current)
            rate = jax.nn.relu(state)
            return (state, rate), rate

        rates = jax.lax.scan(step, (rest, rest), batch.inputs["x"].swapaxes(0, 1) @ tree["W_in"])[1]
        total = (rates @ tree["W_out"] + tree["b_out"]).sum()
        return {name: jnp.broadcast_to(total, tree[name].shape) for name in net.plastic}

    return several(net, forward, updates)


def lines() -> Iterator[str]:
    """All ratios of this benchmark."""
    for neurons, updates, rounds in ((200, 5, 9), (1000, 2, 3)):
        yield from rule_ratios(neurons, updates, rounds)
    for neurons, steps in ((200, 1000), (1000, 100)):
        yield traffic(neurons, steps)
    yield from growth()
    yield from memory()
    yield from pixels()


def rule_ratios(neurons: int, updates: int, rounds: int) -> Iterator[str]:
    """Per-trial rules against each other and against the bare forward scan."""
    nets = {rule: network(rule, neurons) for rule in ("three_factor", "modprop_wab", "modprop", "bptt")}
    runs = {rule: gradient(net, noise(), updates) for rule, net in nets.items()}
    seconds = interleaved(runs | {"bare": bare(nets["bptt"], noise(), updates)}, rounds)
    for one, other, target in (
        ("modprop_wab", "three_factor", 1.3),
        ("modprop", "bptt", 1.05),
        ("three_factor", "bare", 2),
        ("bptt", "bare", 4),
    ):
        yield row(f"{neurons} cells: {one} / {other}", seconds[one] / seconds[other], f"at most {target}")


def online(net: RateRNN, steps: int) -> Callable[[], Any]:
    """Learn at every step of one presentation, by plain gradient descent, in the scan of ``Online``."""
    tree, courses = net.read(), net.arrange(noise(steps, 1))

    def step(carry: tuple, now: tuple) -> tuple[tuple, None]:
        weights, running = carry
        running, outcome = net.advance(tree | weights, running, tuple(course[None] for course in now))
        return (jax.tree.map(lambda w, d: w - 1e-6 * d, weights, outcome.changes), running), None

    run = jax.jit(lambda weights: jax.lax.scan(step, (weights, net.begin(tree, 1)), courses, unroll=2)[0])
    weights = plastic(net)
    return lambda: run(weights)


def traffic(neurons: int, steps: int) -> str:
    """The recursion of Proposition 1 against copying its weights, G and traces once a step."""
    net = network("modprop_wab", neurons)
    moved = np.ones(sum(leaf.size for leaf in jax.tree.leaves((plastic(net), net.begin(net.read(), 1)))), np.float32)
    place = np.empty_like(moved)

    def copies() -> None:
        for _ in range(steps):
            np.copyto(place, moved)

    seconds = interleaved({"online": online(net, steps), "copy": copies}, 7)
    what = f"{neurons} cells: modprop_wab at every step / copying its {moved.nbytes / 2**20:.1f} MiB"
    return row(what, seconds["online"] / seconds["copy"], "at most 2")


def growth() -> Iterator[str]:
    """Exponents of the cost in cells and in steps, fitted to the last three sizes."""
    for what, values, sized, target in (
        ("cells", [100, 300, 1000, 3000], lambda v: (v, noise(20)), "2"),
        ("steps", [100, 316, 1000, 3162, 10000], lambda v: (50, noise(v, 8)), "1"),
    ):
        for rule in ("three_factor", "modprop_wab", "bptt"):
            runs = {}
            for value in values:
                neurons, batch = sized(value)
                runs[str(value)] = gradient(network(rule, neurons), batch, 1)
            seconds = interleaved(runs, 3)
            slope = exponent(values[-3:], [seconds[str(value)] for value in values[-3:]])
            yield row(f"exponent of {rule} in {what}, {values[-3]} to {values[-1]}", slope, target)


def temporary_bytes(rule: str, neurons: int, steps: int) -> float:
    """Memory that the compiled gradient takes beside its arguments and results."""
    net, batch = network(rule, neurons), noise(steps)
    learn = jax.jit(lambda tree, batch: net.learn(tree, batch).changes)
    return learn.lower(net.read(), batch).compile().memory_analysis().temp_size_in_bytes


def memory() -> Iterator[str]:
    """Peak memory of compiled gradients: O(T N), never O(T N^2)."""
    for rule in ("three_factor", "modprop_wab", "modprop", "bptt"):
        cells = [temporary_bytes(rule, neurons, 300) for neurons in (100, 200, 400)]
        steps = [temporary_bytes(rule, 200, steps) for steps in (150, 300, 600)]
        yield row(f"peak memory of {rule}, arrays [T, B, N]", cells[2] / (300 * TRIALS * 400 * 4), "a few")
        yield row(
            f"exponent of its memory in cells, 100 to 400; in steps {exponent([1, 2, 4], steps):.3f}",
            exponent([1, 2, 4], cells),
            "1",
        )


def pixels() -> Iterator[str]:
    """Pixel-by-pixel MNIST: 784 steps, 200 cells, batches of 256; an epoch is extrapolated from a few updates."""
    rng = np.random.default_rng(0)
    x, labels = rng.random((IMAGES, PIXELS, 1), np.float32), rng.integers(0, 10, IMAGES)
    batch = Batch({"x": jnp.asarray(x)}, {"y": jnp.asarray(labels, jnp.int32)})
    settings = {"inputs": 1, "outputs": 10, "loss": "cross_entropy", "answer": "last", "tau": 100.0}
    nets = {rule: network(rule, CELLS, **settings) for rule in ("modprop", "modprop_wab")}
    runs = {rule: training(net, batch) for rule, net in nets.items()}
    seconds = interleaved(runs | {"bare": bare(nets["modprop"], batch, 1)}, 3)
    for rule in nets:
        epoch = UPDATES_PER_EPOCH * seconds[rule]
        what = f"pixel MNIST: update of {rule}, Adam / bare forward scan"
        yield row(
            what,
            seconds[rule] / seconds["bare"],
            f"an epoch of {UPDATES_PER_EPOCH} updates: {epoch:.0f} s (extrapolated)",
        )


def training(net: RateRNN, batch: Batch) -> Callable[[], Tree]:
    """One update with Adam."""
    adam, tree = optax.adam(1e-3), net.read()

    def update(weights: Tree) -> Tree:
        steps, _ = adam.update(net.learn(tree | weights, batch).changes, adam.init(weights))
        return optax.apply_updates(weights, net.constrain(tree | weights, steps))

    run = jax.jit(update)
    weights = plastic(net)
    return lambda: run(weights)
