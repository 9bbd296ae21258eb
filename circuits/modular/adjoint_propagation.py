"""Adjoint Propagation: two phases of one modular network, and the plasticity that compares them.

In the inference phase the regions settle one after the other, from the stimulus upwards. In the learning phase the
output error enters the receivers of error, the recurrent dynamics spreads it over each region, and a neuron's error
is the difference of its activity between the phases (eLife 2026, 15:e108237).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.losses import Loss, as_target
from biocredit.circuits.core.probes import Probe, active, untouched
from biocredit.circuits.modular.dynamics import product, settle, wakes_by_current_alone
from biocredit.circuits.modular.phases import AdjointPhases
from biocredit.circuits.modular.region import runs, zeros
from biocredit.circuits.modular.wiring import Projection, Wiring, owner

RULE = CreditRule(
    name="adjoint_propagation",
    citation="10.7554/eLife.108237",
    equation=r"\Delta W = e\, x^{\top}, \qquad "
    r"e = r^{\mathrm{inference}} - r^{\mathrm{learning}}",
    needs={"rate": "pre", "error": "post"},
    probed={"rate": "*.rate input:*"},
    phases=2,
    exact_when="end-point errors of settled regions, symmetric recurrent weights, feedback transposed onto the cells "
    "that send, error_strength tending to zero (changes over error_strength)",
    memory="O(N)",
    operations="O(N^2) an iteration",
)
"""Presynaptic activity of the inference phase times how far the postsynaptic cell departs from it under the error."""


@dataclass(frozen=True)
class Settled:
    """The inference phase when it is over: clamp currents, rates and readouts by name."""

    clamp: Tree
    rate: Tree
    output: Tree


def inference(
    wiring: Wiring, phases: AdjointPhases, tree: Tree, inputs: Mapping[str, jax.Array], probe: Probe = untouched
) -> Settled:
    """Settle every region from rest, in the order of the inference projections.

    Parameters
    ----------
    wiring, phases
        The graph and the settings of the phases.
    tree
        Weights by name.
    inputs
        Stimuli ``[trial, channel]`` by name.
    probe
        Sees ``"<region>.clamp"``, ``"<region>.rate"``, ``"<readout>.output"`` and every weight.

    Returns
    -------
    Settled
    """
    clamp, rate = {}, {}
    batch, dtype = next(iter(inputs.values())).shape[0], next(iter(inputs.values())).dtype
    for name in wiring.order(phases.mode, error=False):
        region, incoming = wiring.regions[name], wiring.onto(name, phases.mode, error=False)
        current = zeros(batch, region.size, dtype)
        for projection in incoming:
            arriving = _send(wiring, projection, tree, inputs, rate, phases, probe, "inference")
            current = wiring.block(projection.post).add(current, phases.feedforward_gain * arriving)
        clamp[name] = probe(f"{name}.clamp", "inference", current)
        awake = _awake(wiring, name, incoming, probe)
        rate[name] = _settle(
            name, wiring, phases, tree, clamp[name], phases.iterations[0], None, awake, probe, "inference"
        )
    outputs = {name: _read_out(name, wiring, phases, tree, inputs, rate, probe) for name in wiring.readouts}
    return Settled(clamp, rate, {name: value for name, value in outputs.items() if value is not None})


def learning(
    wiring: Wiring, phases: AdjointPhases, tree: Tree, settled: Settled, output_error: Tree, probe: Probe = untouched
) -> Tree:
    """Run the regions again under the output error, in the order of the error projections.

    The clamp current of the inference phase stays on and ``-beta`` times the error current is added to it. Regions
    below do not feed their changed activity upwards.

    Parameters
    ----------
    settled
        The inference phase.
    output_error
        ``p - target`` of each readout, ``[trial, class]``.

    Returns
    -------
    dict
        Local error ``z - y`` of each region that an error projection reaches, ``[trial, neuron]``, and the output
        errors themselves.
    """
    error = dict(output_error)
    for name in wiring.order(phases.mode, error=True):
        incoming = wiring.onto(name, phases.mode, error=True)
        current = settled.clamp[name]
        for projection in incoming:
            gain = 1.0 if projection.pre in wiring.readouts else phases.feedback_gain
            arriving = _send(wiring, projection, tree, error, error, phases, probe, "learning")
            current = wiring.block(projection.post).add(current, -phases.error_strength * gain * arriving)
        current = probe(f"{name}.clamp", "learning", current)
        receiving = [*incoming, *wiring.onto(name, phases.mode, error=False)]
        start = None if phases.from_rest else settled.rate[name]
        awake = _awake(wiring, name, receiving, probe) if phases.from_rest else None
        rate = _settle(name, wiring, phases, tree, current, phases.iterations[1], start, awake, probe, "learning")
        error[name] = probe(f"{name}.error", "learning", settled.rate[name] - rate)
    return error


def output_errors(loss: Loss, outputs: Tree, targets: Mapping[str, jax.Array]) -> Tree:
    """Derivative of each trial's loss with respect to the readouts, ``[trial, class]`` by name: ``p - onehot``."""
    wanted = {name: as_target(targets[name], output, loss) for name, output in outputs.items()}
    return {name: loss.of_trials(loss.error, output, wanted[name]) for name, output in outputs.items()}


def changes(
    wiring: Wiring,
    plastic: tuple[str, ...],
    inputs: Mapping[str, jax.Array],
    rate: Tree,
    error: Tree,
    divisor: float,
) -> Tree:
    """Presynaptic activity times postsynaptic error, summed over trials (eLife 2026, 15:e108237, learning rule).

    Activity is always that of the inference phase; the error is that of the postsynaptic neuron itself.

    Parameters
    ----------
    plastic
        Names of the weights wanted: projections, ``"<region>.W_rec"``, ``"<region>.bias"``, ``"<readout>.bias"``.
    divisor
        Divides every change: the configured number of trials.

    Returns
    -------
    dict
        Changes by weight name; the optimiser subtracts them.
    """
    found = {}
    for name in plastic:
        if name in wiring.projections:
            projection = wiring.projections[name]
            pre, post = _part(wiring, projection.pre, inputs, rate), _part(wiring, projection.post, error, error)
        else:
            population, _, leaf = name.rpartition(".")
            pre, post = rate[population] if leaf == "W_rec" else None, error[population]
        found[name] = (jnp.sum(post, axis=0) if pre is None else pre.T @ post) / divisor
    return found


def _settle(name, wiring, phases, tree, clamp, iterations, start, awake, probe, phase):
    region = wiring.regions[name]
    weight = probe(f"{name}.W_rec", phase, tree[f"{name}.W_rec"])
    current = clamp + probe(f"{name}.bias", phase, tree[f"{name}.bias"])[None] if region.bias else clamp
    inner = active(probe)
    change = None if inner is untouched else lambda rate: inner(f"{name}.rate", phase, rate)
    rate = settle(
        region,
        weight,
        current,
        iterations,
        start=start,
        awake=awake,
        precision=phases.precision,
        probe=change,
    )
    return probe(f"{name}.rate", phase, rate)


#: More stretches of neurons than this are not worth products of their own.
MOST_STRETCHES = 4


def _awake(wiring: Wiring, name: str, incoming: list[Projection], probe: Probe) -> tuple[slice, ...] | None:
    """Neurons that the incoming currents can wake, where nothing else can and it saves anything."""
    region = wiring.regions[name]
    if active(probe) is not untouched or not wakes_by_current_alone(region):
        return None
    awake = runs([wiring.block(projection.post) for projection in incoming], region.size)
    whole = sum(run.stop - run.start for run in awake) == region.size
    return None if whole or not 0 < len(awake) <= MOST_STRETCHES else awake


def _part(wiring: Wiring, end: str, ports: Mapping[str, jax.Array], regions: Tree) -> jax.Array:
    return ports[end] if owner(end) not in wiring.regions else wiring.block(end).take(regions[owner(end)])


def _send(wiring, projection, tree, ports, regions, phases, probe, phase):
    weight = probe(projection.name, phase, tree[projection.name])
    signal = _part(wiring, projection.pre, ports, regions)
    return product(signal, weight)


def _read_out(name, wiring, phases, tree, inputs, rate, probe):
    """Sum what arrives at a readout; a readout that nothing active reaches does not exist in this mode."""
    incoming = [p for p in wiring.active(phases.mode, error=False) if p.post == name]
    if not incoming:
        return None
    total = sum(_send(wiring, p, tree, inputs, rate, phases, probe, "inference") for p in incoming)
    return probe(f"{name}.output", "inference", total + probe(f"{name}.bias", "inference", tree[f"{name}.bias"])[None])
