"""Equilibrium propagation: the pure functions.

A layered circuit with symmetric connections relaxes to a fixed point (free phase); its output is then nudged
weakly towards the target and it relaxes again. The difference of the Hebbian products ``post pre^T`` at the two
fixed points, divided by the difference in nudging, tends to the gradient of the loss as nudging goes to zero.

Two published forms of the dynamics are offered, :class:`EnergyDescent` (Scellier and Bengio 2017,
doi:10.3389/fncom.2017.00024) and :class:`FixedPointIteration` (Laborieux et al. 2021, arXiv 2006.03824). Both
minimise ``energy`` plus ``beta`` times the loss.

Layers are numbered from 1 (above the input) to L (the output); ``states`` is a tuple of their arrays, and
``weights`` a dictionary ``"layer1.W", "layer1.b", "layer2.W", ...`` in which W is ``[post, pre]``.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from biocredit.circuits.core.activations import Curve, activation
from biocredit.circuits.core.errors import renamed, require
from biocredit.circuits.core.losses import Compare, Loss, loss_named
from biocredit.circuits.core.probes import Probe, untouched
from biocredit.circuits.energy_based.symmetric import Symmetric, Weights, of_layer, shapes
from jax import lax
from jaxtyping import Array, Float

States = tuple[Float[Array, "batch ..."], ...]


@renamed(firing="activation")
@dataclass(frozen=True)
class EnergyDescent:
    """Leaky neurons that descend the energy in continuous time (Euler steps).

    ``s <- s + step_size (-s + rho'(s) * drive - nudge)`` for all layers at once, from the old states
    (Scellier and Bengio 2017, equations 2 to 6).

    Parameters
    ----------
    activation
        Firing function ``rho``, a name or a function.
    step_size
        Euler step, in units of the membrane time constant.
    bounds
        Interval to which the state is clipped after each step; ``(-inf, inf)`` for none.
    """

    activation: str | Curve = "hard_sigmoid"
    step_size: float = 0.5
    bounds: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        activation(self.activation)
        require(self.step_size > 0, f"step_size must be positive, got {self.step_size}")
        require(self.bounds[0] < self.bounds[1], f"bounds must ascend, got {self.bounds}")
        if self.step_size > 1:
            warnings.warn(f"step_size {self.step_size} overshoots: states may never settle", stacklevel=3)

    def rates(self, states: States) -> States:
        """Firing rates that the neurons send."""
        return tuple(map(activation(self.activation), states))

    def advance(self, states: States, drives: States, nudge: Array | float) -> States:
        """One step of all layers; ``nudge`` pulls on the output layer."""
        slope = activation(self.activation).closed_slope
        *hidden, output = (-s + slope(s) * drive for s, drive in zip(states, drives, strict=True))
        flows = (*hidden, output - nudge)
        return tuple(jnp.clip(s + self.step_size * flow, *self.bounds) for s, flow in zip(states, flows, strict=True))

    def leak(self, states: States) -> Float[Array, " batch"]:
        """Energy of the leak, ``|s|^2 / 2`` summed over all layers."""
        return sum(summed(s * s) for s in states) / 2


@renamed(firing="activation", readout="readout_activation")
@dataclass(frozen=True)
class FixedPointIteration:
    """Neurons that jump to the value that their input asks for: ``s <- sigma(drive - nudge)``.

    Laborieux et al. 2021, equations 2 and 6; the energy is minus their primitive function Phi.

    Parameters
    ----------
    activation
        Function ``sigma`` of the hidden layers, a name or a function.
    readout_activation
        Function of the output layer: ``"linear"`` goes with cross-entropy.
    """

    activation: str | Curve = "steep_sigmoid"
    readout_activation: str | Curve = "steep_sigmoid"

    def __post_init__(self) -> None:
        activation(self.activation), activation(self.readout_activation)

    def rates(self, states: States) -> States:
        """Firing rates that the neurons send: the states themselves."""
        return states

    def advance(self, states: States, drives: States, nudge: Array | float) -> States:
        """One step of all layers; ``nudge`` pulls on the output layer, inside its function."""
        *hidden, output = drives
        return (*map(activation(self.activation), hidden), activation(self.readout_activation)(output - nudge))

    def leak(self, states: States) -> Float[Array, " batch"]:
        """Zero: the primitive function holds the interactions only."""
        return jnp.zeros_like(states[0], shape=len(states[0]))


@dataclass(frozen=True)
class RelaxingNetwork:
    """What relaxes: the connections from the input upwards, the dynamics, and the loss of the output.

    Parameters
    ----------
    connections
        One symmetric connection for each layer.
    dynamics
        :class:`EnergyDescent` or :class:`FixedPointIteration`.
    loss
        Loss of the output.

    Examples
    --------
    >>> from biocredit.circuits.dual_stream.ascending.stages import Dense
    >>> network = RelaxingNetwork((Symmetric(Dense(3, 5)), Symmetric(Dense(5, 2))), EnergyDescent())
    >>> [state.shape for state in at_rest(network, jnp.ones((4, 3)))]
    [(4, 5), (4, 2)]
    """

    connections: tuple[Symmetric, ...]
    dynamics: EnergyDescent | FixedPointIteration
    loss: str | Loss | Compare = "half_squared_error"


def summed(a: Float[Array, "batch ..."]) -> Float[Array, " batch"]:
    """Sum over all neurons of each trial."""
    return jnp.sum(a, axis=tuple(range(1, a.ndim)))


def input_drive(network: RelaxingNetwork, weights: Weights, x: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
    """Drive of layer 1 from the clamped input, which stays the same during relaxation."""
    return network.connections[0].forward(of_layer(weights, 1), x)


def ascending(network: RelaxingNetwork, weights: Weights, bottom: Array, rates: States) -> States:
    """Drive of each layer from the layer below; ``bottom`` is :func:`input_drive`."""
    between = enumerate(zip(network.connections[1:], rates, strict=False), start=2)
    return (bottom, *(c.forward(of_layer(weights, number), pre) for number, (c, pre) in between))


def descending(network: RelaxingNetwork, weights: Weights, rates: States) -> States:
    """Drive of each layer from the layer above (nothing above the output)."""
    between = enumerate(zip(network.connections[1:], rates, rates[1:], strict=False), start=2)
    above = (c.backward(of_layer(weights, number), pre, post) for number, (c, pre, post) in between)
    return (*above, jnp.zeros_like(rates[-1]))


def at_rest(network: RelaxingNetwork, x: Float[Array, "batch ..."]) -> States:
    """States of all layers at zero."""
    sizes = shapes(network.connections, x.shape[1:])[1:]
    return tuple(jnp.zeros((len(x), *size), x.dtype) for size in sizes)


def energy(
    network: RelaxingNetwork, weights: Weights, x: Float[Array, "batch ..."], states: States
) -> Float[Array, " batch"]:
    """Energy of each trial, ``leak(s) - sum_l <r_l, W_l r_{l-1} + b_l>`` with ``r`` the firing rates.

    Parameters
    ----------
    network, weights, states
        See the head of this module.
    x
        Clamped input.
    """
    rates = network.dynamics.rates(states)
    drives = ascending(network, weights, input_drive(network, weights, x), rates)
    return network.dynamics.leak(states) - sum(summed(r * d) for r, d in zip(rates, drives, strict=True))


def probed(signal: str, phase: str, layers: States, probe: Probe) -> States:
    """Pass a signal of every layer through the probe, as ``layer1.<signal>``, ``layer2.<signal>``, ..."""
    return tuple(probe(f"layer{number}.{signal}", phase, value) for number, value in enumerate(layers, start=1))


def step(
    network: RelaxingNetwork,
    weights: Weights,
    bottom: Float[Array, "batch ..."],
    states: States,
    nudge: Array | float = 0.0,
    phase: str = "inference",
    probe: Probe = untouched,
) -> States:
    """One step of the dynamics, all layers at once from the old states.

    Parameters
    ----------
    bottom
        Drive from the clamped input, :func:`input_drive`.
    nudge
        Force on the output layer, ``beta`` times the gradient of the loss.
    """
    states = probed("state", phase, states, probe)
    rates = probed("rate", phase, network.dynamics.rates(states), probe)
    up, down = ascending(network, weights, bottom, rates), descending(network, weights, rates)
    return network.dynamics.advance(states, tuple(map(jnp.add, up, down)), nudge)


def relax(
    network: RelaxingNetwork,
    weights: Weights,
    x: Float[Array, "batch ..."],
    states: States,
    *,
    steps: int,
    beta: Float[Array, ""] | float = 0.0,
    target: Float[Array, "batch classes"] | None = None,
    phase: str = "inference",
    probe: Probe = untouched,
    observe: Callable[[Weights, States], Any] = lambda weights, states: None,
) -> tuple[States, Any]:
    """Let the circuit relax with the input clamped.

    Parameters
    ----------
    states
        Where it starts.
    steps
        Number of steps.
    beta, target
        Strength of the nudging and what it pulls towards; a free phase has no target.
    phase
        Name of the phase, for the probe.
    observe
        What to keep after each step, a function of the weights (as the probe left them) and the states.

    Returns
    -------
    states
        Where it ends.
    record
        What ``observe`` returned, with a leading axis of time.
    """
    weights = {name: probe(name, phase, value) for name, value in weights.items()}
    bottom = input_drive(network, weights, x)

    loss = loss_named(network.loss)

    def one(states: States, _: None) -> tuple[States, Any]:
        nudge = 0.0 if target is None else beta * loss.of_trials(loss.error, states[-1], target)
        states = step(network, weights, bottom, states, nudge, phase, probe)
        return states, observe(weights, states)

    states, record = lax.scan(one, states, length=steps)
    states = probed("state", phase, states, probe)
    probe("energy", phase, energy(network, weights, x, states))
    return states, record
