"""What the rules of the online family share: their declaration and what a synapse may see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import Rule

Signals = Mapping[str, jax.Array | Callable]
"""Local signals of one time step, for n neurons with m regressors (see :class:`OnlineRule`)."""


def no_chance(key: jax.Array, steps: int, neurons: int, dtype: jnp.dtype) -> jax.Array:
    """Noise of a deterministic rule: nothing at each of ``steps`` steps."""
    return jnp.zeros((steps, 0), dtype)


def no_steps(steps: int) -> int:
    """Silent steps that a rule needs after a trial to give all that it has: none."""
    return 0


def signs(key: jax.Array, steps: int, neurons: int, dtype: jnp.dtype) -> jax.Array:
    """One independent fair sign per neuron and time step, ``[steps, neurons]``."""
    return jax.random.rademacher(key, (steps, neurons), dtype)


@dataclass(frozen=True)
class OnlineRule(Rule):
    """A rule that turns the signals of the present time step into a gradient estimate of that step.

    Everything is written for one trial and for the matrix ``incoming`` [n, m] of all weights onto the n neurons:
    row i holds the weights of neuron i, column j belongs to entry j of the ``regressor``.

    ``init`` takes ``{"incoming": [n, m], "readout": [K, n], "decay": [n]}``; ``update(state, signals)`` returns the
    new state and ``{"incoming": [n, m]}``. The signals, named as in Marschall, Cho & Savin (JMLR 21(135), 2020):

    ========== ======= ===================================================================================
    name       shape   meaning
    ========== ======= ===================================================================================
    previous   [n]     state before this step
    state      [n]     state after it
    jacobian   [n, n]  J[i, j] = d state[i] / d previous[j] at the present weights
    gain       [n]     postsynaptic factor of the immediate influence P = gain regressor^T
    regressor  [m]     presynaptic factor of it: what arrives at the synapses (recurrent, input, 1 for a bias)
    credit     [n]     d loss of this step / d state through the readout, or its random-feedback substitute
    target     [K]     what the readout should have been
    decay      [n]     share of its state that a neuron keeps from step to step
    advance    -       the function previous -> state with the present weights and input
    noise      ...     this step's slice of ``draw``
    ========== ======= ===================================================================================

    Parameters
    ----------
    draw
        ``draw(key, steps, neurons, dtype) -> [steps, ...]``: the rule's chance events, drawn before the run.
    learned
        Names of the entries of the state that outlive a trial: what the rule learns about credit itself.
    silent_steps
        How many steps without dynamics and credit must follow a trial of so many steps, for a rule that gives its
        changes late.
    """

    draw: Callable[[jax.Array, int, int, jnp.dtype], jax.Array] = no_chance
    learned: tuple[str, ...] = ()
    silent_steps: Callable[[int], int] = no_steps


def share(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """Variance-reducing factor sqrt(numerator / denominator) between two norms; 1 where either vanishes.

    Rank-one estimators multiply one factor of their product by it and divide the other: any positive value keeps
    them unbiased, so that the value does not matter where one of the two factors is zero.
    """
    usable = (numerator > 0) & (denominator > 0)
    return jnp.sqrt(jnp.where(usable, numerator, 1) / jnp.where(usable, denominator, 1))


def immediate(signals: Signals) -> jax.Array:
    """Immediate influence P [n, m] of each neuron's own weights on its state."""
    return jnp.outer(signals["gain"], signals["regressor"])
