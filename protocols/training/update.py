"""One update of one network, and whole stretches of them, as pure functions for the compiler."""

from collections.abc import Callable, Mapping, Sequence
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
from biocredit.protocols.recording.record import Record, Signals
from biocredit.protocols.tasks.task import Task

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

    def plastic(self, tree: Tree, arrays: Any, trials: int) -> tuple[str, ...]:
        """Names of the weights that change with these settings."""

        def changes(tree: Tree, arrays: Any) -> Tree:
            index, key = jnp.zeros(trials, jnp.int32), jax.random.key(0)
            batch = self.task.draw(arrays, index, key)
            return self.circuit.learn(tree, batch, key, **self.settings).changes

        return tuple(jax.eval_shape(changes, tree, arrays))

    def __call__(self, state: State, arrays: Any, index: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        """Do one update; return the new state and what is logged of it (scalars by name, ``finite`` by weight)."""
        key = jax.random.fold_in(jax.random.key(state["seed"]), state["update"])
        batch = self.task.draw(arrays, index, jax.random.fold_in(key, 0))
        tree, optimizer, log = self.present(state, batch, key)
        return {**state, "tree": tree, "optimizer": optimizer, "update": state["update"] + 1}, log

    def present(self, state: State, batch: Batch, key: jax.Array) -> tuple[Tree, Any, dict[str, Any]]:
        """Show one batch of trials; return tree, optimiser state and log."""

        def run(tree: Tree, probe: Probe) -> tuple[None, Outcome]:
            return None, self.circuit.learn(tree, batch, jax.random.fold_in(key, 2), probe, **self.settings)

        surgery = surgeon.probe(self.interventions, self.circuit, state["update"], jax.random.fold_in(key, 1))
        return self.change(state["tree"], state["optimizer"], state["update"], surgery, run)[1:]

    def change(
        self, tree: Tree, optimizer: Any, update: jax.Array, surgery: Probe, run: Callable[[Tree, Probe], tuple]
    ) -> tuple[Any, Tree, Any, dict[str, Any]]:
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
            What ``run`` handed on, the new tree and optimiser state, and the log.
        """
        electrode = Electrode() if self.records else None
        handed_on, outcome = run(tree, chain(surgery, electrode) if electrode else surgery)
        frozen = partial(surgeon.freeze, self.interventions, update)
        tree, optimizer = update_weights(self.circuit, self.optimizer, tree, optimizer, outcome.changes, frozen)
        log: dict[str, Any] = dict(outcome.metrics)
        for record in self.records:
            log[record.label] = record.of(Signals(electrode.readings))
        log["finite"] = {name: jnp.all(jnp.isfinite(tree[name])) for name in outcome.changes}
        return handed_on, tree | outcome.tree, optimizer, log

    def many(self, state: State, arrays: Any, index: jax.Array) -> tuple[State, dict[str, jax.Array]]:
        """Do one update for each row of ``index`` ``[update, trial]``."""
        return jax.lax.scan(lambda carry, row: self(carry, arrays, row), state, index)

    def evaluate(self, state: State, arrays: Any, index: jax.Array, test: bool) -> dict[str, jax.Array]:
        """Score the network on the trials of each row of ``index``, without learning; sums over rows."""

        def score(_: None, row: jax.Array) -> tuple[None, dict[str, jax.Array]]:
            key = jax.random.fold_in(jax.random.fold_in(jax.random.key(state["seed"]), state["update"]), 3)
            batch = self.task.draw(arrays, row, jax.random.fold_in(key, row[0]), test=test)
            surgery = surgeon.probe(self.interventions, self.circuit, state["update"], key)
            outputs = self.circuit.respond(state["tree"], batch.inputs, surgery, **self.settings)
            return None, self.circuit.metrics(outputs, batch.targets)

        return jax.tree.map(lambda rows: rows.sum(0), jax.lax.scan(score, None, index)[1])

    def observe(self, state: State, arrays: Any, index: jax.Array) -> tuple[Tree, dict[str, jax.Array]]:
        """Run test trials slowly; return the time course of every variable and the trial table."""
        key = jax.random.key(state["seed"])
        batch = self.task.draw(arrays, index, key, test=True)
        surgery = surgeon.probe(self.interventions, self.circuit, state["update"], key)
        return self.circuit.trial(state["tree"], batch, key, surgery, **self.settings), dict(batch.trials)
