"""One update of one network, and whole stretches of them, as pure functions for the compiler."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from biocredit.circuits.core.circuit import Batch, Circuit, Outcome
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.probes import Electrode, Probe, chain
from biocredit.protocols.interventions import apply as surgeon
from biocredit.protocols.interventions.declare import Intervention
from biocredit.protocols.recording.record import Cut, Record, Signals
from biocredit.protocols.tasks.task import Task
from biocredit.protocols.training.devices import Spread
from biocredit.protocols.training.promises import flags

State = dict[str, Any]
"""A network in training: ``tree``, ``optimizer`` state, ``update`` counter, ``seed``."""


def update_weights(
    circuit: Circuit,
    optimizer: optax.GradientTransformation,
    tree: Tree,
    state: Any,
    changes: Tree,
    surgery: Callable[[Tree], Tree] = lambda steps: steps,
) -> tuple[Tree, Any]:
    """Hand the changes to the optimiser, its steps to the circuit's constraints, and add them to the weights.

    Parameters
    ----------
    tree, state
        Persistent arrays of the circuit, and the optimiser's state for the weights in ``changes``.
    surgery
        Alters the steps last (a frozen projection).

    Returns
    -------
    tuple
        The new tree and optimiser state.
    """
    weights = {name: tree[name] for name in changes}
    steps, state = optimizer.update(changes, state, weights)
    steps = surgery(circuit.constrain(tree, steps))
    return tree | optax.apply_updates(weights, steps), state


class LearningStep:
    """What happens in one update: draw trials, run the phases, let the optimiser step, apply constraints.

    Parameters
    ----------
    circuit, task
        Who learns what.
    optimizer
        Turns changes into steps.
    settings
        Keyword arguments of ``circuit.learn``.
    interventions, records
        What is done, and which signals are reduced.
    """

    def __init__(
        self,
        circuit: Circuit,
        task: Task,
        optimizer: optax.GradientTransformation,
        settings: Mapping[str, Any],
        interventions: Sequence[Intervention] = (),
        records: Sequence[Record] = (),
    ):
        self.circuit, self.task, self.optimizer = circuit, task, optimizer
        self.settings, self.interventions, self.records = dict(settings), tuple(interventions), tuple(records)
        self.spread = Spread()

    def on(self, spread: Spread) -> "LearningStep":
        """Return the same step on these devices."""
        other = copy(self)
        other.spread = spread
        return other

    def plastic(self, tree: Tree, arrays: Any, trials: int) -> tuple[str, ...]:
        """Names of the weights that change with these settings."""

        def changes(tree: Tree, arrays: Any) -> Tree:
            index, key = jnp.zeros(trials, jnp.int32), jax.random.key(0)
            batch = self.task.draw(arrays, index, key)
            return self.circuit.learn(tree, batch, key, **self.settings).changes

        return tuple(jax.eval_shape(changes, tree, arrays))

    def recording(self, records: Sequence[Record]) -> "LearningStep":
        """Return the same step with other records."""
        other = copy(self)
        other.records = tuple(records)
        return other

    def besides(self, tree: Tree, trials: int) -> State:
        """What the state of a network holds besides arrays, optimiser and counters, at the very beginning."""
        return {}

    def __call__(self, state: State, arrays: Any, index: jax.Array) -> tuple[State, dict[str, Any]]:
        """Do one update; return the new state and what is logged of it.

        The log holds scalars by name, ``finite`` by weight, and ``flags`` (see
        :func:`biocredit.protocols.training.promises.flags`).
        """
        key = jax.random.fold_in(jax.random.key(state["seed"]), state["update"])
        batch = self.spread.trials(self.task.draw(arrays, index, jax.random.fold_in(key, 0)))
        new, log = self.present(state, batch, key)
        return {**state, **new, "update": state["update"] + 1}, log | {"flags": flags(self.task, batch)}

    def present(self, state: State, batch: Batch, key: jax.Array) -> tuple[State, dict[str, Any]]:
        """Show one batch of trials; return what is new in the state, and the log."""

        def run(tree: Tree, probe: Probe) -> tuple[None, Outcome]:
            return None, self.circuit.learn(tree, batch, jax.random.fold_in(key, 2), probe, **self.settings)

        surgery = surgeon.probe(self.interventions, self.circuit, state["update"], jax.random.fold_in(key, 1))
        _, tree, optimizer, outcome, log = self.change(state["tree"], state["optimizer"], state["update"], surgery, run)
        return {"tree": tree, "optimizer": optimizer}, dict(outcome.metrics) | log

    def change(
        self, tree: Tree, optimizer: Any, update: jax.Array, surgery: Probe, run: Callable[[Tree, Probe], tuple]
    ) -> tuple[Any, Tree, Any, Outcome, dict[str, Any]]:
        """Run something under the interventions and change the weights as it says.

        Parameters
        ----------
        surgery
            The interventions of this update.
        run
            ``run(tree, probe) -> (anything, Outcome)``.

        Returns
        -------
        tuple
            What ``run`` handed on, the new tree and optimiser state, the outcome, and what is logged besides its
            metrics.
        """
        electrode = Electrode() if self.records else None
        handed_on, outcome = run(tree, chain(surgery, electrode) if electrode else surgery)
        frozen = partial(surgeon.freeze, self.interventions, update)
        tree, optimizer = update_weights(self.circuit, self.optimizer, tree, optimizer, outcome.changes, frozen)
        log: dict[str, Any] = {record.label: record.of(Signals(electrode.readings)) for record in self.records}
        log["finite"] = {name: jnp.all(jnp.isfinite(tree[name])) for name in outcome.changes}
        return handed_on, tree | outcome.tree, optimizer, outcome, log

    def many(self, state: State, arrays: Any, index: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        """Do one update for each row of ``index`` ``[update, trial]``."""
        return jax.lax.scan(lambda carry, row: self(carry, arrays, row), state, index)

    def evaluate(self, state: State, arrays: Any, index: jax.Array, part: str) -> dict[str, jax.Array]:
        """Score the network on the trials of a part, each row of ``index``, without learning; sums over rows."""

        def score(_: None, row: jax.Array) -> tuple[None, dict[str, jax.Array]]:
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(state["seed"]), state["update"]), 3)
            batch = self.task.draw_part(arrays, row, jax.random.fold_in(key, row[0]), part)
            surgery = surgeon.probe(self.interventions, self.circuit, state["update"], key)
            outputs = self.circuit.respond(state["tree"], batch.inputs, surgery, **self.settings)
            return None, self.circuit.metrics(outputs, batch.targets) | self.task.score(outputs, batch)

        return jax.tree.map(lambda rows: rows.sum(0), jax.lax.scan(score, None, index)[1])

    def observe(
        self, state: State, arrays: Any, index: jax.Array, cuts: tuple[tuple[str, Cut], ...]
    ) -> tuple[Tree, dict[str, jax.Array]]:
        """Run test trials slowly, the same in all networks; return the chosen time courses, and the trial table."""
        key = jax.random.key(state["seed"])
        batch = self.task.draw(arrays, index, jax.random.key(0), test=True)
        surgery = surgeon.probe(self.interventions, self.circuit, state["update"], key)
        courses = self.circuit.trial(state["tree"], batch, key, surgery, **self.settings)
        return {name: cut.of_course(courses[cut.of]) for name, cut in cuts}, dict(batch.trials)
