"""Phaseless alignment learning at the rate level, as a circuit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.activations import Curve
from biocredit.circuits.core.circuit import Projection
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.errors import renamed, require
from biocredit.circuits.core.losses import Compare, loss_named
from biocredit.circuits.core.probes import Probe
from biocredit.circuits.microcircuit import rate_level_dynamics as dynamics
from biocredit.circuits.microcircuit.phaseless import Phaseless
from biocredit.circuits.microcircuit.rate_level_dynamics import Activity, Constants, Weights


@renamed(transfer="activation")
class PhaselessRate(Phaseless):
    """Layers of rate cells with noise, and feedback weights that learn from it (arXiv 2212.10249).

    Parameters
    ----------
    sizes
        Input, hidden layers, output.
    activation
        Transfer function of the hidden layers, a name or a function; the output is linear.
    steps
        Time steps for which a pattern is shown.
    loss
        Loss whose error nudges the output, a name or a function; half the squared distance by default.
    class_weights
        Factor on a trial's loss for each class.
    constants
        Constants of the dynamics, the loss among them; by default those of :func:`released` for these sizes.
    **options
        See :class:`Phaseless`.

    Examples
    --------
    >>> net = PhaselessRate([4, 6, 3], steps=20)
    >>> net.respond(net.read(), {"image": jnp.ones((2, 4))})["choice"].shape
    (2, 3)
    """

    rule = CreditRule(
        name="phaseless_rate",
        citation="arXiv:2212.10249",
        equation=r"\Delta W = -u_{\mathrm{error}}\, r^{\top}, \qquad "
        r"\Delta B = -\xi\, \widehat{r}^{\top} + \lambda B",
        needs={"rate": "pre", "error": "post", "noise": "post", "fast rate": "pre", "trace": "synapse"},
        probed={
            "rate": "*.rate input:*",
            "noise": "*.noise chance:*",
            "fast rate": "*.highpass *.rate",
            "trace": "*_trace",
        },
        phases=1,
        exact_when="feedback has aligned and the nudging tends to zero",
        memory="O(N^2)",
        operations="O(N^2) a time step",
    )
    citation = rule.citation

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str | Curve = "tanh",
        *,
        steps: int = 100,
        loss: str | Compare | None = None,
        class_weights: Sequence[float] | None = None,
        constants: Constants | None = None,
        **options: Any,
    ):
        require(constants is None or loss is None, "constants say what the loss is: give one of the two")
        given = constants or released(len(sizes) - 1, activation, steps)
        chosen = loss_named(loss or given.loss, class_weights)
        self.constants = replace(given, loss=chosen)
        super().__init__(sizes, steps, self.constants.dt, chosen, **options)
        self._register()

    def _synapses(self) -> list[Projection]:
        rows, below = [], "input"
        for number, layer in enumerate(self._layers):
            rows += [
                Projection(f"{layer}.W", below, layer, "inference"),
                Projection(f"{layer}.b", below, layer, "bias"),
            ]
            if number:
                rows.append(Projection(f"{layer}.B", layer, below, "feedback"))
            below = layer
        return rows

    def initial(self, seed: int) -> dict[str, np.ndarray]:
        """All weights normal with standard deviation 0.05."""
        random, arrays = np.random.default_rng(seed), {}
        for number, layer in enumerate(self._layers):
            below, here = self.sizes[number : number + 2]
            shapes = {"W": (below, here), "b": (here,)} | ({"B": (here, below)} if number else {})
            arrays |= {f"{layer}.{name}": random.normal(0, 0.05, shape) for name, shape in shapes.items()}
            arrays |= {f"{layer}.{name}_trace": np.zeros(shapes[name]) for name in "Wb"}
        return arrays

    def weights(self, tree: Tree) -> list[Weights]:
        """One :class:`Weights` a layer; nothing descends from the first."""
        return [Weights(*(tree.get(f"{layer}.{name}") for name in Weights._fields)) for layer in self._layers]

    def arrays(self, weights: list[Weights]) -> Tree:
        """Weights by name."""
        found = {
            f"{layer}.{k}": v for layer, w in zip(self._layers, weights, strict=True) for k, v in w._asdict().items()
        }
        return {name: value for name, value in found.items() if value is not None}

    def forward_weights(self, tree: Tree) -> Tree:
        """Forward weights ``[out, in]`` of all layers but the first."""
        return {layer: tree[f"{layer}.W"].T for layer in self._layers[1:]}

    def effective_feedback(self, tree: Tree) -> Tree:
        """Feedback from these layers, in the same layout."""
        return {layer: tree[f"{layer}.B"] for layer in self._layers[1:]}

    def rest(self, trials: int) -> tuple[list[Activity], jax.Array]:
        """Silence, and the clock of every trial at zero."""
        return dynamics.silent(self.sizes[1:], trials, self.dtype), jnp.zeros(trials, self.dtype)

    def readings(self, state: tuple[list[Activity], jax.Array]) -> Tree:
        """``"layer1.rate"`` and so on; ``"clock"`` counts steps."""
        layers = zip(self._layers, state[0], strict=True)
        return {f"{name}.{k}": v for name, layer in layers for k, v in layer._asdict().items()} | {"clock": state[1]}

    def state(self, readings: Mapping[str, jax.Array]) -> tuple[list[Activity], jax.Array]:
        """State from its readings."""
        layers = [Activity(*(readings[f"{name}.{k}"] for k in Activity._fields)) for name in self._layers]
        return layers, readings["clock"]

    def advance(
        self, weights: list[Weights], state: tuple, x: jax.Array, target: jax.Array, key: jax.Array, probe: Probe
    ) -> tuple[list[Weights], tuple]:
        """One step with noise and plasticity."""
        layers, clock = state
        noise = dynamics.next_noise(self.constants, layers, key)
        weights, layers = dynamics.step(self.constants, weights, layers, clock, x, target, noise, probe)
        return weights, (layers, clock + 1)

    def listen(self, weights: list[Weights], state: tuple, x: jax.Array, probe: Probe) -> tuple:
        """One step without target, noise and plasticity."""
        layers, clock = state
        quiet = [jnp.zeros_like(layer.noise) for layer in layers]
        _, layers = dynamics.step(self.constants, weights, layers, clock, x, None, quiet, probe)
        return layers, clock + 1

    def output(self, state: tuple) -> jax.Array:
        """Rates of the last layer."""
        return state[0][-1].rate


def released(depth: int, activation: str | Curve, steps: int) -> Constants:
    """Constants of the authors' program for a network with ``depth`` layers of weights.

    Time constants of noise and high-pass filter 10 dt, of the low-pass filter 10,000 dt; learning rates scale with the
    number of steps for which a pattern is shown; no noise at the output, whose feedback the layer below learns.
    """
    dt, hidden = 0.1, depth - 1
    rate = 0.125 * 64 / steps / dt
    return Constants(
        activations=(activation,) * hidden + ("linear",),
        learning_rate=(rate,) * depth,
        feedback_learning_rate=(10 * rate,) * depth,
        decay=(5e-5,) * depth,
        sigma=(0.05,) * hidden + (0.0,),
        tau_noise=(10 * dt,) * depth,
        tau_highpass=(10 * dt,) * depth,
        tau_lowpass=(1e4 * dt,) * depth,
        dt=dt,
    )
