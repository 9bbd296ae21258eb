"""Settings of protocols: what happens in a trial. A part of this kind has ``make(net, task, **common)``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from biocredit.protocols.interventions import Intervention
    from biocredit.protocols.training.protocol import Protocol


@dataclass(frozen=True)
class TwoPhase:
    """Inference, then learning: :class:`biocredit.protocols.TwoPhase`, with the circuit's own settings.

    Parameters
    ----------
    frozen
        Names of weights that do not learn.
    """

    frozen: tuple[str, ...] = ()

    def make(self, net: Any, task: Any, **common: Any) -> "Protocol":
        """Make the protocol."""
        from biocredit.protocols import TwoPhase

        settings = self.arguments()
        return TwoPhase(net, task, interventions=still(settings.pop("frozen")), **settings, **common)

    def arguments(self) -> dict[str, Any]:
        """Return settings of the phases."""
        return asdict(self)


@dataclass(frozen=True)
class AdjointPhases(TwoPhase):
    """The two phases of Adjoint Propagation, see :class:`biocredit.circuits.modular.phases.Phases`."""

    error: Literal["short_trajectory", "end_point"] = "short_trajectory"
    iterations: tuple[int, int] = (8, 8)
    error_strength: float = 1.0


@dataclass(frozen=True)
class SharedPhases(AdjointPhases):
    """The same where two tasks share regions.

    Parameters
    ----------
    activity
        ``"ongoing"``: both tasks in every trial. ``"alternating"``: in every epoch first all of task 2, then of task 1.
    """

    error: Literal["short_trajectory", "end_point"] = "end_point"
    activity: Literal["ongoing", "alternating"] = "ongoing"

    def arguments(self) -> dict[str, Any]:
        """Return settings of the phases, and the passes of an epoch."""
        passes: Mapping[str, tuple] = {"ongoing": ({},), "alternating": ({"mode": "task2"}, {"mode": "task1"})}
        settings = asdict(self)
        activity = settings.pop("activity")
        return {**settings, "alternate": passes[activity]}


@dataclass(frozen=True)
class Relaxation(TwoPhase):
    """Phases of equilibrium propagation: steps of both, strength of the nudge, and how the two are compared."""

    iterations: tuple[int, int] = (30, 10)
    beta: float = 0.5
    estimator: Literal["one_sided", "random_sign", "symmetric"] = "symmetric"


@dataclass(frozen=True)
class Online:
    """Plasticity while time runs: :class:`biocredit.protocols.Online`.

    Parameters
    ----------
    update_every
        Steps from one change of weights to the next, or ``"trial"``.
    frozen
        Names of weights that do not learn.
    """

    update_every: int | Literal["trial"] = "trial"
    frozen: tuple[str, ...] = ()

    def make(self, net: Any, task: Any, **common: Any) -> "Protocol":
        """Make the protocol."""
        from biocredit.protocols import Online

        return Online(net, task, update_every=self.update_every, interventions=still(self.frozen), **common)


def still(frozen: tuple[str, ...]) -> "list[Intervention]":
    """Return what keeps these weights from learning."""
    from biocredit.protocols.interventions import freeze_plasticity

    return [freeze_plasticity(name) for name in frozen]
