"""``audit(net, task)``: what every synapse of a circuit needs to know, measured."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.analysis.metrics.audited import Audit
from biocredit.circuits.core.circuit import Batch, Circuit
from biocredit.circuits.core.errors import require
from biocredit.circuits.recurrent.temporal_circuit import TemporalCircuit
from biocredit.protocols.plausibility.declared import compare
from biocredit.protocols.plausibility.exposure import Exposure, expose
from biocredit.protocols.plausibility.properties import properties
from biocredit.protocols.plausibility.transport import transported
from biocredit.protocols.plausibility.wiring import Wiring

#: Trials that an audit looks at.
TRIALS = 4


def audit(
    net: Circuit, task: Any, *, trained: Any = None, trials: int = TRIALS, seed: int = 0, **settings: Any
) -> Audit:
    """Measure what the plasticity of a circuit depends on, and the properties that follow.

    All signals are clamped to the values of a free run; then one at a time is disturbed, as a whole and unit by unit:
    what moves depends on it directly.

    Parameters
    ----------
    net
        Any circuit; small ones take seconds, and the answer does not depend on the size.
    task
        A task that it can do, or a :class:`~biocredit.circuits.core.circuit.Batch` of trials.
    trained
        A protocol that has trained it, or weights by name, for what is known only after training.
    trials
        Number of trials.
    seed
        Of the noise, and of which trials.
    **settings
        Settings of the phases, as in ``net.learn``.

    Returns
    -------
    Audit
        ``print`` shows it; see :mod:`biocredit.analysis.metrics.audited`.

    Raises
    ------
    CircuitError
        If a clamped run is not the free run: the circuit passes a signal by.

    Examples
    --------
    >>> from biocredit import DualStream, tasks
    >>> found = audit(DualStream.mlp([64, 5, 4, 10], "random"), tasks.digits())
    >>> found.properties["no transport of magnitudes"].verdict
    'yes'
    """
    key = jax.random.key(seed)
    batch = task if isinstance(task, Batch) else drawn(task, trials, seed, key)
    exposed = expose(net, batch, key, **settings)
    error = clamped_error(exposed)
    require(error < 1e-6, f"{exposed.rule.name}: a clamped run is not the free run, they differ by {error:.1e}")
    wiring = Wiring(exposed, seed)
    carried = carried_in(wiring)
    undeclared, unused = compare(exposed.rule, wiring.dependences, wiring.signals, carried, wiring.unresolved)
    return Audit(
        exposed.rule.name,
        exposed.rule.citation,
        type(net).__name__,
        {name: ends(net, name) for name in exposed.clamped.changes},
        wiring.dependences,
        wiring.signals,
        properties(wiring, weights_of(trained)),
        dict(exposed.rule.needs),
        undeclared,
        unused,
        error,
    )


def carried_in(wiring: Wiring) -> str:
    """What is read of forward weights, where that can be told from the outside of the rule."""
    if isinstance(wiring.exposed.net, TemporalCircuit):
        far = [row for row in wiring.dependences if row.place == "nonlocal" and row.kind == "weight"]
        return "weights" if far else "nothing"
    return transported(wiring)[0]


def drawn(task: Any, trials: int, seed: int, key: jax.Array) -> Batch:
    """Draw a few training trials of a task."""
    count = min(trials, task.n_train)
    index = np.random.default_rng(seed).choice(task.n_train, count, replace=False)
    return task.draw(jax.tree.map(jnp.asarray, task.arrays), jnp.asarray(np.sort(index)), key)


def clamped_error(exposed: Exposure) -> float:
    """Largest relative difference of the changes of a clamped and the free run."""
    pairs = [(exposed.clamped.changes[name], value) for name, value in exposed.free.changes.items()]
    return max(float(np.abs(one - other).max(initial=0) / (np.abs(other).max(initial=0) or 1)) for one, other in pairs)


def ends(net: Circuit, array: str) -> tuple[str, str]:
    """Populations that a plastic array joins."""
    row = net.synapses.get(array)
    return (row.pre, row.post) if row else ("", "cells")


def weights_of(trained: Any) -> Mapping[str, np.ndarray] | None:
    """Weights of the first network of a protocol, or those that were given."""
    if trained is None or isinstance(trained, Mapping):
        return trained
    return {name: np.asarray(value)[0] for name, value in trained.tree.items()}
