"""One tiny instance of every circuit, with a task that fits it: what the common test matrices run over.

``CIRCUITS[name]()`` builds a circuit of six inputs and three classes that no other test has trained; ``task_of(net)``
is a task for it, ``trials_of(net)`` a batch, ``protocol_of(net, ...)`` the protocol that trains it. A new circuit is
one more row.
"""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from biocredit.circuits import (
    ALIF,
    CTRNN,
    LIF,
    DualStream,
    EquilibriumPropagation,
    ModularRNN,
    PhaselessMicrocircuit,
    PhaselessRate,
    PredictiveCoding,
    RateRNN,
    SpikingRNN,
)
from biocredit.circuits.core.circuit import Batch, Circuit
from biocredit.circuits.dual_stream import PATHWAYS
from biocredit.circuits.energy_based.equilibrium_dynamics import EnergyDescent
from biocredit.circuits.recurrent.temporal_circuit import TemporalCircuit
from biocredit.protocols import Online, TwoPhase
from biocredit.protocols.tasks.task import Task

INPUTS, CLASSES, TRIALS, STEPS = 6, 3, 8, 6

#: Temporal rules of every kind: per-trial reverse, with modulators, forward, stepwise with and without state.
RATE_RULES = ("bptt", "three_factor", "mdgl", "modprop_wab", "mdgl_wab", "rtrl", "uoro")
#: Of spiking cells: local, and with modulators of cell types.
SPIKING_RULES = ("eprop", "modprop_wab_self")


class Points(Task):
    """Random points with random labels; of a point in time, one at every step."""

    def __init__(self, steps: int | None = None):
        self.name, self.steps = "points", steps
        self.inputs, self.readouts = {"input": INPUTS}, {"choice": CLASSES}
        self.n_train = self.n_test = TRIALS
        random = np.random.default_rng(0)
        shape = (TRIALS, INPUTS) if steps is None else (TRIALS, steps, INPUTS)
        self.arrays = {"x": random.normal(size=shape), "y": np.arange(TRIALS, dtype=np.int32) % CLASSES}

    def draw(self, arrays: Any, index: jax.Array, key: jax.Array, *, test: bool = False) -> Batch:
        """Return the points and labels of these numbers."""
        x, y = arrays["x"][index], arrays["y"][index]
        return Batch({"input": x}, {"choice": y}, {"index": index})


PORTS = SimpleNamespace(inputs={"input": INPUTS}, readouts={"choice": CLASSES}, dt=1.0)


def dual(pathway: str, **options: Any) -> DualStream:
    """A stack of three stages with this descending pathway."""
    return DualStream.mlp([INPUTS, 5, 4, CLASSES], pathway, dtype=jnp.float64, **options)


def rate(rule: str, **options: Any) -> RateRNN:
    """Nine cells of two types that answer at every step."""
    settings = {"tau": 4.0, "mu": 0.4, "answer": "every", "dtype": jnp.float64, **options}
    return RateRNN.for_task(PORTS, {"I": 3, "E": 6}, rule=rule, **settings)


def continuous(rule: str, **options: Any) -> CTRNN:
    """Seven cells of one kind, with a bias and a learned initial state, that answer at every step."""
    settings = {"tau": 4.0, "loss": "cross_entropy", "answer": "every", "dtype": jnp.float64, **options}
    return CTRNN.for_task(PORTS, 7, rule=rule, **settings)


def spiking(rule: str, **options: Any) -> SpikingRNN:
    """Nine cells, those that excite with an adaptive threshold, that answer at every step; all of them fire."""
    cells = {"I": LIF(tau=4.0, threshold=0.1), "E": ALIF(tau=4.0, threshold=0.1, beta=0.2, tau_adaptation=10.0)}
    settings = {"cells": cells, "mu": 0.4, "answer": "every", "tau_out": 4.0, "dtype": jnp.float64, **options}
    return SpikingRNN.for_task(PORTS, {"I": 3, "E": 6}, rule=rule, **settings)


def modular(**options: Any) -> ModularRNN:
    """Two regions in a chain."""
    return ModularRNN.chain(PORTS, neurons=16, regions=2, bias=True, dtype=jnp.float64, **options)


def equilibrium(**options: Any) -> EquilibriumPropagation:
    """Two hidden layers that descend an energy."""
    return EquilibriumPropagation.chain(PORTS, (5, 4), dynamics=EnergyDescent(), dtype=jnp.float64, **options)


def predictive(**options: Any) -> PredictiveCoding:
    """Two hidden layers that predict one another."""
    return PredictiveCoding.chain(PORTS, (5, 4), dtype=jnp.float64, **options)


CIRCUITS: dict[str, Callable[..., Circuit]] = {
    "modular": modular,
    "equilibrium_propagation": equilibrium,
    "predictive_coding": predictive,
    **{f"rate/{rule}": partial(rate, rule) for rule in RATE_RULES},
    **{f"ctrnn/{rule}": partial(continuous, rule) for rule in ("bptt", "eprop")},
    **{f"spiking/{rule}": partial(spiking, rule) for rule in SPIKING_RULES},
    **{f"dual/{pathway}": partial(dual, pathway) for pathway in PATHWAYS},
    "phaseless_rate": partial(PhaselessRate, [INPUTS, 5, 4, CLASSES], steps=8, dtype=jnp.float64),
    "phaseless_microcircuit": partial(PhaselessMicrocircuit, [INPUTS, 5, 4, CLASSES], steps=8, dtype=jnp.float64),
}


def task_of(net: Circuit) -> Points:
    """A task that this circuit can do: in time if its trials have time."""
    return Points(STEPS if isinstance(net, TemporalCircuit) else None)


def trials_of(net: Circuit, count: int = TRIALS) -> Batch:
    """A batch of this circuit's task."""
    task = task_of(net)
    return task.draw(jax.tree.map(jnp.asarray, task.arrays), jnp.arange(count) % TRIALS, jax.random.key(0))


def protocol_of(net: Circuit, **settings: Any) -> TwoPhase | Online:
    """The protocol that trains this circuit, two updates an epoch, at a rate at which something changes."""
    kind = Online if isinstance(net, TemporalCircuit) else TwoPhase
    return kind(net, task_of(net), **{"batch_size": TRIALS // 2, "optimizer": optax.sgd(0.1), **settings})
