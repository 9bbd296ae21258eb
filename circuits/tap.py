"""Taps: the one place where a signal can be watched or changed.

Every pure function of this package passes each *named* signal through a tap at the moment it is computed or
used. An electrode is a tap that notes the value; a lesion is a tap that returns another value. Names are plain
strings, decided while JAX traces, so a tap that leaves a signal alone costs nothing in the compiled program.

A *passive* tap never changes anything. Loops over time hand their signals only to :func:`active` taps; what is
to be recorded leaves the loop as an output and is tapped outside.
"""

from collections.abc import Callable

import jax

Tap = Callable[[str, str, jax.Array], jax.Array]
"""``tap(name, phase, value) -> value``: signal name, phase of the trial, the signal itself."""


def untouched(name: str, phase: str, value: jax.Array) -> jax.Array:
    """Return the signal as it is (the default tap)."""
    return value


untouched.passive = True


def is_passive(tap: Tap) -> bool:
    """Whether the tap only watches."""
    return getattr(tap, "passive", False)


def chain(*taps: Tap) -> Tap:
    """Apply several taps one after the other, the first one first."""
    members = [part for tap in taps if tap is not untouched for part in getattr(tap, "members", [tap])]
    if len(members) <= 1:
        return members[0] if members else untouched

    def chained(name: str, phase: str, value: jax.Array) -> jax.Array:
        for member in members:
            value = member(name, phase, value)
        return value

    chained.members = members
    chained.passive = all(map(is_passive, members))
    return chained


def active(tap: Tap) -> Tap:
    """Keep only the taps that may change a signal: the ones that a loop over time must call."""
    return chain(*(member for member in getattr(tap, "members", [tap]) if not is_passive(member)))


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
