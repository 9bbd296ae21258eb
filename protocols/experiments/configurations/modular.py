"""Configurations of modular networks that learn by Adjoint Propagation (eLife 2026, 15:e108237)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from biocredit.protocols.experiments.experiment import Configuration
from biocredit.protocols.experiments.parts import Gabor, Images, JointImages, Optimizer, Recording

if TYPE_CHECKING:
    from biocredit.protocols.recording.measures.measure import Measure
    from biocredit.protocols.training.protocol import Protocol


@dataclass(frozen=True)
class Chain:
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

    def arguments(self) -> dict[str, Any]:
        """Return arguments of ``ModularRNN.chain``."""
        from biocredit.circuits import Plasticity

        same = ("regions", "neurons", "layout_code", "activation", "connection_rate", "spectral_radius")
        others = {name: getattr(self, name) for name in (*same, "batch_divisor", "matmul_precision")}
        factor = self.recurrent_plasticity
        if self.receivers_of_error is not None:
            others["roles"] = {"RE": self.receivers_of_error}
        return others | {"plasticity": {"recurrent": Plasticity(factor) if factor is not None else None}}


@dataclass(frozen=True)
class Phases:
    """Settings of the two phases, see :class:`biocredit.circuits.modular.phases.Phases`."""

    error: Literal["short_trajectory", "end_point"] = "short_trajectory"
    iterations: tuple[int, int] = (8, 8)
    error_strength: float = 1.0

    def arguments(self) -> dict[str, Any]:
        """Return settings of the protocol."""
        return {"error": self.error, "iterations": self.iterations, "error_strength": self.error_strength}


@dataclass(frozen=True, kw_only=True)
class ChainOnImages(Configuration):
    """A chain of regions classifies images."""

    task: Images = Images()  # noqa: RUF009  (frozen)
    circuit: Chain = Chain()
    phases: Phases = Phases()
    optimizer: Optimizer = Optimizer()  # noqa: RUF009  (frozen)
    record: Recording = Recording()  # noqa: RUF009  (frozen)

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from biocredit.circuits import ModularRNN

        task = self.task.load()
        return protocol(self, ModularRNN.chain(task, seed=self.run.seed, **self.circuit.arguments()), task)

    def measures(self) -> "tuple[Measure, ...]":
        """List what is measured in the networks when they have learned."""
        return ()


@dataclass(frozen=True, kw_only=True)
class ChainOnGabors(ChainOnImages):
    """A chain of regions tells clockwise from counter-clockwise, and its psychometric curve is measured.

    Parameters
    ----------
    psychometric_range, psychometric_trials
        Largest orientation (degrees, in steps of one) and images of each.
    """

    task: Gabor = Gabor()  # noqa: RUF009  (frozen)
    psychometric_range: int = 12
    psychometric_trials: int = 100

    def measures(self) -> "tuple[Measure, ...]":
        """Measure the psychometric curve."""
        from biocredit.protocols.recording.measures.measure import psychometric_curve

        return (psychometric_curve(self.psychometric_range, self.psychometric_trials),)


@dataclass(frozen=True)
class Shared:
    """Four regions that two tasks share, see :func:`biocredit.circuits.modular.presets.resource_reuse`."""

    path: Literal["B", "C"] = "B"
    neurons: int = 1536
    connection_rate: float = 0.25
    spectral_radius: float = 0.25
    matmul_precision: Literal["float32", "tensorfloat32", "bfloat16"] = "float32"


@dataclass(frozen=True, kw_only=True)
class ReuseOnImages(Configuration):
    """Two image tasks at once in one graph of regions.

    Parameters
    ----------
    activity
        ``"ongoing"``: both tasks in every trial. ``"alternating"``: in every epoch first all of task 2, then of task 1.
    """

    task: JointImages = JointImages()  # noqa: RUF009  (frozen)
    circuit: Shared = Shared()
    activity: Literal["ongoing", "alternating"] = "ongoing"
    phases: Phases = Phases("end_point")
    optimizer: Optimizer = Optimizer()  # noqa: RUF009  (frozen)
    record: Recording = Recording()  # noqa: RUF009  (frozen)

    def build(self) -> "Protocol":
        """Build circuit, task and protocol."""
        from dataclasses import asdict

        from biocredit.circuits import ModularRNN

        task = self.task.load()
        net = ModularRNN.resource_reuse(task, seed=self.run.seed, **asdict(self.circuit))
        passes: Mapping[str, tuple] = {"ongoing": ({},), "alternating": ({"mode": "task2"}, {"mode": "task1"})}
        return protocol(self, net, task, alternate=passes[self.activity])

    def measures(self) -> "tuple[Measure, ...]":
        """Nothing more is measured."""
        return ()


def protocol(configuration: Any, net: Any, task: Any, **others: Any) -> "Protocol":
    """Let a modular network learn as configured."""
    from biocredit.protocols import TwoPhase

    run, record = configuration.run, configuration.record
    alternating = "alternate" in others and len(others["alternate"]) > 1
    errors = () if alternating else tuple(f"{name}.error" for name in net.wiring.regions)
    return TwoPhase(
        net,
        task,
        optimizer=configuration.optimizer.make(),
        seeds=run.seeds,
        batch_size=min(run.batch_size, task.n_train),
        shuffle=run.shuffle,
        records=record.records(errors),
        probe_trials=record.trials,
        measures=configuration.measures(),
        **configuration.phases.arguments(),
        **others,
    )
