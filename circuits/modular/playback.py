"""Modular networks in time: all regions at once, and the two phases iteration by iteration."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from biocredit.circuits.core.activations import activation
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.probes import Electrode, Probe, active, chain, untouched
from biocredit.circuits.modular import adjoint_propagation as propagation
from biocredit.circuits.modular.dynamics import trajectory
from biocredit.circuits.modular.phases import AdjointPhases
from biocredit.circuits.modular.wiring import Wiring, owner


def simultaneous(wiring: Wiring, tree: Tree, state: Tree, stimuli: Tree, nudged: jax.Array) -> Tree:
    """One iteration of all regions at the same time, from their states of the moment before.

    In the learning phase a region goes on sending upwards what it sent when the error came.

    Parameters
    ----------
    state
        ``"<region>.rate"``, ``.settled``, ``.error``, ``"<readout>.output"``, ``.error``.
    nudged
        1 in the learning phase, else 0.
    """

    def arriving(projection, source: Tree, variable: str) -> jax.Array:
        if owner(projection.pre) in wiring.regions:
            signal = wiring.block(projection.pre).take(source[f"{owner(projection.pre)}.{variable}"])
        else:
            signal = source[f"{projection.pre}.error"] if projection.error else stimuli[projection.pre]
        return signal @ tree[projection.name]

    still = all(region.spiking is None for region in wiring.regions.values())
    require(still, "regions whose cells spike run trial by trial: use learn, respond or trial, not update")
    sent = {f"{n}.rate": jnp.where(nudged > 0, state[f"{n}.settled"], state[f"{n}.rate"]) for n in wiring.regions}
    new = {}
    for name, region in wiring.regions.items():
        current = jnp.zeros_like(state[f"{name}.clamp"])
        for p in wiring.onto(name, None, error=False):
            current = wiring.block(p.post).add(current, arriving(p, sent, "rate"))
        for p in wiring.onto(name, None, error=True):
            current = wiring.block(p.post).add(current, -nudged * arriving(p, state, "error"))
        current = current + tree[f"{name}.bias"][None] if region.bias else current
        rate = activation(region.activation)(state[f"{name}.rate"] @ tree[f"{name}.W_rec"] + current)
        new |= {f"{name}.clamp": current, f"{name}.rate": rate}
        new[f"{name}.error"] = nudged * (state[f"{name}.settled"] - rate)
    for name in wiring.readouts:
        incoming = [p for p in wiring.active(None, error=False) if p.post == name]
        output = sum(arriving(p, new, "rate") for p in incoming) + tree[f"{name}.bias"][None]
        new[f"{name}.output"] = jnp.where(nudged > 0, state[f"{name}.output"], output)
    return new


def schedule(wiring: Wiring, phases: AdjointPhases) -> list[tuple[str, str, int, int]]:
    """List when each region evolves: ``(phase, region, first iteration, end)``, one after the other."""
    rows, now = [], 0
    for phase, error, length in (("inference", False, 0), ("learning", True, 1)):
        for name in wiring.order(phases.mode, error=error):
            rows.append((phase, name, now, now + phases.iterations[length]))
            now += phases.iterations[length]
    return rows


def timeline(
    wiring: Wiring,
    phases: AdjointPhases,
    tree: Tree,
    inputs: Mapping[str, jax.Array],
    compare: Callable[[Tree], Tree],
    probe: Probe = untouched,
) -> Tree:
    """Return rate, error and clamp current of every region at every iteration of both phases.

    Regions evolve one after the other, as :func:`schedule` says, and hold their state otherwise. The error during
    the learning phase is the difference to the settled state (end-point), or to the same iteration of the inference
    phase counted from its end (short trajectory); its last value is the error that plasticity uses.

    Parameters
    ----------
    compare
        From the readouts to the output errors.

    Returns
    -------
    dict
        ``"<region>.rate"``, ``"<region>.error"`` and ``"<region>.clamp"``, ``[time, trial, neuron]``.
    """
    electrode = Electrode(lambda name, phase: name.endswith((".clamp", ".rate")))
    settled = propagation.inference(wiring, phases, tree, inputs, chain(probe, electrode))
    error = {name: probe(f"{name}.error", "inference", value) for name, value in compare(settled.output).items()}
    propagation.learning(wiring, phases, tree, settled, error, chain(probe, electrode))
    rows = schedule(wiring, phases)
    courses = {
        (phase, name): _course(wiring, phases, tree, electrode.readings, name, phase, probe) for phase, name, *_ in rows
    }
    total = rows[-1][-1]
    found = {}
    for name in wiring.regions:
        found[f"{name}.clamp"] = _held(name, rows, electrode.readings, total)
        rate, error = _laid_out(name, rows, courses, settled.rate[name], total, phases)
        found |= {f"{name}.rate": rate, f"{name}.error": error}
    return found


def _course(wiring, phases, tree, readings, name, phase, probe):
    """States of one region during its own stretch of a phase."""
    region, inner = wiring.regions[name], active(probe)
    current = readings[f"{name}.clamp", phase]
    if region.bias:
        current = current + probe(f"{name}.bias", phase, tree[f"{name}.bias"])[None]
    weight = probe(f"{name}.W_rec", phase, tree[f"{name}.W_rec"])
    goes_on = phase == "learning" and not phases.from_rest
    start = readings[f"{name}.rate", "inference"] if goes_on else jnp.zeros_like(current)
    change = None if inner is untouched else lambda rate: inner(f"{name}.rate", phase, rate)
    return trajectory(region, weight, current, phases.iterations[phase == "learning"], start, change)


def _held(name, rows, readings, total):
    """Clamp current of one region on the common time axis: it stays on from the moment when the region begins."""
    first = readings[f"{name}.clamp", "inference"]
    current = jnp.zeros((total, *first.shape), first.dtype)
    for phase, region, start, _ in rows:
        if region == name:
            current = current.at[start:].set(readings[f"{name}.clamp", phase])
    return current


def _laid_out(name, rows, courses, settled, total, phases):
    """Put one region's stretches on the common time axis; between them it holds its state."""
    rate = jnp.zeros((total, *settled.shape), settled.dtype)
    error = jnp.zeros_like(rate)
    for phase, region, start, end in rows:
        if region != name:
            continue
        course = courses[phase, name]
        rate = rate.at[start:end].set(course).at[end:].set(course[-1])
        if phase == "learning":
            compared = _compared(courses["inference", name], settled, end - start, phases) - course
            error = error.at[start:end].set(compared).at[end:].set(compared[-1])
    return rate, error


def _compared(inference: jax.Array, settled: jax.Array, length: int, phases: AdjointPhases) -> jax.Array:
    """State of the inference phase that each iteration of the learning phase is compared with."""
    if not phases.from_rest:
        return jnp.broadcast_to(settled[None], (length, *settled.shape))
    before = max(length - len(inference), 0)
    rest = jnp.zeros((before, *settled.shape), settled.dtype)
    return jnp.concatenate([rest, inference[len(inference) - length + before :]])
