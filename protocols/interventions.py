"""Interventions: silence, lesion, freeze, scale, add noise; where, when and how much.

An intervention names its target as the circuit names it: a population or block (``"V1"``, ``"V1.SI"``) for activity,
a weight array (``"V2.SE~>V1.RE"``, ``"V1.W_rec"``) for projections. It acts from the update ``start`` on (counted from
0) until just before ``stop``, in every phase of a trial or in one. Wild cards (``"*~>*"``) name several at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from circuits import tap as taps
from circuits.circuit import Circuit
from circuits.errors import CircuitError, nearest


@dataclass(frozen=True)
class Window:
    """When an intervention acts.

    Parameters
    ----------
    start, stop
        First update with the intervention, and first update without it again (never by default).
    phase
        Name of the phase of a trial; all by default.
    """

    start: int = 0
    stop: int | None = None
    phase: str | None = None

    def on(self, update: jax.Array) -> jax.Array:
        """Whether the intervention is on at this update."""
        after = update >= self.start
        return after if self.stop is None else after & (update < self.stop)


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
        return [name for name in (*circuit.synapses, *circuit.signals()) if self.matches(name)]

    def describe(self) -> str:
        """Say in words what is done, for the trace."""
        window = self.window
        until = "" if window.stop is None else f" until update {window.stop}"
        during = "" if window.phase is None else f", in the {window.phase} phase"
        return f"{type(self).__name__.lower()} {self.target} from update {window.start}{until}{during}"

    def change(self, value: jax.Array, key: jax.Array) -> jax.Array:
        """Return the changed signal."""
        return value


@dataclass(frozen=True)
class Scale(Intervention):
    """Multiply the weights of a projection by a factor wherever they are used."""

    factor: float = 1.0

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


@dataclass(frozen=True)
class Silence(Intervention):
    """Keep the neurons of a population or block (``"V1"``, ``"V1.SI"``) from firing."""

    def names(self, circuit: Circuit) -> list[str]:
        """List the populations and blocks."""
        return [name for name in parts(circuit) if self.matches(name)]


@dataclass(frozen=True)
class AddNoise(Intervention):
    """Add Gaussian noise of this standard deviation to the rates of a population or block, at every update anew."""

    sd: float = 0.0

    def names(self, circuit: Circuit) -> list[str]:
        """List the populations and blocks."""
        return [name for name in parts(circuit) if self.matches(name)]


def parts(circuit: Circuit) -> dict[str, tuple[str, np.ndarray]]:
    """Return every population and block by name: population and neuron numbers."""
    found = {}
    for population in circuit.populations():
        found[population.name] = (population.name, np.arange(population.size))
        for block, neurons in population.blocks.items():
            found[f"{population.name}.{block}"] = (population.name, np.asarray(neurons))
    return found


def check(interventions: Iterable[Intervention], circuit: Circuit) -> None:
    """Refuse an intervention that acts on nothing in this circuit.

    Raises
    ------
    CircuitError
        With the nearest valid name.
    """
    for intervention in interventions:
        if not intervention.names(circuit):
            known = [*circuit.synapses, *circuit.signals(), *parts(circuit)]
            raise CircuitError(f"nothing to {intervention.describe()}: {nearest(intervention.target, known)}")


def tap(interventions: Iterable[Intervention], circuit: Circuit, update: jax.Array, key: jax.Array) -> taps.Tap:
    """Return the tap that does these interventions at one update."""
    acting = [one for one in interventions if not isinstance(one, Freeze)]
    if not acting:
        return taps.untouched
    where = parts(circuit)

    def intervene(name: str, phase: str, value: jax.Array) -> jax.Array:
        for number, one in enumerate(acting):
            if one.window.phase in (None, phase):
                changed = _changed(one, name, value, where, jax.random.fold_in(key, number))
                value = value if changed is None else jnp.where(one.window.on(update), changed, value)
        return value

    return intervene


def _changed(one: Intervention, name: str, value: jax.Array, where: Mapping[str, Any], key: jax.Array) -> Any:
    """Return the changed signal, or None where the intervention is about something else."""
    if not isinstance(one, Silence | AddNoise):
        return one.change(value, key) if one.matches(name) else None
    population, _, variable = name.rpartition(".")
    if variable != "rate":
        return None
    hit = [neurons for part, (owner, neurons) in where.items() if owner == population and one.matches(part)]
    if not hit:
        return None
    neurons = np.unique(np.concatenate(hit))
    if isinstance(one, Silence):
        return value.at[..., neurons].set(0)
    noise = one.sd * jax.random.normal(key, (*value.shape[:-1], len(neurons)), value.dtype)
    return value.at[..., neurons].add(noise)


def freeze(
    interventions: Iterable[Intervention], update: jax.Array, steps: dict[str, jax.Array]
) -> dict[str, jax.Array]:
    """Cancel the steps of frozen weights at one update."""
    for one in interventions:
        if isinstance(one, Freeze):
            hit = {name: step for name, step in steps.items() if one.matches(name)}
            steps = steps | {name: jnp.where(one.window.on(update), 0, step) for name, step in hit.items()}
    return steps


def silence(target: str, *, start: int = 0, stop: int | None = None, phase: str | None = None) -> Silence:
    """Silence a population or block, see :class:`Silence`."""
    return Silence(target, Window(start, stop, phase))


def lesion(target: str, *, start: int = 0, stop: int | None = None, phase: str | None = None) -> Lesion:
    """Cut a projection, see :class:`Lesion`."""
    return Lesion(target, Window(start, stop, phase))


def freeze_plasticity(target: str, *, start: int = 0, stop: int | None = None) -> Freeze:
    """Stop the plasticity of a projection, see :class:`Freeze`."""
    return Freeze(target, Window(start, stop))


def scale(target: str, factor: float, *, start: int = 0, stop: int | None = None, phase: str | None = None) -> Scale:
    """Scale a projection, see :class:`Scale`."""
    return Scale(target, Window(start, stop, phase), factor)


def add_noise(target: str, sd: float, *, start: int = 0, stop: int | None = None, phase: str | None = None) -> AddNoise:
    """Add noise to rates, see :class:`AddNoise`."""
    return AddNoise(target, Window(start, stop, phase), sd)
