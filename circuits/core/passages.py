"""Which signals and weights of a circuit really pass a probe, in which phases, and whether it matters.

Found by abstract evaluation: nothing is computed. A value counts if something that the circuit returns depends on what
the probe hands back, so a signal that is shown to a probe and then dropped does not.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
from biocredit.circuits.core.probes import Probe
from jax.ad_checkpoint import checkpoint_name
from jax.extend import core
from jax.interpreters import partial_eval

Passages = dict[str, dict[str, bool]]
"""By name of the signal or weight, and by phase: whether the probe is told the step of the trial there."""

#: Between phase and name in the label of a value.
SEPARATOR = "|"


class Census:
    """A probe that leaves every value as it is and labels it."""

    counts = True

    def __init__(self):
        self.timed: set[tuple[str, str]] = set()

    def __call__(self, name: str, phase: str, value: jax.Array) -> jax.Array:
        """Label a value."""
        return checkpoint_name(value, f"{phase}{SEPARATOR}{name}")

    def at(self, steps: Any) -> Probe:
        """Return the probe for signals whose step is known."""

        def bound(name: str, phase: str, value: jax.Array) -> jax.Array:
            self.timed.add((name, phase))
            return self(name, phase, value)

        return bound

    def gain(self, name: str, phase: str, steps: Any, dtype: Any) -> None:
        """Note that a time course was asked for."""
        self.timed.add((name, phase))


def passages(function: Callable[..., Any], *arguments: Any) -> Passages:
    """List what passes the probe of a function and reaches what it returns.

    Parameters
    ----------
    function
        ``function(probe, *arguments)``, a pure function that JAX can trace.
    *arguments
        Arrays or their shapes (``jax.ShapeDtypeStruct``).

    Examples
    --------
    >>> def run(probe, x):
    ...     probe("dropped", "inference", x)
    ...     return probe("rate", "inference", 2 * x)
    >>> passages(run, jax.ShapeDtypeStruct((3,), "float32"))
    {'rate': {'inference': False}}
    """
    census = Census()
    program = jax.make_jaxpr(lambda *given: function(census, *given))(*arguments).jaxpr
    needed, _ = partial_eval.dce_jaxpr(program, [True] * len(program.outvars))
    found: Passages = {}
    for label in _labels(needed):
        phase, _, name = label.partition(SEPARATOR)
        found.setdefault(name, {})[phase] = (name, phase) in census.timed
    return found


def _labels(program: core.Jaxpr) -> Iterator[str]:
    for line in program.eqns:
        if line.primitive.name == "name":
            yield line.params["name"]
        for one in jax.tree.leaves(list(line.params.values()), is_leaf=_is_program):
            if _is_program(one):
                yield from _labels(getattr(one, "jaxpr", one))


def _is_program(value: Any) -> bool:
    return isinstance(getattr(value, "jaxpr", value), core.Jaxpr)


def union(*several: Passages) -> Passages:
    """Join what several runs show; a phase in which one of them does not know the step is not timed."""
    found: Passages = {}
    for one in several:
        for name, phases in one.items():
            here = found.setdefault(name, {})
            for phase, timed in phases.items():
                here[phase] = timed and here.get(phase, True)
    return found
