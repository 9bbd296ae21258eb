"""What the layered relaxing circuits share: layers above one input, symmetric connections, one readout on top."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Circuit, Population, Projection
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import nearest, require
from biocredit.circuits.core.initializers import stream
from biocredit.circuits.dual_stream.ascending.initial_weights import Start, glorot
from biocredit.circuits.dual_stream.ascending.stages import Dense
from biocredit.circuits.energy_based.costs import Cost
from biocredit.circuits.energy_based.symmetric import Symmetric, shapes
from jaxtyping import Array, Float


class LayeredCircuit(Circuit):
    """Layers above one input, joined by symmetric connections; the uppermost layer is the readout.

    Parameters
    ----------
    connections
        One connection for each layer, from the input upwards; all with biases.
    inputs, readouts
        Number of channels of the input and of classes of the readout, by name, one of each.
    input_shape
        Shape of the input of one trial, ``(row, column, channel)`` for a convolution; flat if left out.
    factors
        Factor on the optimiser's step for each layer; 1 if left out.
    seed, dtype, matmul_precision
        See :class:`biocredit.circuits.core.circuit.Circuit`.
    """

    weight_axes = ("post", "pre", "row", "column")
    #: Cost of the output, for the metrics.
    cost: Cost

    def __init__(
        self,
        connections: Sequence[Symmetric],
        *,
        inputs: Mapping[str, int],
        readouts: Mapping[str, int],
        input_shape: tuple[int, ...] | None = None,
        factors: Sequence[float] | None = None,
        seed: int = 0,
        dtype: Any = None,
        matmul_precision: str = "float32",
    ):
        super().__init__(seed=seed, dtype=dtype, matmul_precision=matmul_precision)
        self.connections = tuple(connections)
        self.input_name, self.input_size = _only("input", inputs)
        self.readout_name, self.classes = _only("readout", readouts)
        self.input_shape = tuple(input_shape or (self.input_size,))
        self.factors = tuple(factors or (1.0,) * len(self.connections))
        self._check()

    @classmethod
    def chain(
        cls, task: Any, hidden: Sequence[int] = (500,), *, start: Start = glorot, **settings: Any
    ) -> "LayeredCircuit":
        """Build fully connected layers between the input and the readout of a task.

        Parameters
        ----------
        task
            Anything with ``inputs`` and ``readouts``, sizes by name.
        hidden
            Number of neurons of each hidden layer.
        start
            How fresh weights are drawn, see :mod:`biocredit.circuits.dual_stream.ascending.initial_weights`.
        **settings
            Go to the constructor.
        """
        sizes = (_only("input", task.inputs)[1], *hidden, _only("readout", task.readouts)[1])
        connections = [Symmetric(Dense(below, above, start=start)) for below, above in pairwise(sizes)]
        return cls(connections, inputs=task.inputs, readouts=task.readouts, **settings)

    def firing(self) -> tuple[str, ...]:
        """All layers; their rates are probed although their states are what is recorded."""
        return tuple(self.layers)

    def _check(self) -> None:
        count = len(self.connections)
        require(count >= 1, "a layered circuit needs at least one connection")
        require(all(c.stage.bias for c in self.connections), "every connection of a relaxing circuit has a bias")
        require(len(self.factors) == count, f"factors: got {len(self.factors)} for {count} layers")
        flat = int(np.prod(self.input_shape))
        require(flat == self.input_size, f"input_shape {self.input_shape} does not hold {self.input_size} channels")
        self.layer_shapes = shapes(self.connections, self.input_shape)[1:]
        top = self.layer_shapes[-1]
        require(
            top == (self.classes,),
            f"the uppermost layer has shape {top}, readout {self.readout_name!r} wants ({self.classes},)",
        )

    def _state_activity(self, variable: str) -> None:
        for layer, shape in zip(self.layers, self.layer_shapes, strict=True):
            self.activity(f"{layer}.{variable}", shape)

    def _register(self) -> None:
        below = (self.input_name, *self.layers)
        for pre, post, factor in zip(below, self.layers, self.factors, strict=False):
            self.connect(Projection(f"{post}.W", pre, post, "symmetric", factor=factor))
            self.connect(Projection(f"{post}.b", "", post, "bias", factor=factor))
        for name, value in self.initial(self.seed).items():
            self.persistent(name, value, plastic=name in self.synapses)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, from ``"layer1"``, above the input, to the readout."""
        return tuple(f"layer{number}" for number in range(1, len(self.connections) + 1))

    def initial(self, seed: int) -> dict[str, np.ndarray]:
        """Draw fresh weights."""
        drawn = {
            layer: connection.stage.initial(stream(seed, layer), ())
            for layer, connection in zip(self.layers, self.connections, strict=True)
        }
        return {f"{layer}.{name}": value for layer, weights in drawn.items() for name, value in weights.items()}

    def weights(self, tree: Tree) -> Tree:
        """Plastic weights of a tree."""
        return {name: tree[name] for name in self.plastic}

    def clamp(self, inputs: Mapping[str, Array]) -> Float[Array, "batch ..."]:
        """Input in the circuit's own type and shape."""
        require(len(inputs) == 1, f"this circuit has one input, {self.input_name!r}; got {sorted(inputs)}")
        (x,) = inputs.values()
        require(
            x.size == len(x) * self.input_size,
            f"input {self.input_name!r}: got shape {x.shape}, wanted (trial, {self.input_size})",
        )
        return jnp.asarray(x, self.dtype).reshape(len(x), *self.input_shape)

    def wanted(self, targets: Mapping[str, Array]) -> Float[Array, "batch classes"]:
        """Target of the output layer: labels as one-hot rows, anything else as it is."""
        require(len(targets) == 1, f"this circuit has one readout, {self.readout_name!r}; got {sorted(targets)}")
        (y,) = targets.values()
        if jnp.issubdtype(y.dtype, jnp.integer):
            require(y.ndim == 1, f"labels of {self.readout_name!r} have one axis, got shape {y.shape}")
            return jax.nn.one_hot(y, self.classes, dtype=self.dtype)
        wanted = (len(y), self.classes)
        require(y.shape == wanted, f"target of {self.readout_name!r}: got shape {y.shape}, wanted {wanted}")
        return jnp.asarray(y, self.dtype)

    def metrics(self, outputs: Tree, targets: Mapping[str, Array]) -> dict[str, Array]:
        """Score the readout: mean of the circuit's own cost, and fraction of trials with the right largest output."""
        (output,), target = outputs.values(), self.wanted(targets)
        right = jnp.argmax(output, axis=-1) == jnp.argmax(target, axis=-1)
        return {"loss": jnp.mean(self.cost.value(output, target)), "accuracy": jnp.mean(right.astype(output.dtype))}

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Settings of the phases, those given by a protocol over the defaults."""
        unknown = [name for name in given if name not in self.phase_settings]
        require(not unknown, f"unknown setting {unknown[:1]}: {nearest(''.join(unknown[:1]), self.phase_settings)}")
        return {**self.phase_settings, **given}

    def populations(self) -> list[Population]:
        """List the input and the layers; the uppermost is the readout."""
        kinds = (*("layer",) * (len(self.layers) - 1), "readout")
        rows = zip(self.layers, self.layer_shapes, kinds, strict=True)
        layers = [Population(name, int(np.prod(shape)), kind) for name, shape, kind in rows]
        return [Population(self.input_name, self.input_size, "input"), *layers]


def _only(what: str, ports: Mapping[str, int]) -> tuple[str, int]:
    require(len(ports) == 1, f"a layered circuit has one {what}, got {sorted(ports)}")
    return next(iter(ports.items()))
