"""Contrastive Hebbian learning: how equilibrium propagation turns two relaxed states into weight changes.

At a fixed point under nudging ``beta`` the derivative of the energy with respect to a weight is minus the product of
the rates at its two ends. Its difference between two strengths of nudging, divided by the difference in nudging,
estimates the gradient of the loss (Scellier and Bengio 2017, equation 9, doi:10.3389/fncom.2017.00024). Nudging to
one side has an error of first order in ``beta``, nudging to both sides of second order (Laborieux et al. 2021,
arXiv 2006.03824, equation 11).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.losses import loss_named
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.energy_based.equilibrium_dynamics import (
    RelaxingNetwork,
    States,
    input_drive,
    probed,
    relax,
    step,
)
from biocredit.circuits.energy_based.symmetric import Weights, of_layer
from jaxtyping import Array, Float

Strength = Float[Array, ""] | float
"""Strength of nudging; its sign counts."""


class Nudged(NamedTuple):
    """Two relaxed states of a circuit that differ in nudging.

    Attributes
    ----------
    below, above
        States at the lower and at the higher strength of nudging (signed: "lower" may be the higher one).
    span
        Nudging of ``above`` minus nudging of ``below``.
    """

    below: States
    above: States
    span: Strength


Settle = Callable[[Strength], States]
Estimator = Callable[[Settle, States, Strength, Array], Nudged]


def one_sided(settle: Settle, free: States, beta: Strength, key: Array) -> Nudged:
    """Compare the free state with the nudged one; error of order ``beta``."""
    return Nudged(free, settle(beta), beta)


def random_sign(settle: Settle, free: States, beta: Strength, key: Array) -> Nudged:
    """One-sided with the sign of ``beta`` drawn for every batch, so that the error averages out."""
    signed = beta * jax.random.rademacher(key, (), free[0].dtype)
    return Nudged(free, settle(signed), signed)


def symmetric(settle: Settle, free: States, beta: Strength, key: Array) -> Nudged:
    """Compare ``-beta`` with ``+beta``, both reached from the free state; error of order ``beta^2``."""
    return Nudged(settle(-beta), settle(beta), 2 * beta)


ESTIMATORS: dict[str, Estimator] = {"one_sided": one_sided, "random_sign": random_sign, "symmetric": symmetric}


def nudge(
    network: RelaxingNetwork,
    weights: Weights,
    x: Float[Array, "batch ..."],
    target: Float[Array, "batch classes"],
    free: States,
    *,
    estimator: str,
    beta: Strength,
    steps: int,
    key: Array,
    probe: Probe = untouched,
) -> Nudged:
    """Relax under nudging, from the free state, as often as the estimator needs.

    Parameters
    ----------
    free
        States at the end of the free phase.
    estimator
        ``"one_sided"``, ``"random_sign"`` or ``"symmetric"``.
    beta, steps
        Strength and number of steps of each nudged phase.
    key
        Random key, for the sign of ``beta``.
    """

    def settle(strength: Strength) -> States:
        options = {"steps": steps, "beta": strength, "target": target, "phase": "learning", "probe": probe}
        return relax(network, weights, x, free, **options)[0]

    return ESTIMATORS[estimator](settle, free, beta, key)


RULE = CreditRule(
    name="equilibrium_propagation",
    citation="10.3389/fncom.2017.00024",
    equation=r"\Delta W = -\frac{1}{\beta} \bigl( \rho(s^{\beta})\, \rho(s^{\beta})^{\top} "
    r"- \rho(s^{0})\, \rho(s^{0})^{\top} \bigr)",
    needs={
        "pre_below": "pre",
        "pre_above": "pre",
        "post_below": "post",
        "post_above": "post",
        "span": "broadcast",
        "weights": "synapse",
    },
    transports="weights",
    probed={
        **dict.fromkeys(("pre_below", "pre_above"), "*.rate input:*"),
        **dict.fromkeys(("post_below", "post_above"), "*.rate"),
        "span": "chance:*",
    },
    sometimes={"span": "the sign of the nudging is drawn", "weights": "max-pooling, which has to know the winner"},
    phases=2,
    exact_when="the free phase has converged and beta tends to zero",
    memory="O(N)",
    operations="O(N^2) a step of relaxation",
)
"""Contrastive Hebbian learning: a synapse compares the product of its two ends in two states (:class:`Nudged`)."""


def hebbian(network: RelaxingNetwork, weights: Weights, pre: States, post: States) -> Tree:
    """Products of the rates at the two ends of every synapse, mean over the batch: minus the energy's derivative."""
    products = {}
    for number, (connection, low, high) in enumerate(zip(network.connections, pre, post, strict=True), 1):
        found = connection.correlation(of_layer(weights, number), low, high)
        products |= {f"layer{number}.{name}": product for name, product in found.items()}
    return products


def contrastive_hebbian(network: RelaxingNetwork, signals: Mapping[str, Any]) -> Tree:
    """Estimate all gradients from what :data:`RULE` needs.

    Parameters
    ----------
    network
        What relaxes.
    signals
        ``pre_below``, ``post_below`` and ``pre_above``, ``post_above``: rates at the lower and the upper end of every
        connection in the two states; ``span``; and (for max-pooling, which has to know the winner) ``weights``.
    """
    below, above = (
        hebbian(network, signals["weights"], signals[f"pre_{end}"], signals[f"post_{end}"])
        for end in ("below", "above")
    )
    return jax.tree.map(lambda low, high: (low - high) / signals["span"], below, above)


def changes(
    network: RelaxingNetwork,
    weights: Weights,
    x: Float[Array, "batch ..."],
    nudged: Nudged,
    probe: Probe = untouched,
) -> Tree:
    """Gradient estimates of all weights from two relaxed states, mean over the batch."""
    ends = {"below": nudged.below, "above": nudged.above}
    rates = {name: probed("rate", "learning", network.dynamics.rates(s), probe) for name, s in ends.items()}
    signals = {f"pre_{name}": (x, *sent[:-1]) for name, sent in rates.items()}
    signals |= {f"post_{name}": sent for name, sent in rates.items()}
    return contrastive_hebbian(network, signals | {"span": nudged.span, "weights": weights})


def residual(
    network: RelaxingNetwork, weights: Weights, x: Float[Array, "batch ..."], states: States
) -> Float[Array, ""]:
    """Largest change that one more free step would make: how far the circuit is from its fixed point."""
    again = step(network, weights, input_drive(network, weights, x), states)
    return jnp.max(jnp.stack([jnp.max(jnp.abs(new - old)) for new, old in zip(again, states, strict=True)]))


def mean_loss(network: RelaxingNetwork, states: States, target: Float[Array, "batch classes"]) -> Float[Array, ""]:
    """Loss of the output, mean over the batch."""
    return loss_named(network.loss)(states[-1], target)[0]


def backpropagated(
    network: RelaxingNetwork,
    weights: Weights,
    x: Float[Array, "batch ..."],
    target: Float[Array, "batch classes"],
    states: States,
    steps: int,
) -> Tree:
    """Gradient of the loss after ``steps`` free steps, back-propagated through those steps.

    What equilibrium propagation is compared with. From rest it is the gradient of the whole free phase; from the
    free fixed point, the truncated gradient that the nudged phase reproduces step by step (Ernoult et al. 2019,
    arXiv 1905.13633).
    """

    def after(weights: Weights) -> Float[Array, ""]:
        return mean_loss(network, relax(network, weights, x, states, steps=steps)[0], target)

    return jax.grad(after)(dict(weights))
