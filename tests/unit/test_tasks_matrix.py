"""Every temporal task under temporal rules of every kind: what would be learned has the shape of the weights."""

import jax
import jax.numpy as jnp
import pytest
from biocredit.circuits import LIF, RateRNN, SpikingRNN
from biocredit.protocols import tasks

from tests.unit.test_tasks_cognitive import SHELF, made
from tests.unit.zoo import RATE_RULES, SPIKING_RULES

MADE = {
    **{name: lambda name=name: made(name) for name in SHELF},
    "flip_flop": lambda: tasks.flip_flop(2, steps=10),
    "copy_memory": lambda: tasks.copy_memory(2, 3),
    "adding_problem": lambda: tasks.adding_problem(8),
    "evidence_accumulation": lambda: tasks.evidence_accumulation(3, delay=300, dt=25),
}
CIRCUITS = {f"rate/{rule}": (RateRNN, {"rule": rule}) for rule in RATE_RULES}
CIRCUITS |= {f"spiking/{rule}": (SpikingRNN, {"rule": rule, "cells": LIF(tau=100.0)}) for rule in SPIKING_RULES}


@pytest.mark.parametrize("circuit", CIRCUITS)
@pytest.mark.parametrize("name", MADE)
def test_every_rule_runs_on_every_task(name, circuit):
    task, (kind, settings) = MADE[name](), CIRCUITS[circuit]
    net = kind.for_task(task, {"I": 2, "E": 4}, mu=0.25, **settings)
    tree, key = net.read(), jax.random.key(0)

    def learn(tree, index):
        batch = task.draw(task.arrays, index, key)
        outputs = net.respond(tree, batch.inputs)
        return net.learn(tree, batch, key), task.score(outputs, batch)

    outcome, scores = jax.eval_shape(learn, tree, jnp.arange(3))
    assert {k: v.shape for k, v in outcome.changes.items()} == {k: tree[k].shape for k in net.plastic}
    assert all(value.shape == () for value in (*scores.values(), *outcome.metrics.values()))
