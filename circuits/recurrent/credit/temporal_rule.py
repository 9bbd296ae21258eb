"""The contract of rules for circuits whose trials have time."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import jax
from biocredit.circuits.core.credit_rule import CreditRule, Place, Tree, no_state
from biocredit.circuits.core.errors import nearest, require

Signals = Mapping[str, Any]

#: Where a synapse finds each signal that a temporal circuit offers; a rule names those it needs.
PLACES: dict[str, Place] = {
    "input": "pre",
    "presynaptic_rate": "pre",
    "rate": "pre",
    "state": "post",
    "gain": "post",
    "mean_gain": "post",
    "direction": "post",
    "learning_signal": "post",
    "causal_signal": "post",
    "rate_signal": "post",
    "target": "broadcast",
    "type_means": "broadcast",
    "fixed_type_means": "broadcast",
    "types": "broadcast",
    "partner_means": "nonlocal",
    "recurrent_weights": "nonlocal",
    "input_weights": "nonlocal",
    "current_bias": "nonlocal",
    "neuron": "constant",
    "membership": "constant",
    "mu": "constant",
    "taps": "constant",
    "window": "constant",
    "probe": "constant",
}

#: How an audit finds what passes no rule by its own name: modulators and receptors of cell types.
PROBED = {"types": "modulator.* receptor.*"}
#: Signals that not every circuit has.
SOMETIMES = {
    "causal_signal": "a readout that filters",
    "direction": "cells whose slopes change in time",
    "rate_signal": "regularisation of the activity",
}


def needs(*names: str, elsewhere: Collection[str] = ()) -> dict[str, Place]:
    """Return where a synapse finds these signals; those of ``elsewhere`` it needs of other cells, too.

    Examples
    --------
    >>> needs("rate", "gain")
    {'rate': 'pre', 'gain': 'post'}
    """
    for name in (*names, *elsewhere):
        require(name in PLACES, f"unknown signal {name!r}: {nearest(name, PLACES)}")
    return {name: "nonlocal" if name in elsewhere else PLACES[name] for name in names}


def transported(asked: Mapping[str, Place]) -> Literal["nothing", "weights"]:
    """Whether a rule that needs these signals reads single recurrent weights backwards."""
    return "weights" if "nonlocal" in (asked.get("recurrent_weights"), asked.get("partner_means")) else "nothing"


class Beginning(Protocol):
    """What is known of a network when a presentation starts: sizes, and how far back credit may reach."""

    trials: int
    presynaptic: int
    cells: int
    types: int
    outputs: int
    reach: int | None
    dtype: Any
    running: Any


class RunningForm(Protocol):
    """How a rule runs while time runs: what it remembers, and what a stretch of k steps adds.

    ``learn`` returns the change of all synapses onto the cells ``[pre, post]``, pre = cells, inputs, bias, and the new
    memory. Within the stretch the per-trial form of a rule may be used; the memory carries what was before.
    """

    def start(self, neuron: Any, beginning: Beginning) -> Tree:
        """Return the memory at the start of a presentation."""

    def learn(self, memory: Tree, presynaptic: jax.Array, signals: Signals) -> tuple[jax.Array, Tree]:
        """Return the summed change of a stretch of time and the memory at its end."""


@dataclass(frozen=True, kw_only=True)
class TemporalRule(CreditRule):
    """A credit rule for circuits whose trials have time: a pair of pure functions with its declaration.

    The rule decides the *direction* of a change, an optax transformation the *step*: changes are estimates of the
    gradient of the loss, and the optimiser subtracts them.

    Parameters
    ----------
    update
        ``update(state, signals) -> (state, changes)`` of a batch of whole trials; ``changes`` has ``W_in``, ``W_rec``
        and ``b_rec``, ``signals`` holds what the rule ``needs``, time first.
    init
        ``init(weights) -> state``, what the rule keeps from trial to trial.
    running
        The form for plasticity while time runs, ``None`` if there is none.
    windowed
        The form for a finite number of taps or a truncation, ``None`` if there is none.
    random_feedback
        Whether the learning signal comes through fixed random weights unless the circuit is told otherwise.
    sends
        Whether messages travel between cells.
    paths
        Paths of a cell's own output in the cells that hand a message on, see :meth:`CellModel.seen`.
    with_own
        ``with_own(paths)`` returns the rule with other such paths in its eligibility traces; ``None`` if it has none.
    check
        ``check(neurons, inputs, itemsize)`` refuses networks too large for the rule.
    """

    probed: Mapping[str, str] = field(default_factory=lambda: PROBED)
    sometimes: Mapping[str, str] = field(default_factory=lambda: SOMETIMES)
    update: Callable[[Tree, Signals], tuple[Tree, Tree]]
    init: Callable[[Mapping[str, jax.Array]], Tree] = field(default=no_state)
    running: RunningForm | None = None
    windowed: RunningForm | None = None
    random_feedback: bool = False
    sends: bool = False
    paths: str = "local"
    with_own: Callable[[str], "TemporalRule"] | None = None
    check: Callable[[int, int, int], None] | None = None

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals that the rule needs."""
        return tuple(self.needs)
