"""Small random rate networks that run step by step with frozen weights, with either place of the leak; their oracle."""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits import Batch, RateRNN
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import Electrode
from biocredit.circuits.recurrent import StepRule

TRANSFERS = {"after": "tanh", "before": "softplus"}
FUNCTIONS = {"tanh": jnp.tanh, "softplus": jax.nn.softplus}
WEIGHTS = ("W_rec", "W_in", "b_rec", "W_out", "b_out")


class Point(NamedTuple):
    """Where a network is: what leaks, and the rate."""

    memory: jax.Array
    rate: jax.Array


class Case(NamedTuple):
    """A network with input and target streams."""

    leak: str
    transfer: Any
    keep: jax.Array
    weights: Tree
    x: jax.Array
    target: jax.Array
    start: jax.Array

    @property
    def point(self) -> Point:
        """Where the network starts."""
        return Point(self.start, self.start if self.leak == "after" else function(self)(self.start))


def function(case: Case) -> Any:
    """The transfer function."""
    return FUNCTIONS.get(case.transfer, case.transfer)


def make_case(leak: str = "after", neurons=5, inputs=2, outputs=3, time=9, dtype=np.float64, seed=0) -> Case:
    """Draw a case with one leak per neuron."""
    random = np.random.default_rng(seed)

    def draw(*shape: int, scale: float = 1.0) -> jax.Array:
        return jnp.asarray(scale * random.standard_normal(shape), dtype)

    keep = jnp.asarray(random.uniform(0.4, 0.8, neurons), dtype)
    weights = {
        "W_rec": draw(neurons, neurons, scale=neurons**-0.5),
        "W_in": draw(inputs, neurons),
        "b_rec": draw(neurons),
        "W_out": draw(neurons, outputs),
        "b_out": draw(outputs),
    }
    start = draw(neurons)
    return Case(leak, TRANSFERS[leak], keep, weights, draw(time, inputs), draw(time, outputs), start)


def circuit(rule: Any, case: Case, **settings: Any) -> tuple[RateRNN, Tree]:
    """The circuit of a case, and its tree."""
    (inputs, cells), outputs = case.weights["W_in"].shape, case.weights["W_out"].shape[1]
    fixed = {"loss": "half_squared_error", "answer": "every", "reduction": "sum", "bias": True, "leak": case.leak}
    sizes = {"x": inputs}, {"cells": cells}, {"y": outputs}
    with jax.ensure_compile_time_eval():  # some tests build it while they are traced
        net = RateRNN(*sizes, rule=rule, activation=case.transfer, dtype=case.x.dtype, **{**fixed, **settings})
    everywhere = {"keep": case.keep, "mask_rec": jnp.ones((cells, cells), case.x.dtype)}
    return net, net.read() | case.weights | everywhere


def run(rule: Any, case: Case, noise: Any = None, memory: Tree | None = None, **settings: Any) -> dict[str, Any]:
    """What every step brought: changes by name, output, state, memory of the rule; ``memory`` is put in first."""
    if noise is not None:
        rule = replace(rule, draw=lambda key, step, states, dtype: noise[step])
    memory = memory or {}
    net, tree = circuit(rule, case, **settings)
    tree = tree | {f"rule.{name}": value for name, value in memory.items() if f"rule.{name}" in tree}
    carry = net.begin(tree, 1, start={"rate" if case.leak == "after" else "state": case.start[None]})
    own = {name: value[None] for name, value in memory.items() if name in carry.rule}
    carry = carry._replace(rule=carry.rule | own)
    courses = net.arrange(Batch({"x": case.x[None]}, {"y": case.target[None]}))

    def step(carry: tuple, now: tuple) -> tuple:
        running, tree = carry
        electrode = Electrode(lambda name, phase: name == "output")
        running, found = net.advance(tree, running, jax.tree.map(lambda one: one[None], now), electrode)
        learned = {name.removeprefix("rule."): value for name, value in found.tree.items()}
        rule = {name: jax.tree.map(lambda one: one[0], value) for name, value in running.rule.items()} | learned
        state = {name: value[0] for name, value in running.running.state.items()}
        output = electrode.readings["output", "inference"][0, 0]
        kept = {"changes": found.changes, "output": output, "state": state, "memory": rule}
        return (running, tree | found.tree), kept

    return jax.lax.scan(step, (carry, tree), courses)[1]


def frozen_run(rule: Any, case: Case, noise: Any = None, **settings: Any) -> jax.Array:
    """Changes of all weights onto the neurons, flattened, of every step."""
    return jax.vmap(flat)(run(rule, case, noise, **settings)["changes"])


def noise_for(rule: StepRule, case: Case, key: jax.Array, steps: int) -> jax.Array:
    """Noise of some steps."""
    keys = jax.random.split(key, steps)
    return jax.vmap(lambda one: rule.draw(one, 0, case.start.size, case.x.dtype))(keys)


def flat(changes: Tree) -> jax.Array:
    """Changes of all weights onto the neurons as one vector."""
    return jnp.concatenate([changes[name].reshape(-1) for name in ("W_rec", "W_in", "b_rec")])


def forward(weights: Tree, case: Case, point: Point, x: jax.Array) -> tuple[Point, jax.Array]:
    """One step written out here, independently of the product, and its readout."""
    keep, transfer = case.keep, function(case)
    current = point.rate @ weights["W_rec"] + x @ weights["W_in"] + weights["b_rec"]
    if case.leak == "after":
        memory = rate = keep * point.memory + (1 - keep) * transfer(current)
    else:
        memory = keep * point.memory + (1 - keep) * current
        rate = transfer(memory)
    return Point(memory, rate), rate @ weights["W_out"] + weights["b_out"]


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
