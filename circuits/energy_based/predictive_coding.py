"""Predictive coding as a BrainPy dynamical system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from biocredit.circuits.core.activations import Curve
from biocredit.circuits.core.activations import activation as activation_named
from biocredit.circuits.core.circuit import Batch, Outcome
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import renamed, require
from biocredit.circuits.core.losses import Compare, loss_named
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.energy_based import predictive_coding_dynamics as hierarchy
from biocredit.circuits.energy_based.equilibrium_dynamics import States
from biocredit.circuits.energy_based.layered import LayeredCircuit
from biocredit.circuits.energy_based.predictive_coding_dynamics import Hierarchy
from biocredit.circuits.energy_based.symmetric import Symmetric
from jaxtyping import Array, Float


@dataclass(frozen=True)
class Inference:
    """How long the value units relax.

    Parameters
    ----------
    iterations
        Number of Euler steps.
    dt
        Size of a step.
    """

    iterations: int
    dt: float

    def __post_init__(self) -> None:
        require(self.iterations >= 1, f"iterations must be at least 1, got {self.iterations}")
        require(self.dt > 0, f"dt must be positive, got {self.dt}")


@renamed(firing="activation")
class PredictiveCoding(LayeredCircuit):
    """A hierarchy in which every layer predicts the next and error units report what was not predicted.

    Parameters
    ----------
    connections
        One connection for each layer, see :class:`biocredit.circuits.energy_based.layered.LayeredCircuit`.
    activation
        Firing function of the value units, a name or a function.
    variance
        Variance of the output layer; the larger, the nearer the changes are to the gradient (times 1/variance).
    loss
        Part of the output in the energy: ``"half_squared_error"`` where the prediction is Gaussian (classes are one-hot
        rows), a cross-entropy where it is one of classes or labels, or a function of one's own.
    class_weights
        Factor on a trial's loss for each class.
    **settings
        Go to :class:`~biocredit.circuits.energy_based.layered.LayeredCircuit`.

    Notes
    -----
    Settings of the phases that a protocol may give: ``iterations``, Euler steps of the relaxation with input and
    output clamped; ``dt``, their size.

    Whittington and Bogacz 2017, doi:10.1162/NECO_a_00949.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> task = SimpleNamespace(inputs={"image": 4}, readouts={"choice": 2})
    >>> net = PredictiveCoding.for_task(task, hidden=(8, 6))
    >>> net.respond(net.read(), {"image": jnp.ones((3, 4))})["choice"].shape
    (3, 2)
    """

    rule = hierarchy.RULE
    citation = rule.citation
    usual_loss = "half_squared_error"
    phase_settings: Mapping[str, Any] = {"iterations": 40, "dt": 0.1}

    def __init__(
        self,
        connections: Sequence[Symmetric],
        *,
        activation: str | Curve = "tanh",
        variance: float = 1.0,
        loss: str | Compare = "half_squared_error",
        class_weights: Sequence[float] | None = None,
        **settings: Any,
    ):
        super().__init__(connections, **settings)
        activation_named(activation)
        require(variance > 0, f"variance must be positive, got {variance}")
        self.loss = loss_named(loss, class_weights)
        self.hierarchy = Hierarchy(self.connections, activation, variance, self.loss)
        self._register()
        self._state_activity("value")
        self._state_activity("error")
        self.activity("energy", 1)

    def respond(
        self, tree: Tree, inputs: Mapping[str, jax.Array], probe: Probe = untouched, **settings: Any
    ) -> dict[str, jax.Array]:
        """Predict the output from the input: where the circuit relaxes to if the output is not clamped."""
        self.settings(settings)
        return {self.readout: self._predict(tree, self.clamp(inputs), probe)[-1]}

    def learn(
        self, tree: Tree, batch: Batch, key: jax.Array | None = None, probe: Probe = untouched, **settings: Any
    ) -> Outcome:
        """Clamp input and output, relax, and return the change of every weight."""
        x, target = self.clamp(batch.inputs), self.wanted(batch.targets)
        predicted, relaxed = self._relax(tree, x, target, probe, **settings)
        energy = probe("energy", "learning", relaxed.energy)
        metrics = self.metrics({self.readout: predicted[-1]}, batch.targets) | {"energy": jnp.mean(energy)}
        return Outcome(hierarchy.changes(self.hierarchy, self.weights(tree), relaxed), {}, metrics)

    def trial(
        self, tree: Tree, batch: Batch, key: jax.Array | None = None, probe: Probe = untouched, **settings: Any
    ) -> Tree:
        """Return values, errors and energy at every moment of the relaxation, ``[time, trial, neuron]``."""

        def observe(values: States, eps: States, energy: Array) -> Tree:
            return {**self._named("value", values), **self._named("error", eps), "energy": energy[:, None]}

        x, target = self.clamp(batch.inputs), self.wanted(batch.targets)
        return self._relax(tree, x, target, probe, observe=observe, **settings)[1].record

    def update(self, x: Float[Array, "batch channel"], y: Float[Array, "batch classes"]) -> Float[Array, " batch"]:
        """Advance the value units by one default step with input and output clamped; return the energy."""
        tree = {name: variable.value for name, variable in self._persistent.items()}
        weights, x = self.weights(tree), self.clamp({self.input_name: x})
        now = tuple(self._activity[f"{layer}.value"].value for layer in self.layers)
        start = (*now[:-1], self.wanted({self.readout: y}))
        now = hierarchy.relax(self.hierarchy, weights, x, start, steps=1, dt=self.phase_settings["dt"])
        named = {**self._named("value", now.values), **self._named("error", now.errors), "energy": now.energy[:, None]}
        for name, value in named.items():
            self._activity[name].value = value
        return now.energy

    def _named(self, variable: str, layers: States) -> Tree:
        return {f"{layer}.{variable}": value for layer, value in zip(self.layers, layers, strict=True)}

    def _predict(self, tree: Tree, x: Float[Array, "batch ..."], probe: Probe) -> States:
        weights = {name: probe(name, "inference", value) for name, value in self.weights(tree).items()}
        return hierarchy.feedforward(self.hierarchy, weights, x, probe)

    def _relax(
        self,
        tree: Tree,
        x: Array,
        target: Array,
        probe: Probe,
        *,
        observe: Any = lambda values, eps, energy: None,
        **settings: Any,
    ) -> tuple[States, hierarchy.Relaxed]:
        """Predict, clamp the output, and relax."""
        inference = Inference(**self.settings(settings))
        predicted = self._predict(tree, x, probe)
        options = {"steps": inference.iterations, "dt": inference.dt, "probe": probe, "observe": observe}
        start = (*predicted[:-1], target)
        return predicted, hierarchy.relax(self.hierarchy, self.weights(tree), x, start, **options)
