"""What an experimenter sets of the two phases, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from biocredit.circuits.core.errors import nearest, require
from biocredit.circuits.modular.wiring import Wiring, owner

#: Error representations: does the learning phase start again from rest?
ERRORS = {"short_trajectory": True, "end_point": False}

#: Settings of the phases, with their defaults.
PHASE_SETTINGS: Mapping[str, Any] = {
    "error": "short_trajectory",
    "iterations": (8, 8),
    "error_strength": 1.0,
    "feedforward_gain": 1.0,
    "feedback_gain": 1.0,
    "mode": None,
}


@dataclass(frozen=True)
class AdjointPhases:
    """Settings of the inference phase and of the learning phase.

    Parameters
    ----------
    error
        ``"short_trajectory"``: the learning phase runs again from rest, and the error is the distance of the two
        trajectories. ``"end_point"``: it goes on from the settled state.
    iterations
        Iterations T1 and T2 of a region in each phase.
    error_strength
        Factor beta of every error current.
    feedforward_gain, feedback_gain
        Constant gains of projections into regions, and of error projections between regions.
    mode
        Mode of the wiring; all projections are on by default.
    precision
        How the recurrent products are computed, a name in :data:`biocredit.circuits.core.precision.MATMUL_PRECISIONS`.
    """

    error: str = "short_trajectory"
    iterations: tuple[int, int] = (8, 8)
    error_strength: float = 1.0
    feedforward_gain: float = 1.0
    feedback_gain: float = 1.0
    mode: str | None = None
    precision: str = "float32"

    def __post_init__(self) -> None:
        require(self.error in ERRORS, f"unknown error {self.error!r}: {nearest(self.error, ERRORS)}")
        require(min(self.iterations) >= 1, f"iterations must be at least 1, got {tuple(self.iterations)}")
        require(self.error_strength != 0, "error_strength 0 sends no error: hidden weights would not learn")

    @property
    def from_rest(self) -> bool:
        """Whether the learning phase starts from rest."""
        return ERRORS[self.error]

    def suit(self, wiring: Wiring) -> "AdjointPhases":
        """Return the phases if this wiring can learn with them.

        Raises
        ------
        CircuitError
            If one iteration leaves every error on its receivers, or cells that spike would have to go on from a rate.
        """
        spiking = any(region.spiking is not None for region in wiring.regions.values())
        fresh = "regions whose cells spike begin every phase at rest: take error='short_trajectory'"
        require(self.from_rest or not spiking, fresh)
        fewest = min(self.iterations) if self.from_rest else self.iterations[1]
        stuck = fewest == 1 and disjoint(wiring)
        require(not stuck, "one iteration leaves the error on its receivers when blocks are disjoint: take 2 or more")
        return self


def disjoint(wiring: Wiring) -> bool:
    """Whether no neuron both receives and sends inference, in any region."""
    ends = wiring.active(None, error=False)
    receivers = {(owner(p.post), n) for p in ends if owner(p.post) in wiring.regions for n in _neurons(wiring, p.post)}
    senders = {(owner(p.pre), n) for p in ends if owner(p.pre) in wiring.regions for n in _neurons(wiring, p.pre)}
    return not receivers & senders


def _neurons(wiring: Wiring, end: str) -> list[int]:
    return wiring.block(end).neurons.tolist()
