"""Spiking networks: the forward scan against that of rate cells, rules against their forward scan and each other.

Ratios of runs that alternate in one process; several updates run in one compiled scan, as in training.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
from biocredit.circuits import LIF, RateRNN, SpikingRNN
from biocredit.circuits.core.circuit import Batch
from biocredit.circuits.core.credit_rule import Tree

from tests.benchmarks.rate import bare, gradient, several
from tests.benchmarks.timing import interleaved, row

STEPS, TRIALS, IN, OUT = 1000, 32, 40, 2


def spikes(steps: int = STEPS) -> Batch:
    """Random input spikes and targets."""
    rng = np.random.default_rng(0)
    x = (rng.random((TRIALS, steps, IN)) < 0.05).astype(np.float32)
    return Batch({"x": jnp.asarray(x)}, {"y": jnp.asarray(rng.normal(size=(TRIALS, steps, OUT)), jnp.float32)})


def network(rule: str, neurons: int) -> SpikingRNN:
    """Build a network with I and E cells."""
    types = {"I": neurons // 5, "E": neurons - neurons // 5}
    fixed = {
        "loss": "half_squared_error",
        "answer": "every",
        "cells": LIF(tau=20.0, threshold=0.6, current_gain="unit"),
    }
    return SpikingRNN({"x": IN}, types, {"y": OUT}, rule=rule, mu=0.1, dtype=jnp.float32, **fixed)


def forward(net: Any, batch: Batch, updates: int) -> Callable[[], Tree]:
    """Return the product's forward scan alone; every weight follows from the readout, so nothing is left out."""

    def run(tree: Tree) -> Tree:
        total = net.respond(tree, batch.inputs)["y"].sum()
        return {name: jnp.broadcast_to(total, tree[name].shape) for name in net.plastic}

    return several(net, run, updates)


def lines() -> Iterator[str]:
    """All ratios of this benchmark."""
    batch = spikes()
    for neurons, updates, rounds in ((100, 4, 7), (1000, 1, 3)):
        rate = RateRNN({"x": IN}, neurons, {"y": OUT}, loss="half_squared_error", answer="every", dtype=jnp.float32)
        rules = ("eprop", "mdgl_wab", "modprop_wab", "modprop_wab_self", "bptt")
        runs = {rule: gradient(network(rule, neurons), batch, updates) for rule in rules}
        runs |= {"LIF forward": forward(network("eprop", neurons), batch, updates)}
        runs |= {"rate forward": bare(rate, batch, updates)}
        seconds = interleaved(runs, rounds)
        for one, other, target in (
            ("LIF forward", "rate forward", 1.5),
            ("eprop", "LIF forward", 2),
            ("mdgl_wab", "eprop", 1.3),
            ("modprop_wab", "eprop", 1.3),
            ("modprop_wab_self", "eprop", 1.3),
            ("bptt", "eprop", 2),
        ):
            yield row(f"{neurons} spiking cells: {one} / {other}", seconds[one] / seconds[other], f"at most {target}")
