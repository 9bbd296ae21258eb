"""Settings of circuits. A part of this kind has ``make(task, credit, seed)``, which returns a circuit for a task.

``credit`` is a pathway or rule as :mod:`biocredit.protocols.experiments.settings.credit` makes it, ``None`` where the
configuration names none; ``widest(task)`` is the number of weights of the largest matrices, from which the memory that
is needed is told before anything is allocated.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from biocredit.circuits.core.errors import choose, require
from biocredit.protocols.experiments.overrides import Named
from biocredit.protocols.experiments.settings.calls import arguments
from biocredit.protocols.experiments.settings.tasks import sizes

if TYPE_CHECKING:
    from biocredit.circuits import Circuit
    from biocredit.protocols.tasks.task import Task


class Parts:
    """What settings of a circuit say; a subclass defines :meth:`make`."""

    #: Whether the circuit takes a "pathway", a "rule", or (``None``) decides itself how credit is assigned.
    takes: str | None = None

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        raise TypeError(f"{type(self).__name__} does not define make")

    def widest(self, task: "Task") -> int:
        """Count the weights of one network, as far as they decide whether it fits."""
        return 0


@dataclass(frozen=True)
class Chain(Parts):
    """A chain of equal regions, see :func:`biocredit.circuits.modular.presets.chain`.

    Parameters
    ----------
    receivers_of_error
        Neurons of a region that receive error (RE); the whole block by default.
    recurrent_plasticity
        Factor on the step of recurrent weights; fixed by default.
    batch_divisor, matmul_precision
        See :class:`biocredit.circuits.ModularRNN`.
    """

    regions: int = 2
    neurons: int = 1024
    layout_code: int = 4
    receivers_of_error: int | None = None
    activation: str = "tanh"
    connection_rate: float = 0.25
    spectral_radius: float = 0.25
    recurrent_plasticity: float | None = None
    batch_divisor: float | None = None
    matmul_precision: Literal["float32", "tensorfloat32", "bfloat16"] = "float32"

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import ModularRNN, Plasticity

        others = asdict(self)
        receivers, factor = others.pop("receivers_of_error"), others.pop("recurrent_plasticity")
        if receivers is not None:
            others["roles"] = {"RE": receivers}
        plasticity = {"recurrent": Plasticity(factor) if factor is not None else None}
        return ModularRNN.chain(task, seed=seed, plasticity=plasticity, **others)

    def widest(self, task: "Task") -> int:
        """Count the recurrent weights."""
        return self.regions * self.neurons**2


@dataclass(frozen=True)
class SharedRegions(Parts):
    """Four regions that two tasks share, see :func:`biocredit.circuits.modular.presets.resource_reuse`."""

    path: Literal["B", "C"] = "B"
    neurons: int = 1536
    connection_rate: float = 0.25
    spectral_radius: float = 0.25
    matmul_precision: Literal["float32", "tensorfloat32", "bfloat16"] = "float32"

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import ModularRNN

        return ModularRNN.resource_reuse(task, seed=seed, **asdict(self))

    def widest(self, task: "Task") -> int:
        """Count the recurrent weights."""
        return 4 * self.neurons**2


@dataclass(frozen=True)
class Hidden(Parts):
    """Fully connected hidden layers; the settings that all of them share.

    Parameters
    ----------
    hidden
        Units of the hidden layers.
    """

    hidden: tuple[int, ...] = (256, 256)

    def widest(self, task: "Task") -> int:
        """Count the weights between layers."""
        return sum(below * above for below, above in pairwise(sizes(task, self.hidden)))


@dataclass(frozen=True)
class Layers(Hidden):
    """A fully connected ascending stream, see :meth:`biocredit.circuits.DualStream.mlp`.

    Parameters
    ----------
    activation
        Transfer function of the hidden layers: a name, or a function.
    bias
        Whether units have plastic biases.
    ascending_sd
        Spread of the ascending weights at the start, times the root of the number of inputs; Glorot's by default.
    loss
        A name in :data:`biocredit.circuits.core.losses.LOSSES`, or a function.
    """

    takes = "pathway"

    activation: Any = "relu"
    bias: bool = True
    ascending_sd: float | None = None
    loss: Any = "cross_entropy"

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import DualStream
        from biocredit.circuits.core.initializers import Gaussian

        start = {} if self.ascending_sd is None else {"initializer": Gaussian(self.ascending_sd)}
        options = {"activation": self.activation, "bias": self.bias, "loss": self.loss, "seed": seed, **start}
        return DualStream.mlp(sizes(task, self.hidden), credit or "transposed", **options)


@dataclass(frozen=True)
class CounterCurrentLayers(Hidden):
    """A fully connected stream without biases, as the program of counter-current learning has it."""

    takes = "pathway"

    hidden: tuple[int, ...] = (256,) * 5
    activation: Any = "elu"

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import DualStream
        from biocredit.circuits.dual_stream.pathways.counter_current import architectures

        nodes = architectures.dense(sizes(task, self.hidden), activation=self.activation)
        return DualStream(*nodes, credit or "counter_current", seed=seed)


@dataclass(frozen=True)
class TargetLayers(Hidden):
    """A fully connected stream as the released program of fixed-weight DTP has it (arXiv 2212.10352).

    Parameters
    ----------
    standardised
        Which populations are standardised over the batch.
    """

    takes = "pathway"

    hidden: tuple[int, ...] = (256,) * 5
    standardised: Literal["nowhere", "hidden", "output", "everywhere"] = "nowhere"

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import DualStream
        from biocredit.circuits.dual_stream.pathways.target_propagation import architectures

        nodes = architectures.dense(sizes(task, self.hidden), standardised=self.standardised)
        return DualStream(*nodes, credit or "difference_target", seed=seed)


@dataclass(frozen=True)
class DirectTargetLayers(Hidden):
    """A network that receives the target through fixed random projections (arXiv 1909.01311)."""

    takes = "pathway"

    hidden: tuple[int, ...] = (256,) * 5

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import DualStream
        from biocredit.circuits.core.initializers import fan_in_uniform_biases
        from biocredit.circuits.dual_stream.pathways.target_propagation import architectures

        nodes = architectures.dense(sizes(task, self.hidden), bias=True, initializer=fan_in_uniform_biases)
        return DualStream(*nodes, credit or "direct_random_target", loss="mean_binary_cross_entropy", seed=seed)


@dataclass(frozen=True)
class CounterCurrentMaps(Parts):
    """A convolutional stream, see :mod:`biocredit.circuits.dual_stream.pathways.counter_current.architectures`.

    Parameters
    ----------
    architecture, channels
        Its name, and the channels above the image; the image's side is 2 to the number of convolutions.
    first_kernel
        Size of the first kernels of ``"pooling"``.
    normalised
        Batch normalisation of the ascending stream.
    """

    takes = "pathway"

    architecture: Literal["pooling", "strided"] = "pooling"
    channels: tuple[int, ...] = (128, 128, 256, 256, 512)
    first_kernel: int = 3
    normalised: Literal["nowhere", "before", "after"] = "nowhere"

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import DualStream
        from biocredit.circuits.dual_stream.pathways.counter_current import architectures

        (classes,), side = task.readouts.values(), 2 ** len(self.channels)
        fits = task.map_shape[0] == side
        require(fits, f"task.side must be {side} for {len(self.channels)} convolutions, got {task.map_shape[0]}")
        channels = (task.map_shape[2], *self.channels)
        options: dict[str, Any] = {"normalised": self.normalised}
        if self.architecture == "pooling":
            options["first_kernel"] = self.first_kernel
        nodes = getattr(architectures, self.architecture)(channels, classes, **options)
        return DualStream(*nodes, credit or "counter_current", seed=seed)


@dataclass(frozen=True)
class Residual(Parts):
    """A residual network for colour images, ``depth`` 20 or 18 layers deep."""

    takes = "pathway"

    depth: Literal[20, 18] = 20

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import DualStream

        (classes,) = task.readouts.values()
        network = {20: DualStream.resnet20, 18: DualStream.resnet18}[self.depth]
        return network(credit or "transposed", classes=classes, size=task.map_shape[0], seed=seed)


@dataclass(frozen=True)
class Equilibrium(Hidden):
    """A layered energy model that relaxes, see :class:`biocredit.circuits.EquilibriumPropagation`."""

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import EquilibriumPropagation
        from biocredit.circuits.energy_based import FixedPointIteration

        options = {"dynamics": FixedPointIteration(), "loss": "half_squared_error", "seed": seed}
        return EquilibriumPropagation.chain(task, hidden=self.hidden, **options)


@dataclass(frozen=True)
class Phaseless(Hidden):
    """Rate cells whose noise teaches the feedback (arXiv 2212.10249).

    Parameters
    ----------
    activation, steps
        Transfer function of the hidden layers, time steps for which a pattern is shown.
    noise, decay
        Standard deviation of the noise of hidden cells, decay of the feedback.
    slowed
        Factor of the forward learning rates of the released program. 0.1 is ours, the better of 1 and 0.1 on 5,000
        images of MNIST: with 1 the forward weights outrun the feedback.
    """

    hidden: tuple[int, ...] = (512, 512)
    activation: str = "tanh"
    steps: int = 100
    noise: float = 0.05
    decay: float = 5e-5
    slowed: float = 0.1

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import PhaselessRate
        from biocredit.circuits.microcircuit.rate_level import released

        known = released(len(self.hidden) + 1, self.activation, self.steps)
        constants = replace(
            known,
            learning_rate=tuple(self.slowed * rate for rate in known.learning_rate),
            sigma=tuple(self.noise * (sigma > 0) for sigma in known.sigma),
            decay=(self.decay,) * len(known.decay),
        )
        layers = sizes(task, self.hidden)
        return PhaselessRate(layers, self.activation, steps=self.steps, constants=constants, seed=seed)


@dataclass(frozen=True)
class RateNetwork(Parts):
    """A leaky rate network, see :class:`biocredit.circuits.RateRNN`.

    Parameters
    ----------
    neurons
        Number of cells, 20 % I and 80 % E.
    tau, mu, initial, scale, activation
        See there.
    dale
        Whether cells excite or inhibit; otherwise their signs are free.
    """

    takes = "rule"

    neurons: int = 120
    tau: float = 100.0
    mu: float = 0.25
    initial: Literal["balanced", "liu_2022", "gaussian"] = "liu_2022"
    scale: float = 1.0
    activation: str = "relu"
    dale: bool = True

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import RateRNN

        require(task.steps is not None, f"a rate network needs a task with time, and {task.name!r} has none")
        signs = None if self.dale else {"E": 0, "I": 0}
        settings = {name: getattr(self, name) for name in ("tau", "mu", "initial", "scale", "activation")}
        return RateRNN.for_task(task, self.neurons, rule=credit or "bptt", signs=signs, seed=seed, **settings)

    def widest(self, task: "Task") -> int:
        """Count the recurrent weights."""
        return self.neurons**2


@dataclass(frozen=True)
class CircuitNamed(Named):
    """A circuit of the package by name, or a function or class of one's own, called with the task.

    A class with ``for_task`` is built by that. The pathway or rule, if there is one, goes into the argument so called.
    """

    @property
    def takes(self) -> str | None:
        """What the circuit takes for credit."""
        return next((word for word in ("pathway", "rule") if word in self._words()), None)

    def maker(self) -> Any:
        """Look the function up."""
        from biocredit import circuits

        found = self.name if callable(self.name) else getattr(circuits, choose(self.name, _named(), "circuit"))
        return getattr(found, "for_task", found)

    def _words(self) -> list[str]:
        import inspect

        return list(inspect.signature(self.maker()).parameters)

    def known(self) -> Mapping[str, Any]:
        """Return the types of its arguments by name."""
        return arguments(self.maker())

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        given = {} if credit is None or self.takes is None else {self.takes: credit}
        return self.maker()(task, seed=seed, **given, **self.settings)

    def widest(self, task: "Task") -> int:
        """Count the weights of a square matrix over ``neurons``, where there is such a setting."""
        cells = self.settings.get("neurons", 0)
        return cells**2 if isinstance(cells, int) else 0


def _named() -> dict[str, str]:
    from biocredit import circuits

    return {name: name for name in circuits.__all__ if hasattr(getattr(circuits, name), "for_task")}
