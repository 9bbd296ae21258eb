"""Small random networks for the tests of the online family, with either place of the leak, and their oracle."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.recurrent.dynamics import Neuron
from biocredit.circuits.recurrent.leak import LEAKS
from biocredit.circuits.recurrent.online_family import OnlineRule, Point, begin, drive

FROZEN = optax.set_to_zero()
TRANSFERS = {"after": jnp.tanh, "before": jax.nn.softplus}


class Case(NamedTuple):
    """A network with input and target streams."""

    neuron: Neuron
    weights: Tree
    x: jax.Array
    target: jax.Array
    point: Point


def make_case(leak: str = "after", neurons=5, inputs=2, outputs=3, time=9, dtype=np.float64, seed=0) -> Case:
    """Draw a case with one leak per neuron."""
    random = np.random.default_rng(seed)

    def draw(*shape: int, scale: float = 1.0) -> jax.Array:
        return jnp.asarray(scale * random.standard_normal(shape), dtype)

    keep = jnp.asarray(random.uniform(0.4, 0.8, neurons), dtype)
    neuron = Neuron(keep, jnp.zeros((), dtype), TRANSFERS[leak], LEAKS[leak])
    weights = {
        "W_rec": draw(neurons, neurons, scale=neurons**-0.5),
        "W_in": draw(inputs, neurons),
        "b_rec": draw(neurons),
        "W_out": draw(neurons, outputs),
        "b_out": draw(outputs),
    }
    memory = draw(neurons)
    rate, slope = jax.jvp(neuron.transfer, (memory,), (jnp.ones_like(memory),))
    point = Point(memory, memory if leak == "after" else rate, slope)
    return Case(neuron, weights, draw(time, inputs), draw(time, outputs), point)


def noise_for(rule: OnlineRule, case: Case, seed: int = 0) -> jax.Array:
    """Noise of a whole run."""
    return rule.draw(jax.random.key(seed), len(case.x), case.point.rate.size, case.x.dtype)


def frozen_run(rule: OnlineRule, case: Case, noise=None, keep=None, memory=None):
    """Run with frozen weights; what was kept of every step (by default the changes, flattened)."""
    noise = noise_for(rule, case) if noise is None else noise
    course = begin(rule, case.neuron, case.weights, FROZEN, case.point, memory)
    streams = case.x, case.target, noise
    return drive(rule, case.neuron, course, streams, FROZEN, keep=keep or (lambda moment: flat(moment.changes)))[1]


def flat(changes: Tree) -> jax.Array:
    """Changes of all weights onto the neurons as one vector."""
    return jnp.concatenate([changes[name].reshape(-1) for name in ("W_rec", "W_in", "b_rec")])


def forward(weights: Tree, case: Case, point: Point, x: jax.Array) -> tuple[Point, jax.Array]:
    """One step written out here, independently of the product, and its readout."""
    keep, transfer = case.neuron.keep, case.neuron.transfer
    current = point.rate @ weights["W_rec"] + x @ weights["W_in"] + weights["b_rec"]
    if case.neuron.leak is LEAKS["after"]:
        memory = rate = keep * point.memory + (1 - keep) * transfer(current)
    else:
        memory = keep * point.memory + (1 - keep) * current
        rate = transfer(memory)
    return Point(memory, rate, point.gain), rate @ weights["W_out"] + weights["b_out"]


def loss(weights: Tree, case: Case, upto: int | None = None) -> jax.Array:
    """Summed squared error of the first ``upto`` steps, from the forward pass alone."""
    point, total = case.point, jnp.zeros((), case.x.dtype)
    for x, target in zip(case.x[:upto], case.target[:upto], strict=True):
        point, output = forward(weights, case, point, x)
        total = total + jnp.sum((output - target) ** 2) / 2
    return total


def gradient(case: Case, upto: int | None = None) -> jax.Array:
    """Gradient of :func:`loss` by automatic differentiation, flattened."""
    return flat(jax.grad(loss)(case.weights, case, upto))
