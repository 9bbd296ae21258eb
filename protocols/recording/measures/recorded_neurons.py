"""How near networks are to recorded neurons while they learn, and how well they do in the trials that are compared.

Distance against normalised error as in Liu, Yang and Cueva 2025, arXiv 2506.06904; the measures are those of
:mod:`biocredit.analysis.metrics.neural`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.analysis.metrics.neural.activity import average_over_conditions
from biocredit.analysis.metrics.neural.cross_validation import (
    Ceiling,
    draw_neurons,
    leave_one_condition_out,
    noise_ceiling,
)
from biocredit.analysis.metrics.neural.firing_rates import average_of_conditions
from biocredit.analysis.metrics.neural.measures import MEASURES, measure_named
from biocredit.analysis.metrics.performance import masked_normalised_error
from biocredit.circuits.core.circuit import Batch, Circuit
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.described import described
from biocredit.circuits.core.errors import choose, nearest, require
from biocredit.protocols.datasets.neural import recorded
from biocredit.protocols.recording.measures.measure import Measure
from biocredit.protocols.recording.view import RunView
from jaxtyping import Float

#: What is compared, by the name of a variable of the dynamics.
RATE, OUTPUT = "cells.rate", "output"


class Compared(NamedTuple):
    """Networks in the trials that are compared, at the recording's times, and the recording."""

    rate: Float[np.ndarray, "seed condition time unit"]
    data: Float[np.ndarray, "condition time neuron"]
    error: Float[np.ndarray, " seed"]


@described
def distance_to_recording(
    recording: str = "hatsopoulos2007",
    zero_ms: float = 1860.0,
    measures: Sequence[str] = ("procrustes", "cka", "cca"),
    every: int = 10,
) -> Measure:
    """Distance from a recording, and normalised error in the same trials, while networks learn.

    ``"distance.<measure>"``, ``"reach_error"``, and ``"average.<measure>"``: the distance of the recording's average
    over conditions, which does not change.

    Parameters
    ----------
    recording
        Name in :data:`biocredit.protocols.datasets.neural.FILES`, or ``"made_up"``.
    zero_ms
        Time in the network's trial that corresponds to the recording's 0.
    measures
        Names in :data:`biocredit.analysis.metrics.neural.measures.MEASURES`.
    every
        Epochs from one measurement to the next.
    """
    for name in measures:
        choose(name, MEASURES, "measure")

    def of(run: RunView) -> dict[str, np.ndarray]:
        rates, data, error = _compared(run, recording, zero_ms)
        scores = {name: measure_named(name) for name in measures}
        average = average_over_conditions(data)
        found = {f"distance.{name}": [one.distance(rate, data) for rate in rates] for name, one in scores.items()}
        found |= {f"average.{name}": [one.distance(average, data)] * len(rates) for name, one in scores.items()}
        return {"reach_error": error} | {name: np.array(values) for name, values in found.items()}

    return Measure(of, {}, f"{recording}, model time {zero_ms:g} ms is 0", every, _why_not)


@described
def held_out_conditions(
    recording: str = "hatsopoulos2007", zero_ms: float = 1860.0, measure: str = "procrustes"
) -> Measure:
    """Distance of each condition that the alignment was not fitted to, when learning is over.

    ``"held_out.network"`` and ``"held_out.average"`` (the recording's average over conditions) ``[seed, condition]``.

    Parameters
    ----------
    recording, zero_ms
        See :func:`distance_to_recording`.
    measure
        Name of the measure.
    """
    score = measure_named(measure)

    def of(run: RunView) -> dict[str, np.ndarray]:
        rates, data, _ = _compared(run, recording, zero_ms)
        average = leave_one_condition_out(average_over_conditions(data), data, score).test
        networks = [leave_one_condition_out(rate, data, score).test for rate in rates]
        return {"held_out.network": np.array(networks), "held_out.average": np.array([average] * len(rates))}

    return Measure(of, {"condition": np.arange(1.0, 9.0)}, f"{measure}, conditions held out", None, _why_not)


@described
def halves_of_neurons(
    recording: str = "hatsopoulos2007", zero_ms: float = 1860.0, measure: str = "procrustes", draws: int = 50
) -> Measure:
    """Distance of half of the recorded neurons from as many other things, when learning is over.

    ``"half.data"`` (the other half: nearer has no meaning), ``"half.model"`` (units of the network), ``"half.average"``
    (the other half's average over conditions) ``[seed, draw]``.

    Parameters
    ----------
    recording, zero_ms
        See :func:`distance_to_recording`.
    measure
        Name of the measure.
    draws
        Draws of halves.
    """
    score = measure_named(measure)

    def of(run: RunView) -> dict[str, np.ndarray]:
        rates, data, _ = _compared(run, recording, zero_ms)
        size = min(data.shape[2] // 2, rates.shape[3])
        drawn = draw_neurons(data.shape[2], rates.shape[3], draws, size)
        found = [noise_ceiling(rate, data, drawn, score) for rate in rates]
        return {f"half.{name}": np.array([getattr(one, name) for one in found]) for name in Ceiling._fields}

    return Measure(of, {"draw": np.arange(1.0, draws + 1)}, f"{measure}, halves of neurons", None, _why_not)


def _why_not(net: Circuit) -> str:
    missing = [name for name in (RATE, OUTPUT) if name not in net.variables()]
    return f"{type(net).__name__} has no {missing[0]!r}: {nearest(missing[0], net.variables())}" if missing else ""


def _compared(run: RunView, recording: str, zero_ms: float) -> Compared:
    """Run the networks in the first test trials, one for each condition of the recording."""
    found = recorded(recording)
    data, index = found["firing_rate_hz"], jnp.arange(len(found["firing_rate_hz"]))
    batch = run.task.draw(run.task.arrays, index, jax.random.key(0), test=True)
    rates, outputs = (np.asarray(values, np.float64) for values in _courses(run.circuit, run.tree, batch))
    require("direction" in batch.trials, f"the task {run.task.name!r} has no directions to compare with a recording")
    at = _steps(found["time_ms"] + zero_ms, run.circuit.dt, rates.shape[2])
    labels = np.asarray(batch.trials["direction"])
    wanted = np.concatenate([np.asarray(batch.targets[name]) for name in run.circuit.readouts], axis=-1)
    counts = np.broadcast_to(np.asarray(batch.targets["when"])[..., None], wanted.shape)
    error = [masked_normalised_error(wanted, output, counts) for output in outputs]
    return Compared(np.array([average_of_conditions(one[:, at], labels)[1] for one in rates]), data, np.array(error))


def _steps(wanted_ms: Float[np.ndarray, " time"], dt: float, steps: int) -> np.ndarray:
    at = np.round(wanted_ms / dt).astype(int)
    there = np.allclose(at * dt, wanted_ms, rtol=0, atol=1e-3) and at[0] >= 0 and at[-1] < steps
    span = f"{wanted_ms[0]:g} to {wanted_ms[-1]:g} ms"
    require(there, f"zero_ms: wanted network times {span}, the trial has 0 to {(steps - 1) * dt:g} in steps of {dt:g}")
    return at


@jax.jit(static_argnums=0)
def _courses(circuit: Circuit, trees: Tree, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """Rates and outputs ``[seed, trial, time, unit]``."""
    own = {name: jnp.asarray(value) for name, value in circuit.read().items()}

    def one(tree: Tree) -> tuple[jax.Array, jax.Array]:
        found = circuit.trial(own | tree, batch)
        return found[RATE].swapaxes(0, 1), found[OUTPUT].swapaxes(0, 1)

    return jax.lax.map(one, trees)
