"""Probes: the one place where a signal can be watched or changed.

Every pure function of this package passes each *named* signal through a probe at the moment it is computed or
used. An electrode is a probe that notes the value; a lesion is a probe that returns another value. Names are plain
strings, decided while JAX traces, so a probe that leaves a signal alone costs nothing in the compiled program.

A *passive* probe never changes anything. Loops over time hand their signals only to :func:`active` probes; what is
to be recorded leaves the loop as an output and is probed outside.

A *timed* probe acts differently at different steps of a trial. Circuits whose trials have time bind it to the steps of
the signals at hand (:func:`at`); what does not vary by itself (a projection, a receptor) then has a :func:`gain`, its
time course. Probes that are not timed come back from :func:`at` as they are.
"""

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Probe = Callable[[str, str, jax.Array], jax.Array]
"""``probe(name, phase, value) -> value``: signal name, phase of the trial, the signal itself."""


def untouched(name: str, phase: str, value: jax.Array) -> jax.Array:
    """Return the signal as it is (the default probe)."""
    return value


untouched.passive = True


def is_passive(probe: Probe) -> bool:
    """Whether the probe only watches."""
    return getattr(probe, "passive", False)


def chain(*probes: Probe) -> Probe:
    """Apply several probes one after the other, the first one first."""
    parts = [part for probe in probes if probe is not untouched for part in members(probe)]
    if len(parts) <= 1:
        return parts[0] if parts else untouched

    def chained(name: str, phase: str, value: jax.Array) -> jax.Array:
        for part in parts:
            value = part(name, phase, value)
        return value

    chained.members = parts
    chained.passive = all(map(is_passive, parts))
    return chained


def members(probe: Probe) -> list[Probe]:
    """List the probes of a chain; a probe alone is a chain of one."""
    return getattr(probe, "members", [probe])


def active(probe: Probe) -> Probe:
    """Keep only the probes that may change a signal: the ones that a loop over time must call."""
    return chain(*(member for member in members(probe) if not is_passive(member)))


class AtSteps:
    """A timed probe bound to the steps of the signals at hand.

    Parameters
    ----------
    probe
        A probe, or a chain, of which some members have ``at(steps) -> probe`` and
        ``gain(name, phase, steps, dtype) -> array or None``.
    steps
        Numbers of the steps along the leading axis of every signal, or the number of one step inside a loop.
    """

    def __init__(self, probe: Probe, steps: Any):
        self.still, self.steps = probe, steps
        self.members = [part.at(steps) if hasattr(part, "at") else part for part in members(probe)]

    def __call__(self, name: str, phase: str, value: jax.Array) -> jax.Array:
        """Hand a signal through all members."""
        for part in self.members:
            value = part(name, phase, value)
        return value

    def gains(self, name: str, phase: str, dtype: Any) -> Iterator[jax.Array]:
        """Yield the time courses that members give to what does not vary by itself."""
        for part in members(self.still):
            found = part.gain(name, phase, self.steps, dtype) if hasattr(part, "gain") else None
            if found is not None:
                yield found


def at(probe: Probe, steps: Any) -> Probe:
    """Bind a timed probe to steps, counted from the start of the stretch that a circuit was asked to run."""
    probe = still(probe)
    return AtSteps(probe, steps) if any(hasattr(part, "at") for part in members(probe)) else probe


def still(probe: Probe) -> Probe:
    """Return the probe for what does not vary by itself."""
    return getattr(probe, "still", probe)


def from_before(probe: Probe, steps: int) -> Probe:
    """Bind a probe to signals that begin so many steps earlier."""
    if not isinstance(probe, AtSteps):
        return probe
    return at(probe, np.concatenate([probe.steps[0] - np.arange(steps, 0, -1), probe.steps]))


def gain(probe: Probe, name: str, phase: str, dtype: Any) -> jax.Array | None:
    """Time course ``[time]`` by which a projection or a receptor is multiplied; ``None`` where it is constant."""
    found = list(probe.gains(name, phase, dtype)) if isinstance(probe, AtSteps) else []
    return reduce(jnp.multiply, found) if found else None


def varies(probe: Probe, name: str, phase: str, dtype: Any) -> bool:
    """Whether an intervention gives a projection a time course here; one that counts passages (``counts``) does not."""
    parts = members(probe.still) if isinstance(probe, AtSteps) and np.ndim(probe.steps) else []
    acting = [part for part in parts if hasattr(part, "gain") and not hasattr(part, "counts")]
    return any(part.gain(name, phase, probe.steps, dtype) is not None for part in acting)


def gated(probe: Probe, name: str, phase: str, values: jax.Array) -> jax.Array:
    """Scale what enters a projection, ``[time, ...]``, by the time course of its gain."""
    course = gain(probe, name, phase, values.dtype)
    return values if course is None else values * along_time(course, values.ndim)


def along_time(values: jax.Array, ndim: int) -> jax.Array:
    """Give a time course further axes of length one; a single value stays as it is."""
    return values.reshape(-1, *(1,) * (ndim - 1)) if values.ndim else values


class Electrode:
    """Note the value of chosen signals while a pure function runs.

    Parameters
    ----------
    wanted
        Decides by ``(name, phase)`` which signals are kept; all by default.

    Attributes
    ----------
    readings
        ``{(name, phase): value}``, in the order in which the signals appeared. Under ``jax.jit`` the values
        are tracers: return ``readings`` from the traced function to get arrays.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> electrode = Electrode(lambda name, phase: name == "V1.rate")
    >>> _ = electrode("V1.rate", "inference", jnp.zeros(3))
    >>> list(electrode.readings)
    [('V1.rate', 'inference')]
    """

    passive = True

    def __init__(self, wanted: Callable[[str, str], bool] | None = None):
        self.wanted = wanted or (lambda name, phase: True)
        self.readings: dict[tuple[str, str], jax.Array] = {}

    def __call__(self, name: str, phase: str, value: jax.Array) -> jax.Array:
        """Note the value if it is wanted and hand it on unchanged."""
        if self.wanted(name, phase):
            self.readings[name, phase] = value
        return value
