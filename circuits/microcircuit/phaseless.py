"""What circuits have in common that learn while time runs, without phases."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch, Circuit, Outcome, Population
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.losses import Loss, as_target, blank_target, suited
from biocredit.circuits.core.ports import Ports, blank, joined_shape, match, side_by_side
from biocredit.circuits.core.probes import Probe, active, at, untouched
from biocredit.circuits.core.scores import score
from biocredit.circuits.core.sizes import count, fits


class Phaseless(Circuit):
    """A layered circuit whose synapses change in every time step, by rates of their own.

    :meth:`learn` shows a batch for :attr:`steps` time steps. Weights come back in ``Outcome.tree``, and
    ``Outcome.changes`` is empty: no optimiser takes part. In every step a probe sees each weight array as it acts, in
    the phase ``"inference"``, and what it is about to change by, in the phase ``"plasticity"``.

    Parameters
    ----------
    sizes
        Input, hidden layers, output.
    steps
        Time steps for which a pattern is shown.
    dt
        Time step.
    loss
        Loss whose error nudges the output.
    inputs
        Sizes of several input ports by name, which lie side by side in this order; one of any name by default.
    readout
        Name of the output.
    **options
        ``seed``, ``dtype``, ``matmul_precision``, see :class:`~biocredit.circuits.core.circuit.Circuit`.
    """

    self_changing = True
    clocked = True
    #: What its synapses need.
    rule: CreditRule

    def __init__(
        self,
        sizes: Sequence[int],
        steps: int,
        dt: float,
        loss: Loss,
        *,
        inputs: Ports | None = None,
        readout: str = "choice",
        **options: Any,
    ):
        super().__init__(**options)
        require(len(sizes) >= 2, f"wanted an input and an output at least, got sizes {list(sizes)}")
        require(steps >= len(sizes), f"a pattern needs a time step a layer to get through, got {steps} steps")
        self.sizes = tuple(count(size, "cells of a layer") for size in sizes)
        for below, above in pairwise(self.sizes):
            fits((above, below), "weights of a layer")
        self.steps, self.dt, self.readout = steps, dt, readout
        self.inputs, self.loss = dict(inputs or {"input": self.sizes[0]}), loss
        joined = joined_shape(self.inputs)
        require(joined == self.sizes[:1], f"inputs: side by side they have the shape {joined}, wanted {self.sizes[:1]}")
        self._layers = [f"layer{n}" for n in range(1, len(self.sizes))]

    @classmethod
    def for_task(cls, task: Any, hidden: Sequence[int] = (100,), **options: Any) -> Self:
        """Build a circuit between the inputs and the readout of a task, with a loss that suits it.

        Parameters
        ----------
        task
            Anything with ``inputs`` and ``readouts``, sizes by name.
        hidden
            Number of cells of each hidden layer.
        **options
            Go to the constructor.
        """
        require(len(task.readouts) == 1, f"a phaseless circuit has one readout, got {sorted(task.readouts)}")
        ((readout, outputs),) = task.readouts.items()
        if "constants" not in options:
            options = {"loss": suited(task, task.readouts, "half_squared_error"), **options}
        sizes = (*joined_shape(task.inputs), *hidden, outputs)
        return cls(sizes, inputs=task.inputs, readout=readout, **options)

    def _register(self) -> None:
        for row in self._synapses():
            self.connect(row)
        for name, value in self.initial(self.seed).items():
            self.persistent(name, value, plastic=name in self.synapses)
        self.check_given()
        for name, value in self.readings(self.rest(1)).items():
            self.activity(name, value.shape[1:])

    @abstractmethod
    def _synapses(self) -> list:
        """Rows for the register of synapses."""

    @abstractmethod
    def weights(self, tree: Tree) -> Any:
        """Weights as the dynamics take them."""

    @abstractmethod
    def arrays(self, weights: Any) -> Tree:
        """Undo :meth:`weights`."""

    @abstractmethod
    def forward_weights(self, tree: Tree) -> Tree:
        """Forward weights ``[out, in]`` of the layers that feedback leaves from, by name of the layer."""

    @abstractmethod
    def effective_feedback(self, tree: Tree) -> Tree:
        """Feedback that leaves these layers, in the same layout."""

    @abstractmethod
    def rest(self, trials: int) -> Any:
        """State before the first step."""

    @abstractmethod
    def readings(self, state: Any) -> Tree:
        """Every activity variable by name, from a state."""

    @abstractmethod
    def state(self, readings: Mapping[str, jax.Array]) -> Any:
        """Undo :meth:`readings`."""

    @abstractmethod
    def advance(self, weights: Any, state: Any, x: jax.Array, target: jax.Array, key: jax.Array, probe: Probe) -> tuple:
        """One time step with noise and plasticity: new weights and state."""

    @abstractmethod
    def listen(self, weights: Any, state: Any, x: jax.Array, probe: Probe) -> Any:
        """One time step without target, noise and plasticity: new state."""

    @abstractmethod
    def output(self, state: Any) -> jax.Array:
        """What the circuit answers."""

    # -- what a protocol asks for -------------------------------------------------------------------------

    def learn(self, tree: Tree, batch: Batch, key: jax.Array, probe: Probe = untouched) -> Outcome:
        """Show a batch with its target and let the synapses change."""
        (weights, state), _ = self._show(tree, batch, key, probe)
        for name, value in self.readings(state).items():
            probe(name, "learning", value)
        metrics = self.metrics({self.readout: self.output(state)}, batch.targets)
        return Outcome({}, self.arrays(weights), metrics)

    def respond(self, tree: Tree, inputs: Mapping[str, jax.Array], probe: Probe = untouched) -> Tree:
        """Show inputs without target, noise and plasticity; returns ``{readout: [trial, output]}``."""
        x, acting = self._input(inputs), active(probe)

        def step(state: Any, number: jax.Array) -> tuple[Any, None]:
            now = at(acting, number)
            return self.listen(self.weights(self._acting_on(tree, now)), state, x, now), None

        state, _ = jax.lax.scan(step, self.rest(len(x)), jnp.arange(self.steps))
        return {self.readout: self.output(state)}

    def metrics(self, outputs: Tree, targets: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
        """Score the output by the circuit's own loss, see :func:`biocredit.circuits.core.scores.score`."""
        return score(self.loss, outputs, match(targets, {self.readout: self.sizes[-1]}, "target"))

    def trial(self, tree: Tree, batch: Batch, key: jax.Array, probe: Probe = untouched) -> Tree:
        """Time course of every variable while a batch is shown with its target, ``[time, trial, unit]``."""
        return self._show(tree, batch, key, probe)[1]

    def _show(self, tree: Tree, batch: Batch, key: jax.Array, probe: Probe) -> tuple[tuple, Tree]:
        x = self._input(batch.inputs)
        start, acting = self.rest(len(x)), active(probe)
        (target,) = match(batch.targets, {self.readout: self.sizes[-1]}, "target").values()
        target = as_target(jnp.asarray(target), self.output(start), self.loss)

        def step(carry: tuple, number: jax.Array) -> tuple[tuple, Tree]:
            carry = self._advance(*carry, x, target, jax.random.fold_in(key, number), at(acting, number))
            return carry, self.readings(carry[1])

        return jax.lax.scan(step, (self.weights(tree), start), jnp.arange(self.steps))

    def _advance(
        self, weights: Any, state: Any, x: jax.Array, target: jax.Array, key: jax.Array, probe: Probe
    ) -> tuple:
        """One step with the weights as they act; what they change by is added to the weights as they are."""
        held = self.arrays(weights)
        seen = self._acting_on(held, probe)
        weights, state = self.advance(self.weights(seen), state, x, target, key, probe)
        new = self.arrays(weights)
        for name in self.synapses:
            change = new[name] - seen[name]
            kept = probe(name, "plasticity", change)
            if kept is not change or seen[name] is not held[name]:
                new[name] = held[name] + kept
        return self.weights(new), state

    def _acting_on(self, arrays: Tree, probe: Probe) -> Tree:
        return arrays | {name: probe(name, "inference", arrays[name]) for name in self.synapses}

    def _input(self, inputs: Mapping[str, jax.Array]) -> jax.Array:
        return side_by_side(inputs, self.inputs, self.dtype)

    def example(self, trials: int = 2) -> Batch:
        """Return trials of zeros, with a target that the loss takes."""
        output = jax.ShapeDtypeStruct((trials, self.sizes[-1]), self.dtype)
        targets = {self.readout: blank_target(self.loss, output)}
        return Batch(blank(self.inputs, trials, self.dtype), targets, {"index": jnp.arange(trials)})

    def duration(self, batch: Batch) -> float:
        """As long as a pattern is shown."""
        return self.steps * self.dt

    def reciprocal(self) -> set[str]:
        """Layers whose feedback is one synapse between the same two cells as the forward weight: all of them."""
        return set(self._layers[1:])

    def update(self, x: jax.Array, target: jax.Array, key: jax.Array) -> jax.Array:
        """Advance activity and weights by one time step; returns the output."""
        tree = {name: variable.value for name, variable in self._persistent.items()}
        state = self.state({name: variable.value for name, variable in self._activity.items()})
        weights, state = self.advance(self.weights(tree), state, jnp.asarray(x), jnp.asarray(target), key, untouched)
        for name, value in self.arrays(weights).items():
            self._persistent[name].value = value
        for name, value in self.readings(state).items():
            self._activity[name].value = value
        return self.output(state)

    def reset_state(self, batch_size: int = 1, **_: Any) -> None:
        """Bring ``batch_size`` trials to rest."""
        for name, value in self.readings(self.rest(batch_size)).items():
            self._activity[name].value = value

    def populations(self) -> list[Population]:
        """Input, layers, and what else has variables of its own (interneurons)."""
        owned = (name for name in self._activity if "." in name)
        sizes = {name.partition(".")[0]: int(np.prod(self._activity[name].shape[1:])) for name in owned}
        kinds = {"input": "input", "layer": "hidden", "inter": "interneurons"}
        return [
            Population(name, size, kinds[name.rstrip("0123456789")])
            for name, size in ({"input": self.sizes[0]} | sizes).items()
        ]
