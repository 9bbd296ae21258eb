"""Predictive coding: the pure functions of a hierarchy of predictions.

Every layer holds value units ``v`` and error units ``eps = (v - mu) / S``, where ``mu`` is what the layer below
predicts and S the variance. With input and output clamped, the value units descend the energy ``1/2 sum S |eps|^2``
(of a Gaussian output; see ``loss`` of :class:`Hierarchy` for others); the synapses then follow the product of the error
above and the rate below (Whittington and Bogacz 2017, Neural Computation 29, 1229-1262, doi:10.1162/NECO_a_00949). As
the variance S of the output grows, S times the change of the weights tends to the gradient of ``1/2 |mu_L - y|^2``.

Layers are numbered from 1 to L as in :mod:`biocredit.circuits.energy_based.equilibrium_dynamics`, and so are the
weights named.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.activations import Curve, activation
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.losses import Compare, Loss, loss_named
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.energy_based.equilibrium_dynamics import States, probed, summed
from biocredit.circuits.energy_based.symmetric import Symmetric, Weights, of_layer
from jax import lax
from jaxtyping import Array, Float


@dataclass(frozen=True)
class Hierarchy:
    """A hierarchy of predictions, from the input upwards.

    Parameters
    ----------
    connections
        One symmetric connection for each layer.
    activation
        Firing function of the value units, a name or a function; the input is sent as it is.
    variance
        Variance S of the output layer; that of hidden layers is 1.
    loss
        Loss of the output, S times its part of the energy: ``"half_squared_error"`` for a Gaussian prediction, the
        cross-entropies for a prediction of classes and of labels (arXiv 2211.03481).
    """

    connections: tuple[Symmetric, ...]
    activation: str | Curve = "tanh"
    variance: float = 1.0
    loss: str | Loss | Compare = "half_squared_error"


class Relaxed(NamedTuple):
    """A relaxed hierarchy.

    Attributes
    ----------
    rates
        What every layer sends, the input first.
    values, errors
        Activity of value and error units.
    energy
        Energy of each trial.
    record
        What was observed, with a leading axis of time of ``steps + 1`` moments, the end included.
    """

    rates: States
    values: States
    errors: States
    energy: Float[Array, " batch"]
    record: Any


def rates(
    hierarchy: Hierarchy,
    x: Float[Array, "batch ..."],
    values: States,
    phase: str = "learning",
    probe: Probe = untouched,
) -> States:
    """What every layer sends, the input first."""
    return (x, *probed("rate", phase, tuple(map(activation(hierarchy.activation), values)), probe))


def feedforward(
    hierarchy: Hierarchy, weights: Weights, x: Float[Array, "batch ..."], probe: Probe = untouched
) -> States:
    """Values at which every prediction holds: the state without a clamped output."""
    sent, values = x, []
    for number, connection in enumerate(hierarchy.connections, start=1):
        value = connection.forward(of_layer(weights, number), sent)
        values.append(probe(f"layer{number}.value", "inference", value))
        sent = probe(f"layer{number}.rate", "inference", activation(hierarchy.activation)(values[-1]))
    return tuple(values)


def predictions(hierarchy: Hierarchy, weights: Weights, sent: States) -> States:
    """What the layers below predict of every layer, ``mu``; ``sent`` are the :func:`rates`."""
    below = enumerate(zip(hierarchy.connections, sent, strict=False), start=1)
    return tuple(c.forward(of_layer(weights, number), pre) for number, (c, pre) in below)


def errors(hierarchy: Hierarchy, predicted: States, values: States) -> States:
    """Activity of the error units, ``v - mu``; of the output, minus the error of the loss, divided by S."""
    hidden = (v - mu for v, mu in zip(values[:-1], predicted[:-1], strict=True))
    loss = loss_named(hierarchy.loss)
    return (*hidden, -loss.of_trials(loss.error, predicted[-1], values[-1]) / hierarchy.variance)


def energy(hierarchy: Hierarchy, predicted: States, values: States) -> Float[Array, " batch"]:
    """Energy of each trial, ``1/2 sum_l |eps_l|^2`` of the hidden layers and the loss of the output over S."""
    hidden = sum(summed((v - mu) ** 2) for v, mu in zip(values[:-1], predicted[:-1], strict=True)) / 2
    loss = loss_named(hierarchy.loss)
    return hidden + loss.of_trials(loss.value, predicted[-1], values[-1]) / hierarchy.variance


def flow(hierarchy: Hierarchy, weights: Weights, sent: States, values: States, eps: States) -> States:
    """Direction in which the hidden value units move: minus the derivative of the energy."""
    slope = activation(hierarchy.activation).closed_slope
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
    observe: Callable[[States, States, Array], Any] = lambda values, eps, energy: None,
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
        What to keep of values, errors and energy before each step.
    """
    weights = {name: probe(name, phase, value) for name, value in weights.items()}

    def sense(values: States) -> tuple[States, States, States, Array]:
        values = probed("value", phase, values, probe)
        sent = rates(hierarchy, x, values, phase, probe)
        predicted = predictions(hierarchy, weights, sent)
        eps = probed("error", phase, errors(hierarchy, predicted, values), probe)
        return sent, values, eps, energy(hierarchy, predicted, values)

    def one(values: States, _: None) -> tuple[States, Any]:
        sent, values, eps, now = sense(values)
        moved = (v + dt * f for v, f in zip(values, flow(hierarchy, weights, sent, values, eps), strict=False))
        return (*moved, values[-1]), observe(values, eps, now)

    values, record = lax.scan(one, values, length=steps)
    sent, values, eps, now = sense(values)
    record = jax.tree.map(lambda past, end: jnp.concatenate([past, end[None]]), record, observe(values, eps, now))
    return Relaxed(sent, values, eps, now, record)


RULE = CreditRule(
    name="predictive_coding",
    citation="10.1162/NECO_a_00949",
    equation=r"\Delta W_l = -\epsilon_l\, \rho(s_{l-1})^{\top}, \qquad "
    r"\epsilon_l = s_l - W_l\, \rho(s_{l-1}), \qquad "
    r"\dot{s}_l = -\epsilon_l + \rho'(s_l) \odot W_{l+1}^{\top} \epsilon_{l+1}",
    needs={"rates": "pre", "errors": "post", "weights": "synapse"},
    transports="weights",
    probed={"rates": "*.rate input:*", "errors": "*.error"},
    sometimes={"weights": "max-pooling, which has to know the winner"},
    phases=1,
    exact_when="the variance of the output tends to infinity (changes times the variance)",
    memory="O(N)",
    operations="O(N^2) a step of relaxation",
)
"""A synapse multiplies the error above by the rate below."""


def error_times_rate(hierarchy: Hierarchy, signals: Mapping[str, Any]) -> Tree:
    """Estimate all gradients from what :data:`RULE` needs, means over the batch.

    Parameters
    ----------
    hierarchy
        What relaxes.
    signals
        ``rates`` of every layer, the input first; ``errors``, the activity of the error units; and (for max-pooling,
        which has to know the winner) ``weights``.
    """
    found = {}
    paired = zip(hierarchy.connections, signals["rates"], signals["errors"], strict=False)
    for number, (connection, pre, eps) in enumerate(paired, start=1):
        products = connection.correlation(of_layer(signals["weights"], number), pre, eps)
        found |= {f"layer{number}.{name}": -product for name, product in products.items()}
    return found


def changes(hierarchy: Hierarchy, weights: Weights, relaxed: Relaxed) -> Tree:
    """Changes of all weights (the optimiser subtracts them) from relaxed value and error units."""
    return error_times_rate(hierarchy, {"rates": relaxed.rates, "errors": relaxed.errors, "weights": weights})


def backpropagated(hierarchy: Hierarchy, weights: Weights, x: Float[Array, "batch ..."], y: Array) -> Tree:
    """Gradient of ``1/2 |mu_L - y|^2`` (mean over the batch) by back-propagation, to compare with."""

    def loss(weights: Weights) -> Float[Array, ""]:
        return jnp.mean(summed((feedforward(hierarchy, weights, x)[-1] - y) ** 2)) / 2

    return jax.grad(loss)(dict(weights))
