"""What the layered relaxing circuits share: layers above one input, symmetric connections, one readout on top."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Batch, Circuit, Population, Projection
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import nearest, renamed, require
from biocredit.circuits.core.initializers import Initializer, glorot, stream
from biocredit.circuits.core.losses import Loss, as_target, blank_target, suited
from biocredit.circuits.core.ports import Ports, blank, joined_shape, match, side_by_side
from biocredit.circuits.core.scores import score
from biocredit.circuits.dual_stream.ascending.stages import Dense
from biocredit.circuits.energy_based.symmetric import Symmetric, shapes
from jaxtyping import Array, Float


@renamed(start="initializer")
class LayeredCircuit(Circuit):
    """Layers above one input, joined by symmetric connections; the uppermost layer is the readout.

    Parameters
    ----------
    connections
        One connection for each layer, from the input upwards; all with biases.
    inputs
        Number of channels (or shape of a trial) of each input by name; several lie side by side in their order.
    readouts
        Number of outputs of the one readout, by name.
    input_shape
        Shape of the input of one trial, ``(row, column, channel)`` for a convolution; flat if left out.
    factors
        Factor on the optimiser's step for each layer; 1 if left out.
    seed, dtype, matmul_precision, weights, mask
        See :class:`biocredit.circuits.core.circuit.Circuit`.
    """

    weight_axes = ("post", "pre", "row", "column")
    #: Loss of the output.
    loss: Loss
    #: Name of the loss for classes, if none is given.
    usual_loss = "squared_error"

    def __init__(
        self,
        connections: Sequence[Symmetric],
        *,
        inputs: Ports,
        readouts: Mapping[str, int],
        input_shape: tuple[int, ...] | None = None,
        factors: Sequence[float] | None = None,
        seed: int = 0,
        dtype: Any = None,
        matmul_precision: str = "float32",
        weights: Mapping[str, Any] | None = None,
        mask: Mapping[str, Any] | None = None,
    ):
        super().__init__(seed=seed, dtype=dtype, matmul_precision=matmul_precision, weights=weights, mask=mask)
        self.connections = tuple(connections)
        self.inputs, self.input_shape = dict(inputs), tuple(input_shape or joined_shape(inputs))
        self.input_name = "input" if len(self.inputs) > 1 else next(iter(self.inputs))
        self.readout, self.classes = _only("readout", readouts)
        self.factors = tuple(factors or (1.0,) * len(self.connections))
        self._check()

    @classmethod
    def for_task(
        cls, task: Any, hidden: Sequence[int] = (500,), *, initializer: Initializer = glorot, **settings: Any
    ) -> "LayeredCircuit":
        """Build fully connected layers between the inputs and the readout of a task, with a loss that suits it.

        Parameters
        ----------
        task
            Anything with ``inputs`` and ``readouts``, sizes by name.
        hidden
            Number of neurons of each hidden layer.
        start
            How fresh weights are drawn, see :mod:`biocredit.circuits.core.initializers`.
        **settings
            Go to the constructor.
        """
        sizes = (int(np.prod(joined_shape(task.inputs))), *hidden, _only("readout", task.readouts)[1])
        connections = [Symmetric(Dense(below, above, initializer=initializer)) for below, above in pairwise(sizes)]
        settings = {"loss": suited(task, task.readouts, cls.usual_loss), **settings}
        return cls(connections, inputs=task.inputs, readouts=task.readouts, **settings)

    chain = for_task

    def firing(self) -> tuple[str, ...]:
        """All layers; their rates are probed although their states are what is recorded."""
        return tuple(self.layers)

    def _check(self) -> None:
        count = len(self.connections)
        require(count >= 1, "a layered circuit needs at least one connection")
        require(all(c.stage.bias for c in self.connections), "every connection of a relaxing circuit has a bias")
        require(len(self.factors) == count, f"factors: got {len(self.factors)} for {count} layers")
        size = int(np.prod(joined_shape(self.inputs)))
        flat = int(np.prod(self.input_shape))
        require(flat == size, f"input_shape {self.input_shape} does not hold {size} channels")
        self.layer_shapes = shapes(self.connections, self.input_shape)[1:]
        top = self.layer_shapes[-1]
        require(
            top == (self.classes,),
            f"the uppermost layer has shape {top}, readout {self.readout!r} wants ({self.classes},)",
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
        self.check_given()

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
        """Input in the circuit's own type and shape; several ports side by side."""
        return side_by_side(inputs, self.inputs, self.dtype).reshape(-1, *self.input_shape)

    def wanted(self, targets: Mapping[str, Array]) -> Float[Array, "batch classes"]:
        """Target of the output layer: labels of classes as one-hot rows, anything else as it is."""
        (y,) = match(targets, {self.readout: self.classes}, "readout").values()
        y = jnp.asarray(y)
        return as_target(y, jax.ShapeDtypeStruct((len(y), self.classes), self.dtype), self.loss)

    def metrics(self, outputs: Tree, targets: Mapping[str, Array]) -> dict[str, Array]:
        """Score the readout by the circuit's own loss, see :func:`biocredit.circuits.core.scores.score`."""
        return score(self.loss, outputs, match(targets, {self.readout: self.classes}, "readout"))

    def example(self, trials: int = 2) -> Batch:
        """Return trials of zeros, with a target that the loss takes."""
        output = jax.ShapeDtypeStruct((trials, self.classes), self.dtype)
        targets = {self.readout: blank_target(self.loss, output)}
        return Batch(blank(self.inputs, trials, self.dtype), targets, {"index": jnp.arange(trials)})

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
        return [Population(self.input_name, int(np.prod(self.input_shape)), "input"), *layers]


def _only(what: str, ports: Mapping[str, int]) -> tuple[str, int]:
    require(len(ports) == 1, f"a layered circuit has one {what}, got {sorted(ports)}")
    return next(iter(ports.items()))
