"""Settings of spiking networks; a part of this kind is one of :mod:`biocredit.protocols.experiments.settings.circuits`.

Times are in ms, rates in Hz.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from biocredit.circuits.core.errors import require
from biocredit.protocols.experiments.settings.circuits import Chain, Parts

if TYPE_CHECKING:
    from biocredit.circuits import LIF, Circuit, FiringRate
    from biocredit.protocols.tasks.task import Task


@dataclass(frozen=True)
class SpikingNetwork(Parts):
    """Leaky integrate-and-fire cells, some of which adapt, see :class:`biocredit.circuits.SpikingRNN`.

    Parameters
    ----------
    neurons
        Number of cells.
    adaptive
        Fraction of them with an adaptive threshold.
    inhibitory
        Fraction of inhibitory cells, none of which adapts; with 0 the signs of weights are free.
    tau, threshold, refractory, refractory_counts
        Of the membrane, see :class:`biocredit.circuits.LIF`.
    tau_adaptation, beta
        Of the adaptive threshold, see :class:`biocredit.circuits.ALIF`.
    gains
        Of current and adaptation: ``"leak"`` or ``"unit"``.
    tau_out
        Of the readout's filter.
    initial, density
        Distribution of the weights, fraction of all synapses that exist.
    feedback
        Weights of the learning signal, by default what the rule says.
    mu_fraction
        Mean gain of ModProp as a fraction of the mean pseudo-derivative.
    target_rate, rate_strength, rate_kind
        Firing-rate regularisation, see :class:`biocredit.circuits.FiringRate`; none with strength 0.
    """

    takes = "rule"

    neurons: int = 100
    adaptive: float = 0.0
    inhibitory: float = 0.0
    tau: float = 20.0
    threshold: float = 1.0
    refractory: float = 0.0
    refractory_counts: Literal["after", "with_spike"] = "with_spike"
    tau_adaptation: float = 2000.0
    beta: float = 1.8
    gains: Literal["leak", "unit"] = "leak"
    tau_out: float = 20.0
    initial: Literal["bellec_2020", "bellec_2020_choice", "balanced", "liu_2022", "gaussian"] = "bellec_2020"
    density: float = 1.0
    feedback: Literal["symmetric", "random", "adaptive"] | None = None
    mu_fraction: float = 0.25
    target_rate: float = 10.0
    rate_strength: float = 0.0
    rate_kind: Literal["half", "simple", "online"] = "simple"

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import SpikingRNN

        require(task.steps is not None, f"a spiking network needs a task with time, and {task.name!r} has none")
        counts = self.counts()
        same = {"tau_out": self.tau_out, "initial": self.initial, "feedback": self.feedback}
        same |= {"density": self.density, "density_in": self.density, "density_out": self.density}
        same |= {"mu_fraction": self.mu_fraction, "rates": self._rates(), "seed": seed}
        cells = {name: self._cell(adapts=name.endswith("A")) for name in counts}
        signs = None if self.inhibitory else dict.fromkeys(counts, 0)
        return SpikingRNN.for_task(task, counts, rule=credit or "eprop", cells=cells, signs=signs, **same)

    def counts(self) -> dict[str, int]:
        """Count inhibitory cells (I), others that do not adapt (E) and adaptive ones (EA), where there are any."""
        least = self.adaptive >= 0 <= self.inhibitory and self.adaptive + self.inhibitory <= 1
        require(least, f"adaptive + inhibitory cells must be 0 to 1, got {self.adaptive:g} + {self.inhibitory:g}")
        inhibitory, adaptive = round(self.inhibitory * self.neurons), round(self.adaptive * self.neurons)
        counts = {"I": inhibitory, "E": self.neurons - inhibitory - adaptive, "EA": adaptive}
        return {name: count for name, count in counts.items() if count}

    def _cell(self, *, adapts: bool) -> "LIF":
        from biocredit.circuits import ALIF, LIF

        names = ("tau", "threshold", "refractory", "refractory_counts")
        membrane = {name: getattr(self, name) for name in names} | {"current_gain": self.gains}
        if not adapts:
            return LIF(**membrane)
        return ALIF(**membrane, tau_adaptation=self.tau_adaptation, beta=self.beta, adaptation_gain=self.gains)

    def _rates(self) -> "FiringRate | None":
        from biocredit.circuits import FiringRate

        strength = self.rate_strength
        return FiringRate(strength, self.target_rate / 1000, self.rate_kind) if strength else None

    def widest(self, task: "Task") -> int:
        """Count the recurrent weights."""
        return self.neurons**2


@dataclass(frozen=True)
class SpikingChain(Chain):
    """A chain of regions whose cells spike, see :class:`biocredit.circuits.modular.FilteredSpikes`.

    Parameters
    ----------
    tau, threshold
        Of the membrane.
    tau_synapse
        Of the filter of spikes, whose output takes the place of a rate.
    background
        Constant current of every cell, in thresholds.
    gain_forward
        Gain of the inference weights.
    """

    tau: float = 10.0
    threshold: float = 0.1
    tau_synapse: float = 30.0
    background: float = 2.0
    gain_forward: float = 4.0

    def make(self, task: "Task", credit: Any, seed: int) -> "Circuit":
        """Build the circuit."""
        from biocredit.circuits import LIF, ModularRNN
        from biocredit.circuits.modular import FilteredSpikes

        spiking = FilteredSpikes(LIF(tau=self.tau, threshold=self.threshold), self.tau_synapse, self.background)
        same = {name: getattr(self, name) for name in ("regions", "neurons", "layout_code", "connection_rate")}
        same |= {name: getattr(self, name) for name in ("spectral_radius", "gain_forward", "matmul_precision")}
        return ModularRNN.chain(task, seed=seed, spiking=spiking, **same)
