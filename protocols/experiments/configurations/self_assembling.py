"""Configurations of self-assembling learning (arXiv 2412.20018) and of the rules that it is compared with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from biocredit.protocols.experiments.experiment import Configuration
from biocredit.protocols.experiments.parts import Images, Recording, Run

if TYPE_CHECKING:
    from biocredit.protocols.recording.measures.measure import Measure
    from biocredit.protocols.training.protocol import Protocol

RUN = Run(epochs=30, seeds=3, batch_size=256, shuffle="samples")
KINDS = ("W", "Wbar", "V", "Vbar")
#: Times the loss at the start: beyond it the circuit has blown up, which it does within an epoch.
LARGEST_LOSS = 10


@dataclass(frozen=True)
class Tangle:
    """Two streams joined by four random matrices a level, see ``SelfAssembling``.

    Parameters
    ----------
    hidden, widths
        Ascending cells, and descending ones (as many by default), at each hidden level.
    transfer, gated, plastic
        See :class:`biocredit.circuits.dual_stream.pathways.SelfAssembling`.
    ascending_sd
        Spread of the ascending weights at the start, times the root of the number of inputs.
    lateral_sd
        Spread of the weights between the streams; by default one over the root of the number of inputs, with which
        matrices that stay fixed carry a signal.
    modulation, modulation_mode
        Strength (0: no such phase) and place of the short-term modulation.
    """

    hidden: tuple[int, ...] = (200, 200, 200)
    widths: tuple[int, ...] | None = None
    transfer: Literal["identity", "relu", "tanh", "upstream_jacobian", "lateral_gate"] = "identity"
    gated: tuple[str, ...] = ("W",)
    plastic: tuple[str, ...] = KINDS
    ascending_sd: float = 1.0
    lateral_sd: float | None = 0.003
    modulation: float = 0.0
    modulation_mode: Literal["activation", "membrane"] = "activation"

    def stream(self) -> Any:
        """Make the descending stream."""
        from biocredit.circuits.core.initializers import Gaussian
        from biocredit.circuits.dual_stream.pathways.self_assembling import Modulation, SelfAssembling

        lateral = Gaussian() if self.lateral_sd is None else Gaussian(self.lateral_sd, "one")
        return SelfAssembling(
            widths=self.widths,
            transfer=self.transfer,
            gated=self.gated,
            plastic=self.plastic,
            initializers={"V": lateral, "Vbar": lateral},
            modulation=Modulation(self.modulation, self.modulation_mode) if self.modulation else None,
        )


@dataclass(frozen=True)
class Steps:
    """Learning rate of the ascending weights, ratios of the four rates, decay inside the rate, clipping of drives."""

    rate: float = 0.1
    ratios: tuple[float, float, float, float] = (1.0, 0.01, 1.0, 1.0)
    decay: float = 1e-4
    clip: float = 0.0

    def training(self) -> Any:
        """Make the settings of the optimiser."""
        from biocredit.circuits.dual_stream.pathways.self_assembling import PerKind, PerKindTraining

        return PerKindTraining(PerKind(*self.ratios).scaled(self.rate), PerKind.same(self.decay), clip=self.clip)


@dataclass(frozen=True, kw_only=True)
class TangleOnImages(Configuration):
    """A tangle of connections between two streams assembles itself while it classifies images."""

    task: Images = Images("mnist")  # noqa: RUF009  (frozen)
    circuit: Tangle = Tangle()
    steps: Steps = Steps()
    record: Recording = Recording()  # noqa: RUF009  (frozen)
    run: Run = RUN

    def build(self) -> "Protocol":
        """Build circuit, task and protocol; warn about settings that are known to do nothing or to go wrong."""
        import warnings

        from biocredit.circuits.dual_stream.pathways.self_assembling import advice
        from biocredit.protocols.training.divergence import Divergence

        training, levels = self.steps.training(), range(1, len(self.circuit.hidden) + 1)
        net, task = network(self, self.circuit.stream())
        for line in advice(net, training):
            warnings.warn(line, stacklevel=2)
        signals = tuple(f"up.rate{level}.current" for level in levels)
        records = [*self.record.records(signals), *(misalignment(level) for level in levels)]
        limit = Divergence(LARGEST_LOSS, training.remedy())
        return protocol(self, net, task, training.optimizer(), records, divergence=limit)


@dataclass(frozen=True)
class Layers:
    """The same ascending stream with another descending one, by name.

    Parameters
    ----------
    hidden
        Units of the hidden layers; none for a linear read-out.
    descending
        ``"transposed"`` (back-propagation, SGD), ``"random"`` (FA), ``"kolen_pollack"``, ``"weight_mirror"``.
    ascending_sd
        As in :class:`Tangle`.
    """

    hidden: tuple[int, ...] = (200, 200, 200)
    descending: str = "transposed"
    ascending_sd: float = 1.0


@dataclass(frozen=True)
class Descent:
    """Learning rate and decay inside the rate."""

    rate: float = 0.1
    decay: float = 1e-4


@dataclass(frozen=True, kw_only=True)
class LayersOnImages(Configuration):
    """A rule to compare with, on the same network without biases."""

    task: Images = Images("mnist")  # noqa: RUF009  (frozen)
    circuit: Layers = Layers()
    steps: Descent = Descent()
    record: Recording = Recording()  # noqa: RUF009  (frozen)
    run: Run = RUN

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits.dual_stream.schedules import momentum_sgd

        net, task = network(self, self.circuit.descending)
        signals = tuple(f"down.rate{level}.rate" for level in range(1, len(self.circuit.hidden) + 1))
        optimizer = momentum_sgd(self.steps.rate, 0.0, self.steps.decay)
        return protocol(self, net, task, optimizer, self.record.records(signals))


def network(configuration: Any, descending: Any) -> tuple[Any, Any]:
    """Build the network without biases, and its task."""
    from biocredit.circuits import DualStream
    from biocredit.circuits.core.initializers import Gaussian

    task, circuit = configuration.task.load(), configuration.circuit
    (inputs,), (classes,) = task.inputs.values(), task.readouts.values()
    start, sizes = Gaussian(circuit.ascending_sd), (inputs, *circuit.hidden, classes)
    return DualStream.mlp(sizes, descending, bias=False, initializer=start, seed=configuration.run.seed), task


def protocol(configuration: Any, net: Any, task: Any, optimizer: Any, records: list, **settings: Any) -> "Protocol":
    """Let a network learn as configured; ``settings`` as in :class:`biocredit.protocols.TwoPhase`."""
    from biocredit.protocols import TwoPhase

    run = configuration.run
    return TwoPhase(
        net,
        task,
        optimizer=optimizer,
        seeds=run.seeds,
        batch_size=min(run.batch_size, task.n_train),
        shuffle=run.shuffle,
        records=records,
        probe_trials=configuration.record.trials,
        measures=(effective_ranks(len(configuration.circuit.hidden) + 1),),
        **settings,
    )


def misalignment(level: int) -> Any:
    """Record the distance of V from its transposed partner at a level."""
    from biocredit.protocols.recording.record import Record

    v, vbar = f"down.rate{level}.V", f"down.rate{level}.Vbar"

    def distance(signals: Mapping) -> Any:
        import jax.numpy as jnp

        return jnp.linalg.norm(signals[v] - signals[vbar].T)

    return Record(of=distance, name=f"misalignment.rate{level}")


def effective_ranks(layers: int) -> "Measure":
    """Measure the effective rank (Roy and Vetterli 2007) of the ascending weights, and of W W^T, before and after."""
    import numpy as np
    from biocredit.analysis.metrics.representation import effective_rank, effective_rank_of_gram
    from biocredit.protocols.recording.measures.measure import Measure

    names = [f"up.layer{layer}.W" for layer in range(1, layers + 1)]
    ranks = {"effective_rank": effective_rank, "effective_rank_of_gram": effective_rank_of_gram}

    def of(run: "Protocol") -> dict[str, np.ndarray]:
        drawn = [run.circuit.initial(seed) for seed in run.seeds]
        weights = {
            "before": {name: np.stack([tree[name] for tree in drawn]) for name in names},
            "after": {name: np.asarray(run.tree[name], np.float64) for name in names},
        }
        return {
            f"{rank}.{moment}": np.array([[measure(w) for w in trees[name]] for name in names]).T
            for rank, measure in ranks.items()
            for moment, trees in weights.items()
        }

    axis = (np.arange(1.0, layers + 1), "1", "ascending layer, from the bottom up")
    return Measure(of, {"layer": axis}, "effective rank of ascending weights")
