"""Predictive coding: the pure functions of a hierarchy of predictions.

Every layer holds value units ``v`` and error units ``eps = (v - mu) / S``, where ``mu`` is what the layer below
predicts and S the variance. With input and output clamped, the value units descend the energy
``1/2 sum S |eps|^2``; the synapses then follow the product of the error above and the rate below (Whittington and
Bogacz 2017, Neural Computation 29, 1229-1262, doi:10.1162/NECO_a_00949). As the variance S of the output grows, S
times the change of the weights tends to the gradient of ``1/2 |mu_L - y|^2``.

Layers are numbered from 1 to L as in :mod:`biocredit.circuits.energy_based.equilibrium_dynamics`, and so are the
weights named.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Rule, Tree
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.energy_based.equilibrium_dynamics import States, probed, summed
from biocredit.circuits.energy_based.symmetric import Symmetric, Weights, of_layer
from biocredit.circuits.energy_based.transfer import transfer
from jax import lax
from jaxtyping import Array, Float


@dataclass(frozen=True)
class Hierarchy:
    """A hierarchy of predictions, from the input upwards.

    Parameters
    ----------
    connections
        One symmetric connection for each layer.
    firing
        Name of the firing function of the value units; the input is sent as it is.
    variance
        Variance S of the output layer; that of hidden layers is 1.
    """

    connections: tuple[Symmetric, ...]
    firing: str = "tanh"
    variance: float = 1.0

    @property
    def variances(self) -> tuple[float, ...]:
        """Variance of every layer."""
        return (1.0,) * (len(self.connections) - 1) + (self.variance,)


class Relaxed(NamedTuple):
    """A relaxed hierarchy.

    Attributes
    ----------
    rates
        What every layer sends, the input first.
    values, errors
        Activity of value and error units.
    record
        What was observed, with a leading axis of time of ``steps + 1`` moments, the end included.
    """

    rates: States
    values: States
    errors: States
    record: Any


def rates(
    hierarchy: Hierarchy,
    x: Float[Array, "batch ..."],
    values: States,
    phase: str = "learning",
    probe: Probe = untouched,
) -> States:
    """What every layer sends, the input first."""
    return (x, *probed("rate", phase, tuple(map(transfer(hierarchy.firing).value, values)), probe))


def feedforward(
    hierarchy: Hierarchy, weights: Weights, x: Float[Array, "batch ..."], probe: Probe = untouched
) -> States:
    """Values at which every prediction holds: the state without a clamped output."""
    sent, values = x, []
    for number, connection in enumerate(hierarchy.connections, start=1):
        value = connection.forward(of_layer(weights, number), sent)
        values.append(probe(f"layer{number}.value", "inference", value))
        sent = probe(f"layer{number}.rate", "inference", transfer(hierarchy.firing).value(values[-1]))
    return tuple(values)


def errors(hierarchy: Hierarchy, weights: Weights, sent: States, values: States) -> States:
    """Activity of the error units, ``(v - mu) / S``; ``sent`` are the :func:`rates`."""
    below = enumerate(zip(hierarchy.connections, sent, strict=False), start=1)
    predictions = (c.forward(of_layer(weights, number), pre) for number, (c, pre) in below)
    return tuple((v - mu) / S for v, mu, S in zip(values, predictions, hierarchy.variances, strict=True))


def energy(hierarchy: Hierarchy, eps: States) -> Float[Array, " batch"]:
    """Energy of each trial, ``1/2 sum_l S_l |eps_l|^2``."""
    return sum(S * summed(e * e) for S, e in zip(hierarchy.variances, eps, strict=True)) / 2


def flow(hierarchy: Hierarchy, weights: Weights, sent: States, values: States, eps: States) -> States:
    """Direction in which the hidden value units move: minus the derivative of the energy."""
    slope = transfer(hierarchy.firing).slope
    between = enumerate(zip(hierarchy.connections[1:], sent[1:], values, eps, eps[1:], strict=False), start=2)
    return tuple(
        -own + slope(v) * connection.backward(of_layer(weights, number), pre, above)
        for number, (connection, pre, v, own, above) in between
    )


def relax(
    hierarchy: Hierarchy,
    weights: Weights,
    x: Float[Array, "batch ..."],
    values: States,
    *,
    steps: int,
    dt: float,
    phase: str = "learning",
    probe: Probe = untouched,
    observe: Callable[[States, States], Any] = lambda values, eps: None,
) -> Relaxed:
    """Let the hidden value units relax, with the input and the top of ``values`` clamped.

    Parameters
    ----------
    values
        Where they start; the last one is the clamped output.
    steps, dt
        Number and size of the Euler steps.
    phase
        Name of the phase, for the probe.
    observe
        What to keep of values and errors before each step.
    """
    weights = {name: probe(name, phase, value) for name, value in weights.items()}

    def sense(values: States) -> tuple[States, States, States]:
        values = probed("value", phase, values, probe)
        sent = rates(hierarchy, x, values, phase, probe)
        return sent, values, probed("error", phase, errors(hierarchy, weights, sent, values), probe)

    def one(values: States, _: None) -> tuple[States, Any]:
        sent, values, eps = sense(values)
        moved = (v + dt * f for v, f in zip(values, flow(hierarchy, weights, sent, values, eps), strict=False))
        return (*moved, values[-1]), observe(values, eps)

    values, record = lax.scan(one, values, length=steps)
    sent, values, eps = sense(values)
    record = jax.tree.map(lambda past, end: jnp.concatenate([past, end[None]]), record, observe(values, eps))
    return Relaxed(sent, values, eps, record)


def error_times_rate(hierarchy: Hierarchy) -> Rule:
    """Return the plasticity rule of predictive coding: error above times rate below, mean over the batch.

    Its signals are the rates of every layer (``"rates"``, the input first), the activity of the error units
    (``"errors"``) and (for max-pooling, which has to know the winner) the weights.
    """

    def update(state: Tree, signals: Mapping[str, Any]) -> tuple[Tree, Tree]:
        found = {}
        paired = zip(hierarchy.connections, signals["rates"], signals["errors"], strict=False)
        for number, (connection, pre, eps) in enumerate(paired, start=1):
            products = connection.correlation(of_layer(signals["weights"], number), pre, eps)
            found |= {f"layer{number}.{name}": -product for name, product in products.items()}
        return state, found

    return Rule(
        name="predictive_coding",
        update=update,
        signals=("rates", "errors", "weights"),
        phases=1,
        exact_when="the variance of the output tends to infinity (changes times the variance)",
        memory="O(N)",
        operations="O(N^2) a step of relaxation",
        citation="10.1162/NECO_a_00949",
    )


def changes(hierarchy: Hierarchy, weights: Weights, relaxed: Relaxed) -> Tree:
    """Changes of all weights (the optimiser subtracts them) from relaxed value and error units."""
    signals = {"rates": relaxed.rates, "errors": relaxed.errors, "weights": weights}
    return error_times_rate(hierarchy).update({}, signals)[1]


def backpropagated(hierarchy: Hierarchy, weights: Weights, x: Float[Array, "batch ..."], y: Array) -> Tree:
    """Gradient of ``1/2 |mu_L - y|^2`` (mean over the batch) by back-propagation, to compare with."""

    def loss(weights: Weights) -> Float[Array, ""]:
        return jnp.mean(summed((feedforward(hierarchy, weights, x)[-1] - y) ** 2)) / 2

    return jax.grad(loss)(dict(weights))
