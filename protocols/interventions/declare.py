"""Interventions: silence, lesion, freeze, scale, delay, add noise; where, when and how much.

An intervention names its target as the circuit names it: a population, a block of it or a channel of feature maps
(``"V1"``, ``"V1.SI"``, ``"up.rate1.channel3"``) for activity, a weight array (``"V2.SE~>V1.RE"``, ``"V1.W_rec"``) for
projections, ``"modulator.E"`` and ``"receptor.E~>I"`` for chemistry. It acts from the update ``start`` on (counted from
0) until just before ``stop``, in every phase of a trial or in one, all the time or from ``after`` until just before
``before`` (in ms) of every trial. Wild cards (``"*~>*"``) name several at once. How interventions are done is said
in :mod:`biocredit.protocols.interventions.apply`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.errors import nearest, require


@dataclass(frozen=True)
class Window:
    """When an intervention acts.

    Parameters
    ----------
    start, stop
        First update with the intervention, and first update without it again (never by default).
    phase
        Name of the phase of a trial; all by default.
    after, before
        Time in the trial, in ms, at which the intervention begins and at which it has ended; the whole trial by
        default. A step acts if its time, number times ``dt``, is in between.

    Raises
    ------
    CircuitError
        If there is nothing between two of them, or a time is no time.
    """

    start: int = 0
    stop: int | None = None
    phase: str | None = None
    after: float = 0.0
    before: float | None = None

    def __post_init__(self) -> None:
        for name, update in (("start", self.start), ("stop", self.stop)):
            whole = update is None or (isinstance(update, int | np.integer) and not isinstance(update, bool))
            require(whole, f"{name} counts updates, a whole number; got {update!r}")
        require(self.start >= 0, f"updates are counted from 0, got start={self.start}")
        never = self.stop is not None and self.stop <= self.start
        require(not never, f"no update from start={self.start} until stop={self.stop}: stop must be larger")
        empty = self.before is not None and self.before <= self.after
        require(self.after >= 0 and not empty, f"no window within the trial: after {self.after}, before {self.before}")

    def overlaps(self, first: int, end: int) -> bool:
        """Whether any of the updates ``first`` .. ``end - 1`` is one with the intervention.

        Examples
        --------
        >>> Window(start=5, stop=9).overlaps(0, 5), Window(start=5, stop=9).overlaps(8, 20)
        (False, True)
        """
        return first < end and self.start < end and (self.stop is None or self.stop > first)

    @property
    def within_trial(self) -> bool:
        """Whether it is about a part of the trial only."""
        return self.after > 0 or self.before is not None

    def on(self, update: jax.Array) -> jax.Array:
        """Whether the intervention is on at this update."""
        after = update >= self.start
        return after if self.stop is None else after & (update < self.stop)

    def open(self, step: jax.Array, dt: float) -> jax.Array:
        """Whether the intervention is on at this step of a trial, of ``dt`` ms."""
        first, last = (None if time is None else int(np.ceil(time / dt - 1e-6)) for time in (self.after, self.before))
        return step >= first if last is None else (step >= first) & (step < last)

    def describe(self) -> str:
        """Say when in words."""
        until = "" if self.stop is None else f" until update {self.stop}"
        during = "" if self.phase is None else f", in the {self.phase} phase"
        end = "its end" if self.before is None else f"{self.before:g} ms"
        within = f", from {self.after:g} ms of each trial to {end}" if self.within_trial else ""
        return f"from update {self.start}{until}{during}{within}"


@dataclass(frozen=True)
class Intervention:
    """A change of one named thing.

    Parameters
    ----------
    target
        Name, wild cards allowed.
    window
        When.
    """

    target: str
    window: Window = Window()

    def matches(self, name: str) -> bool:
        """Whether it is about the signal or weight of this name."""
        return fnmatchcase(name, self.target)

    def names(self, circuit: Circuit) -> list[str]:
        """List what it acts on in a circuit."""
        known = (*circuit.synapses, *circuit.derived(), *circuit.signals())
        return [name for name in known if self.matches(name)]

    def acts(self, first: int, end: int) -> bool:
        """Whether it is on at any of the updates ``first`` .. ``end - 1``: planned, and happened."""
        return self.window.overlaps(first, end)

    def describe(self) -> str:
        """Say in words what is done, for the trace."""
        return f"{type(self).__name__.lower()} {self.target} {self.window.describe()}"

    def signals(self, circuit: Circuit) -> dict[str, str]:
        """What it acts on, by name: the signal or weight that passes a probe for it."""
        return {name: name for name in self.names(circuit)}

    def change(self, value: jax.Array, key: jax.Array) -> jax.Array:
        """Return the changed signal."""
        return value


@dataclass(frozen=True)
class Scale(Intervention):
    """Multiply the weights of a projection by a factor wherever they are used."""

    factor: float = 1.0

    def __post_init__(self) -> None:
        require(bool(np.isfinite(self.factor)), f"wanted a finite factor, got {self.factor}")

    def change(self, value: jax.Array, key: jax.Array) -> jax.Array:
        """Return the scaled weights."""
        return value * self.factor


@dataclass(frozen=True)
class Lesion(Intervention):
    """Cut a projection: it transmits nothing; plasticity goes on at the synapses."""

    def change(self, value: jax.Array, key: jax.Array) -> jax.Array:
        """Return no current at all."""
        return jnp.zeros_like(value)


@dataclass(frozen=True)
class Freeze(Intervention):
    """Stop the plasticity of a projection; transmission goes on."""

    def names(self, circuit: Circuit) -> list[str]:
        """List the plastic weights that stop."""
        return [name for name in circuit.plastic if self.matches(name)]

    def change(self, value: jax.Array, key: jax.Array) -> jax.Array:
        """Return no change of the weights at all."""
        return jnp.zeros_like(value)


@dataclass(frozen=True)
class OfRates(Intervention):
    """A change of the rates of neurons."""

    def names(self, circuit: Circuit) -> list[str]:
        """List the populations and blocks."""
        return [name for name in parts(circuit) if self.matches(name)]

    def signals(self, circuit: Circuit) -> dict[str, str]:
        """The rate that passes a probe, by name of the population or block."""
        return {name: f"{owner}.rate" for name, (owner, _) in parts(circuit).items() if self.matches(name)}


@dataclass(frozen=True)
class Silence(OfRates):
    """Keep the neurons of a population or block (``"V1"``, ``"V1.SI"``, ``"up.rate1.channel3"``) from firing."""


@dataclass(frozen=True)
class AddNoise(OfRates):
    """Add Gaussian noise of this standard deviation to the rates of a population or block, at every update anew."""

    sd: float = 0.0

    def __post_init__(self) -> None:
        require(0 < self.sd < np.inf, f"noise has a positive standard deviation, got {self.sd}")


@dataclass(frozen=True)
class Delay(Intervention):
    """Let a modulator arrive later than it is secreted; what is under way at the end of the trial is lost.

    Parameters
    ----------
    by
        Time in ms.
    """

    by: float = 0.0

    def names(self, circuit: Circuit) -> list[str]:
        """List the modulators."""
        return [name for name in circuit.signals() if name.startswith("modulator.") and self.matches(name)]

    def describe(self) -> str:
        """Say in words what is done, for the trace."""
        return f"delay {self.target} by {self.by:g} ms {self.window.describe()}"

    def steps(self, dt: float) -> int:
        """Number of steps."""
        return round(self.by / dt)


def parts(circuit: Circuit) -> dict[str, tuple[str, np.ndarray]]:
    """Return every population that fires, and its blocks, by name: population and neuron numbers."""
    found, firing = {}, circuit.firing()
    for population in (one for one in circuit.populations() if one.name in firing):
        found[population.name] = (population.name, np.arange(population.size))
        for block, neurons in population.blocks.items():
            found[f"{population.name}.{block}"] = (population.name, np.asarray(neurons))
    return found


def several(interventions: "Intervention | Iterable[Intervention]") -> tuple[Intervention, ...]:
    """Return interventions as a tuple; a lone one is a tuple of one.

    Raises
    ------
    CircuitError
        If something else is among them.

    Examples
    --------
    >>> len(several(silence("V1")))
    1
    """
    found = (interventions,) if isinstance(interventions, Intervention | str) else tuple(interventions)
    for one in found:
        made = "silence(...), lesion(...), scale(...), add_noise(...), delay(...), freeze_plasticity(...)"
        require(isinstance(one, Intervention), f"{one!r} is no intervention: wanted {made}")
    return found


def _window(allowed: Iterable[str] = ("start", "stop", "phase", "after", "before"), **when: Any) -> Window:
    """Build a window from keyword arguments; an unknown one is refused in one line."""
    allowed = tuple(allowed)
    for name in when:
        require(name in allowed, f"an intervention has no {name!r}: {nearest(name, allowed)}")
    return Window(**when)


def silence(target: str, **when: Any) -> Silence:
    """Silence a population or block, see :class:`Silence`; ``when`` as in :class:`Window`.

    Examples
    --------
    >>> silence("cells.I", start=100, after=200.0, before=400.0).describe()
    'silence cells.I from update 100, from 200 ms of each trial to 400 ms'
    """
    return Silence(target, _window(**when))


def lesion(target: str, **when: Any) -> Lesion:
    """Cut a projection, block a modulator or a receptor, see :class:`Lesion`; ``when`` as in :class:`Window`."""
    return Lesion(target, _window(**when))


def freeze_plasticity(target: str, **when: Any) -> Freeze:
    """Stop the plasticity of a projection, see :class:`Freeze`; ``start`` and ``stop`` as in :class:`Window`."""
    return Freeze(target, _window(("start", "stop"), **when))


def scale(target: str, factor: float, **when: Any) -> Scale:
    """Scale a projection, a modulator or a receptor, see :class:`Scale`; ``when`` as in :class:`Window`."""
    return Scale(target, _window(**when), factor)


def delay(target: str, by: float, **when: Any) -> Delay:
    """Let a modulator arrive ``by`` ms later, see :class:`Delay`; ``start`` and ``stop`` as in :class:`Window`."""
    return Delay(target, _window(("start", "stop"), **when), by)


def add_noise(target: str, sd: float, **when: Any) -> AddNoise:
    """Add noise to rates, see :class:`AddNoise`; ``when`` as in :class:`Window`."""
    return AddNoise(target, _window(**when), sd)
