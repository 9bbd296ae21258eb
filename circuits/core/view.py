"""What the pure functions of a circuit see of its weights and signals: all of it through the probe.

A circuit that reads its weights and hands on its signals through a view honours every intervention and every record:
phases, windows in time, gains and recording are in here. An author cannot forget them.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.credit_rule import Tree
from biocredit.circuits.core.errors import nearest, require
from biocredit.circuits.core.probes import (
    Electrode,
    Probe,
    active,
    at,
    chain,
    gated,
    is_passive,
    members,
    still,
    untouched,
    varies,
)

Step = Callable[["View", Any, Any], tuple[Any, Any]]
"""``step(view, carry, now) -> (carry, output)``: one step of time, with the view of that step."""


class View:
    """Weights and signals of a circuit in one phase of a trial.

    Parameters
    ----------
    tree
        Persistent arrays of the circuit.
    probe
        Who watches, or changes, what passes.
    phase
        Phase of the trial.
    post_first
        Whether weights are ``[post, pre]`` rather than ``[pre, post]``.

    Examples
    --------
    >>> view = View({"W": jnp.eye(2)})
    >>> view.rate("V1", view.sent("W", jnp.ones((1, 2)))).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, tree: Tree, probe: Probe = untouched, phase: str = "inference", *, post_first: bool = False):
        self.tree, self.probe, self.phase, self.post_first = tree, probe, phase, post_first

    def during(self, phase: str) -> "View":
        """Return the view of another phase."""
        return View(self.tree, self.probe, phase, post_first=self.post_first)

    def over(self, steps: int) -> "View":
        """Return the view of whole courses: signals ``[time, ...]`` of so many steps from the start of the trial."""
        return View(self.tree, at(self.probe, np.arange(steps)), self.phase, post_first=self.post_first)

    def weight(self, name: str) -> jax.Array:
        """A weight array as it acts now.

        Raises
        ------
        CircuitError
            If the name is unknown, or the weights change within the courses at hand: use :meth:`sent`, or a
            :meth:`scan`, in which they have one value a step.
        """
        value = self._stored(name)
        line = f"{name} changes within the trial: read it with sent(), or step by step in scan()"
        require(not varies(self.probe, name, self.phase, value.dtype), line)
        return still(self.probe)(name, self.phase, value) if self._courses else self.probe(name, self.phase, value)

    def sent(self, name: str, x: jax.Array) -> jax.Array:
        """What a projection delivers of presynaptic activity ``x`` ``[..., pre]``."""
        value = self._stored(name)
        if not self._courses:
            return self._product(x, self.probe(name, self.phase, value))
        return self._product(gated(self.probe, name, self.phase, x), still(self.probe)(name, self.phase, value))

    def rate(self, population: str, x: jax.Array) -> jax.Array:
        """What a population fires."""
        return self.signal(f"{population}.rate", x)

    def signal(self, name: str, x: jax.Array) -> jax.Array:
        """Any other signal, by name."""
        return self.probe(name, self.phase, x)

    def scan(self, step: Step, start: Any, courses: Any = None, *, length: int | None = None) -> tuple[Any, Any]:
        """Run over time as :func:`jax.lax.scan` does; every step has a view that knows its number.

        Signals that are watched leave the loop as courses ``[time, ...]`` and are shown once, when it is over.

        Parameters
        ----------
        step
            ``step(view, carry, now) -> (carry, output)``.
        start
            Carry before the first step.
        courses
            Arrays with the leading axis time.
        length
            Number of steps where there are no courses.
        """
        watching = [part for part in members(self.probe) if is_passive(part)]
        inside = active(still(self.probe))

        def one(carry: Any, now: tuple[jax.Array, Any]) -> tuple[Any, Any]:
            electrode = Electrode(lambda name, phase: name not in self.tree)
            here = chain(at(inside, now[0]), electrode) if watching else at(inside, now[0])
            carry, output = step(View(self.tree, here, self.phase, post_first=self.post_first), carry, now[1])
            return carry, (output, electrode.readings)

        count = length if courses is None else len(jax.tree.leaves(courses)[0])
        carry, (outputs, readings) = jax.lax.scan(one, start, (jnp.arange(count), courses), length=count)
        for (name, phase), course in readings.items():
            for part in watching:
                part(name, phase, course)
        return carry, outputs

    @property
    def _courses(self) -> bool:
        """Whether signals have a leading axis of time, so that a weight has no single value."""
        return np.ndim(getattr(self.probe, "steps", 0)) > 0

    def _stored(self, name: str) -> jax.Array:
        require(name in self.tree, f"unknown weights {name!r}: {nearest(name, self.tree)}")
        return self.tree[name]

    def _product(self, x: jax.Array, weight: jax.Array) -> jax.Array:
        return x @ (weight.T if self.post_first else weight)
