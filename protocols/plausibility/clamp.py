"""The clamp: a probe through which every named signal can be held at a given value, or left alone.

One program does both: of every signal it returns what came in, and hands on either that or a given value, by a switch
that is an argument of the program. With the values of a free run, the clamped run is therefore the free run bit for
bit; with one value disturbed, whatever moves depends on it directly, for all indirect ways are cut.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jax.extend import core


class Source(NamedTuple):
    """Something that a change of a synapse may depend on.

    Attributes
    ----------
    kind
        ``"signal"``, ``"weight"`` (an array as it acts in a phase), ``"array"`` (an array of the tree itself),
        ``"input"``, ``"target"`` or ``"chance"``.
    name
        As the circuit names it.
    phase
        In which it passes a probe; empty for what passes none.
    turn
        Which of several passages of that name and phase, from 0.
    """

    kind: str
    name: str
    phase: str = ""
    turn: int = 0


class Numbered:
    """A probe that counts passages: the same signal may pass several times in a phase."""

    def __init__(self, weights: frozenset[str]):
        self._weights, self._turns = weights, Counter()

    def source(self, name: str, phase: str) -> Source:
        """Return who this passage is."""
        kind = "weight" if name in self._weights else "signal"
        turn = self._turns[name, phase]
        self._turns[name, phase] += 1
        return Source(kind, name, phase, turn)


class Roll(Numbered):
    """Note all passages; label their values, to see which of them lie outside of loops."""

    def __init__(self, weights: frozenset[str]):
        super().__init__(weights)
        self.called: list[Source] = []

    def __call__(self, name: str, phase: str, value: jax.Array) -> jax.Array:
        """Label a value by its number."""
        self.called.append(self.source(name, phase))
        return checkpoint_name(value, str(len(self.called) - 1))


def passages(function: Callable[..., Any], weights: frozenset[str], *arguments: Any) -> list[Source]:
    """List the passages outside of loops of ``function(probe, *arguments)``.

    What passes inside a loop over time or relaxation has no single value: it is left to run; what it leads to passes
    once more when the loop is over.

    Examples
    --------
    >>> def run(probe, x):
    ...     x = jax.lax.fori_loop(0, 3, lambda _, h: probe("rate", "inference", h / 2), x)
    ...     return probe("rate", "inference", x)
    >>> passages(run, frozenset(), jnp.ones(2))
    [Source(kind='signal', name='rate', phase='inference', turn=1)]
    """
    roll = Roll(weights)
    program = jax.make_jaxpr(lambda *given: function(roll, *given))(*arguments).jaxpr
    return [roll.called[number] for number in sorted(set(_outside_of_loops(program)))]


def _outside_of_loops(program: core.Jaxpr) -> list[int]:
    found = []
    for line in program.eqns:
        if line.primitive.name == "name" and line.params["name"].isdigit():
            found.append(int(line.params["name"]))
        elif line.primitive.name in ("jit", "pjit"):
            found += _outside_of_loops(line.params["jaxpr"].jaxpr)
    return found


class Clamp(Numbered):
    """Hold signals at given values, each if its switch says so.

    Parameters
    ----------
    values, held
        Value and switch (a scalar bool) of every passage that can be held.
    weights
        Names that are weights.

    Attributes
    ----------
    incoming
        What came in at each of them.
    """

    def __init__(self, values: Mapping[Source, Any], held: Mapping[Source, Any], weights: frozenset[str]):
        super().__init__(weights)
        self._values, self._held, self.incoming = values, held, {}

    def __call__(self, name: str, phase: str, value: jax.Array) -> jax.Array:
        """Return the value, or the one that was given."""
        source = self.source(name, phase)
        return self.hold(source, value) if source in self._held else value

    def hold(self, source: Source, value: jax.Array) -> jax.Array:
        """Note what came in; hand on one of the two."""
        self.incoming[source] = value = jax.lax.optimization_barrier(value)
        return jnp.where(self._held[source], self._values[source], value)
