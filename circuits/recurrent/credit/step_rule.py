"""What the rules that are told step by step share: their declaration and what a synapse may see.

They are written in the common frame of Marschall, Cho & Savin (JMLR 21(135), 2020; arXiv 1907.02649).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from biocredit.circuits.core.credit_rule import CreditRule, Place, Tree

LocalSignals = Mapping[str, jax.Array | Callable]
"""Local signals of one time step, for n neurons with m regressors (see :class:`StepRule`)."""


def no_chance(key: jax.Array, step: jax.Array, states: int, dtype: jnp.dtype) -> jax.Array:
    """Noise of a deterministic rule at a step: none."""
    return jnp.zeros(0, dtype)


def no_steps(steps: int) -> int:
    """Silent steps that a rule needs after a trial to give all that it has: none."""
    return 0


def signs(key: jax.Array, step: jax.Array, states: int, dtype: jnp.dtype) -> jax.Array:
    """One independent fair sign per state, ``[n]``."""
    return jax.random.rademacher(key, (states,), dtype)


@dataclass(frozen=True, kw_only=True)
class StepRule(CreditRule):
    """A rule that turns the signals of the present time step into a gradient estimate of that step.

    Everything is written for one trial, and for n states (n cells with one state variable each; a cell with several
    has a row for each) and the matrix ``incoming`` [n, m] of all weights onto them: row i holds the weights of state
    i, column j belongs to entry j of the ``regressor``.

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
    decay      [n]     share of itself that a state keeps from step to step
    advance    -       the function previous -> state with the present weights and input
    noise      ...     what ``draw`` gives at this step
    ========== ======= ===================================================================================

    Parameters
    ----------
    update, init
        See above.
    draw
        ``draw(key, step, states, dtype)``: the rule's chance events of a step, from a key of that step and trial.
    learned
        Names of the entries of the state that outlive a trial: what the rule learns about credit itself.
    of_others
        Which signals of the network it reads of other cells, too, whatever way they come.
    silent_steps
        How many steps without dynamics and credit must follow a trial of so many steps, for a rule that gives its
        changes late.
    """

    update: Callable[[Tree, LocalSignals], tuple[Tree, Tree]]
    init: Callable[[Tree], Tree]
    draw: Callable[[jax.Array, jax.Array, int, jnp.dtype], jax.Array] = no_chance
    learned: tuple[str, ...] = ()
    of_others: tuple[str, ...] = ("gain", "learning_signal")
    silent_steps: Callable[[int], int] = no_steps

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals that the rule needs."""
        return tuple(self.needs)


#: Where a synapse finds each signal of a step.
STEP_PLACES: dict[str, Place] = {
    "previous": "post",
    "state": "post",
    "jacobian": "nonlocal",
    "gain": "post",
    "regressor": "pre",
    "credit": "broadcast",
    "target": "broadcast",
    "decay": "post",
    "advance": "nonlocal",
    "noise": "broadcast",
}


def step_needs(*names: str) -> dict[str, Place]:
    """Return where a synapse finds these signals of a step.

    Examples
    --------
    >>> step_needs("gain", "regressor")
    {'gain': 'post', 'regressor': 'pre'}
    """
    return {name: STEP_PLACES[name] for name in names}


def share(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """Variance-reducing factor sqrt(numerator / denominator) between two norms; 1 where either vanishes.

    Rank-one estimators multiply one factor of their product by it and divide the other: any positive value keeps
    them unbiased, so that the value does not matter where one of the two factors is zero.
    """
    usable = (numerator > 0) & (denominator > 0)
    return jnp.sqrt(jnp.where(usable, numerator, 1) / jnp.where(usable, denominator, 1))


def immediate(signals: LocalSignals) -> jax.Array:
    """Immediate influence P [n, m] of each neuron's own weights on its state."""
    return jnp.outer(signals["gain"], signals["regressor"])
