"""Settings of protocols: what happens in a trial. A part of this kind has ``make(net, task, **common)``."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from biocredit.circuits.core.errors import require

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
        done = still(settings.pop("frozen"), common)
        return TwoPhase(net, task, interventions=done, **settings, **common)

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

        done = still(self.frozen, common)
        return Online(net, task, update_every=self.update_every, interventions=done, **common)


def still(frozen: tuple[str, ...], common: dict[str, Any]) -> "list[Intervention]":
    """Return what keeps these weights from learning, and the interventions among the other arguments of a protocol."""
    from biocredit.protocols.interventions import freeze_plasticity

    return [*(freeze_plasticity(name) for name in frozen), *common.pop("interventions", ())]


@dataclass(frozen=True)
class FeedbackCut:
    """Another protocol in which feedback synapses and modulators transmit nothing more after some epochs.

    Parameters
    ----------
    protocol
        Settings of that protocol.
    epochs
        With feedback.
    """

    protocol: Any = TwoPhase()
    epochs: int = 1

    def make(self, net: Any, task: Any, **common: Any) -> "Protocol":
        """Make the protocol.

        Raises
        ------
        CircuitError
            If the circuit has no feedback of its own: errors come back by the forward synapses.
        """
        from biocredit.protocols.interventions import lesion

        start = self.epochs * (task.n_train // common["batch_size"])
        settings = getattr(self.protocol, "arguments", dict)()
        cuts = [lesion(name, start=start) for name in feedback_of(net, task, settings)]
        require(bool(cuts), f"{type(net).__name__} has no feedback apart from forward synapses: nothing to cut")
        return self.protocol.make(net, task, interventions=cuts, **common)


@dataclass(frozen=True)
class DelayedFeedback:
    """Another protocol in which modulators arrive ``by`` ms later."""

    protocol: Any = Online()
    by: float = 10.0

    def make(self, net: Any, task: Any, **common: Any) -> "Protocol":
        """Make the protocol.

        Raises
        ------
        CircuitError
            If the circuit has no modulators: its credit does not travel.
        """
        from biocredit.protocols.interventions import delay

        late = [delay(name, self.by) for name in net.signals() if name.startswith("modulator.")]
        require(bool(late), f"{type(net).__name__} has no modulators that could be late under this rule")
        return self.protocol.make(net, task, interventions=late, **common)


def feedback_of(net: Any, task: Any, settings: Mapping[str, Any]) -> list[str]:
    """Name the feedback synapses, and the modulators, on which learning in a circuit really depends."""
    import jax
    import jax.numpy as jnp

    trials = jnp.zeros(2, jnp.int32)
    batch = jax.eval_shape(lambda arrays: task.draw(arrays, trials, jax.random.key(0)), task.arrays)
    named = [name for name, entry in net.synapses.items() if entry.kind.endswith("feedback")]
    named += [*net.derived(), *(name for name in net.signals() if name.startswith("modulator."))]
    settings = {name: value for name, value in settings.items() if name in net.phase_settings}
    return [name for name in named if name in net.probed(batch, **settings)]
