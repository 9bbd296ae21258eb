"""What is measured in networks while they learn, or when they have: a function of a view of the run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from biocredit.circuits.core.circuit import Circuit
from biocredit.circuits.core.described import described
from biocredit.circuits.core.errors import require
from biocredit.protocols.recording.view import RunView


@dataclass(frozen=True)
class Measure:
    """One measurement of all networks of a run, stored under ``/learning``.

    Parameters
    ----------
    of
        ``of(run)`` returns arrays ``[seed, ...]`` by name.
    axes
        Names and coordinates of the axes after the seed: values, or ``(values, units, long_name)``.
    meaning
        What the values are.
    every
        Epochs from one measurement to the next, the one before learning included; only once, when the run is
        complete, by default. The axis of epochs follows the seed.
    why_not
        ``why_not(circuit)`` says why the measure has no meaning for a circuit, or nothing.
    """

    of: Callable[[RunView], Mapping[str, Any]]
    axes: Mapping[str, Any]
    meaning: str
    every: int | None = None
    why_not: Callable[[Circuit], str] = lambda circuit: ""

    def __post_init__(self) -> None:
        every = self.every is None or (isinstance(self.every, int | np.integer) and self.every >= 1)
        require(every, f"a measure is taken every 1 or more epochs, or once (None), got every={self.every!r}")

    def check(self, circuit: Circuit) -> None:
        """Refuse what has no meaning for a circuit.

        Raises
        ------
        CircuitError
            With one line that says why.
        """
        why = self.why_not(circuit)
        require(not why, f"cannot measure {self.meaning}: {why}")


@described
def psychometric_curve(largest: int, trials: int) -> Measure:
    """Measure the psychometric curve of the orientation task (eLife 2026, 15:e108237, appendix 2).

    Parameters
    ----------
    largest
        Orientations go from minus to plus this, in steps of one degree.
    trials
        Images of each orientation.
    """
    orientations = np.arange(-largest, largest + 1.0)

    def of(run: RunView) -> dict[str, np.ndarray]:
        curve = getattr(run.task, "psychometric", None)
        require(curve is not None, f"the task {run.task.name!r} has no orientations: no psychometric curve")
        key = jax.random.fold_in(jax.random.key(run.seeds[0]), len(orientations))

        def one(tree: Any) -> dict[str, jax.Array]:
            def respond(images: jax.Array) -> jax.Array:
                return next(iter(run.circuit.respond(tree, {"image": images}, **run.settings[0]).values()))

            return curve(respond, jnp.asarray(orientations), trials, key)

        found = jax.jit(lambda trees: jax.lax.map(one, trees))(run.tree)
        shape = (len(run.seeds), len(orientations))
        counts = {name: np.asarray(values, np.float64) for name, values in found.items()}
        return {f"psychometric.{name}": values for name, values in counts.items()} | {
            "psychometric.trials": np.full(shape, float(trials))
        }

    axis = (orientations, "degree", "orientation of the stimulus, clockwise positive")
    return Measure(of, {"orientation": axis}, "psychometric curve")
