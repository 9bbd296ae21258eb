"""Phaseless alignment learning in dendritic microcircuits, as a circuit."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import jax
import numpy as np
from biocredit.circuits.core.circuit import Projection
from biocredit.circuits.core.credit_rule import CreditRule, Tree
from biocredit.circuits.core.errors import require
from biocredit.circuits.core.losses import Compare, loss_named
from biocredit.circuits.core.probes import Probe
from biocredit.circuits.microcircuit import dendritic_dynamics as dynamics
from biocredit.circuits.microcircuit.dendritic_dynamics import Constants, State, Weights
from biocredit.circuits.microcircuit.phaseless import Phaseless

HIDDEN = ("apical", "noise")
EVERYWHERE = ("voltage", "previous", "lookahead", "rate", "basal", "highpass")
INTER = ("voltage", "previous", "rate", "dendrite")
ROUTES = {"up": "inference", "down": "feedback", "to_inter": "lateral", "from_inter": "lateral"}


class PhaselessMicrocircuit(Phaseless):
    """Pyramidal cells with dendrites, interneurons that cancel what they predict, noise that aligns the feedback.

    Starts in the self-predicting state, in which apical dendrites are silent without an output error
    (arXiv 2212.10249, section on dendritic microcircuits).

    Parameters
    ----------
    sizes
        Input, hidden layers (one at least), output.
    steps
        Time steps for which a pattern is shown (1 ms by default).
    loss
        Loss whose error nudges the voltage of the output cells, a name or a function. Half the squared distance nudges
        them to the target itself.
    class_weights
        Factor on a trial's loss for each class.
    constants
        Constants of the dynamics; by default those of :func:`released` for these sizes.
    **options
        See :class:`Phaseless`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> net = PhaselessMicrocircuit([4, 6, 3], steps=20)
    >>> net.respond(net.read(), {"image": jnp.ones((2, 4))})["choice"].shape
    (2, 3)
    """

    rule = CreditRule(
        name="phaseless_microcircuit",
        citation="arXiv:2212.10249",
        equation=r"\Delta W = -u_{\mathrm{error}}\, r^{\top}, \qquad "
        r"\Delta B = -\xi\, \widehat{r}^{\top} + \lambda B",
        needs={
            "rate": "pre",
            "surprise": "post",
            "apical potential": "post",
            "noise": "post",
            "fast rate": "pre",
            "trace": "synapse",
        },
        probed={
            "rate": "*.rate input:*",
            "surprise": "*.rate *.basal *.dendrite",
            "apical potential": "*.apical",
            "noise": "*.noise chance:*",
            "fast rate": "*.highpass",
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
        *,
        steps: int = 100,
        loss: str | Compare = "half_squared_error",
        class_weights: Sequence[float] | None = None,
        constants: Constants | None = None,
        **options: Any,
    ):
        require(len(sizes) >= 3, f"a microcircuit needs a hidden layer, got sizes {list(sizes)}")
        self.constants = constants or released(len(sizes) - 1)
        super().__init__(sizes, steps, self.constants.dt, loss_named(loss, class_weights), **options)
        self._inter = [f"inter{n}" for n in range(1, len(self.sizes) - 1)]
        self._register()

    def _ends(self, route: str) -> list[tuple[str, str]]:
        layers, inter = self._layers, self._inter
        return {
            "up": list(zip(["input", *layers], layers, strict=False)),
            "down": list(zip(layers[1:], layers, strict=False)),
            "to_inter": list(zip(layers, inter, strict=False)),
            "from_inter": list(zip(inter, layers, strict=False)),
        }[route]

    def _synapses(self) -> list[Projection]:
        pairs = [(route, n, ends) for route in ROUTES for n, ends in enumerate(self._ends(route), start=1)]
        return [Projection(f"layer{n}.{route}", *ends, ROUTES[route]) for route, n, ends in pairs]

    def initial(self, seed: int) -> dict[str, np.ndarray]:
        """Forward and feedback weights uniform in (-1, 1), interneuron weights self-predicting."""
        random, sizes = np.random.default_rng(seed), self.sizes
        up = tuple(random.uniform(-1, 1, (post, pre)) for pre, post in pairwise(sizes))
        down = tuple(random.uniform(-1, 1, (here, above)) for here, above in pairwise(sizes[1:]))
        start = Weights(up, down, (), (), tuple(np.zeros_like(W) for W in up))
        return {
            name: np.asarray(value)
            for name, value in self.arrays(dynamics.self_predicting(self.constants, start)).items()
        }

    def weights(self, tree: Tree) -> Weights:
        """One tuple a route."""
        depth = len(self._layers)
        lengths = {"up": depth, "up_trace": depth}
        numbers = {route: range(1, lengths.get(route, depth - 1) + 1) for route in Weights._fields}
        return Weights(*(tuple(tree[f"layer{n}.{route}"] for n in numbers[route]) for route in Weights._fields))

    def arrays(self, weights: Weights) -> Tree:
        """Weights by name: ``"layer1.up"`` and so on."""
        routes = weights._asdict().items()
        return {f"layer{n}.{route}": value for route, values in routes for n, value in enumerate(values, start=1)}

    def forward_weights(self, tree: Tree) -> Tree:
        """Forward weights ``[out, in]`` of all layers but the first."""
        return {layer: tree[f"{layer}.up"] for layer in self._layers[1:]}

    def effective_feedback(self, tree: Tree) -> Tree:
        """Feedback from these layers, in the same layout."""
        return {above: tree[f"{below}.down"].T for below, above in pairwise(self._layers)}

    def rest(self, trials: int) -> State:
        """All voltages at zero."""
        return dynamics.at_rest(self.constants, self.sizes, trials, self.dtype)

    def readings(self, state: State) -> Tree:
        """``"layer1.rate"``, ``"inter1.rate"`` and so on, and ``"input.rate"``."""
        found = {"input.rate": state.input}
        for field in (*EVERYWHERE, *HIDDEN):
            found |= {f"layer{n}.{field}": value for n, value in enumerate(getattr(state, field), start=1)}
        for field in INTER:
            found |= {f"inter{n}.{field}": value for n, value in enumerate(getattr(state, f"inter_{field}"), start=1)}
        return found

    def state(self, readings: Mapping[str, jax.Array]) -> State:
        """State from its readings."""
        fields = {name: tuple(readings[f"{layer}.{name}"] for layer in self._layers) for name in EVERYWHERE}
        fields |= {name: tuple(readings[f"{layer}.{name}"] for layer in self._layers[:-1]) for name in HIDDEN}
        fields |= {f"inter_{name}": tuple(readings[f"{inter}.{name}"] for inter in self._inter) for name in INTER}
        return State(**fields, input=readings["input.rate"])

    def advance(
        self, weights: Weights, state: State, x: jax.Array, target: jax.Array, key: jax.Array, probe: Probe
    ) -> tuple[Weights, State]:
        """One step with noise and plasticity."""
        noise = dynamics.next_noise(self.constants, state, key)
        voltage = state.voltage[-1]
        pull = voltage - self.loss.of_trials(self.loss.error, voltage, target)
        return dynamics.step(self.constants, weights, state, x, pull, noise, probe)

    def listen(self, weights: Weights, state: State, x: jax.Array, probe: Probe) -> State:
        """One step without target, noise and plasticity."""
        return dynamics.settle(self.constants, weights, state, x, probe)

    def output(self, state: State) -> jax.Array:
        """Prospective voltages of the output cells, which the target nudges."""
        return state.lookahead[-1]


def released(depth: int) -> Constants:
    """Constants of the authors' image classification for ``depth`` layers of weights."""
    hidden = depth - 1
    return Constants(
        learning_rate=(2.0,) * hidden + (0.5,),
        feedback_learning_rate=(0.2,) * hidden,
        interneuron_learning_rate=(10.0,) * hidden,
        cancel_learning_rate=(0.5,) * hidden,
        decay=(1e-6,) * hidden,
        sigma=(0.01,) * hidden,
    )
