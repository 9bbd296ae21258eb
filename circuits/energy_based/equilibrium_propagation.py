"""Equilibrium propagation as a BrainPy dynamical system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.backend import bm
from biocredit.circuits.core.circuit import Batch, Outcome
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import choose, renamed, require
from biocredit.circuits.core.losses import Compare, loss_named
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.energy_based import contrastive_hebbian as contrast
from biocredit.circuits.energy_based import equilibrium_dynamics as equilibrium
from biocredit.circuits.energy_based.equilibrium_dynamics import (
    EnergyDescent,
    FixedPointIteration,
    RelaxingNetwork,
    States,
)
from biocredit.circuits.energy_based.layered import LayeredCircuit
from biocredit.circuits.energy_based.symmetric import Symmetric
from jaxtyping import Array, Float


@dataclass(frozen=True)
class NudgingPhases:
    """Lengths of the phases and the nudging.

    Parameters
    ----------
    iterations
        Steps of the free and of each nudged phase.
    beta
        Strength of the nudging; its sign counts.
    estimator
        ``"one_sided"``, ``"random_sign"`` or ``"symmetric"``.
    """

    iterations: tuple[int, int]
    beta: float
    estimator: str

    def __post_init__(self) -> None:
        require(min(self.iterations) >= 1, f"iterations must be at least 1, got {self.iterations}")
        require(self.beta != 0, "beta 0 does not nudge: the changes would be divided by zero")
        choose(self.estimator, contrast.ESTIMATORS, "estimator")


@renamed(cost="loss")
class EquilibriumPropagation(LayeredCircuit):
    """A circuit that relaxes, is nudged, relaxes again, and learns from the difference.

    Parameters
    ----------
    connections
        One symmetric connection for each layer, see :class:`biocredit.circuits.energy_based.layered.LayeredCircuit`.
    dynamics
        :class:`~biocredit.circuits.energy_based.equilibrium_dynamics.EnergyDescent` (Scellier and Bengio 2017) or
        :class:`~biocredit.circuits.energy_based.equilibrium_dynamics.FixedPointIteration` (Laborieux et al. 2021).
    loss
        What the output is nudged down: ``"squared_error"`` (Scellier and Bengio's program), ``"half_squared_error"``,
        ``"cross_entropy"``, any other in :data:`biocredit.circuits.core.losses.LOSSES`, or a function of one's own.
    class_weights
        Factor on a trial's loss for each class.
    particles
        Number of training examples whose free state is kept, to start the next free phase from ("persistent
        particles"); trials then say which example they are in ``batch.trials["index"]``. With 0 every free phase
        starts from rest.
    **settings
        Go to :class:`~biocredit.circuits.energy_based.layered.LayeredCircuit`.

    Notes
    -----
    Settings of the phases that a protocol may give: ``iterations``, steps of the free and of each nudged phase;
    ``beta``, strength of the nudging; ``estimator``, ``"one_sided"``, ``"random_sign"`` or ``"symmetric"``.
    The metric ``residual`` of :meth:`learn` is the largest change that one more free step would make: where it is
    not small, the free phase was too short or the step size too large, and the changes are no gradient.

    Scellier and Bengio 2017, doi:10.3389/fncom.2017.00024; Laborieux et al. 2021, arXiv 2006.03824.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> task = SimpleNamespace(inputs={"image": 4}, readouts={"choice": 2})
    >>> net = EquilibriumPropagation.for_task(task, hidden=(8,), dynamics=EnergyDescent())
    >>> net.respond(net.read(), {"image": jnp.ones((3, 4))})["choice"].shape
    (3, 2)
    """

    rule = contrast.RULE
    citation = rule.citation
    phase_settings: Mapping[str, Any] = {"iterations": (20, 4), "beta": 0.5, "estimator": "random_sign"}

    def __init__(
        self,
        connections: Sequence[Symmetric],
        *,
        dynamics: EnergyDescent | FixedPointIteration = EnergyDescent(),  # noqa: B008  (frozen)
        loss: str | Compare = "squared_error",
        class_weights: Sequence[float] | None = None,
        particles: int = 0,
        **settings: Any,
    ):
        super().__init__(connections, **settings)
        require(particles >= 0, f"particles is a number of training examples, got {particles}")
        self.loss = loss_named(loss, class_weights)
        self.network, self.particles = RelaxingNetwork(self.connections, dynamics, self.loss), particles
        self._register()
        self._state_activity("state")
        self.activity("target", self.classes)
        self.activity("energy", 1)
        self.beta = bm.Variable(jnp.zeros((), self.dtype))

    def initial(self, seed: int) -> dict[str, np.ndarray]:
        """Draw fresh weights; particles start at rest."""
        kept = zip(self.layers, self.layer_shapes, strict=True) if self.particles else ()
        rest = {f"{layer}.particles": np.zeros((self.particles, *shape)) for layer, shape in kept}
        return {**super().initial(seed), **rest}

    # -- the phases ---------------------------------------------------------------------------------------

    def phases(self, **settings: Any) -> NudgingPhases:
        """Translate and check the settings of a protocol.

        Raises
        ------
        CircuitError
            For settings with which nothing could be learned or computed.
        """
        return NudgingPhases(**self.settings(settings))

    def respond(
        self, tree: Tree, inputs: Mapping[str, jax.Array], probe: Probe = untouched, **settings: Any
    ) -> dict[str, jax.Array]:
        """Relax freely from rest; return the state of the output layer, ``[trial, class]``."""
        x, steps = self.clamp(inputs), self.phases(**settings).iterations[0]
        start = equilibrium.at_rest(self.network, x)
        states, _ = equilibrium.relax(self.network, self.weights(tree), x, start, steps=steps, probe=probe)
        return {self.readout: states[-1]}

    def learn(self, tree: Tree, batch: Batch, key: jax.Array, probe: Probe = untouched, **settings: Any) -> Outcome:
        """Run the free and the nudged phases on a batch and return the change of every weight."""
        phases, weights = self.phases(**settings), self.weights(tree)
        x, target, start = self.clamp(batch.inputs), self.wanted(batch.targets), self._start(tree, batch)
        free, _ = equilibrium.relax(self.network, weights, x, start, steps=phases.iterations[0], probe=probe)
        options = {"estimator": phases.estimator, "beta": phases.beta, "steps": phases.iterations[1]}
        nudged = contrast.nudge(self.network, weights, x, target, free, **options, key=key, probe=probe)
        residual = contrast.residual(self.network, weights, x, free)
        metrics = self.metrics({self.readout: free[-1]}, batch.targets) | {"residual": residual}
        changes = contrast.changes(self.network, weights, x, nudged, probe)
        return Outcome(changes, self._keep(tree, batch, free), metrics)

    def trial(
        self, tree: Tree, batch: Batch, key: jax.Array | None = None, probe: Probe = untouched, **settings: Any
    ) -> Tree:
        """Return states and energy after every step of the free and of one nudged phase, ``[time, trial, neuron]``.

        The free phase starts from rest (a probe trial need not be a training example); the nudged phase is the one
        with ``+beta``, which follows without a break.
        """
        phases, weights = self.phases(**settings), self.weights(tree)
        x, target = self.clamp(batch.inputs), self.wanted(batch.targets)

        def observe(weights: Tree, states: States) -> Tree:
            energy = equilibrium.energy(self.network, weights, x, states)[:, None]
            return {**self._named(states), "energy": energy}

        shared = {"probe": probe, "observe": observe}
        free, before = equilibrium.relax(
            self.network, weights, x, equilibrium.at_rest(self.network, x), steps=phases.iterations[0], **shared
        )
        nudging = {"steps": phases.iterations[1], "beta": phases.beta, "target": target, "phase": "learning"}
        _, after = equilibrium.relax(self.network, weights, x, free, **nudging, **shared)
        return jax.tree.map(lambda a, b: jnp.concatenate([a, b]), before, after)

    def _named(self, states: States) -> Tree:
        return {f"{layer}.state": state for layer, state in zip(self.layers, states, strict=True)}

    def _start(self, tree: Tree, batch: Batch) -> States:
        """Where the free phase starts: at rest, or at what the same examples settled to last time."""
        if not self.particles:
            return equilibrium.at_rest(self.network, self.clamp(batch.inputs))
        require("index" in batch.trials, "persistent particles need the number of each example in trials['index']")
        return tuple(tree[f"{layer}.particles"][batch.trials["index"]] for layer in self.layers)

    def _keep(self, tree: Tree, batch: Batch, free: States) -> Tree:
        """Particles as they are after the free phase."""
        if not self.particles:
            return {}
        names = [f"{layer}.particles" for layer in self.layers]
        return {name: tree[name].at[batch.trials["index"]].set(s) for name, s in zip(names, free, strict=True)}

    # -- the running system -------------------------------------------------------------------------------

    def update(self, x: Float[Array, "batch channel"]) -> Float[Array, "batch classes"]:
        """Advance all layers by one step and return the state of the output layer."""
        tree = {name: variable.value for name, variable in self._persistent.items()}
        now = {name: variable.value for name, variable in self._activity.items()}
        x, weights = self.clamp({self.input_name: x}), self.weights(tree)
        states = tuple(now[f"{layer}.state"] for layer in self.layers)
        force = self.beta.value * self.loss.of_trials(self.loss.error, states[-1], now["target"])
        bottom = equilibrium.input_drive(self.network, weights, x)
        states = equilibrium.step(self.network, weights, bottom, states, force)
        energy = equilibrium.energy(self.network, weights, x, states)[:, None]
        for name, value in {**self._named(states), "energy": energy}.items():
            self._activity[name].value = value
        return states[-1]

    def nudge(self, target: Array, beta: float) -> None:
        """Pull the output towards labels or a target from now on; ``beta = 0`` lets it go."""
        self._activity["target"].value = self.wanted({self.readout: jnp.asarray(target)})
        self.beta.value = jnp.asarray(beta, self.dtype)

    def reset_state(self, batch_size: int = 1, **_: Any) -> None:
        """Bring all layers to rest and end the nudging."""
        super().reset_state(batch_size)
        self.beta.value = jnp.zeros((), self.dtype)
